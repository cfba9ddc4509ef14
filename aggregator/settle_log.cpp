#include "aggregator/settle_log.hpp"

#include <algorithm>

#include "aggregator/board_windows.hpp"
#include "aggregator/log_writer.hpp"
#include "rt/fault.hpp"
#include "rt/log.hpp"
#include "shm/tables.hpp"

namespace chappe::aggregator {
namespace {

bool goes_on(const shm::StreamEntry& stream, const std::vector<shm::ChannelEntry>& channels, const shm::RingTables& next) {
  const auto at = shm::find_stream(next.streams, stream.name);
  return at && shm::same_channels(next.streams[*at], next.channels, stream, channels);
}

/// The rows of one closed window of the board; none if it does not hold it.
std::string rows_of(shm::BoardWriter& board, std::size_t stream, std::size_t which, std::uint64_t k, bool all_columns) {
  shm::BoardImage& image = board.image();
  const std::size_t record = image.closed_record(k);
  std::string rows;
  append_rows(rows, log_names(board.tables().streams[stream], board.tables().channels, all_columns),
              window_of(image.window(stream, which, record), stream, which).head, moments_of(image.moments(stream, which, record)),
              shapes_of(image.shapes(stream, which, record)));
  return rows;
}

/// Closed windows of one specification that the board does not know to be in the log.
struct Unsettled {
  std::uint64_t lost_windows = 0;  ///< of which the board no longer has the rows
  std::uint64_t lost_rows = 0;     ///< of these, unless they are in the log
  std::string missing;             ///< rows that the log lacks
};

/// Rows go into the log in their order. So where the oldest one that the board holds is there, those before it are too, or were counted.
Unsettled look_at(shm::BoardWriter& board, WindowLog& log, std::size_t stream, std::size_t which) {
  Unsettled found;
  shm::BoardImage& image = board.image();
  const shm::BoardStream& b = image.stream(stream);
  const std::uint64_t closed = b.closed[which], logged = std::min(b.logged[which], closed);
  std::uint64_t from = std::max(logged, closed - std::min<std::uint64_t>(closed, image.history()));
  while (from < closed && image.window(stream, which, image.closed_record(from)).frames == 0)
    ++from;  // of a shorter history than this one's
  bool oldest_is_there = false;
  for (std::uint64_t k = from; k < closed; ++k) {
    const std::string missing = log.missing(rows_of(board, stream, which, k, log.has_all_columns()));
    if (k == from) oldest_is_there = missing.empty();
    found.missing += missing;
  }
  found.lost_windows = from - logged;
  found.lost_rows = oldest_is_there ? 0 : found.lost_windows * board.tables().streams[stream].channels;
  return found;
}

/// Nothing waits for the disk, and no drain runs: each window that was closed is in the log, or was counted.
void settle_all(shm::BoardWriter& board) {
  for (std::size_t i = 0; i < board.tables().streams.size(); ++i)
    std::ranges::copy(board.image().stream(i).closed, board.image().stream(i).logged);
}

/// As StreamStatistics::finish does it. False: it is not open.
bool close_window(shm::BoardImage& image, std::size_t stream, std::size_t which) {
  shm::BoardWindow& open = image.window(stream, which, 0);
  if (open.open == 0) return false;
  const WholeWindow whole = whole_window(image, stream, which);
  const std::size_t record = image.closed_record(image.stream(stream).closed[which]++);
  put_closed(image.window(stream, which, record), whole.head);
  put_moments(image.moments(stream, which, record), whole.moments);
  put_shapes(image.shapes(stream, which, record), whole.shapes);
  for (std::size_t i = 0; i < image.panes(stream); ++i)
    image.window(stream, shm::BoardImage::kPanes, image.pane_record(stream, which, i)).frames = 0;
  open.open = 0;
  open.opened_at = open.next_frame;
  return true;
}

}  // namespace

LogNames log_names(const shm::StreamEntry& stream, const std::vector<shm::ChannelEntry>& channels, bool all_columns) {
  LogNames names{stream.name, {}, all_columns};
  for (std::uint32_t c = 0; c < stream.channels; ++c) names.channels.emplace_back(channels[stream.first_channel + c].name);
  return names;
}

void rewrite_log(shm::BoardWriter& board, WindowLog& log, std::vector<std::string>& notes) {
  std::string text;
  std::uint64_t lost = 0;
  for (std::size_t i = 0; i < board.tables().streams.size(); ++i) {
    for (std::size_t w = 0; w < shm::kWindowsPerStream; ++w) {
      const Unsettled found = look_at(board, log, i, w);
      lost += found.lost_rows;
      text += found.missing;
      board.image().stream(i).logged[w] += found.lost_windows;
    }
  }
  if (lost > 0) {
    board.control().log_rows_lost.add(lost);
    rt::log(rt::LogLevel::warn,
            "window log: " + std::to_string(lost) + " rows are not in it: the board no longer held them when this start came");
  }
  if (!text.empty()) notes.push_back("window log: wrote what a kill had kept from it");
  const auto written = write_counted(log, text, board.control());
  if (written)
    settle_all(board);
  else
    rt::log(rt::LogLevel::error, written.error().text);  // what waits is settled by the log's thread
  board.publish();
  if (!text.empty()) CHAPPE_FAULT(log_rewritten);
}

void close_windows_that_end(shm::BoardWriter& board, const shm::RingTables* next, WindowLog* log) {
  std::string text;
  for (std::size_t i = 0; i < board.tables().streams.size(); ++i) {
    if (next != nullptr && goes_on(board.tables().streams[i], board.tables().channels, *next)) continue;
    const std::uint64_t windows = std::min<std::uint64_t>(board.image().stream(i).windows, shm::kWindowsPerStream);
    for (std::size_t w = 0; w < windows; ++w) {
      if (close_window(board.image(), i, w))
        text += rows_of(board, i, w, board.image().stream(i).closed[w] - 1, log != nullptr && log->has_all_columns());
    }
    board.touch(i);
  }
  if (!text.empty()) board.publish();  // the board before the log
  const auto written = log != nullptr ? write_counted(*log, text, board.control()) : rt::done();
  if (written)
    settle_all(board);  // also those that are away: their rows may have waited
  else if (!text.empty())
    rt::log(rt::LogLevel::error, written.error().text);
  board.publish();
}

}  // namespace chappe::aggregator

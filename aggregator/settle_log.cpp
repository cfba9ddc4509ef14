#include "aggregator/settle_log.hpp"

#include <algorithm>
#include <cstring>

#include "aggregator/board_windows.hpp"
#include "rt/fault.hpp"
#include "rt/log.hpp"
#include "shm/tables.hpp"

namespace chappe::aggregator {
namespace {

bool goes_on(const shm::StreamEntry& stream, const std::vector<shm::ChannelEntry>& channels, const shm::RingTables& next) {
  return std::any_of(next.streams.begin(), next.streams.end(), [&](const shm::StreamEntry& s) {
    return std::strcmp(s.name, stream.name) == 0 && shm::same_channels(s, next.channels, stream, channels);
  });
}

/// The rows of one closed window of the board; none if it does not hold it.
std::string rows_of(shm::BoardWriter& board, std::size_t stream, std::size_t which, std::uint64_t k) {
  shm::BoardImage& image = board.image();
  const std::size_t record = image.closed_record(k);
  std::string rows;
  append_rows(rows, log_names(board.tables().streams[stream], board.tables().channels),
              window_of(image.window(stream, which, record), stream, which).head, moments_of(image.moments(stream, which, record)));
  return rows;
}

/// As StreamStatistics::finish does it. False: it is not open.
bool close_window(shm::BoardImage& image, std::size_t stream, std::size_t which) {
  shm::BoardWindow& open = image.window(stream, which, 0);
  if (open.open == 0) return false;
  const OpenWindow window = window_of(open, stream, which);
  const std::size_t record = image.closed_record(image.stream(stream).closed[which]++);
  put_closed(image.window(stream, which, record), window.head);
  put_moments(image.moments(stream, which, record), moments_of(image.moments(stream, which, 0)));
  open.open = 0;
  open.opened_at = open.next_frame;
  return true;
}

}  // namespace

LogNames log_names(const shm::StreamEntry& stream, const std::vector<shm::ChannelEntry>& channels) {
  LogNames names{stream.name, {}};
  for (std::uint32_t c = 0; c < stream.channels; ++c) names.channels.emplace_back(channels[stream.first_channel + c].name);
  return names;
}

void rewrite_log(shm::BoardWriter& board, WindowLog& log, std::vector<std::string>& notes) {
  std::string text;
  std::uint64_t lost = 0;
  for (std::size_t i = 0; i < board.tables().streams.size(); ++i) {
    const LogNames names = log_names(board.tables().streams[i], board.tables().channels);
    shm::BoardStream& b = board.image().stream(i);
    for (std::size_t w = 0; w < shm::kWindowsPerStream; ++w) {
      const std::uint64_t held = std::min<std::uint64_t>(b.closed[w], board.image().history());
      const std::uint64_t from = std::max(b.logged[w], b.closed[w] - held);
      lost += (from - std::min(b.logged[w], from)) * names.channels.size();
      for (std::uint64_t k = from; k < b.closed[w]; ++k) {
        const std::size_t record = board.image().closed_record(k);
        std::string rows;
        append_rows(rows, names, window_of(board.image().window(i, w, record), i, w).head, moments_of(board.image().moments(i, w, record)));
        text += log.missing(rows);
      }
      b.logged[w] = b.closed[w];
    }
  }
  if (lost > 0) {
    board.control().log_rows_lost.add(lost);
    rt::log(rt::LogLevel::warn,
            "window log: " + std::to_string(lost) + " rows are not in it: the board no longer held them when this start came");
  }
  if (text.empty()) return;
  notes.push_back("window log: wrote what a kill had kept from it");
  if (auto written = log.write(text); !written) rt::log(rt::LogLevel::error, written.error().text);
  CHAPPE_FAULT(log_rewritten);
}

void close_windows_that_end(shm::BoardWriter& board, const shm::RingTables* next, WindowLog* log) {
  std::string text;
  std::vector<std::pair<std::size_t, std::size_t>> closed;
  for (std::size_t i = 0; i < board.tables().streams.size(); ++i) {
    if (next != nullptr && goes_on(board.tables().streams[i], board.tables().channels, *next)) continue;
    for (std::size_t w = 0; w < shm::kWindowsPerStream; ++w) {
      if (!close_window(board.image(), i, w)) continue;
      text += rows_of(board, i, w, board.image().stream(i).closed[w] - 1);
      closed.emplace_back(i, w);
    }
    board.touch(i);
  }
  if (closed.empty()) return;
  board.publish();  // the board before the log
  const auto written = log != nullptr ? log->write(text) : rt::done();
  if (!written) rt::log(rt::LogLevel::error, written.error().text);
  for (const auto& [i, w] : closed) {
    shm::BoardStream& b = board.image().stream(i);
    if (log == nullptr || (written && b.logged[w] + 1 == b.closed[w])) b.logged[w] = b.closed[w];  // else rows before it wait
  }
  board.publish();
}

}  // namespace chappe::aggregator

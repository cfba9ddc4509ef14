#include "shm/board.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "rt/clock.hpp"
#include "rt/fault.hpp"
#include "shm/slots.hpp"
#include "shm/tables.hpp"

namespace chappe::shm {
namespace {

constexpr std::size_t kTablesAt = sizeof(ObjectHeader) + sizeof(BoardGeometry);
constexpr std::uint32_t kLongHistory = 8, kShortHistory = 2, kManyChannels = 512;

std::size_t record_bytes(std::uint32_t channels) { return sizeof(BoardWindow) + channels * (sizeof(BoardMoments) + sizeof(BoardShape)); }
std::size_t windows_bytes(const StreamEntry& s, std::uint32_t history) {
  return kWindowsPerStream * (1 + history + s.panes) * record_bytes(s.channels);
}

}  // namespace

std::size_t slot_bytes(std::span<const StreamEntry> streams, std::uint32_t history) {
  std::size_t bytes = sizeof(BoardSlot) + streams.size() * sizeof(BoardStream);
  for (const auto& s : streams) bytes += windows_bytes(s, history);
  return bytes;
}

BoardImage::BoardImage(const BoardTables& tables) : history_(tables.geometry.history) {
  bytes_.resize(slot_bytes(tables.streams, history_));
  std::size_t at = sizeof(BoardSlot) + tables.streams.size() * sizeof(BoardStream);
  for (const auto& s : tables.streams) {
    at_.push_back(at);
    channels_.push_back(s.channels);
    panes_.push_back(s.panes);
    at += windows_bytes(s, history_);
  }
}

std::size_t BoardImage::record_at(std::size_t stream, std::size_t which, std::size_t record) const noexcept {
  return at_[stream] + number_of(which, record) * record_bytes(channels_[stream]);
}
std::pair<std::size_t, std::size_t> BoardImage::extent(std::size_t stream, std::size_t number) const noexcept {
  const std::size_t bytes = record_bytes(channels_[stream]), from = at_[stream] + number * bytes;
  return {from, from + bytes};
}
BoardWindow& BoardImage::window(std::size_t stream, std::size_t which, std::size_t record) noexcept {
  return *at<BoardWindow>(record_at(stream, which, record));
}
std::span<BoardMoments> BoardImage::moments(std::size_t stream, std::size_t which, std::size_t record) noexcept {
  return {at<BoardMoments>(record_at(stream, which, record) + sizeof(BoardWindow)), channels_[stream]};
}

std::span<BoardShape> BoardImage::shapes(std::size_t stream, std::size_t which, std::size_t record) noexcept {
  const std::size_t behind = sizeof(BoardWindow) + channels_[stream] * sizeof(BoardMoments);
  return {at<BoardShape>(record_at(stream, which, record) + behind), channels_[stream]};
}

rt::Result<BoardTables> read_board_tables(const Segment& board) {
  const auto fault = [](const char* what) { return rt::Error{EX_DATAERR, std::string("board refused: ") + what + " is out of range"}; };
  BoardTables t;
  const ObjectHeader& h = board.header();
  if (h.table_bytes < kTablesAt) return fault("its table size");
  std::memcpy(&t.geometry, board.table() + sizeof(ObjectHeader), sizeof t.geometry);
  const BoardGeometry& g = t.geometry;
  if (g.streams > kMaxStreams || g.channels > kMaxChannels || kTablesAt + table_bytes(g.streams, g.channels) != h.table_bytes)
    return fault("its number of streams");
  if (g.history == 0 || g.history > 64) return fault("its history");
  t.streams.resize(g.streams);
  t.channels.resize(g.channels);
  read_tables(board.table() + kTablesAt, t.streams, t.channels);
  for (const auto& s : t.streams) {
    if (s.name[kNameBytes - 1] != 0 || s.first_channel > g.channels || s.channels > g.channels - s.first_channel || s.panes > kMostPanes)
      return fault("a stream");
  }
  if (!have_names(t.streams)) return fault("the name of a stream");
  for (const auto& c : t.channels) {
    if (c.name[kNameBytes - 1] != 0 || c.unit[kUnitBytes - 1] != 0) return fault("a channel's name");
  }
  const std::uint64_t control_at = round_up(h.table_bytes, kPage);
  if (g.control_at != control_at || g.process_at != control_at + kPage || g.slots_at != control_at + 2 * kPage ||
      g.slot_bytes != slot_bytes(t.streams, g.history) || board.bytes() != g.slots_at + 3 * round_up(g.slot_bytes, kPage)) {
    return fault("the place of its parts");
  }
  return t;
}

std::size_t keep_dormant(BoardSpec& spec, const BoardTables& older) {
  const std::size_t of_ring = spec.streams.size();
  std::size_t left_out = 0;
  for (StreamEntry stream : older.streams) {
    if (find_stream(std::span(spec.streams).first(of_ring), stream.name)) continue;
    if (spec.streams.size() == kMaxStreams || spec.channels.size() + stream.channels > kMaxChannels) {
      ++left_out;
      continue;
    }
    const auto channels = std::span(older.channels).subspan(stream.first_channel, stream.channels);
    stream.first_channel = static_cast<std::uint32_t>(spec.channels.size());
    spec.channels.insert(spec.channels.end(), channels.begin(), channels.end());
    spec.streams.push_back(stream);
  }
  return left_out;
}

rt::Result<BoardWriter> BoardWriter::open(const BoardSpec& spec, BoardWriter* before) {
  BoardWriter writer;
  writer.path_ = object_path(spec.instance, "board");
  auto found = find_own(writer.path_, kBoardMagic);
  if (!found) return found.error();
  std::optional<Segment>& old = found->whole;
  std::optional<BoardTables> tables;
  if (old) {
    if (auto read = read_board_tables(*old)) tables = std::move(*read);
  }
  const bool nameless = before != nullptr && !before->still_named();
  const bool same = !nameless && tables && same_tables(tables->streams, spec.streams, tables->channels, spec.channels);
  if (same) {
    writer.segment_ = std::move(*old);
    writer.tables_ = std::move(*tables);
    writer.image_ = BoardImage(writer.tables_);
    copy_latest(writer.segment_.data() + writer.tables_.geometry.slots_at, writer.tables_.geometry.slot_bytes, writer.control().latest,
                writer.image_.bytes().data());
  } else {
    const std::uint32_t history = spec.channels.size() > kManyChannels ? kShortHistory : kLongHistory;
    if (auto built = writer.build(spec, history); !built) return built.error();
    if (nameless) {
      writer.inherit(before->segment_, before->tables_, before->image_);
    } else if (tables) {
      BoardImage image(*tables);
      const auto& control = *old->at<BoardControl>(tables->geometry.control_at);
      if (copy_latest(old->data() + tables->geometry.slots_at, tables->geometry.slot_bytes, control.latest, image.bytes().data()))
        writer.inherit(*old, *tables, image);
    }
  }
  writer.changed_.resize(spec.streams.size());
  for (std::size_t i = 0; i < spec.streams.size(); ++i) writer.changed_[i].records.resize(writer.image_.records(i));
  for (auto& slot : writer.written_) slot = writer.changed_;
  for (std::size_t i = 0; i < spec.streams.size(); ++i) writer.touch(i);
  writer.control().writer_pid.store(static_cast<std::uint64_t>(getpid()), std::memory_order_relaxed);
  writer.control().writer_start.store(process_start(getpid()), std::memory_order_relaxed);
  if (!same) {
    writer.publish();  // complete before it has a name
    CHAPPE_FAULT(board_complete);
    if (auto permitted = writer.segment_.permit(writer.path_, 0640, spec.readers); !permitted) return permitted.error();
    if (auto linked = writer.segment_.link(writer.path_, true); !linked) return linked.error();
    CHAPPE_FAULT(board_named);
  }
  return writer;
}

rt::Done BoardWriter::build(const BoardSpec& spec, std::uint32_t history) {
  BoardGeometry g{};
  g.streams = static_cast<std::uint32_t>(spec.streams.size());
  g.channels = static_cast<std::uint32_t>(spec.channels.size());
  g.history = history;
  const std::size_t tables = kTablesAt + table_bytes(g.streams, g.channels);
  g.control_at = round_up(tables, kPage);
  g.process_at = g.control_at + kPage;
  g.slots_at = g.process_at + kPage;
  g.slot_bytes = slot_bytes(spec.streams, history);
  auto built = Segment::build(g.slots_at + 3 * round_up(g.slot_bytes, kPage));
  if (!built) return built.error();
  std::memcpy(built->data() + sizeof(ObjectHeader), &g, sizeof g);
  write_tables(built->data() + kTablesAt, spec.streams, spec.channels);
  built->seal(kBoardMagic, tables, random_id());
  segment_ = std::move(*built);
  auto read = read_board_tables(segment_);
  if (!read) return read.error();
  tables_ = std::move(*read);
  image_ = BoardImage(tables_);
  return rt::done();
}

void BoardWriter::inherit(const Segment& old, const BoardTables& old_tables, BoardImage& before) {
  const auto& control = *old.at<BoardControl>(old_tables.geometry.control_at);
  std::memcpy(&segment_.at<ProcessPage>(tables_.geometry.process_at)->since_realtime_ns,
              &old.at<ProcessPage>(old_tables.geometry.process_at)->since_realtime_ns, sizeof(ProcessPage) - sizeof(Word));
  for (const auto count : {&BoardControl::log_rows_lost, &BoardControl::log_rows_given_up, &BoardControl::log_errors, &BoardControl::torn,
                           &BoardControl::resyncs, &BoardControl::doorbell_timeouts_with_data})
    (this->control().*count).set((control.*count).get());
  image_.head().incarnation = before.head().incarnation;
  image_.head().upto = before.head().upto;
  image_.head().generation = before.head().generation;
  image_.head().log_began = before.head().log_began;
  for (std::size_t i = 0; i < tables_.streams.size(); ++i) {
    const auto k = find_stream(old_tables.streams, tables_.streams[i].name);
    if (!k) continue;
    image_.stream(i) = before.stream(*k);
    if (same_channels(tables_.streams[i], tables_.channels, old_tables.streams[*k], old_tables.channels)) {
      inherit_windows(i, before, *k);
    } else {
      std::ranges::fill(image_.stream(i).closed, 0);
      std::ranges::fill(image_.stream(i).logged, 0);
    }
  }
}

/// The open windows, and of the closed ones the newest that both histories hold: more channels in all make the history shorter.
void BoardWriter::inherit_windows(std::size_t stream, BoardImage& before, std::size_t old_stream) {
  const auto copy = [&](std::size_t which, std::size_t record, std::size_t old_record) {
    image_.window(stream, which, record) = before.window(old_stream, which, old_record);
    std::ranges::copy(before.moments(old_stream, which, old_record), image_.moments(stream, which, record).begin());
    std::ranges::copy(before.shapes(old_stream, which, old_record), image_.shapes(stream, which, record).begin());
  };
  for (std::size_t w = 0; w < kWindowsPerStream; ++w) {
    copy(w, 0, 0);
    const std::uint64_t closed = image_.stream(stream).closed[w];
    const std::uint64_t kept = std::min<std::uint64_t>(closed, std::min(image_.history(), before.history()));
    for (std::uint64_t n = closed - kept; n < closed; ++n) copy(w, image_.closed_record(n), before.closed_record(n));
    for (std::size_t i = 0; i < std::min(image_.panes(stream), before.panes(old_stream)); ++i)
      copy(BoardImage::kPanes, image_.pane_record(stream, w, i), before.pane_record(old_stream, w, i));
  }
}

void BoardWriter::touch(std::size_t stream) noexcept {
  for (auto& record : changed_[stream].records) ++record;
  ++changed_[stream].changes;
}

void BoardWriter::publish() noexcept {
  const BoardGeometry& g = tables_.geometry;
  image_.head().published_ns = rt::monotonic_ns();
  publish_slot(segment_.data() + g.slots_at, g.slot_bytes, control().latest, [this](std::byte* slot, std::uint64_t number) {
    const std::size_t fixed = sizeof(BoardSlot) + tables_.streams.size() * sizeof(BoardStream);
    std::memcpy(slot + sizeof(Word), image_.bytes().data() + sizeof(Word), fixed - sizeof(Word));
    auto& held = written_[number % 3];
    for (std::size_t i = 0; i < tables_.streams.size(); ++i) {
      if (held[i].changes == changed_[i].changes) continue;
      held[i].changes = changed_[i].changes;
      for (std::size_t r = 0; r < changed_[i].records.size(); ++r) {
        if (held[i].records[r] == changed_[i].records[r]) continue;
        const auto [from, to] = image_.extent(i, r);
        std::memcpy(slot + from, image_.bytes().data() + from, to - from);
        held[i].records[r] = changed_[i].records[r];
      }
    }
  });
  control().publications.add();
}

void BoardWriter::unlink() { segment_.unlink(path_); }
bool BoardWriter::still_named() const { return segment_.is_named(path_); }

rt::Result<std::optional<BoardReader>> BoardReader::open(const std::string& instance) {
  auto board = Segment::open(object_path(instance, "board"), kBoardMagic, false);
  if (!board) return board.error();
  if (!*board) return std::optional<BoardReader>{};
  auto tables = read_board_tables(**board);
  if (!tables) return tables.error();
  BoardReader reader;
  reader.segment_ = std::move(**board);
  reader.tables_ = std::move(*tables);
  return std::optional<BoardReader>{std::move(reader)};
}

bool BoardReader::copy(BoardImage& image) const noexcept {
  if (image.bytes().size() != tables_.geometry.slot_bytes) return false;
  return copy_latest(segment_.data() + tables_.geometry.slots_at, tables_.geometry.slot_bytes, control().latest, image.bytes().data());
}

std::optional<BoardCopy> copy_board(const BoardReader& board) {
  BoardCopy copy{.tables = board.tables(), .image = BoardImage(board.tables())};
  if (!board.copy(copy.image)) return std::nullopt;
  return copy;
}

std::optional<BoardCopy> copy_board(const std::string& instance) {
  const auto board = BoardReader::open(instance);
  return board && *board ? copy_board(**board) : std::nullopt;
}

}  // namespace chappe::shm

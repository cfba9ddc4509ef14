#include "shm/viewer.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <utility>

#include "rt/clock.hpp"
#include "shm/account.hpp"
#include "shm/alarm_view.hpp"
#include "shm/alarms.hpp"
#include "shm/analysis.hpp"
#include "shm/board.hpp"
#include "shm/ledger.hpp"
#include "shm/process_page.hpp"
#include "shm/retired.hpp"
#include "shm/ring.hpp"
#include "shm/tables.hpp"
#include "shm/window_view.hpp"

namespace chappe::shm {
namespace {

constexpr int kLooks = 200;
constexpr int kAlike = 8;  // looks that find the same open account
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::int64_t age_ms(std::uint64_t then_ns) {
  if (then_ns == 0) return 0;
  return std::max<std::int64_t>(0, rt::monotonic_ns() - static_cast<std::int64_t>(then_ns)) / rt::kMillisecond;
}

LatencyView copy_histogram(const rt::Histogram& h) {
  LatencyView v;
  for (int i = 0; i < rt::Histogram::kBuckets; ++i) v.counts.push_back(h.count_in(i));
  v.sum_ns = h.sum_ns();
  v.max_ns = h.max_ns();
  return v;
}

/// No trust in bytes of others: bounds that no machine can hold would make the laws overflow.
Bounds bounds_of(const LedgerEntry& e) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 40;
  return {std::min(e.block_frames.get(), kMost), std::min(e.pool_frames.get(), kMost), std::min(e.unaccounted.get(), kMost)};
}

std::string state_name(std::uint64_t state) {
  switch (static_cast<RingState>(state)) {
    case RingState::running:
      return "running";
    case RingState::ended:
      return "ended";
    case RingState::retired:
      return "retired";
  }
  return "unknown";
}

constexpr const char* kGateStates[] = {"free", "attaching", "live", "stalled", "evicted", "detached", "dead"};  // in the order of GateState

GateView gate_view(const GateMirror& m, std::uint64_t head) {
  const auto state = static_cast<GateState>(m.state.load(std::memory_order_relaxed));
  GateView view;
  const auto number = static_cast<std::size_t>(state);
  view.state = number < std::size(kGateStates) ? kGateStates[number] : "unknown";
  view.held = state == GateState::attaching || state == GateState::live || state == GateState::stalled;
  view.pid = static_cast<std::int32_t>(m.pid.load(std::memory_order_relaxed));
  view.tail = m.tail_seen.load(std::memory_order_relaxed);
  view.lag = head - std::min(head, view.tail);
  view.standing_ms = static_cast<std::int64_t>(m.standing_ns.load(std::memory_order_relaxed)) / rt::kMillisecond;
  return view;
}

/// The board is not written while nothing comes: a rate holds for two seconds, or three of its periods, after the last frame.
bool is_current(const BoardStream& b, std::int64_t age) {
  return static_cast<double>(age) <= std::max(2000.0, b.rate_hz > 0 ? 3000.0 / b.rate_hz : 0);
}

/// Opens `reader` anew when its name now means another object, or none. False: it still means the one that is mapped.
template <class Reader, class Open>
bool refresh(std::optional<Reader>& reader, const std::string& path, Open open, Snapshot& s) {
  if (reader && reader->is_named(path)) return false;
  reader.reset();
  auto opened = open();
  if (!opened) {
    s.trouble = opened.error().text;
    s.trouble_code = opened.error().exit_code;
  } else if (*opened) {
    reader.emplace(std::move(**opened));
  }
  return true;
}

/// 0: every account closes.
std::int64_t unexplained_in(const Ledger& ledger) {
  std::int64_t sum = 0;
  for (const Account& a : ledger.streams) sum += std::abs(a.unexplained);
  return sum;
}

using Walks = std::map<std::string, Walk>;

/// In the order of the ring: every whole block from `upto` to head, by stream.
void walk_ring(const RingReader& ring, std::uint64_t upto, Walks& walks) {
  const std::uint64_t head = ring.head();
  const std::uint64_t blocks = ring.tables().geometry.blocks;
  std::vector<Walk*> by_stream;
  for (const auto& e : ring.tables().streams) by_stream.push_back(&walks[text_of(e.name)]);
  const std::uint64_t first = std::max(upto, head > blocks ? head - blocks : 0);
  const auto skip = [&] {
    for (Walk* walk : by_stream) walk->skipped = true;
  };
  if (first > upto) skip();
  for (std::uint64_t n = first; n < head; ++n) {
    BlockHead block;
    const std::byte* payload = nullptr;
    if (ring.look(n, block, payload))
      walk_block(*by_stream[block.stream], block);
    else
      skip();
  }
}

/// The board's channels of a ring's stream: the same, perhaps under another unit, and derived ones behind.
bool are_of(const StreamEntry& on_board, std::span<const ChannelEntry> board_channels, const StreamEntry& entry,
            std::span<const ChannelEntry> channels) {
  const auto same_name = [](const ChannelEntry& a, const ChannelEntry& b) { return std::memcmp(a.name, b.name, kNameBytes) == 0; };
  return on_board.channels >= entry.channels && std::ranges::equal(board_channels.subspan(on_board.first_channel, entry.channels),
                                                                   channels.subspan(entry.first_channel, entry.channels), same_name);
}

StreamView stream_view(const StreamEntry& entry, std::span<const ChannelEntry> channels) {
  StreamView v;
  v.stream = text_of(entry.name);
  v.value_bytes = entry.value_bytes;
  v.nominal_hz = entry.rate_hz;
  for (std::uint32_t c = 0; c < entry.channels; ++c) {
    const ChannelEntry& channel = channels[entry.first_channel + c];
    v.channels.push_back({text_of(channel.name), text_of(channel.unit), kNone, kNone, kNone, kNone, kNone, kNone, 0, 0});
  }
  return v;
}

/// A reload changes a rate and not the ring's tables; the newest block of the stream tells, if it is among the last.
void see_rates(const RingReader& ring, std::vector<StreamView>& views) {
  constexpr std::uint64_t kLast = 512;
  const std::uint64_t head = ring.head();
  std::vector<bool> seen(views.size());
  for (std::uint64_t n = head; n > head - std::min({head, kLast, std::uint64_t{ring.tables().geometry.blocks}}); --n) {
    BlockHead block;
    const std::byte* payload = nullptr;
    if (!ring.look(n - 1, block, payload) || seen[block.stream]) continue;
    seen[block.stream] = true;
    StreamView& v = views[block.stream];
    const double hz = block.period_ns > 0 && std::isfinite(block.period_ns) ? 1e9 / block.period_ns : 0;
    if (hz > 0 && v.nominal_hz > 0 && std::abs(hz - v.nominal_hz) > 1e-9 * v.nominal_hz) v.nominal_hz = hz;
  }
}

void fill_channels(StreamView& v, std::span<const BoardMoments> window, std::span<const BoardMoments> open) {
  for (std::size_t c = 0; c < v.channels.size(); ++c) {
    const BoardMoments& m = window[c];
    ChannelView& out = v.channels[c];
    const auto n = static_cast<double>(m.count);
    out.count = m.count;
    out.nan = m.nan;
    out.last = open[c].count + open[c].nan > 0 ? open[c].last : m.last;
    if (m.count == 0) continue;
    out.mean = m.mean;
    out.min = m.min;
    out.max = m.max;
    out.variance = m.count > 1 ? m.m2 / (n - 1) : kNone;
    out.rms = std::sqrt(m.m2 / n + m.mean * m.mean);
  }
}

}  // namespace

struct Viewer::Mapped {
  std::string instance;
  std::optional<RingReader> ring, draining;
  std::optional<LedgerReader> ledger;
  std::optional<BoardReader> board;
  std::optional<AnalysisReader> analysis;
  std::optional<BoardImage> image;
  std::optional<AlarmReader> alarms;

  void refresh_all(Snapshot& s) {
    refresh(
        ring, object_path(instance, "ring"), [&] { return RingReader::open(instance); }, s);
    refresh(
        draining, object_path(instance, "ring.draining"), [&] { return RingReader::open(instance, "ring.draining"); }, s);
    refresh(
        ledger, object_path(instance, "ledger"), [&] { return LedgerReader::open(instance); }, s);
    const bool board_is_another = refresh(
        board, object_path(instance, "board"), [&] { return BoardReader::open(instance); }, s);
    if (board_is_another || !image) image.emplace(board_tables());
  }
  /// Without streams where there is no board.
  [[nodiscard]] const BoardTables& board_tables() const {
    static const BoardTables none;
    return board ? board->tables() : none;
  }
  void see_producer(Snapshot& s) const;
  void see_aggregator(Snapshot& s) const;
  void see_board_streams(Snapshot& s);
  void see_analysis(Snapshot& s);
  [[nodiscard]] StreamView view_of(const StreamEntry& entry, std::span<const ChannelEntry> channels) const;
  void see_alarms(Snapshot& s);
  bool see_ledger(Snapshot& s);
  [[nodiscard]] std::vector<std::string> all_streams() const;
  [[nodiscard]] std::optional<std::size_t> on_board(const std::string& name) const;
};

void Viewer::Mapped::see_producer(Snapshot& s) const {
  const StatusPage& status = ring->status();
  const RingGeometry& g = ring->tables().geometry;
  s.ring_present = true;
  s.incarnation = ring->tables().incarnation;
  s.epoch = status.epoch.load(std::memory_order_acquire);
  s.state = state_name(status.state.load(std::memory_order_relaxed));
  s.producer_waits = status.waits.load(std::memory_order_relaxed) != 0;
  s.producer_waiting_for_gate = status.waiting_for_gate.load(std::memory_order_relaxed) != 0;
  s.blocks = g.blocks;
  s.block_bytes = g.block_bytes;
  s.head = ring->head();
  s.feed_cycle = copy_histogram(status.feed_cycle);
  s.producer.pid = static_cast<std::int32_t>(status.owner_pid.load(std::memory_order_relaxed));
  s.producer.alive = process_lives(s.producer.pid, status.owner_start.load(std::memory_order_relaxed));
  read_process_page(ring->process_page(), s.producer);
  s.producer.ended = s.state == "ended";
  s.producer.age_ms = age_ms(status.heartbeat_ns.load(std::memory_order_relaxed));
  s.stalls = status.stalls.get();
  s.evictions = status.evictions.get();
  for (std::uint32_t i = 0; i < kGates; ++i) {
    if (auto view = gate_view(status.gates[i], s.head); i == kAggregatorGate || view.state != "free") {
      view.gate = i;
      s.gates.push_back(std::move(view));
    }
  }
  if (s.blocks > 0) s.fill = std::min(1.0, static_cast<double>(s.gates[0].lag) / static_cast<double>(s.blocks));
}

void Viewer::Mapped::see_aggregator(Snapshot& s) const {
  const BoardControl& control = board->control();
  s.board_present = true;
  s.publications = control.publications.get();
  s.doorbell_timeouts_with_data = control.doorbell_timeouts_with_data.get();
  s.log_rows_lost = control.log_rows_lost.get() + control.log_rows_given_up.get();
  s.log_errors = control.log_errors.get();
  s.torn = control.torn.get();
  s.resyncs = control.resyncs.get();
  s.latency = copy_histogram(control.latency);
  s.drain_cycle = copy_histogram(control.drain_cycle);
  s.aggregator.pid = static_cast<std::int32_t>(control.writer_pid.load(std::memory_order_relaxed));
  s.aggregator.alive = process_lives(s.aggregator.pid, control.writer_start.load(std::memory_order_relaxed));
  read_process_page(board->process_page(), s.aggregator);
  s.aggregator.age_ms = age_ms(control.heartbeat_ns.load(std::memory_order_relaxed));
}

std::optional<std::size_t> Viewer::Mapped::on_board(const std::string& name) const { return find_stream(board_tables().streams, name); }

/// Of a stream of the ring, with the channels that the board has of it.
StreamView Viewer::Mapped::view_of(const StreamEntry& entry, std::span<const ChannelEntry> channels) const {
  const auto at = on_board(text_of(entry.name));
  if (!at || !are_of(board->tables().streams[*at], board->tables().channels, entry, channels)) return stream_view(entry, channels);
  StreamEntry shown = entry;
  shown.channels = board->tables().streams[*at].channels;
  shown.first_channel = board->tables().streams[*at].first_channel;
  return stream_view(shown, board->tables().channels);
}

void Viewer::Mapped::see_board_streams(Snapshot& s) {
  if (ring) {
    for (const auto& entry : ring->tables().streams) s.streams.push_back(view_of(entry, ring->tables().channels));
    see_rates(*ring, s.streams);
  } else if (board) {
    for (const auto& entry : board->tables().streams) s.streams.push_back(stream_view(entry, board->tables().channels));
  }
  for (auto& v : s.streams) {
    const auto at = on_board(v.stream);
    if (!at || board->tables().streams[*at].channels != v.channels.size()) continue;
    const BoardStream& b = image->stream(*at);
    v.age_ms = age_ms(static_cast<std::uint64_t>(b.last_acquired_ns));
    v.rate_hz = is_current(b, v.age_ms) ? b.rate_hz : 0;
    v.ended = b.ended != 0;
    v.calibration_refused = b.calibration_refused != 0;
    v.derived = std::min<std::size_t>(b.derived, v.channels.size());
    v.windows_closed = b.closed[0];
    const std::size_t record = b.closed[0] > 0 ? image->closed_record(b.closed[0] - 1) : 0;
    const BoardWindow& w = image->window(*at, 0, record);
    v.window = static_cast<std::int64_t>(w.window);  // two's complement, as the window log prints it
    v.generation = w.generation;
    v.window_frames = w.frames;
    v.missing = w.missing;
    fill_channels(v, image->moments(*at, 0, record), image->moments(*at, 0, 0));
    v.windows = window_views(board->tables(), *image, *at);
  }
}

/// Last, because an object of alarms that is refused says nothing against the ledger.
void Viewer::Mapped::see_alarms(Snapshot& s) {
  Snapshot own;
  refresh(
      alarms, object_path(instance, "alarms"), [&] { return AlarmReader::open(instance); }, own);
  if (s.trouble.empty()) {
    s.trouble = own.trouble;
    s.trouble_code = own.trouble_code;
  }
  std::vector<AlarmEntry> entries;
  if (alarms && alarms->copy(entries)) s.alarms = alarm_views(entries, rt::realtime_ns());
}

/// Last, for the same reason.
void Viewer::Mapped::see_analysis(Snapshot& s) {
  Snapshot own;
  refresh(
      analysis, object_path(instance, "analysis"), [&] { return AnalysisReader::open(instance); }, own);
  if (s.trouble.empty()) {
    s.trouble = own.trouble;
    s.trouble_code = own.trouble_code;
  }
  if (!analysis) return;
  s.analysis = analysis_counts(*analysis);
  for (AnalysedStreamView& view : analysis_views(*analysis)) {
    const auto found = std::ranges::find(s.streams, view.stream, &StreamView::stream);
    if (found != s.streams.end()) found->analysis = std::move(view.windows);
  }
}

/// Those of the ring, then those that only the board still knows.
std::vector<std::string> Viewer::Mapped::all_streams() const {
  std::vector<std::string> names;
  if (ring) {
    for (const auto& e : ring->tables().streams) names.push_back(text_of(e.name));
  }
  for (const auto& e : board_tables().streams) {
    auto name = text_of(e.name);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

/// One try: board, ring and ledger, board. True when both looks agree and nothing moved in between.
bool Viewer::Mapped::see_ledger(Snapshot& s) {
  s.ledger.streams.clear();
  const std::uint64_t before = board ? board->latest() : 0, repairs = ledger ? ledger->repairs() : 0;
  if (board && !board->copy(*image)) return false;
  const BoardSlot& merged = image->head();
  const bool of_this_ring = ring && merged.incarnation == ring->tables().incarnation;
  const bool of_draining = draining && merged.incarnation == draining->tables().incarnation;
  s.upto = merged.upto;
  const std::vector<std::string> names = all_streams();
  Walks walks;
  std::map<std::string, BoardTotals> totals;
  std::map<std::string, Bounds> bounds;
  const std::uint64_t head = ring ? ring->head() : 0;
  for (const auto& name : names) {
    const auto at = on_board(name);
    if (at) walks[name] = walk_from(image->stream(*at));
    if (const LedgerEntry* entry = ledger ? ledger->find(name) : nullptr; entry != nullptr) {
      totals[name] = totals_of(*entry);
      bounds[name] = bounds_of(*entry);
    } else if (at) {
      totals[name] = image->stream(*at).totals;
    }
  }
  if (merged.incarnation != 0 && !of_this_ring && !of_draining) {  // what the board knew has given way: its last blocks may be lost
    for (auto& [name, walk] : walks) walk.skipped = true;
  }
  // As an aggregator will: the retired ring first.
  if (draining && is_to_drain(*draining, ring ? &*ring : nullptr, board_tables(), *image))
    walk_ring(*draining, of_draining ? s.upto : 0, walks);
  if (ring) walk_ring(*ring, of_this_ring ? s.upto : 0, walks);
  for (const auto& name : names) {
    const auto at = on_board(name);
    s.ledger.streams.push_back(account_of(name, totals[name], at ? image->stream(*at) : BoardStream{}, walks[name], bounds[name]));
  }
  std::atomic_thread_fence(std::memory_order_acquire);  // SYNC(repair)
  const bool unrepaired = !ledger || (repairs % 2 == 0 && ledger->repairs() == repairs);
  return unrepaired && (!board || board->latest() == before) && (!ring || ring->head() == head);
}

Viewer::Viewer(std::string instance) : mapped_(std::make_unique<Mapped>()) { mapped_->instance = std::move(instance); }
Viewer::Viewer(Viewer&&) noexcept = default;
Viewer& Viewer::operator=(Viewer&&) noexcept = default;
Viewer::~Viewer() = default;

Snapshot Viewer::look() {
  Snapshot s;
  s.instance = mapped_->instance;
  mapped_->refresh_all(s);
  if (mapped_->ring) mapped_->see_producer(s);
  if (mapped_->board) mapped_->see_aggregator(s);
  // An adoption changes names one by one: what does not close is looked at again, and told only if it stays as it is.
  std::int64_t told = 0;
  for (int attempt = 0, alike = 0; attempt < kLooks && alike < kAlike; ++attempt) {
    if (attempt > 0) mapped_->refresh_all(s);
    s.ledger.settled = mapped_->see_ledger(s);
    const std::int64_t open = unexplained_in(s.ledger);
    if (s.ledger.settled && open == 0) break;
    alike = s.ledger.settled && open == std::exchange(told, open) ? alike + 1 : 0;
  }
  if (!s.trouble.empty()) s.ledger.settled = false;  // an object is there that could not be read: nothing can be concluded
  mapped_->see_board_streams(s);
  mapped_->see_alarms(s);
  mapped_->see_analysis(s);
  return s;
}

}  // namespace chappe::shm

#include "aggregator/drain.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "aggregator/board_windows.hpp"
#include "rt/clock.hpp"
#include "rt/fault.hpp"
#include "shm/account.hpp"
#include "shm/tables.hpp"

namespace chappe::aggregator {
namespace {

constexpr std::int64_t kPublishWithin = 10 * rt::kMillisecond;
constexpr std::int64_t kHeartbeat = 100 * rt::kMillisecond;
constexpr std::int64_t kWaitForRows = rt::kMillisecond;
constexpr std::size_t kFewestRows = 64;  // of a stream: for windows that close while the disk is busy
constexpr std::int64_t kRateOver = rt::kSecond;

}  // namespace

Drain::Drain(shm::RingReader& ring, shm::GateHolder* gate, shm::BoardWriter& board, Rows* rows, const WindowPlan& plan)
    : ring_(&ring), gate_(gate), board_(&board), rows_(rows), read_ahead_(ring.tables().geometry.blocks / 8) {
  for (const auto& stream : ring.tables().streams) {
    if (const auto at = shm::find_stream(board.tables().streams, stream.name)) board_stream_.push_back(*at);
  }
  CHAPPE_EXPECTS(board_stream_.size() == ring.tables().streams.size());
  newest_ns_ = std::make_unique<rt::Counter[]>(board_stream_.size());
  for (std::size_t i = 0; i < board_stream_.size(); ++i) note_newest(i);
  current_ = prepare(plan);
  generation_.set(plan.generation);
  acquired_ns_.reserve(read_ahead_ + 1);
  dirty_.assign(board_stream_.size(), false);
  rate_.resize(board_stream_.size());
  for (const std::size_t at : board_stream_)
    std::copy_n(board.image().stream(at).logged, shm::kWindowsPerStream, settled_.emplace_back().begin());
  restore_open_windows(plan);
  restored_ = true;
}

Drain::~Drain() {
  delete change_.offer(nullptr);
  delete done_with_.offer(nullptr);
}

std::size_t Drain::rows_needed(const shm::StreamEntry& stream, const std::vector<config::Window>& windows) {
  std::size_t rows = 0;
  for (const auto& w : windows)
    rows += w.frames > 0 ? stream.capacity / (w.hop_frames > 0 ? w.hop_frames : w.frames) + 2 : std::size_t{stream.capacity} + 1;
  return rows;
}

std::size_t Drain::most_rows(const shm::StreamEntry& stream) {
  return std::max(kFewestRows, 2 * shm::kWindowsPerStream * (std::size_t{stream.capacity} + 2));
}

Drain::Values Drain::values_of(const shm::StreamEntry& s, const CalibrationPlan& plan) {
  Values values{.calibration = nullptr, .hash = plan.hash, .derived = plan.derived.size(), .refused = plan.refused};
  if (plan.has_work()) values.calibration = std::make_unique<Calibration>(plan, s.channels, s.value_bytes, s.stride, s.capacity);
  return values;
}

Drain::Change Drain::prepare(const WindowPlan& plan) const {
  Change change;
  change.generation = plan.generation;
  change.blocks = plan.blocks;
  change.analysed = plan.analysed;
  change.alarms = plan.alarms;
  change.watched = plan.watched;
  std::size_t rows = 0;
  const auto& streams = ring_->tables().streams;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const auto& s = streams[i];
    const Values& values = change.values.emplace_back(values_of(s, plan.calibrations.empty() ? CalibrationPlan{} : plan.calibrations[i]));
    const Calibration* c = values.calibration.get();
    const std::size_t channels = c != nullptr ? c->channels() : s.channels;
    CHAPPE_EXPECTS(channels == board_->tables().streams[board_stream_[i]].channels);
    change.statistics.push_back(std::make_unique<StreamStatistics>(
        channels, c != nullptr ? sizeof(double) : s.value_bytes, c != nullptr ? c->stride() : s.stride, s.capacity, s.explicit_times != 0,
        plan.windows[i], plan.generation, static_cast<std::uint32_t>(i), i < plan.shape.size() && plan.shape[i]));
    change.rows_needed.push_back(rows_needed(s, plan.windows[i]));
    const std::size_t wanted = std::max(kFewestRows, 2 * change.rows_needed.back());
    if (rows_ != nullptr) rows += rows_->grow(static_cast<std::uint32_t>(i), wanted);
    if (plan.alarms != nullptr && plan.watched[i]) rows += plan.alarms->grow(static_cast<std::uint32_t>(i), wanted);
  }
  change.pending.reserve(rows);
  return change;
}

/// Takes over what the predecessor had open. Windows of another length, or of values that were calibrated otherwise, are closed as they
/// stand.
void Drain::restore_open_windows(const WindowPlan& plan) {
  shm::BoardImage& image = board_->image();
  for (std::size_t i = 0; i < board_stream_.size(); ++i) {
    shm::BoardStream& b = image.stream(board_stream_[i]);
    closing_ = static_cast<std::uint32_t>(i);
    if (b.aggregated > 0) current_.statistics[i]->expect(b.next_frame);
    for (std::size_t w = 0; w < std::min<std::size_t>(b.windows, shm::kWindowsPerStream); ++w) {
      const shm::BoardWindow& from = image.window(board_stream_[i], w, 0);
      if (from.frames == 0) continue;
      const OpenWindow before = window_of(from, i, w);
      const std::vector<Moments> moments = moments_of(image.moments(board_stream_[i], w, 0));
      const std::vector<Shape> shapes = shapes_of(image.shapes(board_stream_[i], w, 0));
      const bool same = b.calibration == current_.values[i].hash && w < plan.windows[i].size() && plan.windows[i][w] == spec_of(b, w);
      if (same) {
        current_.statistics[i]->restore(w, before, moments, shapes);
        restore_panes(image, board_stream_[i], w, current_.statistics[i]->panes(w));
      } else if (before.open) {
        const WholeWindow whole = whole_window(image, board_stream_[i], w);
        closed(whole.head, whole.moments, whole.shapes);
      }
    }
    dirty_[i] = true;
  }
}

void Drain::reconfigure(const WindowPlan& plan) {
  delete done_with_.offer(nullptr);
  delete change_.offer(new Change(prepare(plan)));
}

/// Streams whose windows and calibration stay the same go on with what they have open; the others close theirs here, at a block boundary.
void Drain::apply_change() noexcept {
  Change* change = change_.take();
  if (change == nullptr) return;
  const auto stays = [&](std::size_t i) {
    return current_.statistics[i]->has_windows_of(*change->statistics[i]) && current_.values[i].same_as(change->values[i]);
  };
  for (std::size_t i = 0; i < board_stream_.size(); ++i) {
    closing_ = static_cast<std::uint32_t>(i);
    dirty_[i] = true;
    if (!stays(i)) finish_stream(i);
  }
  publish();  // leaves no row pending
  CHAPPE_FAULT(reload_windows_closed);
  for (std::size_t i = 0; i < board_stream_.size(); ++i) {
    dirty_[i] = true;
    if (stays(i)) {
      current_.statistics[i]->set_generation(change->generation);
      std::swap(current_.statistics[i], change->statistics[i]);
    } else {
      change->statistics[i]->expect(board_->image().stream(board_stream_[i]).next_frame);
    }
  }
  std::swap(current_, *change);
  generation_.set(current_.generation);
  publish();
  CHAPPE_FAULT(reload_windows_swapped);
  change->older.reset(done_with_.take());
  done_with_.offer(change);
}

void Drain::attach() noexcept {
  shm::BoardSlot& head = board_->image().head();
  const bool known = head.incarnation == ring_->tables().incarnation;
  const std::uint64_t upto = known ? head.upto : 0;
  const std::uint64_t blocks = ring_->tables().geometry.blocks;
  if (gate_ != nullptr)
    next_ = gate_->attach(*ring_, upto);
  else
    next_ = std::max(upto, ring_->head() > blocks ? ring_->head() - blocks : 0);
  if (!known)  // what the board had may have gone with blocks of any stream
    for (std::size_t i = 0; i < board_->tables().streams.size(); ++i) board_->image().stream(i).skipped = 1;
  if (next_ > upto) note_skip();
  head.incarnation = ring_->tables().incarnation;
  head.upto = next_;
}

/// Blocks were passed over, nobody knows of which streams.
void Drain::note_skip() noexcept {
  for (const std::size_t at : board_stream_) board_->image().stream(at).skipped = 1;
}

void Drain::refuse() noexcept {
  board_->control().torn.add();
  note_skip();
}

void Drain::run() noexcept {
  attach();
  publish();
  shm::BoardControl& control = board_->control();
  while (!stop_.is_up()) {
    const std::int64_t start = rt::monotonic_ns();
    control.heartbeat_ns.store(static_cast<std::uint64_t>(start), std::memory_order_relaxed);
    apply_change();
    if (gate_ != nullptr && gate_->thrown_out(*ring_)) {
      control.resyncs.add();
      publish();
      attach();
    }
    const std::uint32_t done = do_work();
    if (done > 0) {
      control.drain_cycle.record(rt::monotonic_ns() - start);
      continue;
    }
    if (reached_the_end()) break;
    idle();
  }
  publish();
  ended_.raise();
}

/// STEP consume 1. Reads ahead, at most an eighth of the ring, and publishes when that is reached or 10 ms have passed. Returns the slots
/// looked at.
std::uint32_t Drain::do_work() noexcept {
  std::uint32_t slots = 0;
  const std::uint64_t head = ring_->head(), blocks = ring_->tables().geometry.blocks;
  if (next_ < head && head - next_ > blocks) {  // overwritten, or a head that lies: the ring holds no more, and no more is looked at
    refuse();
    next_ = head - blocks;
  }
  starved_ = false;
  while (next_ < head && slots < read_ahead_ && acquired_ns_.size() < read_ahead_ && take_block(next_)) {
    ++next_;
    ++slots;
  }
  const bool unpublished = next_ != board_->image().head().upto;
  if (unpublished && first_unpublished_ns_ == 0) first_unpublished_ns_ = rt::monotonic_ns();
  if (unpublished && (acquired_ns_.size() >= read_ahead_ || rt::monotonic_ns() - first_unpublished_ns_ >= kPublishWithin)) publish();
  return slots;
}

/// False: the window log has no room, and this ring's producer is one that waits.
bool Drain::take_block(std::uint64_t number) noexcept {
  shm::BlockHead block;
  const std::byte* payload = nullptr;
  if (!ring_->look(number, block, payload)) {  // a slot that was never finished, or overwritten: the next whole block counts it
    refuse();
    return true;
  }
  starved_ = must_wait_for_rows(block.stream);
  if (starved_) return false;
  const shm::StreamEntry& entry = ring_->tables().streams[block.stream];
  const auto* times = reinterpret_cast<const std::int64_t*>(payload + std::size_t{entry.capacity} * entry.stride);
  StreamStatistics& statistics = *current_.statistics[block.stream];
  BlockView view{.data = payload,
                 .times_ns = entry.explicit_times != 0 ? times : nullptr,
                 .first_frame = block.first_frame,
                 .frames = block.frames,
                 .t_first_ns = block.t_first_ns,
                 .period_ns = block.period_ns};
  if (Calibration* c = current_.values[block.stream].calibration.get(); c != nullptr)
    view.data = c->apply(view, statistics.open(0), statistics.open_moments(0));
  if (entry.clock == 0)  // its own is CLOCK_MONOTONIC
    statistics.set_wall_offset(static_cast<std::int64_t>(ring_->status().realtime_offset_ns.load(std::memory_order_relaxed)));
  statistics.measure(view);
  if (is_analysed(block.stream)) current_.blocks->copy(block.stream, current_.generation, view, statistics.stride());
  CHAPPE_FAULT(consume_3_measured);
  if (!ring_->still(number)) {
    if (is_analysed(block.stream)) current_.blocks->drop();
    refuse();
    return true;
  }
  merge_block(block);
  return true;
}

bool Drain::must_wait_for_rows(std::uint32_t stream) noexcept {
  if (ring_->status().waits.load(std::memory_order_relaxed) == 0) return false;
  const std::size_t needed = current_.rows_needed[stream];
  return (rows_ != nullptr && rows_->available(stream) < needed) || (is_watched(stream) && current_.alarms->available(stream) < needed);
}

void Drain::merge_block(const shm::BlockHead& block) noexcept {
  shm::BoardStream& b = board_->image().stream(board_stream_[block.stream]);
  closing_ = block.stream;
  current_.statistics[block.stream]->merge(*this);
  if (is_analysed(block.stream)) current_.blocks->send();
  shm::enter_block(b, block);
  b.last_acquired_ns = block.acquired_ns;
  b.ended = 0;
  dirty_[block.stream] = true;
  acquired_ns_.push_back(block.acquired_ns);
  CHAPPE_FAULT(consume_5_merged);
}

void Drain::closed(const WindowHead& head, std::span<const Moments> channels, std::span<const Shape> shapes) noexcept {
  const std::size_t at = board_stream_[closing_];
  shm::BoardImage& image = board_->image();
  shm::BoardStream& b = image.stream(at);
  const std::size_t record = image.closed_record(b.closed[head.which]);
  put_closed(image.window(at, head.which, record), head);
  put_moments(image.moments(at, head.which, record), channels);
  if (head.shaped) put_shapes(image.shapes(at, head.which, record), shapes);
  board_->touch(at, head.which, record);
  const std::uint64_t number = b.closed[head.which]++;
  if (restored_ && is_analysed(closing_)) {  // a window closed while restoring may be of a specification that is no more
    const StreamStatistics& statistics = *current_.statistics[closing_];
    const bool overlaps = statistics.spec(head.which).hops() > 1;  // its frames are not those since the last one closed
    if (!overlaps) current_.blocks->mark(closing_, current_.generation, head, statistics.open(head.which).next_frame);
  }
  if (is_watched(closing_)) static_cast<void>(hand_out(*current_.alarms, number, head, channels, shapes));  // who gets it sees the gap
  if (rows_ == nullptr || hand_out(*rows_, number, head, channels, shapes)) return;
  board_->control().log_rows_lost.add(channels.size());
  ++settled_[closing_][head.which];
}

/// False: there is no row left. A reload makes rows before the drain takes its larger `pending`: without a place there, none may be taken.
bool Drain::hand_out(Rows& rows, std::uint64_t number, const WindowHead& head, std::span<const Moments> channels,
                     std::span<const Shape> shapes) noexcept {
  Row* row = current_.pending.size() < current_.pending.capacity() ? rows.try_empty(closing_) : nullptr;
  if (row == nullptr) return false;
  row->head = head;
  row->head.stream = closing_;
  row->number = number;
  std::copy(channels.begin(), channels.end(), row->channels.begin());
  if (head.shaped) std::copy(shapes.begin(), shapes.end(), row->shapes.begin());
  current_.pending.push_back({&rows, row});
  return true;
}

void Drain::show_open_windows(std::size_t stream) noexcept {
  shm::BoardImage& image = board_->image();
  const std::size_t at = board_stream_[stream];
  shm::BoardStream& b = image.stream(at);
  StreamStatistics& statistics = *current_.statistics[stream];
  const Values& values = current_.values[stream];
  b.calibration = values.hash;
  b.calibration_refused = values.refused ? 1 : 0;
  b.derived = values.derived;
  b.windows = std::min<std::size_t>(statistics.windows(), shm::kWindowsPerStream);
  for (std::size_t w = 0; w < b.windows; ++w) {
    put_open(image.window(at, w, 0), statistics.open(w));
    put_moments(image.moments(at, w, 0), statistics.open_moments(w));
    put_shapes(image.shapes(at, w, 0), statistics.open_shapes(w));
    board_->touch(at, w, 0);
    b.spec_frames[w] = statistics.spec(w).frames;
    b.spec_duration_ns[w] = statistics.spec(w).duration_ns;
    b.spec_hop[w] = std::max(static_cast<std::int64_t>(statistics.spec(w).hop_frames), statistics.spec(w).hop_ns);
    b.spec_wall[w] = statistics.spec(w).wall ? 1 : 0;
    show_panes(at, w, statistics.panes(w));
  }
  for (std::size_t w = b.windows; w < shm::kWindowsPerStream; ++w) {
    if (std::exchange(image.window(at, w, 0).open, 0) != 0) board_->touch(at, w, 0);  // of a plan that had more
  }
}

void Drain::show_panes(std::size_t at, std::size_t which, Panes& panes) noexcept {
  shm::BoardImage& image = board_->image();
  constexpr std::size_t kPanes = shm::BoardImage::kPanes;
  for (std::size_t i = 0; i < panes.size(); ++i) {
    if (!panes.take_change(i)) continue;
    const std::size_t record = image.pane_record(at, which, i);
    put_closed(image.window(at, kPanes, record), panes.head(i));
    put_moments(image.moments(at, kPanes, record), panes.moments(i));
    put_shapes(image.shapes(at, kPanes, record), panes.shapes(i));
    board_->touch(at, kPanes, record);
  }
}

/// True if it has changed.
bool Drain::show_logged(std::size_t stream) noexcept {
  shm::BoardStream& b = board_->image().stream(board_stream_[stream]);
  bool changed = false;
  for (std::size_t w = 0; w < shm::kWindowsPerStream; ++w) {
    const std::uint64_t written = rows_ != nullptr ? rows_->written(static_cast<std::uint32_t>(stream), w) : 0;
    const std::uint64_t logged = rows_ != nullptr ? settled_[stream][w] + written : b.closed[w];
    changed = changed || logged != b.logged[w];
    b.logged[w] = logged;
  }
  return changed;
}

bool Drain::log_went_on() const noexcept {
  for (std::uint32_t i = 0; rows_ != nullptr && i < board_stream_.size(); ++i) {
    const shm::BoardStream& b = board_->image().stream(board_stream_[i]);
    for (std::size_t w = 0; w < shm::kWindowsPerStream; ++w) {
      if (settled_[i][w] + rows_->written(i, w) != b.logged[w]) return true;
    }
  }
  return false;
}

void Drain::publish_logged() noexcept {
  for (std::size_t i = 0; i < board_stream_.size(); ++i) show_logged(i);
  board_->publish();
}

void Drain::note_newest(std::size_t stream) noexcept {
  newest_ns_[stream].set(static_cast<std::uint64_t>(board_->image().stream(board_stream_[stream]).last_acquired_ns));
}

void Drain::measure_rate(std::size_t stream, std::int64_t now_ns) noexcept {
  shm::BoardStream& b = board_->image().stream(board_stream_[stream]);
  Rate& r = rate_[stream];
  if (r.since_ns != 0 && now_ns - r.since_ns < kRateOver) return;
  if (r.since_ns != 0) b.rate_hz = static_cast<double>(b.aggregated - r.frames) * 1e9 / static_cast<double>(now_ns - r.since_ns);
  r = {.since_ns = now_ns, .frames = b.aggregated};
}

/// The board before the tail: what was read is given back only once the board holds it; the window log hears of it last.
void Drain::publish() noexcept {
  const std::int64_t now = rt::monotonic_ns();
  for (std::size_t i = 0; i < board_stream_.size(); ++i) {
    measure_rate(i, now);
    if (!show_logged(i) && !dirty_[i]) continue;
    show_open_windows(i);
    note_newest(i);
    dirty_[i] = false;
  }
  board_->image().head().upto = next_;
  board_->image().head().generation = current_.generation;
  board_->publish();
  upto_.set(next_);
  if (gate_ != nullptr) gate_->release(next_);  // STEP consume 6
  const std::int64_t published = rt::monotonic_ns();
  if (current_.blocks != nullptr) current_.blocks->ring();
  for (const std::int64_t acquired : acquired_ns_) board_->control().latency.record(published - acquired);
  acquired_ns_.clear();
  first_unpublished_ns_ = 0;
  for (const Pending& window : current_.pending) {
    window.rows->put_full(window.row);
    CHAPPE_FAULT(consume_rows);
  }
  current_.pending.clear();
}

/// A retired ring, or one whose producer ended in order, is finished once everything of it is merged.
bool Drain::reached_the_end() noexcept {
  const auto state = static_cast<shm::RingState>(ring_->status().state.load(std::memory_order_acquire));
  if (state != shm::RingState::retired && state != shm::RingState::ended && gate_ != nullptr) return false;
  if (next_ < ring_->head()) return false;  // the state was stored after the last block
  if (state == shm::RingState::ended) finish_streams();
  end_ = End::finished;
  return true;
}

void Drain::finish_streams() noexcept {
  for (std::size_t i = 0; i < board_stream_.size(); ++i) {
    closing_ = static_cast<std::uint32_t>(i);
    finish_stream(i);
    dirty_[i] = true;
  }
}

/// Its windows close as they stand; `closing_` names it.
void Drain::finish_stream(std::size_t stream) noexcept {
  current_.statistics[stream]->finish(*this);
  if (is_analysed(static_cast<std::uint32_t>(stream))) current_.blocks->send();
}

void Drain::idle() noexcept {
  const std::int64_t now = rt::monotonic_ns();
  if (starved_ || gate_ == nullptr) {
    publish();
    rt::sleep_until(now + kWaitForRows);
    return;
  }
  if (first_unpublished_ns_ == 0 && log_went_on()) publish();
  const std::int64_t deadline = first_unpublished_ns_ != 0 ? first_unpublished_ns_ + kPublishWithin : now + kHeartbeat;
  if (gate_->sleep_until(deadline) || next_ == ring_->head() || stop_.is_up()) return;
  // Data without a ring? The producer may stand between cursor and bell: only a second silence counts.
  if (!gate_->sleep_until(rt::monotonic_ns() + kPublishWithin)) board_->control().doorbell_timeouts_with_data.add();
}

}  // namespace chappe::aggregator

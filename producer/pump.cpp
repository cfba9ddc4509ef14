#include "producer/pump.hpp"

#include <algorithm>
#include <cstring>

#include "rt/clock.hpp"
#include "rt/fault.hpp"
#include "shm/ledger.hpp"

namespace chappe::producer {
namespace {

constexpr std::int64_t kLongestWait = 100 * rt::kMillisecond;  // how late a stop or a reload may be seen

std::byte* frame_at(std::byte* data, const FrameLayout& layout, std::uint32_t frame) { return data + std::size_t{frame} * layout.stride; }

std::int64_t* times_of(std::byte* data, const FrameLayout& layout) {
  return layout.explicit_times ? reinterpret_cast<std::int64_t*>(data + std::size_t{layout.capacity} * layout.stride) : nullptr;
}

}  // namespace

Pump::Pump(const Setup& setup, std::unique_ptr<Source> source, Intake& intake, shm::LedgerEntry& ledger)
    : setup_(setup),
      source_(std::move(source)),
      in_bursts_(!source_->is_paced()),
      intake_(&intake),
      ledger_(&ledger),
      scratch_(setup.block_bytes) {
  generation_.set(1);
}

Pump::~Pump() {
  delete change_.offer(nullptr);
  delete applied_.offer(nullptr);
}

void Pump::reconfigure(const config::Stream& stream, std::uint32_t generation) {
  delete applied_.offer(nullptr);  // what the source's thread is done with is freed here
  delete change_.offer(new Change{stream, generation, nullptr});
}

/// A block is of one generation: what is in hand goes on as it is.
void Pump::apply_change() noexcept {
  Change* change = change_.take();
  if (change == nullptr) return;
  if (in_hand_ != nullptr && in_hand_->frames > 0) hand_on(std::exchange(in_hand_, nullptr));
  source_->reconfigure(change->stream);
  generation_.set(change->generation);
  CHAPPE_FAULT(reload_source);
  change->older.reset(applied_.take());
  applied_.offer(change);
}

void Pump::run() noexcept {
  while (!stop_.is_up() && !ended_.is_up()) {
    apply_change();
    if (in_hand_ == nullptr) in_hand_ = intake_->try_empty(setup_.stream);
    if (in_hand_ == nullptr) {
      if (setup_.waits)
        intake_->wait_empty(setup_.stream, rt::monotonic_ns() + kLongestWait);
      else
        drop_one_read();
      continue;
    }
    read_into(*in_hand_);
    if (in_hand_ == nullptr || in_hand_->frames == 0) continue;
    if (is_full(*in_hand_))
      hand_on(std::exchange(in_hand_, nullptr), in_bursts_);
    else if (rt::monotonic_ns() - in_hand_->acquired_ns >= setup_.max_delay_ns)
      hand_on(std::exchange(in_hand_, nullptr));
  }
  if (in_hand_ != nullptr && in_hand_->frames > 0) hand_on(in_hand_);
  in_hand_ = nullptr;
  intake_->ring_full(setup_.stream);
}

/// `asked_ns` is when the source was asked for the first frame: the frame is no older, so that latency is never told too short.
void Pump::begin(Buffer& buffer, std::int64_t asked_ns) noexcept {
  buffer.generation = static_cast<std::uint32_t>(generation_.get());
  buffer.first_frame = ledger_->acquired.get();
  buffer.drops = shm::drops_before_feed(*ledger_);
  buffer.acquired_ns = asked_ns;
}

void Pump::read_into(Buffer& buffer) noexcept {
  const FrameLayout& layout = setup_.layout;
  std::int64_t t_first_ns = 0;
  double period_ns = 0;
  std::int64_t* times = times_of(buffer.data, layout);
  const std::int64_t now = rt::monotonic_ns();
  const std::int64_t deadline = std::min((buffer.frames > 0 ? buffer.acquired_ns : now) + setup_.max_delay_ns, now + kLongestWait);
  const Room room{.data = frame_at(buffer.data, layout, buffer.frames),
                  .times_ns = times != nullptr ? times + buffer.frames : nullptr,
                  .frames = layout.capacity - buffer.frames,
                  .waits = setup_.waits,
                  .t_first_ns = &t_first_ns,
                  .period_ns = &period_ns};
  const Read read = source_->read(room, layout, deadline);
  if (read.ended) ended_.raise();
  if (buffer.frames > 0 && (read.lost > 0 || (!layout.explicit_times && read.frames > 0 && period_ns != buffer.period_ns))) {
    split(buffer, read, now, t_first_ns, period_ns);
    return;
  }
  const bool first = buffer.frames == 0 && read.frames > 0;
  account({.frames = 0, .lost = read.lost, .ended = false});
  if (first) {
    begin(buffer, now);
    buffer.t_first_ns = times != nullptr ? times[0] : t_first_ns;
    buffer.period_ns = period_ns;
  }
  account({.frames = read.frames, .lost = 0, .ended = false});
  buffer.frames += read.frames;
}

/// A buffer holds consecutive frames: what came after a gap (or at another rate) moves to the next one. What it holds already is counted as
/// filled first: never more than one read is in hand.
void Pump::split(Buffer& buffer, const Read& read, std::int64_t asked_ns, std::int64_t t_first_ns, double period_ns) noexcept {
  const FrameLayout& layout = setup_.layout;
  std::byte* const came = frame_at(buffer.data, layout, buffer.frames);
  const std::int64_t* const times = times_of(buffer.data, layout) != nullptr ? times_of(buffer.data, layout) + buffer.frames : nullptr;
  ledger_->filled.add(buffer.frames);
  account({.frames = 0, .lost = read.lost, .ended = false});
  Buffer* next = read.frames > 0 ? intake_->try_empty(setup_.stream) : nullptr;
  while (next == nullptr && read.frames > 0 && setup_.waits && !stop_.is_up()) {
    intake_->wait_empty(setup_.stream, rt::monotonic_ns() + kLongestWait);
    next = intake_->try_empty(setup_.stream);
  }
  if (next != nullptr) {
    begin(*next, asked_ns);
    std::memcpy(next->data, came, std::size_t{read.frames} * layout.stride);
    if (times != nullptr) std::copy_n(times, read.frames, times_of(next->data, layout));
    next->t_first_ns = times != nullptr ? times[0] : t_first_ns;
    next->period_ns = period_ns;
    next->frames = read.frames;
  }
  account({.frames = read.frames, .lost = 0, .ended = false});
  if (next == nullptr) ledger_->dropped_pool.add(read.frames);
  put_full(&buffer, false);
  in_hand_ = next;
}

/// What was lost is entered in pieces: a kill between the two counts leaves no more than a read in hand.
void Pump::account(const Read& read) noexcept {
  for (std::uint64_t rest = read.lost; rest > 0;) {
    const std::uint64_t piece = std::min<std::uint64_t>(rest, setup_.layout.capacity);
    ledger_->acquired.add(piece);
    ledger_->dropped_source.add(piece);
    rest -= piece;
  }
  if (read.frames == 0) return;
  ledger_->acquired.add(read.frames);
  CHAPPE_FAULT(source_acquired);
}

void Pump::drop_one_read() noexcept {
  std::int64_t t_first_ns = 0;
  double period_ns = 0;
  const Room room{.data = scratch_.data(),
                  .times_ns = times_of(scratch_.data(), setup_.layout),
                  .frames = setup_.layout.capacity,
                  .t_first_ns = &t_first_ns,
                  .period_ns = &period_ns};
  const Read read = source_->read(room, setup_.layout, rt::monotonic_ns() + std::min(setup_.max_delay_ns, kLongestWait));
  if (read.ended) ended_.raise();
  account(read);
  ledger_->dropped_pool.add(read.frames);
}

void Pump::hand_on(Buffer* buffer, bool more) noexcept {
  ledger_->filled.add(buffer->frames);
  CHAPPE_FAULT(source_filled);
  put_full(buffer, more);
}

void Pump::put_full(Buffer* buffer, bool more) noexcept {
  intake_->put_full(buffer, more);
  CHAPPE_FAULT(source_handed_on);
}

}  // namespace chappe::producer

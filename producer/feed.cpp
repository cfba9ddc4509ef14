#include "producer/feed.hpp"

#include <cstring>

#include "rt/clock.hpp"
#include "rt/fault.hpp"
#include "shm/bell.hpp"

namespace chappe::producer {
namespace {

constexpr std::int64_t kHeartbeat = 100 * rt::kMillisecond;
constexpr std::int64_t kWaitForRoom = 10 * rt::kMillisecond;  // the bell wakes earlier; the bound is for a peer that died unrung

}  // namespace

Feed::Feed(shm::RingWriter& ring, shm::GateKeeper& gate, shm::LedgerWriter& ledger, Intake& intake, std::vector<FrameLayout> layouts,
           bool waits)
    : ring_(&ring), gate_(&gate), ledger_(&ledger), intake_(&intake), layouts_(std::move(layouts)), waits_(waits) {}

void Feed::finish(std::int64_t deadline_ns) noexcept {
  deadline_ns_.set(static_cast<std::uint64_t>(deadline_ns));
  finishing_.raise();
}

bool Feed::gave_up() const noexcept { return finishing_.is_up() && rt::monotonic_ns() > static_cast<std::int64_t>(deadline_ns_.get()); }

void Feed::run() noexcept {
  shm::StatusPage& status = ring_->status();
  std::int64_t start = rt::monotonic_ns();
  for (;;) {
    const bool last_round = finishing_.is_up();  // read before the work: whatever was put before finish() is seen in this round
    status.heartbeat_ns.store(static_cast<std::uint64_t>(start), std::memory_order_relaxed);
    if (do_work() > 0) {
      const std::int64_t end = rt::monotonic_ns();  // and the next one's start: one look at the clock for a block
      status.feed_cycle.record(end - start);
      start = end;
      continue;
    }
    if (last_round) return;
    intake_->wait_full(start + kHeartbeat);
    start = rt::monotonic_ns();
  }
}

std::uint32_t Feed::do_work() noexcept {
  Buffer* const buffer = intake_->try_full();
  if (buffer == nullptr) {
    gate_->ring();  // the burst is over
    return 0;
  }
  shm::LedgerEntry& ledger = ledger_->entry(buffer->stream);
  ledger.handed.add(buffer->frames);
  CHAPPE_FAULT(publish_handed);
  if (may_publish()) {
    publish(*buffer);
  } else {
    ledger.dropped_full.add(buffer->frames);
    CHAPPE_FAULT(publish_full);
  }
  intake_->put_empty(buffer);
  return 1;
}

/// A full gate costs the newest block, never time; only a producer that was told to wait waits.
bool Feed::may_publish() noexcept {
  shm::StatusPage& status = ring_->status();
  for (;;) {
    const shm::Passage passage = gate_->may_pass();
    if (passage == shm::Passage::open) {
      if (waits_) status.waiting_for_gate.store(0, std::memory_order_relaxed);
      return true;
    }
    if (!waits_) return passage == shm::Passage::unheld;
    status.waiting_for_gate.store(passage == shm::Passage::unheld ? 1 : 0, std::memory_order_relaxed);
    if (gave_up()) return passage == shm::Passage::unheld && gate_->has_room_unheld();  // it stays for the next aggregator
    const std::int64_t now = rt::monotonic_ns();
    status.heartbeat_ns.store(static_cast<std::uint64_t>(now), std::memory_order_relaxed);
    intake_->ring_empty();
    shm::sleep_on_bell(ring_->gate(shm::kAggregatorGate).free, now + kWaitForRoom);
  }
}

void Feed::publish(const Buffer& buffer) noexcept {
  const FrameLayout& layout = layouts_[buffer.stream];
  shm::LedgerEntry& ledger = ledger_->entry(buffer.stream);
  std::byte* const payload = ring_->begin();
  std::memcpy(payload, buffer.data, std::size_t{buffer.frames} * layout.stride);  // STEP publish 3
  if (layout.explicit_times) {
    const std::size_t at = std::size_t{layout.capacity} * layout.stride;
    std::memcpy(payload + at, buffer.data + at, std::size_t{buffer.frames} * sizeof(std::int64_t));
  }
  CHAPPE_FAULT(publish_3);
  ring_->commit({.stream = buffer.stream,
                 .frames = buffer.frames,
                 .generation = buffer.generation,
                 .first_frame = buffer.first_frame,
                 .drops = buffer.drops + ledger.dropped_full.get(),
                 .committed = ledger.committed.get() + buffer.frames,
                 .t_first_ns = buffer.t_first_ns,
                 .acquired_ns = buffer.acquired_ns,
                 .period_ns = buffer.period_ns});
  ledger.committed.add(buffer.frames);
  CHAPPE_FAULT(publish_committed);
  gate_->published();
}

}  // namespace chappe::producer

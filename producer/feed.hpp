// The producer's real-time loop: takes a full buffer, asks the gate, copies into the slot, commits, rings the bell. It never waits for an
// aggregator, a display or a disk, unless the producer was told to (on_full = "wait", for replays). Keeps the feed's lines of the ledger.
#pragma once
#include <vector>

#include "producer/intake.hpp"
#include "rt/counter.hpp"
#include "shm/gate.hpp"
#include "shm/ledger.hpp"
#include "shm/ring.hpp"

namespace chappe::producer {

class Feed {
 public:
  Feed(shm::RingWriter& ring, shm::GateKeeper& gate, shm::LedgerWriter& ledger, Intake& intake, std::vector<FrameLayout> layouts,
       bool waits);
  /// The thread's body: while running, idle(do_work()). After finish() it empties the intake and returns.
  void run() noexcept;
  /// No source runs any more: deliver what is there, then return. A producer that waits gives up at the deadline (CLOCK_MONOTONIC).
  void finish(std::int64_t deadline_ns) noexcept;

 private:
  std::uint32_t do_work() noexcept;
  bool may_publish() noexcept;
  void publish(const Buffer& buffer) noexcept;
  [[nodiscard]] bool gave_up() const noexcept;

  shm::RingWriter* ring_;
  shm::GateKeeper* gate_;
  shm::LedgerWriter* ledger_;
  Intake* intake_;
  std::vector<FrameLayout> layouts_;
  bool waits_;
  rt::Counter deadline_ns_;
  rt::Flag finishing_;
};

}  // namespace chappe::producer

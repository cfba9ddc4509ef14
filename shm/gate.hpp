// The gate: what a consumer holds on the ring. Its cursor `tail` says what may be overwritten; who may pass is decided by cursors and
// epochs alone, in a bounded number of steps, and never by a semaphore's value. Only the kernel says dead: the lease.
// A crash of the consumer frees the lease; the watcher sees it, and the feed runs free from then on. docs/protocol.md numbers the steps.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "rt/result.hpp"
#include "shm/ring.hpp"

namespace chappe::shm {

/// What the gate says to one more block.
enum class Passage {
  open,    ///< the next slot is free
  full,    ///< a living (or attaching) consumer holds it
  unheld,  ///< nobody holds the gate: run free, or wait for somebody
};

/// What a look of the watcher found to have happened, for the log. `moves`: the consumer was stalled or evicted, and is no more.
enum class GateNews { none, stalled, evicted, moves };

/// The producer's side of one gate. may_pass, published, ring: the feed's thread; watch: one ordinary thread; take_over: before both start.
class GateKeeper {
 public:
  GateKeeper(RingWriter& ring, std::uint32_t gate) noexcept;
  /// STEP adopt 5: a gate whose lease is free, or whose live tail is out of range, is dead for the owner_epoch read first.
  void take_over() noexcept;
  /// STEP publish 0. Reads verdict and owner_epoch anew for every block. Before it says anything but open it rings for what is published,
  /// and asks anew. Real time: a system call only where `ring` makes one.
  Passage may_pass() noexcept;
  /// After publish 5: the bell is due once for a burst of blocks, an eighth of the ring, 128 KiB and 8 blocks at most.
  void published() noexcept {
    if (++unrung_ >= most_unrung_) ring();
  }
  /// STEP bell, for all blocks since the last one: also when the feed has nothing more in hand. Nothing if there are none.
  void ring() noexcept;
  [[nodiscard]] bool owes_bell() const noexcept { return unrung_ > 0; }
  /// Room that even a consumer who attaches from scratch will read: for the last blocks of a producer that ends while nobody holds the
  /// gate.
  [[nodiscard]] bool has_room_unheld() const noexcept;
  /// STEP watch: owner_epoch first, the lease second. Waits up to `wait_ms` for the consumer's death (pidfd).
  GateNews watch(int wait_ms) noexcept;
  /// Any thread: from the next look on, a consumer that holds the full ring and stands for so long is evicted; 0: never.
  void set_stall_timeout(std::int64_t ns) noexcept { stall_timeout_ns_.set(static_cast<std::uint64_t>(ns)); }
  /// Process that holds the gate, or held it last; 0: none.
  [[nodiscard]] std::uint64_t holder() const noexcept { return mirror().pid.load(std::memory_order_relaxed); }
  /// The watcher's thread: for how long the consumer has stood, in ns; 0: it does not.
  [[nodiscard]] std::int64_t stands_for() const noexcept { return standing_.blocks_wait ? looked_ns_ - standing_since_ns_ : 0; }
  /// One look of the watcher at the time `now_ns` (CLOCK_MONOTONIC), without waiting.
  GateNews look(std::int64_t now_ns) noexcept;

 private:
  /// What of a gate stays the same while its consumer stands.
  struct Standing {
    std::uint64_t epoch = 0, tail = 0;
    bool attaching = false, blocks_wait = false;
    bool operator==(const Standing&) const = default;
  };
  [[nodiscard]] GateMirror& mirror() const noexcept { return ring_->status().gates[index_]; }
  Passage judge() noexcept;
  void note_standing(const Standing& seen, std::int64_t now_ns) noexcept;
  [[nodiscard]] bool must_go() const noexcept;
  bool evict() noexcept;
  [[nodiscard]] GateState state_of(bool held) const noexcept;

  RingWriter* ring_;
  std::uint32_t index_;
  std::uint64_t room_ = 0;                      ///< blocks that may wait at the gate
  std::uint32_t most_unrung_ = 1, unrung_ = 0;  ///< blocks published since the last bell: the feed's own
  rt::Counter stall_timeout_ns_;
  // The watcher's own.
  Standing standing_;
  std::int64_t standing_since_ns_ = 0, looked_ns_ = 0;
  GateState state_ = GateState::free;
};

/// The consumer's side: the lease, the cursor, the bells. One thread.
class GateHolder {
 public:
  /// Takes the lease of the gate of this incarnation. nullopt: the gates are not there yet, or of another making (try again);
  /// EX_TEMPFAIL: another consumer holds the gate.
  static rt::Result<std::optional<GateHolder>> open(const std::string& instance, const RingReader& ring, std::uint32_t gate);

  /// A gate through the writer's own mapping, without a lease, for threads of one process; see RingReader::on.
  static GateHolder on(const RingWriter& writer, std::uint32_t gate);

  /// STEP attach 2-6: returns the number of the first block to read, max(upto, head - N + 1).
  std::uint64_t attach(const RingReader& ring, std::uint64_t upto) noexcept;
  /// The producer took this owner for dead, detached or evicted it: attach again.
  [[nodiscard]] bool thrown_out(const RingReader& ring) const noexcept;
  /// STEP consume 6: gives back everything below `upto`, and rings `free`.
  void release(std::uint64_t upto) noexcept;
  /// False once somebody has truncated the gates.
  [[nodiscard]] bool is_whole() const { return gates_.is_whole(); }
  /// Sleeps on `filled` until rung or the deadline (CLOCK_MONOTONIC).
  bool sleep_until(std::int64_t deadline_ns) noexcept;

 private:
  [[nodiscard]] Gate& gate() const noexcept { return reinterpret_cast<Gate*>(base_ + kPage)[index_]; }
  Segment gates_;
  std::byte* base_ = nullptr;
  std::uint32_t index_ = 0;
  std::uint64_t epoch_ = 0;
};

}  // namespace chappe::shm

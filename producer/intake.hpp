// Many sources, one writer: full buffers travel to the feed, empty ones back to the source they belong to. The only user of ConcurrentQueue
// in the producer: explicit tokens, sized at set-up, try_ calls only. Each stream has a pool of its own, so that no stream starves another.
// Bells may wait for a burst of a quarter of the pool, so that two busy threads make no system call for a block: who puts without ringing
// rings before it sleeps, which wait_empty and wait_full do by themselves. A crash loses what is in here; the ledger counts it as
// dropped.crash.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "producer/buffer.hpp"
#include "rt/bell.hpp"

namespace chappe::producer {

/// The buffers of one stream. A source that is not paced by the clock comes in bursts: its empty buffers come back by the quarter of the
/// pool.
struct PoolPlan {
  std::uint32_t blocks = 0;
  bool in_bursts = false;
};

class Intake {
 public:
  /// plans[i].blocks buffers of block_bytes for stream i; all memory is allocated and touched here.
  Intake(const std::vector<PoolPlan>& plans, std::size_t block_bytes);
  ~Intake();
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  /// The source's thread. Null: the pool is exhausted. The buffer is empty (frames 0) and its padding zero.
  Buffer* try_empty(std::uint32_t stream) noexcept;
  /// The source's thread: hands a full buffer on and rings the feed. With `more` to come at once the bell is due a burst later at the
  /// latest; ring_full() if it does not come. (The feed looks by itself ten times a second: a slow source's blocks wait no longer.) There
  /// is always room for every buffer of the pools.
  void put_full(Buffer* buffer, bool more = false) noexcept;
  /// The source's thread: rings the feed for what it was not rung for.
  void ring_full(std::uint32_t stream) noexcept;
  /// The source's thread, where it may wait: rings the feed, then sleeps until the feed gave buffers back (true), or the deadline.
  bool wait_empty(std::uint32_t stream, std::int64_t deadline_ns) noexcept;

  /// The feed's thread. Null: nothing there.
  Buffer* try_full() noexcept;
  /// The feed's thread: gives a buffer back and rings its source; in bursts where the pool is of that kind.
  void put_empty(Buffer* buffer) noexcept;
  /// The feed's thread, before it sleeps: gives back what waits for the rest of a burst.
  void ring_empty() noexcept;
  /// The feed's thread: ring_empty(), then sleeps until a source rings (true), or the deadline.
  bool wait_full(std::int64_t deadline_ns) noexcept;

 private:
  struct Queues;
  std::unique_ptr<Queues> queues_;
};

}  // namespace chappe::producer

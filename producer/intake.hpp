// Many sources, one writer: full buffers travel to the feed, empty ones back to the source they belong to. The only user of ConcurrentQueue
// in the producer: explicit tokens, sized at set-up, try_ calls only. Each stream has a pool of its own, so that no stream starves another.
// A crash loses what is in here; the ledger counts it as dropped.crash.
#pragma once
#include <cstdint>
#include <memory>

#include "producer/buffer.hpp"
#include "rt/bell.hpp"

namespace chappe::producer {

class Intake {
 public:
  /// pool_blocks[i] buffers of block_bytes for stream i; all memory is allocated and touched here.
  Intake(const std::uint32_t* pool_blocks, std::uint32_t streams, std::size_t block_bytes);
  ~Intake();
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  /// The source's thread. Null: the pool is exhausted. The buffer is empty (frames 0) and its padding zero.
  Buffer* try_empty(std::uint32_t stream) noexcept;
  /// The source's thread: hands a full buffer on and rings the feed. There is always room for every buffer of the pools.
  void put_full(Buffer* buffer) noexcept;
  /// The source's thread, where it may wait: sleeps until the feed gave a buffer back, or the deadline.
  void wait_empty(std::uint32_t stream, std::int64_t deadline_ns) noexcept;

  /// The feed's thread. Null: nothing there.
  Buffer* try_full() noexcept;
  /// The feed's thread.
  void put_empty(Buffer* buffer) noexcept;
  /// The feed's thread: sleeps until a source rings, or the deadline.
  void wait_full(std::int64_t deadline_ns) noexcept;

 private:
  struct Queues;
  std::unique_ptr<Queues> queues_;
};

}  // namespace chappe::producer

#include "producer/intake.hpp"

#include <concurrentqueue/concurrentqueue.h>

#include <cstdlib>
#include <new>
#include <vector>

namespace chappe::producer {
namespace {

constexpr std::size_t kAlign = 64;
using Queue = moodycamel::ConcurrentQueue<Buffer*>;

struct Free {
  void operator()(std::byte* bytes) const { ::operator delete (bytes, std::align_val_t{kAlign}); }
};

/// One stream's buffers, and the way back to its source.
struct Pool {
  Pool(std::uint32_t stream, std::size_t buffers, std::size_t block_bytes, Queue& full)
      : empty(buffers, 1, 0), returns(empty), takes(empty), gives(full), storage(buffers) {
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): aligned to whole cache lines, freed by Free
    bytes.reset(static_cast<std::byte*>(::operator new (buffers* block_bytes, std::align_val_t{kAlign})));
    std::fill_n(bytes.get(), buffers * block_bytes, std::byte{});
    for (std::size_t i = 0; i < buffers; ++i) {
      storage[i].stream = stream;
      storage[i].data = bytes.get() + i * block_bytes;
      empty.try_enqueue(returns, &storage[i]);
    }
  }
  Queue empty;
  moodycamel::ProducerToken returns;  ///< the feed's
  moodycamel::ConsumerToken takes;    ///< the source's
  moodycamel::ProducerToken gives;    ///< the source's, into the queue of full ones
  rt::Bell came_back;
  std::vector<Buffer> storage;
  std::unique_ptr<std::byte, Free> bytes;
};

std::size_t sum(const std::uint32_t* values, std::uint32_t count) {
  std::size_t total = 0;
  for (std::uint32_t i = 0; i < count; ++i) total += values[i];
  return total;
}

}  // namespace

struct Intake::Queues {
  Queues(std::size_t buffers, std::size_t sources) : full(buffers, sources, 0), takes(full) {}
  Queue full;
  moodycamel::ConsumerToken takes;
  rt::Bell arrived;
  std::vector<std::unique_ptr<Pool>> pools;
};

// Each explicit producer needs room for its whole pool, whatever the block size of the queue rounds it to.
Intake::Intake(const std::uint32_t* pool_blocks, std::uint32_t streams, std::size_t block_bytes)
    : queues_(std::make_unique<Queues>(sum(pool_blocks, streams) + 2 * Queue::BLOCK_SIZE * streams, streams)) {
  for (std::uint32_t i = 0; i < streams; ++i) {
    queues_->pools.push_back(std::make_unique<Pool>(i, pool_blocks[i], block_bytes, queues_->full));
  }
}
Intake::~Intake() = default;

Buffer* Intake::try_empty(std::uint32_t stream) noexcept {
  Buffer* buffer = nullptr;
  Pool& pool = *queues_->pools[stream];
  if (!pool.empty.try_dequeue(pool.takes, buffer)) return nullptr;
  buffer->frames = 0;
  return buffer;
}

void Intake::put_full(Buffer* buffer) noexcept {
  queues_->full.try_enqueue(queues_->pools[buffer->stream]->gives, buffer);
  queues_->arrived.ring();
}

void Intake::wait_empty(std::uint32_t stream, std::int64_t deadline_ns) noexcept {
  queues_->pools[stream]->came_back.wait_until(deadline_ns);
}

Buffer* Intake::try_full() noexcept {
  Buffer* buffer = nullptr;
  return queues_->full.try_dequeue(queues_->takes, buffer) ? buffer : nullptr;
}

void Intake::put_empty(Buffer* buffer) noexcept {
  Pool& pool = *queues_->pools[buffer->stream];
  pool.empty.try_enqueue(pool.returns, buffer);
  pool.came_back.ring();
}

void Intake::wait_full(std::int64_t deadline_ns) noexcept { queues_->arrived.wait_until(deadline_ns); }

}  // namespace chappe::producer

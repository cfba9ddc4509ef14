#include "producer/intake.hpp"

#include <concurrentqueue/concurrentqueue.h>

#include <algorithm>
#include <array>
#include <new>

namespace chappe::producer {
namespace {

constexpr std::size_t kAlign = 64;
using Queue = moodycamel::ConcurrentQueue<Buffer*>;

struct Free {
  void operator()(std::byte* bytes) const { ::operator delete (bytes, std::align_val_t{kAlign}); }
};

/// Buffers that one thread has taken from a queue, or will put into it, all at once.
class Batch {
 public:
  static constexpr std::size_t kMost = 16;

  /// Null: empty, and the queue too.
  Buffer* take(Queue& queue, moodycamel::ConsumerToken& token, std::size_t most) noexcept {
    if (next_ == count_) {
      next_ = 0;
      count_ = queue.try_dequeue_bulk(token, buffers_.data(), most);
    }
    return next_ < count_ ? buffers_[next_++] : nullptr;
  }
  /// How many it holds now.
  std::size_t add(Buffer* buffer) noexcept {
    buffers_[count_++] = buffer;
    return count_;
  }
  [[nodiscard]] bool is_empty() const noexcept { return count_ == next_; }
  void put(Queue& queue, moodycamel::ProducerToken& token) noexcept {
    if (token.valid())  // as it is since set-up, which a compiler cannot know
      queue.try_enqueue_bulk(token, buffers_.data(), count_);
    count_ = 0;
  }

 private:
  std::array<Buffer*, kMost> buffers_{};
  std::size_t next_ = 0, count_ = 0;
};

/// One stream's buffers, and the way back to its source. What either thread writes has cache lines of its own.
struct Pool {
  Pool(std::uint32_t stream, const PoolPlan& plan, std::size_t block_bytes, Queue& full)
      : empty(plan.blocks, 1, 0),
        takes(empty),
        gives(full),
        burst(std::clamp<std::size_t>(plan.blocks / 4, 1, Batch::kMost)),
        return_burst(plan.in_bursts ? burst : 1),
        returns(empty),
        storage(plan.blocks) {
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): aligned to whole cache lines, freed by Free
    bytes.reset(static_cast<std::byte*>(::operator new (plan.blocks* block_bytes, std::align_val_t{kAlign})));
    std::fill_n(bytes.get(), plan.blocks * block_bytes, std::byte{});
    for (std::size_t i = 0; i < plan.blocks; ++i) {
      storage[i].stream = stream;
      storage[i].data = bytes.get() + i * block_bytes;
      empty.try_enqueue(returns, &storage[i]);
    }
  }
  Queue empty;
  // The source's.
  alignas(kAlign) moodycamel::ConsumerToken takes;
  moodycamel::ProducerToken gives;  ///< into the queue of full ones
  Batch taken;
  std::size_t unrung = 0;  ///< full buffers put since the feed was rung
  const std::size_t burst;
  // The feed's.
  alignas(kAlign) const std::size_t return_burst;
  moodycamel::ProducerToken returns;
  Batch unreturned;
  // Both threads'.
  alignas(kAlign) rt::Bell came_back;
  std::vector<Buffer> storage;
  std::unique_ptr<std::byte, Free> bytes;
};

std::size_t sum(const std::vector<PoolPlan>& plans) {
  std::size_t total = 0;
  for (const PoolPlan& plan : plans) total += plan.blocks;
  return total;
}

}  // namespace

struct Intake::Queues {
  Queues(std::size_t buffers, std::size_t sources) : full(buffers, sources, 0), takes(full) {}
  void give_back(Pool& pool) noexcept {
    pool.unreturned.put(pool.empty, pool.returns);
    pool.came_back.ring();
  }
  void ring_feed(Pool& pool) noexcept {
    pool.unrung = 0;
    arrived.ring();
  }
  Queue full;
  alignas(kAlign) moodycamel::ConsumerToken takes;
  Batch taken;
  alignas(kAlign) rt::Bell arrived;
  std::vector<std::unique_ptr<Pool>> pools;
};

// Each explicit producer needs room for its whole pool, whatever the block size of the queue rounds it to.
Intake::Intake(const std::vector<PoolPlan>& plans, std::size_t block_bytes)
    : queues_(std::make_unique<Queues>(sum(plans) + 2 * Queue::BLOCK_SIZE * plans.size(), plans.size())) {
  for (std::size_t i = 0; i < plans.size(); ++i) {
    queues_->pools.push_back(std::make_unique<Pool>(static_cast<std::uint32_t>(i), plans[i], block_bytes, queues_->full));
  }
}
Intake::~Intake() = default;

Buffer* Intake::try_empty(std::uint32_t stream) noexcept {
  Pool& pool = *queues_->pools[stream];
  Buffer* const buffer = pool.taken.take(pool.empty, pool.takes, pool.burst);
  if (buffer != nullptr) buffer->frames = 0;
  return buffer;
}

void Intake::put_full(Buffer* buffer, bool more) noexcept {
  Pool& pool = *queues_->pools[buffer->stream];
  queues_->full.try_enqueue(pool.gives, buffer);
  if (++pool.unrung >= pool.burst || !more) queues_->ring_feed(pool);
}

void Intake::ring_full(std::uint32_t stream) noexcept {
  Pool& pool = *queues_->pools[stream];
  if (pool.unrung > 0) queues_->ring_feed(pool);
}

bool Intake::wait_empty(std::uint32_t stream, std::int64_t deadline_ns) noexcept {
  ring_full(stream);
  return queues_->pools[stream]->came_back.wait_until(deadline_ns);
}

Buffer* Intake::try_full() noexcept { return queues_->taken.take(queues_->full, queues_->takes, Batch::kMost); }

void Intake::put_empty(Buffer* buffer) noexcept {
  Pool& pool = *queues_->pools[buffer->stream];
  if (pool.unreturned.add(buffer) >= pool.return_burst) queues_->give_back(pool);
}

void Intake::ring_empty() noexcept {
  for (const auto& pool : queues_->pools) {
    if (!pool->unreturned.is_empty()) queues_->give_back(*pool);
  }
}

bool Intake::wait_full(std::int64_t deadline_ns) noexcept {
  ring_empty();
  return queues_->arrived.wait_until(deadline_ns);
}

}  // namespace chappe::producer

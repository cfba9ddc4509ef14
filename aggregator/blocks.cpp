#include "aggregator/blocks.hpp"

#include <concurrentqueue/concurrentqueue.h>

#include <algorithm>
#include <cstring>

#include "rt/bell.hpp"
#include "rt/counter.hpp"

namespace chappe::aggregator {
namespace {

using Queue = moodycamel::ConcurrentQueue<BlockCopy*>;
constexpr std::size_t kMostBytes = 64 << 20, kFewest = 8;
constexpr std::size_t kWarm =
    4;  // buffers that go round while the other side keeps up: the drain copies into memory that a cache still has

}  // namespace

struct Blocks::Queues {
  Queues(std::size_t streams, std::size_t count)
      : buffers(count),
        empty(count + Queue::BLOCK_SIZE),
        reserve(count + Queue::BLOCK_SIZE),
        full(count + Queue::BLOCK_SIZE, 1, 0),
        takes_empty(empty),
        takes_reserve(reserve),
        gives_full(full),
        takes_full(full),
        lost(streams) {}
  std::vector<BlockCopy> buffers;
  Queue empty, reserve, full;                            ///< reserve: of those that are empty, what the drain takes last
  moodycamel::ConsumerToken takes_empty, takes_reserve;  ///< the drain's
  moodycamel::ProducerToken gives_full;
  moodycamel::ConsumerToken takes_full;
  rt::Bell arrived;
  std::vector<std::uint64_t> lost;  ///< the drain's, by stream
  BlockCopy* hand = nullptr;        ///< the drain's
  bool in_use = false;              ///< what is in hand is to be sent
  bool left_out = false;            ///< no buffer was free for the block that is being merged
  std::size_t sent = 0;             ///< since the bell was rung
  rt::Counter blocks_lost, windows_lost;
};

Blocks::Blocks(std::size_t streams, std::size_t count, std::size_t bytes)
    : queues_(std::make_unique<Queues>(streams, std::max(kFewest, std::min(count, kMostBytes / std::max<std::size_t>(bytes, 1))))) {
  for (auto& buffer : queues_->buffers) {
    buffer.data.resize(bytes);
    queues_->reserve.enqueue(&buffer);
  }
}
Blocks::~Blocks() = default;

/// Null: none is free.
BlockCopy* Blocks::take(std::uint32_t stream, std::uint32_t generation) noexcept {
  Queues& q = *queues_;
  if (q.hand == nullptr && !q.empty.try_dequeue(q.takes_empty, q.hand) && !q.reserve.try_dequeue(q.takes_reserve, q.hand)) return nullptr;
  q.in_use = true;
  BlockCopy& copy = *q.hand;
  copy.stream = stream;
  copy.generation = generation;
  copy.lost = q.lost[stream];
  copy.frames = copy.marked = 0;
  return &copy;
}

void Blocks::copy(std::uint32_t stream, std::uint32_t generation, const BlockView& block, std::size_t stride) noexcept {
  BlockCopy* const copy = take(stream, generation);
  queues_->left_out = copy == nullptr || block.frames * stride > copy->data.size();
  if (queues_->left_out) {
    ++queues_->lost[stream];
    queues_->blocks_lost.add();
    queues_->in_use = false;
    return;
  }
  copy->first_frame = block.first_frame;
  copy->frames = block.frames;
  copy->stride = stride;
  copy->period_ns = block.times_ns == nullptr ? block.period_ns : 0;
  std::memcpy(copy->data.data(), block.data, block.frames * stride);
}

void Blocks::mark(std::uint32_t stream, std::uint32_t generation, const WindowHead& head, std::uint64_t end) noexcept {
  Queues& q = *queues_;
  BlockCopy* const copy = q.in_use ? q.hand : q.left_out ? nullptr : take(stream, generation);
  if (copy == nullptr || copy->marked == BlockCopy::kMostMarks) {
    q.windows_lost.add();
    return;
  }
  copy->marks[copy->marked++] = {.head = head, .end = end};
}

void Blocks::send() noexcept {
  Queues& q = *queues_;
  q.left_out = false;
  if (!q.in_use) return;
  q.full.try_enqueue(q.gives_full, q.hand);  // has room for all
  q.hand = nullptr;
  q.in_use = false;
  if (++q.sent >= q.buffers.size() / 2) ring();
}

void Blocks::drop() noexcept { queues_->in_use = queues_->left_out = false; }

void Blocks::ring() noexcept {
  if (queues_->sent == 0) return;
  queues_->sent = 0;
  queues_->arrived.ring();
}

BlockCopy* Blocks::try_full() noexcept {
  BlockCopy* block = nullptr;
  return queues_->full.try_dequeue(queues_->takes_full, block) ? block : nullptr;
}

void Blocks::give_back(BlockCopy* block) { (queues_->empty.size_approx() < kWarm ? queues_->empty : queues_->reserve).enqueue(block); }
void Blocks::wait_full(std::int64_t deadline_ns) noexcept { queues_->arrived.wait_until(deadline_ns); }
void Blocks::wake() noexcept { queues_->arrived.ring(); }
std::uint64_t Blocks::blocks_lost() const noexcept { return queues_->blocks_lost.get(); }
std::uint64_t Blocks::windows_lost() const noexcept { return queues_->windows_lost.get(); }
std::size_t Blocks::buffers() const noexcept { return queues_->buffers.size(); }
std::size_t Blocks::block_bytes() const noexcept { return queues_->buffers.front().data.size(); }

}  // namespace chappe::aggregator

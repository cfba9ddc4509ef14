#include "aggregator/rows.hpp"

#include <concurrentqueue/concurrentqueue.h>

#include "rt/bell.hpp"
#include "rt/counter.hpp"

namespace chappe::aggregator {
namespace {

using Queue = moodycamel::ConcurrentQueue<Row*>;

/// The rows of one stream. They are never moved: the queues hold their addresses.
struct Pool {
  explicit Pool(std::uint32_t channels_of_stream) : channels(channels_of_stream), takes(empty) {}
  std::uint32_t channels;
  std::size_t rows = 0;
  Queue empty;
  moodycamel::ConsumerToken takes;  ///< the drain's
  std::vector<std::vector<Row>> storage;
  rt::Counter written[shm::kWindowsPerStream];
};

}  // namespace

struct Rows::Queues {
  explicit Queues(std::size_t most) : full(most + Queue::BLOCK_SIZE, 1, 0), gives(full), takes(full) {}
  Queue full;
  moodycamel::ProducerToken gives;
  moodycamel::ConsumerToken takes;
  rt::Bell arrived;
  std::vector<std::unique_ptr<Pool>> pools;
};

Rows::Rows(const std::vector<std::uint32_t>& channels, std::size_t most) : queues_(std::make_unique<Queues>(most)) {
  for (const std::uint32_t n : channels) queues_->pools.push_back(std::make_unique<Pool>(n));
}
Rows::~Rows() = default;

std::size_t Rows::grow(std::uint32_t stream, std::size_t count) {
  Pool& pool = *queues_->pools[stream];
  if (count <= pool.rows) return pool.rows;
  auto& fresh = pool.storage.emplace_back(count - pool.rows);
  for (auto& row : fresh) {
    row.channels.resize(pool.channels);
    row.shapes.resize(pool.channels);
    pool.empty.enqueue(&row);
  }
  return pool.rows = count;
}

Row* Rows::try_empty(std::uint32_t stream) noexcept {
  Row* row = nullptr;
  Pool& pool = *queues_->pools[stream];
  return pool.empty.try_dequeue(pool.takes, row) ? row : nullptr;
}

std::size_t Rows::available(std::uint32_t stream) noexcept { return queues_->pools[stream]->empty.size_approx(); }

void Rows::put_full(Row* row) noexcept {
  queues_->full.try_enqueue(queues_->gives, row);
  queues_->arrived.ring();
}

Row* Rows::try_full() noexcept {
  Row* row = nullptr;
  return queues_->full.try_dequeue(queues_->takes, row) ? row : nullptr;
}

void Rows::put_empty(Row* row) { queues_->pools[row->head.stream]->empty.enqueue(row); }

void Rows::set_written(const std::vector<WindowCounts>& windows) noexcept {
  for (std::size_t i = 0; i < windows.size(); ++i) {
    for (std::size_t w = 0; w < windows[i].size(); ++w) queues_->pools[i]->written[w].set(windows[i][w]);
  }
}

std::uint64_t Rows::written(std::uint32_t stream, std::size_t which) const noexcept { return queues_->pools[stream]->written[which].get(); }

void Rows::wait_full(std::int64_t deadline_ns) noexcept { queues_->arrived.wait_until(deadline_ns); }
void Rows::wake() noexcept { queues_->arrived.ring(); }

}  // namespace chappe::aggregator

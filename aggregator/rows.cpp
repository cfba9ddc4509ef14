#include "aggregator/rows.hpp"

#include <concurrentqueue/concurrentqueue.h>

#include "rt/bell.hpp"

namespace chappe::aggregator {
namespace {

using Queue = moodycamel::ConcurrentQueue<Row*>;

struct Pool {
  Pool(std::uint32_t channels, std::size_t count) : empty(count, 1, 0), returns(empty), storage(count) {
    for (auto& row : storage) {
      row.channels.resize(channels);
      empty.try_enqueue(returns, &row);
    }
  }
  Queue empty;
  moodycamel::ProducerToken returns;  ///< the worker's
  std::vector<Row> storage;
};

std::size_t sum(const std::vector<std::size_t>& values) {
  std::size_t total = 0;
  for (const std::size_t v : values) total += v;
  return total;
}

}  // namespace

struct Rows::Queues {
  explicit Queues(std::size_t rows) : full(rows + Queue::BLOCK_SIZE, 1, 0), gives(full), takes(full) {}
  Queue full;
  moodycamel::ProducerToken gives;
  moodycamel::ConsumerToken takes;
  rt::Bell arrived;
  std::vector<std::unique_ptr<Pool>> pools;
};

Rows::Rows(const std::vector<std::uint32_t>& channels, const std::vector<std::size_t>& count)
    : queues_(std::make_unique<Queues>(sum(count))) {
  for (std::size_t i = 0; i < channels.size(); ++i) queues_->pools.push_back(std::make_unique<Pool>(channels[i], count[i]));
}
Rows::~Rows() = default;

Row* Rows::try_empty(std::uint32_t stream) noexcept {
  Row* row = nullptr;
  Pool& pool = *queues_->pools[stream];
  return pool.empty.try_dequeue_from_producer(pool.returns, row) ? row : nullptr;
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

void Rows::put_empty(Row* row) noexcept {
  Pool& pool = *queues_->pools[row->head.stream];
  pool.empty.try_enqueue(pool.returns, row);
}

void Rows::wait_full(std::int64_t deadline_ns) noexcept { queues_->arrived.wait_until(deadline_ns); }
void Rows::wake() noexcept { queues_->arrived.ring(); }

}  // namespace chappe::aggregator

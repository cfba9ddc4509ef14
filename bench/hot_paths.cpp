// Walks each hot path a thousand times in one thread, so that an instruction counter can say what one passage costs. Prints for each
// NAME CALLS, where NAME is the function of this file around it. Read by tests/check_instructions.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "aggregator/run_moments.hpp"
#include "aggregator/statistics.hpp"
#include "producer/intake.hpp"
#include "shm/account.hpp"
#include "shm/gate.hpp"
#include "shm/ledger.hpp"
#include "shm/ring.hpp"

namespace chappe::bench {
namespace {

constexpr unsigned kCalls = 1000;
constexpr std::size_t kBlocks = 64, kBlockBytes = 16384, kValues = kBlockBytes / sizeof(float);

template <class T>
T must(rt::Result<T> made) {
  if (made) return std::move(*made);
  std::fprintf(stderr, "hot_paths: %s\n", made.error().text.c_str());
  std::exit(70);
}

/// A ring with its producer and its consumer.
class Ring {
 public:
  Ring() : writer_(must(shm::RingWriter::open(spec()))), ledger_(must(shm::LedgerWriter::open(spec().instance, writer_, {}))) {
    ledger_.repair(writer_);
    keeper_.emplace(writer_, shm::kAggregatorGate);
    keeper_->take_over();
    writer_.open_for_business();
    reader_.emplace(std::move(*must(shm::RingReader::open(spec().instance))));
    holder_.emplace(std::move(*must(shm::GateHolder::open(spec().instance, *reader_, shm::kAggregatorGate))));
    next_ = holder_->attach(*reader_, 0);
  }
  ~Ring() {
    ledger_.unlink();
    writer_.unlink();
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  void publish() noexcept {
    shm::LedgerEntry& entry = ledger_.entry(0);
    entry.handed.add(1);
    if (keeper_->may_pass() != shm::Passage::open) std::abort();
    *writer_.begin() = std::byte{1};
    writer_.commit({.stream = 0,
                    .frames = 1,
                    .generation = 1,
                    .first_frame = frame_++,
                    .drops = 0,
                    .committed = entry.committed.get() + 1,
                    .t_first_ns = 0,
                    .acquired_ns = 0,
                    .period_ns = 0});
    entry.committed.add(1);
    keeper_->published();
  }
  void consume() noexcept {
    shm::BlockHead block;
    const std::byte* payload = nullptr;
    if (reader_->head() == next_ || !reader_->look(next_, block, payload) || !reader_->still(next_)) std::abort();
    shm::enter_block(account_, block);
    holder_->release(++next_);
  }

 private:
  static shm::RingSpec spec() {
    shm::RingSpec spec;
    spec.instance = "chappe-bench-" + std::to_string(getpid()) + "-1";  // what a killed run leaves, the next chappe-bench removes
    spec.blocks = kBlocks;
    spec.block_bytes = kBlockBytes;
    shm::StreamEntry e{};
    shm::put_name(e.name, "hot");
    e.value_bytes = 4;
    e.channels = 16;
    e.stride = 64;
    e.capacity = kBlockBytes / 64;
    e.pool_blocks = 1;
    spec.streams = {e};
    spec.channels.resize(16);
    for (auto& c : spec.channels) shm::put_name(c.name, "c");
    return spec;
  }

  shm::RingWriter writer_;
  shm::LedgerWriter ledger_;
  std::optional<shm::GateKeeper> keeper_;
  std::optional<shm::RingReader> reader_;
  std::optional<shm::GateHolder> holder_;
  shm::BoardStream account_{};
  std::uint64_t next_ = 0, frame_ = 0;
};

/// A block of noise, read by each kind of kernel.
class Block {
 public:
  explicit Block(std::size_t channels)
      : channels_(channels),
        values_(kValues),
        run_(channels),
        window_(channels),
        shift_(aggregator::lanes_of(channels)),
        means_(channels, 20) {
    std::mt19937 random(1);
    std::normal_distribution<float> noise(20, 0.5F);
    for (float& x : values_) x = noise(random);
    std::fill_n(shift_.begin(), channels, 20.0F);
  }
  void measure() noexcept { run_.measure(data(), kValues / channels_, channels_ * sizeof(float), window_); }
  void merge() noexcept { run_.merge_into(window_); }
  void measure_with_care() noexcept {
    aggregator::block_moments(data(), kValues / channels_, channels_ * sizeof(float), sizeof(float), means_, window_);
  }
  bool add_lanes(bool (*add)(const aggregator::LaneRows&, aggregator::LaneSums*) noexcept) noexcept {
    std::vector<aggregator::LaneSums> sums(shift_.size() / aggregator::kLanes);
    return add({.data = data(), .rows = kValues / channels_, .step = channels_ * 4, .tiles = sums.size(), .shift = shift_.data()},
               sums.data());
  }

 private:
  [[nodiscard]] const std::byte* data() const noexcept { return reinterpret_cast<const std::byte*>(values_.data()); }
  std::size_t channels_;
  std::vector<float> values_;
  aggregator::RunMoments run_;
  std::vector<aggregator::Moments> window_;
  std::vector<float> shift_;
  std::vector<double> means_;
};

[[gnu::noinline]] void ring_publish(Ring& ring) { ring.publish(); }
[[gnu::noinline]] void ring_consume(Ring& ring) { ring.consume(); }
[[gnu::noinline]] void moments_16(Block& block) { block.measure(); }
[[gnu::noinline]] void moments_64(Block& block) { block.measure(); }
[[gnu::noinline]] void moments_1024(Block& block) { block.measure(); }
[[gnu::noinline]] void moments_4(Block& block) { block.measure(); }
[[gnu::noinline]] void merge_64(Block& block) { block.merge(); }
[[gnu::noinline]] void careful_16(Block& block) { block.measure_with_care(); }
[[gnu::noinline]] void plain_lanes_64(Block& block) {
  if (!block.add_lanes(aggregator::lane_units().back().add)) std::abort();
}
[[gnu::noinline]] void intake_pass(producer::Intake& intake) {
  intake.put_full(intake.try_empty(0), true);
  intake.put_empty(intake.try_full());
}

void tell(const char* name) { std::printf("%s %u\n", name, kCalls); }

void walk_ring() {
  Ring ring;
  for (unsigned i = 0; i < kCalls; ++i) {
    ring_publish(ring);
    ring_consume(ring);
  }
  tell("ring_publish");
  tell("ring_consume");
}

void walk_moments() {
  Block narrow(4), usual(16), wide(64), widest(1024);
  for (unsigned i = 0; i < kCalls; ++i) {
    moments_4(narrow);
    moments_16(usual);
    moments_64(wide);
    merge_64(wide);
    moments_1024(widest);
    plain_lanes_64(wide);
    careful_16(usual);
  }
  for (const char* name : {"moments_4", "moments_16", "moments_64", "merge_64", "moments_1024", "plain_lanes_64", "careful_16"}) tell(name);
}

void walk_intake() {
  producer::Intake intake({{.blocks = 32, .in_bursts = true}}, kBlockBytes);
  for (unsigned i = 0; i < kCalls; ++i) intake_pass(intake);
  tell("intake_pass");
}

}  // namespace
}  // namespace chappe::bench

int main() {
  chappe::bench::walk_ring();
  chappe::bench::walk_moments();
  chappe::bench::walk_intake();
}

// Producer and consumer as threads on one mapping: what a race detector can see. Every block arrives once, whole and in order.
#include "fixture.hpp"
#include "rt/clock.hpp"
#include "rt/thread.hpp"
#include "shm/bell.hpp"

namespace chappe::shm {
namespace {

TEST_F(RingTest, a_producer_and_a_consumer_on_one_mapping_pass_every_block_once_and_in_order) {
  constexpr std::uint64_t kBlocks = 50'000;
  RingWriter ring = make();
  GateKeeper keeper(ring, kAggregatorGate);
  keeper.take_over();
  RingReader reader = RingReader::on(ring);
  GateHolder gate = GateHolder::on(ring, kAggregatorGate);
  std::uint64_t next = gate.attach(reader, 0);
  rt::ThreadPlan plan;
  plan.name = "feed";
  auto feed = rt::Thread::start(plan, [&] {
    for (std::uint64_t i = 0; i < kBlocks; ++i) {
      while (keeper.may_pass() != Passage::open) sleep_on_bell(ring.gate(kAggregatorGate).free, rt::monotonic_ns() + rt::kMillisecond);
      put(ring, i);
      ring_bell(ring.gate(kAggregatorGate).filled, ring.status().failed_posts);
    }
  });
  ASSERT_TRUE(feed);
  std::uint64_t wrong = 0;
  while (next < kBlocks) {
    if (reader.head() == next) {
      gate.sleep_until(rt::monotonic_ns() + 100 * rt::kMillisecond);
      continue;
    }
    BlockHead block;
    const std::byte* payload = nullptr;
    const bool there = reader.look(next, block, payload);
    const std::uint64_t value = *reinterpret_cast<const std::uint64_t*>(payload);
    wrong += !there || value != next || !reader.still(next);
    gate.release(++next);
  }
  feed->join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(ring.head(), kBlocks);
}

}  // namespace
}  // namespace chappe::shm

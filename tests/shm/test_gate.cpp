#include "shm/gate.hpp"

#include <memory>

#include "fixture.hpp"
#include "rt/clock.hpp"
#include "shm/bell.hpp"
#include "shm/lease.hpp"

namespace chappe::shm {
namespace {

using GateTest = RingTest;

TEST_F(GateTest, without_a_consumer_the_gate_is_unheld_and_the_producer_runs_free) {
  RingWriter ring = make();
  GateKeeper keeper(ring, kAggregatorGate);
  keeper.take_over();
  EXPECT_EQ(keeper.may_pass(), Passage::unheld);
}

TEST_F(GateTest, a_bell_whose_value_somebody_damaged_is_no_reason_to_spin) {
  RingWriter ring = make();
  sem_t& bell = ring.gate(kAggregatorGate).filled;
  for (int i = 0; i < 6; ++i) ASSERT_EQ(sem_post(&bell), 0);
  const std::int64_t start = rt::monotonic_ns();
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(sleep_on_bell(bell, start + rt::kSecond));
  EXPECT_GE(rt::monotonic_ns() - start, 4 * rt::kMillisecond) << "four looks with more rings left";
}

TEST_F(GateTest, an_attached_consumer_opens_the_gate_and_a_full_ring_closes_it) {
  RingWriter ring = make();
  GateKeeper keeper(ring, kAggregatorGate);
  keeper.take_over();
  const RingReader reader = read();
  GateHolder gate = hold(reader);
  EXPECT_EQ(gate.attach(reader, 0), 0U);
  for (std::uint64_t i = 0; i < 8; ++i) {
    ASSERT_EQ(keeper.may_pass(), Passage::open) << i;
    put(ring, i);
  }
  EXPECT_EQ(keeper.may_pass(), Passage::full);
  gate.release(1);
  EXPECT_EQ(keeper.may_pass(), Passage::open);
}

/// A consumer at a ring of 32 blocks, whose bursts are of four.
class BurstTest : public RingTest {
 protected:
  void SetUp() override {
    RingTest::SetUp();
    RingSpec s = spec();
    s.blocks = 32;
    auto made = RingWriter::open(s);
    ASSERT_TRUE(made) << made.error().text;
    ring_ = std::make_unique<RingWriter>(std::move(*made));
    keeper_ = std::make_unique<GateKeeper>(*ring_, kAggregatorGate);
    keeper_->take_over();
    const RingReader reader = read();
    gate_ = std::make_unique<GateHolder>(hold(reader));
    gate_->attach(reader, 0);
  }
  std::unique_ptr<RingWriter> ring_;
  std::unique_ptr<GateKeeper> keeper_;
  std::unique_ptr<GateHolder> gate_;
};

TEST_F(BurstTest, the_bell_rings_once_for_a_burst_of_an_eighth_of_the_ring) {
  while (gate_->sleep_until(0)) continue;
  const auto publish = [&] {
    EXPECT_EQ(keeper_->may_pass(), Passage::open);
    put(*ring_, ring_->head());
    keeper_->published();
  };
  for (int i = 0; i < 3; ++i) publish();
  EXPECT_TRUE(keeper_->owes_bell());
  EXPECT_FALSE(gate_->sleep_until(0));
  publish();
  EXPECT_FALSE(keeper_->owes_bell());
  EXPECT_TRUE(gate_->sleep_until(0)) << "four blocks of 32";
  publish();
  keeper_->ring();
  EXPECT_TRUE(gate_->sleep_until(0)) << "the burst is over";
  keeper_->ring();
  EXPECT_FALSE(gate_->sleep_until(0)) << "there was nothing to ring for";
}

TEST_F(BurstTest, whoever_is_not_let_through_has_rung_for_what_it_published) {
  for (int i = 0; i < 31; ++i) put(*ring_, ring_->head());
  while (gate_->sleep_until(0)) continue;
  put(*ring_, ring_->head());
  keeper_->published();
  EXPECT_EQ(keeper_->may_pass(), Passage::full);
  EXPECT_FALSE(keeper_->owes_bell());
  EXPECT_TRUE(gate_->sleep_until(0));
}

TEST_F(GateTest, attaching_leaves_one_slot_for_the_block_that_was_begun_while_free) {
  RingWriter ring = make();
  for (std::uint64_t i = 0; i < 20; ++i) put(ring, i);
  const RingReader reader = read();
  GateHolder gate = hold(reader);
  EXPECT_EQ(gate.attach(reader, 0), 20U - 8 + 1);
}

TEST_F(GateTest, a_producer_that_waits_keeps_free_the_slot_that_attaching_leaves_so_that_a_killed_consumer_costs_no_block) {
  RingSpec waiting = spec();
  waiting.waits = true;
  auto ring = RingWriter::open(waiting);
  ASSERT_TRUE(ring);
  GateKeeper keeper(*ring, kAggregatorGate);
  keeper.take_over();
  const RingReader reader = read();
  std::uint64_t written = 0;
  {
    GateHolder gate = hold(reader);
    gate.attach(reader, 0);
    for (; keeper.may_pass() == Passage::open; ++written) put(*ring, written);
  }  // as at a kill
  EXPECT_EQ(written, 7U);
  EXPECT_EQ(hold(reader).attach(reader, 0), 0U) << "none is passed over";
}

TEST_F(GateTest, a_restart_begins_at_upto) {
  RingWriter ring = make();
  for (std::uint64_t i = 0; i < 10; ++i) put(ring, i);
  const RingReader reader = read();
  GateHolder gate = hold(reader);
  EXPECT_EQ(gate.attach(reader, 7), 7U);
}

TEST_F(GateTest, an_upto_beyond_head_is_not_believed) {
  RingWriter ring = make();
  put(ring, 0);
  const RingReader reader = read();
  GateHolder gate = hold(reader);
  EXPECT_LE(gate.attach(reader, 1000), ring.head());
}

TEST_F(GateTest, while_a_consumer_attaches_its_tail_is_not_judged_and_the_gate_is_full) {
  RingWriter ring = make();
  GateKeeper keeper(ring, kAggregatorGate);
  keeper.take_over();
  ring.gate(kAggregatorGate).owner_epoch.store(1);  // epoch stands, live does not
  EXPECT_EQ(keeper.may_pass(), Passage::full);
}

TEST_F(GateTest, a_tail_out_of_range_detaches_the_gate_and_its_consumer_sees_it_and_attaches_again) {
  RingWriter ring = make();
  GateKeeper keeper(ring, kAggregatorGate);
  keeper.take_over();
  const RingReader reader = read();
  GateHolder gate = hold(reader);
  gate.attach(reader, 0);
  ring.gate(kAggregatorGate).tail.store(12345);
  EXPECT_EQ(keeper.may_pass(), Passage::unheld);
  EXPECT_EQ(ring.status().detached_gates.get(), 1U);
  EXPECT_TRUE(gate.thrown_out(reader));
  gate.attach(reader, 0);
  EXPECT_FALSE(gate.thrown_out(reader));
  EXPECT_EQ(keeper.may_pass(), Passage::open);
}

TEST_F(GateTest, a_consumer_that_died_is_seen_by_its_lease_and_the_gate_is_unheld) {
  RingWriter ring = make();
  GateKeeper keeper(ring, kAggregatorGate);
  keeper.take_over();
  const RingReader reader = read();
  {
    GateHolder gate = hold(reader);
    gate.attach(reader, 0);
    keeper.watch(0);
    EXPECT_EQ(keeper.may_pass(), Passage::open);
  }  // the descriptor closes: so would the kernel at a kill
  keeper.watch(0);
  EXPECT_EQ(keeper.may_pass(), Passage::unheld);
}

/// A consumer that holds the full ring and stands; time is a number.
TEST_F(GateTest, a_second_aggregator_is_refused) {
  RingWriter ring = make();
  const RingReader reader = read();
  const GateHolder first = hold(reader);
  const auto second = GateHolder::open(instance_, reader, kAggregatorGate);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().exit_code, EX_TEMPFAIL);
}

}  // namespace
}  // namespace chappe::shm

#include "shm/gate.hpp"

#include "fixture.hpp"
#include "rt/clock.hpp"
#include "shm/lease.hpp"

namespace chappe::shm {
namespace {

class GateTest : public RingTest {
 protected:
  [[nodiscard]] GateHolder hold(const RingReader& reader) const {
    auto gate = GateHolder::open(instance_, reader, kAggregatorGate);
    if (!gate || !*gate) ADD_FAILURE() << "no gate";
    return std::move(**gate);
  }
};

TEST_F(GateTest, without_a_consumer_the_gate_is_unheld_and_the_producer_runs_free) {
  RingWriter ring = make();
  GateKeeper keeper(ring, kAggregatorGate);
  keeper.take_over();
  EXPECT_EQ(keeper.may_pass(), Passage::unheld);
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

TEST_F(GateTest, attaching_leaves_one_slot_for_the_block_that_was_begun_while_free) {
  RingWriter ring = make();
  for (std::uint64_t i = 0; i < 20; ++i) put(ring, i);
  const RingReader reader = read();
  GateHolder gate = hold(reader);
  EXPECT_EQ(gate.attach(reader, 0), 20U - 8 + 1);
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

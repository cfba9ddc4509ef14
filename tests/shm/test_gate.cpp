#include "shm/gate.hpp"

#include <memory>

#include "fixture.hpp"
#include "rt/clock.hpp"
#include "shm/bell.hpp"
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
class EvictTest : public GateTest {
 protected:
  void SetUp() override {
    RingTest::SetUp();
    ring_ = std::make_unique<RingWriter>(make());
    reader_ = std::make_unique<RingReader>(read());
    keeper_ = std::make_unique<GateKeeper>(*ring_, kAggregatorGate);
    keeper_->take_over();
  }
  void fill() {
    while (ring_->head() - word().tail.load() < 8) put(*ring_, ring_->head());
  }
  /// The watcher looks every 50 ms, for so long; the last news that was any.
  GateNews stand(std::int64_t ns) {
    GateNews last = GateNews::none;
    for (std::int64_t end = now_ + ns; now_ < end;) {
      const GateNews news = keeper_->look(now_ += 50 * rt::kMillisecond);
      if (news != GateNews::none) last = news;
    }
    return last;
  }
  [[nodiscard]] Gate& word() const { return ring_->gate(kAggregatorGate); }
  [[nodiscard]] GateMirror& mirror() const { return ring_->status().gates[kAggregatorGate]; }
  [[nodiscard]] GateState state() const { return static_cast<GateState>(mirror().state.load()); }
  std::unique_ptr<RingWriter> ring_;
  std::unique_ptr<RingReader> reader_;
  std::unique_ptr<GateKeeper> keeper_;
  std::int64_t now_ = 1000 * rt::kSecond;
};

TEST_F(EvictTest, who_holds_the_full_ring_and_stands_for_the_timeout_is_evicted_and_attaches_anew) {
  keeper_->set_stall_timeout(200 * rt::kMillisecond);
  GateHolder gate = hold(*reader_);
  gate.attach(*reader_, 0);
  fill();
  EXPECT_EQ(stand(200 * rt::kMillisecond), GateNews::none);
  EXPECT_EQ(keeper_->may_pass(), Passage::full);
  EXPECT_EQ(stand(50 * rt::kMillisecond), GateNews::evicted);
  EXPECT_EQ(keeper_->may_pass(), Passage::unheld);
  EXPECT_EQ(state(), GateState::evicted);
  for (std::uint64_t i = 0; i < 5; ++i) put(*ring_, ring_->head());
  EXPECT_EQ(stand(10 * rt::kSecond), GateNews::none) << "told once";
  EXPECT_TRUE(gate.thrown_out(*reader_));
  EXPECT_EQ(gate.attach(*reader_, 2), 13U - 8 + 1);
  EXPECT_FALSE(gate.thrown_out(*reader_));
  EXPECT_EQ(keeper_->may_pass(), Passage::open);
  EXPECT_EQ(stand(50 * rt::kMillisecond), GateNews::moves);
  EXPECT_EQ(state(), GateState::live);
  EXPECT_EQ(ring_->status().evictions.get(), 1U);
  EXPECT_EQ(ring_->status().stalls.get(), 1U);
}

TEST_F(EvictTest, without_a_timeout_it_is_called_stalled_and_keeps_the_ring) {
  GateHolder gate = hold(*reader_);
  gate.attach(*reader_, 0);
  fill();
  EXPECT_EQ(stand(rt::kSecond), GateNews::none);
  EXPECT_EQ(stand(60 * rt::kSecond), GateNews::stalled);
  EXPECT_EQ(state(), GateState::stalled);
  EXPECT_EQ(mirror().standing_ns.load(), static_cast<std::uint64_t>(60 * rt::kSecond + rt::kSecond - 50 * rt::kMillisecond));
  EXPECT_EQ(keeper_->may_pass(), Passage::full);
  EXPECT_FALSE(gate.thrown_out(*reader_));
  gate.release(1);
  EXPECT_EQ(stand(50 * rt::kMillisecond), GateNews::moves);
  EXPECT_EQ(mirror().standing_ns.load(), 0U);
  EXPECT_EQ(ring_->status().evictions.get(), 0U);
}

TEST_F(EvictTest, who_stands_while_the_ring_has_room_is_not_evicted_until_it_is_full) {
  keeper_->set_stall_timeout(200 * rt::kMillisecond);
  GateHolder gate = hold(*reader_);
  gate.attach(*reader_, 0);
  put(*ring_, 0);
  EXPECT_EQ(stand(60 * rt::kSecond), GateNews::stalled);
  EXPECT_EQ(keeper_->may_pass(), Passage::open);
  fill();
  EXPECT_EQ(stand(50 * rt::kMillisecond), GateNews::evicted);
}

TEST_F(EvictTest, who_has_nothing_to_read_does_not_stand_and_who_moves_is_slow_and_not_stalled) {
  keeper_->set_stall_timeout(200 * rt::kMillisecond);
  GateHolder gate = hold(*reader_);
  gate.attach(*reader_, 0);
  EXPECT_EQ(stand(60 * rt::kSecond), GateNews::none);
  for (std::uint64_t upto = 1; upto < 100; ++upto) {
    fill();
    EXPECT_EQ(stand(150 * rt::kMillisecond), GateNews::none);
    gate.release(upto);
  }
  EXPECT_EQ(state(), GateState::live);
}

TEST_F(EvictTest, a_tail_that_an_evicted_owner_stores_late_opens_nothing_until_it_has_attached_anew) {
  keeper_->set_stall_timeout(200 * rt::kMillisecond);
  GateHolder gate = hold(*reader_);
  gate.attach(*reader_, 0);
  fill();
  ASSERT_EQ(stand(rt::kSecond), GateNews::evicted);
  gate.release(4);  // it wakes between board and tail
  EXPECT_EQ(keeper_->may_pass(), Passage::unheld);
  EXPECT_EQ(ring_->status().detached_gates.get(), 0U);
  for (std::uint64_t i = 0; i < 20; ++i) put(*ring_, ring_->head());
  EXPECT_EQ(keeper_->may_pass(), Passage::unheld) << "out of range, and nobody's";
  EXPECT_EQ(ring_->status().detached_gates.get(), 0U);
  word().owner_epoch.store(2);  // attach 2: from here its tail is ignored for another reason
  EXPECT_EQ(keeper_->may_pass(), Passage::full);
  EXPECT_EQ(gate.attach(*reader_, 4), ring_->head() - 8 + 1);
  EXPECT_EQ(keeper_->may_pass(), Passage::open);
}

TEST_F(EvictTest, a_block_that_was_overwritten_while_its_reader_stood_is_refused_on_waking) {
  keeper_->set_stall_timeout(200 * rt::kMillisecond);
  GateHolder gate = hold(*reader_);
  gate.attach(*reader_, 0);
  fill();
  BlockHead block;
  const std::byte* payload = nullptr;
  ASSERT_TRUE(reader_->look(0, block, payload));  // here it was stopped, in the middle of a merge
  ASSERT_EQ(stand(rt::kSecond), GateNews::evicted);
  ASSERT_EQ(keeper_->may_pass(), Passage::unheld);
  ring_->begin();
  EXPECT_FALSE(reader_->still(0)) << "marked already";
  put(*ring_, 8);
  EXPECT_FALSE(reader_->still(0));
  EXPECT_TRUE(reader_->look(1, block, payload)) << "what is whole yet may still be read";
}

TEST_F(EvictTest, who_is_stopped_while_it_attaches_is_evicted_too_and_does_it_again) {
  keeper_->set_stall_timeout(200 * rt::kMillisecond);
  GateHolder gate = hold(*reader_);
  gate.attach(*reader_, 0);
  word().owner_epoch.store(2);  // its second time; live does not stand
  EXPECT_EQ(keeper_->may_pass(), Passage::full);
  EXPECT_EQ(stand(50 * rt::kMillisecond), GateNews::none);
  EXPECT_EQ(state(), GateState::attaching);
  EXPECT_EQ(stand(rt::kSecond), GateNews::evicted);
  EXPECT_EQ(keeper_->may_pass(), Passage::unheld);
  gate.attach(*reader_, 0);
  EXPECT_EQ(keeper_->may_pass(), Passage::open);
}

TEST_F(EvictTest, an_eviction_speaks_of_one_owner_and_not_of_the_next) {
  GateHolder gate = hold(*reader_);
  gate.attach(*reader_, 0);
  mirror().evicted.store(1);  // of owner_epoch 0, told late
  EXPECT_FALSE(gate.thrown_out(*reader_));
  EXPECT_EQ(keeper_->may_pass(), Passage::open);
  gate.attach(*reader_, 0);
  mirror().evicted.store(2);
  EXPECT_EQ(keeper_->may_pass(), Passage::open);
}

TEST_F(EvictTest, an_evicted_one_that_dies_is_dead) {
  keeper_->set_stall_timeout(200 * rt::kMillisecond);
  {
    GateHolder gate = hold(*reader_);
    gate.attach(*reader_, 0);
    fill();
    ASSERT_EQ(stand(rt::kSecond), GateNews::evicted);
  }
  EXPECT_EQ(stand(50 * rt::kMillisecond), GateNews::none);
  EXPECT_EQ(state(), GateState::dead);
  EXPECT_EQ(keeper_->may_pass(), Passage::unheld);
}

TEST_F(EvictTest, a_watcher_that_was_stopped_itself_evicts_nobody_for_that_time) {
  keeper_->set_stall_timeout(rt::kSecond);
  GateHolder gate = hold(*reader_);
  gate.attach(*reader_, 0);
  fill();
  EXPECT_EQ(stand(50 * rt::kMillisecond), GateNews::none);
  now_ += 3600 * rt::kSecond;  // both stood
  EXPECT_EQ(stand(500 * rt::kMillisecond), GateNews::none);
  EXPECT_EQ(keeper_->may_pass(), Passage::full);
  EXPECT_EQ(stand(rt::kSecond), GateNews::evicted);
}

TEST_F(EvictTest, an_adopting_producer_forgets_the_eviction_and_judges_anew) {
  keeper_->set_stall_timeout(200 * rt::kMillisecond);
  GateHolder gate = hold(*reader_);
  gate.attach(*reader_, 0);
  fill();
  ASSERT_EQ(stand(rt::kSecond), GateNews::evicted);
  GateKeeper held(*ring_, kAggregatorGate);
  held.take_over();
  EXPECT_EQ(held.may_pass(), Passage::full) << "nothing was overwritten yet: it holds the ring rightfully";
  put(*ring_, 8);
  GateKeeper lost(*ring_, kAggregatorGate);
  lost.take_over();
  EXPECT_EQ(lost.may_pass(), Passage::unheld) << "out of range";
  EXPECT_TRUE(gate.thrown_out(*reader_));
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

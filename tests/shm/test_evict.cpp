// A consumer that holds a full ring and stands: stalled, evicted, attached anew.
#include <memory>

#include "fixture.hpp"
#include "rt/clock.hpp"
#include "shm/gate.hpp"

namespace chappe::shm {
namespace {

class EvictTest : public RingTest {
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

}  // namespace
}  // namespace chappe::shm

#include "shm/ledger.hpp"

#include <vector>

#include "fixture.hpp"
#include "shm/board.hpp"
#include "shm/lease.hpp"
#include "shm/viewer.hpp"

namespace chappe::shm {
namespace {

constexpr std::uint64_t kHeldAtMost = 32;  // the fixture's stream: a block of 16 frames, and a pool of one

class LedgerTest : public RingTest {
 protected:
  [[nodiscard]] LedgerWriter open(const RingWriter& ring) const {
    auto ledger = LedgerWriter::open(instance_, ring, {});
    if (!ledger) ADD_FAILURE() << ledger.error().text;
    return std::move(*ledger);
  }
  /// As a start does.
  [[nodiscard]] LedgerWriter adopt(RingWriter& ring) const {
    LedgerWriter ledger = open(ring);
    ledger.restore(instance_, ring);
    ledger.repair(ring);
    ring.open_for_business();
    return ledger;
  }
  /// A producer's life: reads `frames`, and is killed.
  void live_and_die(std::uint64_t frames) const {
    RingWriter ring = make();
    const LedgerWriter ledger = adopt(ring);
    ledger.entry(0).acquired.add(frames);
  }
  [[nodiscard]] Account look() const {
    const Snapshot s = Viewer(instance_).look();
    EXPECT_TRUE(s.ledger.settled);
    for (const Account& a : s.ledger.streams) {
      if (a.stream == "proof") return a;
    }
    ADD_FAILURE() << "no account";
    return {};
  }
};

TEST_F(LedgerTest, what_a_killed_producer_held_is_dropped_crash) {
  live_and_die(kHeldAtMost);
  RingWriter ring = make();
  const LedgerWriter ledger = adopt(ring);
  EXPECT_EQ(look().dropped.crash, kHeldAtMost);
  EXPECT_EQ(look().unexplained, 0);
}

TEST_F(LedgerTest, what_no_producer_can_have_held_is_unexplained_and_stays_so) {
  live_and_die(kHeldAtMost + 5);
  for (int restart = 0; restart < 3; ++restart) {
    live_and_die(0);
    EXPECT_EQ(look().dropped.crash, kHeldAtMost);
    EXPECT_EQ(look().unexplained, 5);
  }
}

TEST_F(LedgerTest, more_committed_than_handed_does_not_wrap) {
  {
    RingWriter ring = make();
    const LedgerWriter ledger = adopt(ring);
    ledger.entry(0).acquired.add(10);
    put(ring, 4);  // says 20 are committed
  }
  RingWriter ring = make();
  const LedgerWriter ledger = adopt(ring);
  EXPECT_EQ(ledger.entry(0).dropped_crash.get(), 0U);
  EXPECT_LT(look().unexplained, 0) << "and is told";
}

TEST_F(LedgerTest, a_stream_that_is_no_longer_configured_is_repaired_too) {
  live_and_die(kHeldAtMost);
  RingSpec without = spec();
  put_name(without.streams[0].name, "another");
  auto ring = RingWriter::open(without);
  ASSERT_TRUE(ring);
  const LedgerWriter ledger = adopt(*ring);
  const auto reader = LedgerReader::open(instance_);
  ASSERT_TRUE(reader && *reader);
  const LedgerEntry* left = (*reader)->find("proof");
  ASSERT_NE(left, nullptr);
  EXPECT_EQ(left->dropped_crash.get(), kHeldAtMost);
  EXPECT_EQ(left->block_frames.get() + left->pool_frames.get(), 0U);
}

TEST_F(LedgerTest, one_that_was_lost_beside_a_ring_with_data_begins_behind_its_last_frame) {
  {
    RingWriter ring = make();
    const LedgerWriter ledger = adopt(ring);
    ledger.entry(0).acquired.add(27);
    put(ring, 5);  // frames 20 to 23; 24 are committed
    ::unlink(object_path(instance_, "ledger").c_str());
  }
  RingWriter ring = make();
  const LedgerWriter ledger = adopt(ring);
  EXPECT_EQ(ledger.entry(0).acquired.get(), 24U);
  EXPECT_EQ(ledger.entry(0).committed.get(), 24U);
  EXPECT_EQ(ledger.entry(0).dropped_crash.get(), 0U);
}

TEST_F(LedgerTest, one_that_was_lost_begins_behind_what_the_board_holds) {
  auto board = BoardWriter::open({.instance = instance_, .streams = spec().streams, .channels = spec().channels, .readers = {}});
  ASSERT_TRUE(board);
  BoardStream& b = board->image().stream(0);
  b.aggregated = 70;
  b.overrun = 10;
  b.next_frame = 100;
  b.drops = 20;
  b.committed = 80;
  board->publish();
  RingWriter ring = make();
  const LedgerWriter ledger = adopt(ring);
  EXPECT_EQ(look().acquired, 100U);
  EXPECT_EQ(look().dropped.crash, 20U) << "their causes were in the ledger";
  EXPECT_EQ(look().unexplained, 0);
}

TEST_F(LedgerTest, two_producers_never_write_to_one_whatever_became_of_the_gates) {
  RingWriter ring = make();
  const LedgerWriter living = adopt(ring);
  for (const char* kind : {"ring", "gates"}) ::unlink(object_path(instance_, kind).c_str());
  const RingWriter second = make();
  const auto refused = LedgerWriter::open(instance_, second, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().exit_code, EX_TEMPFAIL);
  EXPECT_THAT(refused.error().text, ::testing::HasSubstr("stop it first"));
}

TEST_F(LedgerTest, read_locks_of_a_viewer_keep_no_producer_out) {
  live_and_die(0);
  std::vector<rt::Descriptor> viewers;
  for (const char* kind : {"ring", "ledger"}) {
    viewers.emplace_back(::open(object_path(instance_, kind).c_str(), O_RDONLY | O_CLOEXEC));
    struct flock lock = one_byte(F_RDLCK, kProducerLease);
    ASSERT_EQ(fcntl(viewers.back().get(), F_OFD_SETLK, &lock), 0);
  }
  live_and_die(3);
  EXPECT_EQ(look().acquired, 3U);
}

TEST_F(LedgerTest, totals_of_an_earlier_run_are_not_taken_for_those_of_a_ledger_that_was_lost) {
  auto board = BoardWriter::open({.instance = instance_, .streams = spec().streams, .channels = spec().channels, .readers = {}});
  ASSERT_TRUE(board);
  BoardStream& b = board->image().stream(0);
  b.ended = 1;
  b.totals = {.acquired = 30, .filled = 30, .handed = 30, .committed = 30};
  b.aggregated = b.committed = 50;
  b.next_frame = 50;
  board->publish();
  RingWriter ring = make();
  const LedgerWriter ledger = adopt(ring);
  EXPECT_EQ(look().acquired, 50U);
  EXPECT_EQ(look().unexplained, 0);
}

TEST_F(LedgerTest, an_account_in_repair_is_not_settled) {
  live_and_die(0);
  const auto writable = Segment::open(object_path(instance_, "ledger"), kLedgerMagic, true);
  ASSERT_TRUE(writable && *writable);
  (*writable)->at<Word>(kRepairsAt)->fetch_add(1);
  EXPECT_FALSE(Viewer(instance_).look().ledger.settled);
  live_and_die(0);  // the next start ends it
  EXPECT_TRUE(Viewer(instance_).look().ledger.settled);
}

TEST_F(LedgerTest, an_end_is_acknowledged_by_its_own_totals_and_not_by_those_of_an_earlier_run) {
  RingWriter ring = make();
  const LedgerWriter ledger = adopt(ring);
  auto board = BoardWriter::open({.instance = instance_, .streams = spec().streams, .channels = spec().channels, .readers = {}});
  ASSERT_TRUE(board);
  board->image().head().incarnation = ring.tables().incarnation;
  BoardStream& b = board->image().stream(0);
  b.ended = 1;
  b.totals = totals_of(ledger.entry(0));
  board->publish();
  EXPECT_TRUE(ledger.is_acknowledged(instance_, ring));
  for (rt::Counter* count : {&ledger.entry(0).acquired, &ledger.entry(0).dropped_pool}) count->add(4);  // no block more, but a loss
  EXPECT_FALSE(ledger.is_acknowledged(instance_, ring));
  b.totals = totals_of(ledger.entry(0));
  board->publish();
  EXPECT_TRUE(ledger.is_acknowledged(instance_, ring));
}

TEST_F(LedgerTest, without_a_board_the_retired_ring_is_walked_first) {
  {
    RingWriter ring = make();
    const LedgerWriter ledger = adopt(ring);
    LedgerEntry& e = ledger.entry(0);
    for (rt::Counter* count : {&e.acquired, &e.filled, &e.handed, &e.committed}) count->add(4);
    put(ring, 0);
  }
  auto ring = RingWriter::open(spec(3));
  ASSERT_TRUE(ring);
  const LedgerWriter ledger = adopt(*ring);
  EXPECT_EQ(look().in_ring, 4U);
  EXPECT_EQ(look().unexplained, 0);
}

}  // namespace
}  // namespace chappe::shm

#include "shm/account.hpp"

#include <gmock/gmock.h>

namespace chappe::shm {
namespace {

constexpr Bounds kBounds{.block_frames = 16, .pool_frames = 64, .unaccounted = 0};

BlockHead block(std::uint64_t first, std::uint32_t frames, std::uint64_t drops, std::uint64_t committed) {
  BlockHead b;
  b.first_frame = first;
  b.frames = frames;
  b.drops = drops;
  b.committed = committed;
  return b;
}

TEST(Walk, consecutive_blocks_leave_nothing_pending) {
  Walk w;
  walk_block(w, block(0, 10, 0, 10));
  walk_block(w, block(10, 10, 0, 20));
  EXPECT_EQ(w.frames, 20U);
  EXPECT_EQ(w.pending, 0U);
  EXPECT_EQ(w.highest_committed, 20U);
}

TEST(Walk, a_gap_that_the_producer_counted_as_dropped_is_not_missing) {
  Walk w;
  walk_block(w, block(0, 10, 0, 10));
  walk_block(w, block(30, 10, 20, 20));
  EXPECT_EQ(w.pending, 0U);
}

TEST(Walk, a_gap_beyond_the_counted_drops_is_pending_overrun) {
  Walk w;
  walk_block(w, block(0, 10, 0, 10));
  walk_block(w, block(30, 10, 5, 20));
  EXPECT_EQ(w.pending, 15U);
}

TEST(Account, everything_at_rest_leaves_nothing_unexplained) {
  const BoardTotals p{
      .acquired = 100, .filled = 90, .handed = 90, .committed = 80, .full = 6, .pool = 8, .source = 2, .paused = 0, .crash = 4};
  BoardStream b{};
  b.aggregated = 70;
  b.overrun = 10;
  const Account a = account_of("s", p, b, Walk{}, kBounds);
  EXPECT_EQ(a.unexplained, 0);
  EXPECT_EQ(a.in_flight, 0U);
  EXPECT_EQ(a.acquired, a.aggregated + a.overrun + a.dropped.sum());
}

TEST(Account, what_an_end_counts_as_overrun_is_not_counted_again_by_the_next_runs_first_block) {
  BoardStream b{};
  enter_block(b, block(0, 100, 0, 100));
  b.skipped = 1;  // the stream's last block, of 20 frames, was overwritten
  enter_totals(
      b, {.acquired = 125, .filled = 125, .handed = 125, .committed = 120, .full = 5, .pool = 0, .source = 0, .paused = 0, .crash = 0});
  EXPECT_EQ(b.overrun, 20U);
  enter_block(b, block(125, 10, 5, 130));
  EXPECT_EQ(b.overrun, 20U);
  EXPECT_EQ(b.aggregated, 110U);
}

TEST(Account, a_frame_that_nobody_counted_is_unexplained_and_never_clamped) {
  const BoardTotals p{
      .acquired = 100, .filled = 100, .handed = 100, .committed = 100, .full = 0, .pool = 0, .source = 0, .paused = 0, .crash = 0};
  BoardStream b{};
  b.aggregated = 99;
  EXPECT_EQ(account_of("s", p, b, Walk{}, kBounds).unexplained, 1);
  b.aggregated = 103;
  EXPECT_EQ(account_of("s", p, b, Walk{}, kBounds).unexplained, -3);
}

TEST(Account, a_read_a_pool_and_a_block_may_be_in_hand_and_no_more) {
  BoardStream b{};
  BoardTotals p{.acquired = 16, .filled = 0, .handed = 0, .committed = 0, .full = 0, .pool = 0, .source = 0, .paused = 0, .crash = 0};
  EXPECT_EQ(account_of("s", p, b, Walk{}, kBounds).unexplained, 0);
  EXPECT_EQ(account_of("s", p, b, Walk{}, kBounds).in_flight, 16U);
  p.acquired = 17;
  EXPECT_EQ(account_of("s", p, b, Walk{}, kBounds).unexplained, 1);
  p.filled = 17;
  p.handed = 17;
  EXPECT_EQ(account_of("s", p, b, Walk{}, kBounds).unexplained, 1);
}

TEST(Account, what_an_adopter_could_not_explain_is_never_in_hand) {
  const BoardTotals p{
      .acquired = 10, .filled = 10, .handed = 10, .committed = 0, .full = 0, .pool = 0, .source = 0, .paused = 0, .crash = 0};
  const Account a = account_of("s", p, BoardStream{}, Walk{}, {.block_frames = 16, .pool_frames = 64, .unaccounted = 10});
  EXPECT_EQ(a.unexplained, 10);
  EXPECT_EQ(a.in_flight, 0U);
}

TEST(Account, a_slot_tells_what_a_killed_feed_did_not_count_any_more) {
  const BoardTotals p{
      .acquired = 20, .filled = 20, .handed = 20, .committed = 10, .full = 0, .pool = 0, .source = 0, .paused = 0, .crash = 0};
  Walk w;
  walk_block(w, block(0, 10, 0, 10));
  walk_block(w, block(10, 10, 0, 20));
  EXPECT_EQ(account_of("s", p, BoardStream{}, w, kBounds).unexplained, 0);
}

TEST(Account, the_board_tells_what_a_killed_feed_did_not_count_any_more) {
  const BoardTotals p{
      .acquired = 20, .filled = 20, .handed = 20, .committed = 10, .full = 0, .pool = 0, .source = 0, .paused = 0, .crash = 0};
  BoardStream b{};
  enter_block(b, block(0, 10, 0, 10));
  enter_block(b, block(10, 10, 0, 20));
  const Account a = account_of("s", p, b, walk_from(b), kBounds);
  EXPECT_EQ(a.unexplained, 0);
  EXPECT_EQ(a.committed, 20U);
}

TEST(Account, the_last_blocks_of_a_silent_stream_are_pending_only_where_blocks_were_passed_over) {
  const BoardTotals p{
      .acquired = 30, .filled = 30, .handed = 30, .committed = 30, .full = 0, .pool = 0, .source = 0, .paused = 0, .crash = 0};
  BoardStream b{};
  enter_block(b, block(0, 10, 0, 10));
  EXPECT_EQ(account_of("s", p, b, walk_from(b), kBounds).unexplained, 20);
  b.skipped = 1;
  Account a = account_of("s", p, b, walk_from(b), kBounds);
  EXPECT_EQ(a.unexplained, 0);
  EXPECT_EQ(a.overrun_pending, 20U);
  Walk w = walk_from(b);
  walk_block(w, block(10, 10, 0, 20));
  a = account_of("s", p, b, w, kBounds);
  EXPECT_EQ(a.unexplained, 10) << "a whole block ends the doubt";
}

}  // namespace
}  // namespace chappe::shm

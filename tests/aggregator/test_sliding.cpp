// Windows that overlap, and windows aligned to the wall clock: frame by frame, across restarts at every block, with gaps and steps.
#include <memory>
#include <random>

#include "tests/aggregator/windows.hpp"

namespace chappe::aggregator {
namespace {

config::Window sliding_frames(std::uint64_t n, std::uint64_t hop) { return {.frames = n, .hop_frames = hop}; }
config::Window sliding_time(std::int64_t ns, std::int64_t hop) { return {.duration_ns = ns, .hop_ns = hop}; }
config::Window wall(std::int64_t ns) { return {.duration_ns = ns, .wall = true}; }

constexpr std::int64_t kPeriod = 1000;  // ns

/// One f64 channel, whose frame i is at i * kPeriod and has the value i.
class Sliding : public testing::Test {
 protected:
  void make(const std::vector<config::Window>& windows) {
    statistics_ = std::make_unique<StreamStatistics>(1, 8, 8, kCapacity, false, windows, 1, 0, true);
  }
  void feed(std::uint64_t first, std::uint32_t n) {
    std::vector<double> values;
    for (std::uint32_t i = 0; i < n; ++i) values.push_back(static_cast<double>(first + i));
    const auto bytes = interleave<double>({values}, 8);
    statistics_->measure({.data = bytes.data(),
                          .first_frame = first,
                          .frames = n,
                          .t_first_ns = static_cast<std::int64_t>(first) * kPeriod,
                          .period_ns = kPeriod});
    statistics_->merge(sink_);
  }
  /// A successor that takes over all of the state, as the board keeps it.
  void restart(const std::vector<config::Window>& windows) {
    auto before = std::move(statistics_);
    make(windows);
    for (std::size_t w = 0; w < windows.size(); ++w) {
      statistics_->restore(w, before->open(w), before->open_moments(w), before->open_shapes(w));
      for (std::size_t i = 0; i < before->panes(w).size(); ++i) {
        const Panes& panes = before->panes(w);
        if (panes.head(i).frames > 0) statistics_->panes(w).keep(panes.head(i), panes.moments(i), panes.shapes(i));
      }
    }
  }
  std::unique_ptr<StreamStatistics> statistics_;
  Collector sink_;
};

TEST_F(Sliding, windows_by_frames_hold_the_last_frames_at_each_hop) {
  make({sliding_frames(12, 4)});
  for (std::uint64_t i = 0; i < 40; i += 5) feed(i, 5);
  ASSERT_EQ(sink_.windows.size(), 10U);
  for (std::uint64_t k = 0; k < 10; ++k) {
    const Closed& w = sink_.windows[k];
    const std::uint64_t upto = 4 * (k + 1), first = upto > 12 ? upto - 12 : 0;
    EXPECT_EQ(static_cast<std::int64_t>(w.head.window), static_cast<std::int64_t>(k) - 2) << "the number of its first pane";
    EXPECT_EQ(w.head.first_frame, first);
    EXPECT_EQ(w.head.upto, upto);
    EXPECT_EQ(w.head.frames, upto - first);
    EXPECT_EQ(w.head.missing, 0U);
    EXPECT_EQ(w.channels[0].count, upto - first);
    EXPECT_EQ(w.channels[0].min, static_cast<double>(first));
    EXPECT_DOUBLE_EQ(w.channels[0].mean, static_cast<double>(first + upto - 1) / 2);
    EXPECT_EQ(w.shapes[0].t_max_ns, static_cast<std::int64_t>(upto - 1) * kPeriod);
    EXPECT_NEAR(w.shapes[0].m3, 0, 1e-9);
  }
}

TEST_F(Sliding, windows_by_time_are_cut_at_multiples_of_the_hop) {
  make({sliding_time(10 * kPeriod, 5 * kPeriod)});
  feed(3, 30);  // 3 to 32
  ASSERT_EQ(sink_.windows.size(), 6U);
  EXPECT_EQ(sink_.windows[0].head.frames, 2U) << "what came before the stream's first hop ended";
  EXPECT_EQ(sink_.windows[1].head.first_frame, 3U);
  EXPECT_EQ(sink_.windows[1].head.upto, 10U);
  for (std::size_t k = 2; k < 6; ++k) {
    EXPECT_EQ(sink_.windows[k].head.first_frame, 5 * (k - 1));
    EXPECT_EQ(sink_.windows[k].head.frames, 10U);
    EXPECT_EQ(sink_.windows[k].head.window, k - 1);
  }
}

TEST_F(Sliding, windows_carry_what_their_panes_lack_and_no_more) {
  make({sliding_frames(8, 4)});
  feed(0, 4);
  feed(5, 3);  // 4 is missing
  feed(8, 4);
  feed(16, 4);  // 12 to 15: a pane of which nothing came hands nothing out
  ASSERT_EQ(sink_.windows.size(), 4U);
  EXPECT_THAT(sink_.all(&WindowHead::missing), testing::ElementsAre(0, 1, 1, 4));
  EXPECT_THAT(sink_.all(&WindowHead::frames), testing::ElementsAre(4, 7, 7, 4)) << "the last: its other pane is not there";
}

TEST_F(Sliding, windows_begin_anew_behind_an_end) {
  make({sliding_frames(8, 4)});
  feed(0, 6);
  statistics_->finish(sink_);
  ASSERT_EQ(sink_.windows.size(), 2U);
  EXPECT_EQ(sink_.windows[1].head.frames, 6U);
  feed(6, 2);
  EXPECT_EQ(sink_.windows.at(2).head.frames, 2U);
}

TEST_F(Sliding, windows_of_a_state_restored_at_every_block_have_the_same_bits) {
  const std::vector<config::Window> windows{sliding_frames(60, 5), sliding_time(64 * kPeriod, 8 * kPeriod), frames(7), wall(50 * kPeriod)};
  std::mt19937_64 random(5);
  std::vector<std::pair<std::uint64_t, std::uint32_t>> blocks;
  for (std::uint64_t at = 1; blocks.size() < 200;) {
    blocks.emplace_back(at, 1 + static_cast<std::uint32_t>(random() % 40));
    at += blocks.back().second + (random() % 8 == 0 ? random() % 90 : 0);
  }
  make(windows);
  statistics_->set_wall_offset(12'345);
  for (const auto& [first, n] : blocks) feed(first, n);
  const Collector straight = std::exchange(sink_, {});
  make(windows);
  for (const auto& [first, n] : blocks) {
    restart(windows);
    statistics_->set_wall_offset(12'345);
    feed(first, n);
  }
  ASSERT_EQ(straight.windows.size(), sink_.windows.size());
  ASSERT_GT(straight.windows.size(), 1000U);
  for (std::size_t i = 0; i < sink_.windows.size(); ++i) {
    EXPECT_EQ(straight.windows[i].head.window, sink_.windows[i].head.window);
    EXPECT_EQ(straight.windows[i].head.missing, sink_.windows[i].head.missing);
    EXPECT_TRUE(same_bits(straight.windows[i].channels[0], sink_.windows[i].channels[0]));
    EXPECT_TRUE(same_bits(straight.windows[i].shapes[0], sink_.windows[i].shapes[0]));
  }
}

TEST_F(Sliding, windows_aligned_to_the_wall_clock_end_at_its_full_multiples) {
  make({wall(10 * kPeriod)});
  statistics_->set_wall_offset(1'000'003 * kPeriod);  // the frame of index 7 is at a full multiple
  feed(0, 30);
  ASSERT_EQ(sink_.windows.size(), 3U);
  EXPECT_THAT(sink_.all(&WindowHead::frames), testing::ElementsAre(7, 10, 10));
  EXPECT_THAT(sink_.all(&WindowHead::window), testing::ElementsAre(100'000, 100'001, 100'002));
}

TEST_F(Sliding, windows_keep_their_end_when_the_wall_clock_steps_and_the_next_ends_at_a_full_multiple) {
  make({wall(10 * kPeriod)});
  statistics_->set_wall_offset(0);
  feed(0, 15);
  statistics_->set_wall_offset(5 * kPeriod);  // forward, inside of window 1
  feed(15, 15);
  statistics_->set_wall_offset(0);  // and back: at 35 number 3 would be due, which has closed
  feed(30, 30);
  EXPECT_THAT(sink_.all(&WindowHead::first_frame), testing::ElementsAre(0, 10, 20, 25, 35));
  EXPECT_THAT(sink_.all(&WindowHead::window), testing::ElementsAre(0, 1, 2, 3, 4)) << "no number twice";
  std::uint64_t frames = 0;
  for (const auto& w : sink_.windows) frames += w.head.frames;
  EXPECT_EQ(frames, sink_.windows.back().head.upto) << "each frame once";
}

}  // namespace
}  // namespace chappe::aggregator

// Where windows are cut, and what is missing in them: known values, one frame a nanosecond.
#include "tests/aggregator/windows.hpp"

namespace chappe::aggregator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// A stream of f64 channels whose value is the frame index, plus 1000 for each channel, one nanosecond apart unless times are given.
struct Stream {
  explicit Stream(std::vector<config::Window> windows, std::size_t channels = 1, std::uint32_t generation = 1)
      : channel_count(channels), statistics(channels, 8, channels * 8, kCapacity, true, std::move(windows), generation, 3) {}
  void measure(std::uint64_t first, std::uint32_t count, const std::vector<std::int64_t>& times = {}) {
    std::vector<std::vector<double>> columns(channel_count);
    for (std::size_t c = 0; c < channel_count; ++c) {
      for (std::uint32_t i = 0; i < count; ++i) columns[c].push_back(static_cast<double>(first + i + 1000 * c));
    }
    bytes = interleave(columns, channel_count * 8);
    statistics.measure({.data = bytes.data(),
                        .times_ns = times.empty() ? nullptr : times.data(),
                        .first_frame = first,
                        .frames = count,
                        .t_first_ns = static_cast<std::int64_t>(first),
                        .period_ns = 1});
    std::fill(bytes.begin(), bytes.end(), std::byte{0xff});  // the slot is overwritten before merge()
  }
  void feed(std::uint64_t first, std::uint32_t count, const std::vector<std::int64_t>& times = {}) {
    measure(first, count, times);
    statistics.merge(sink);
  }
  std::size_t channel_count;
  StreamStatistics statistics;
  Collector sink;
  std::vector<std::byte> bytes;
};

TEST(Statistics, close_a_frames_window_with_its_last_frame) {
  Stream s({frames(10)});
  s.feed(0, 9);
  EXPECT_THAT(s.sink.windows, IsEmpty());
  s.feed(9, 1);
  ASSERT_EQ(s.sink.windows.size(), 1U);
  const auto& [head, channels, shapes] = s.sink.windows[0];
  EXPECT_EQ(head.window, 0U);
  EXPECT_EQ(head.first_frame, 0U);
  EXPECT_EQ(head.frames, 10U);
  EXPECT_EQ(head.missing, 0U);
  EXPECT_EQ(head.t_first_ns, 0);
  EXPECT_EQ(head.t_last_ns, 9);
  EXPECT_EQ(channels[0].mean, 4.5);
  EXPECT_EQ(channels[0].last, 9);
  EXPECT_FALSE(s.statistics.open(0).open);
}

TEST(Statistics, cut_one_block_into_several_frames_windows) {
  Stream s({frames(10)}, 3);
  s.feed(0, 35);
  EXPECT_THAT(s.sink.all(&WindowHead::window), ElementsAre(0, 1, 2));
  EXPECT_THAT(s.sink.all(&WindowHead::first_frame), ElementsAre(0, 10, 20));
  EXPECT_EQ(s.sink.windows[2].channels[2].mean, 2024.5);
  EXPECT_EQ(s.statistics.open(0).head.frames, 5U);
  EXPECT_EQ(s.statistics.open(0).next_frame, 35U);
}

TEST(Statistics, put_stream_specification_and_generation_into_the_head) {
  Stream s({frames(100), frames(10)}, 1, 9);
  s.feed(0, 10);
  ASSERT_EQ(s.sink.windows.size(), 1U);
  EXPECT_EQ(s.sink.windows[0].head.stream, 3U);
  EXPECT_EQ(s.sink.windows[0].head.which, 1U);
  EXPECT_EQ(s.sink.windows[0].head.generation, 9U);
}

TEST(Statistics, keep_specifications_of_one_stream_apart) {
  Stream s({frames(7), duration(13), frames(64)});
  s.feed(0, 50);
  s.feed(50, 14);
  std::array<std::uint64_t, 3> seen{};
  for (const auto& w : s.sink.windows) {
    seen[w.head.which] += w.head.frames;
    const double first = static_cast<double>(w.head.first_frame), last = first + static_cast<double>(w.head.frames) - 1;
    EXPECT_EQ(w.channels[0].mean, (first + last) / 2);
    EXPECT_EQ(w.channels[0].min, first);
    EXPECT_EQ(w.channels[0].max, last);
  }
  EXPECT_EQ(seen[0], 63U);
  EXPECT_EQ(seen[1], 52U);
  EXPECT_EQ(seen[2], 64U);
}

TEST(Statistics, of_a_block_that_is_measured_and_not_merged_leave_no_trace) {
  Stream torn({frames(10)}), whole({frames(10)});
  torn.feed(0, 5);
  torn.measure(900, 64);
  torn.feed(5, 5);
  whole.feed(0, 5);
  whole.feed(5, 5);
  ASSERT_EQ(torn.sink.windows.size(), 1U);
  EXPECT_TRUE(same_bits(torn.sink.windows[0].channels[0], whole.sink.windows[0].channels[0]));
  EXPECT_EQ(torn.sink.windows[0].head.missing, 0U);
}

TEST(Statistics, merged_twice_count_a_block_once) {
  Stream s({frames(10)});
  s.feed(0, 5);
  s.statistics.merge(s.sink);
  EXPECT_EQ(s.statistics.open(0).head.frames, 5U);
}

TEST(Statistics, never_read_more_frames_than_the_capacity_whatever_the_block_says) {
  Stream s({frames(1000)});
  std::vector<double> values(kCapacity, 1);
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    s.statistics.measure({.data = reinterpret_cast<const std::byte*>(values.data()),
                          .times_ns = nullptr,
                          .first_frame = first,
                          .frames = ~0U,
                          .t_first_ns = std::numeric_limits<std::int64_t>::max(),
                          .period_ns = kNan});
  }
  SUCCEED();  // the sanitizers watch
}

// Gaps and what is missing

TEST(Statistics, count_a_gap_inside_a_frames_window_as_missing) {
  Stream s({frames(10)});
  s.feed(0, 3);
  s.feed(7, 2);
  EXPECT_EQ(s.statistics.open(0).head.missing, 4U);
  s.feed(9, 1);
  EXPECT_EQ(s.sink.windows[0].head.frames, 6U);
  EXPECT_EQ(s.sink.windows[0].head.missing, 4U);
}

TEST(Statistics, clip_a_gap_to_the_range_of_each_frames_window_and_hand_out_no_empty_one) {
  Stream s({frames(10)});
  s.feed(0, 8);
  s.feed(45, 5);
  EXPECT_THAT(s.sink.all(&WindowHead::window), ElementsAre(0, 4));
  EXPECT_THAT(s.sink.all(&WindowHead::frames), ElementsAre(8, 5));
  EXPECT_THAT(s.sink.all(&WindowHead::missing), ElementsAre(2, 5));
}

TEST(Statistics, do_not_miss_frames_before_the_first_one_seen) {
  Stream s({frames(10)});
  s.feed(1006, 2);
  s.feed(1009, 1);
  s.feed(1012, 8);
  EXPECT_THAT(s.sink.all(&WindowHead::window), ElementsAre(100, 101));
  EXPECT_THAT(s.sink.all(&WindowHead::missing), ElementsAre(1, 2));
}

TEST(Statistics, of_a_successor_miss_a_gap_behind_the_predecessors_last_frame) {
  Stream s({frames(10)});
  s.statistics.expect(1004);
  s.feed(1006, 4);
  EXPECT_THAT(s.sink.all(&WindowHead::missing), ElementsAre(2));
  Stream t({duration(10)});
  t.statistics.expect(1004);
  t.feed(1006, 4);
  t.statistics.finish(t.sink);
  EXPECT_THAT(t.sink.all(&WindowHead::missing), ElementsAre(2));
}

TEST(Statistics, count_a_gap_of_a_duration_window_in_the_window_that_is_open_when_it_is_seen) {
  Stream s({duration(10)});
  s.feed(0, 3);
  s.feed(5, 1);   // 3 and 4, inside window 0
  s.feed(37, 3);  // 6 to 36, seen while window 0 is open
  s.feed(40, 1);
  EXPECT_THAT(s.sink.all(&WindowHead::window), ElementsAre(0, 3));
  EXPECT_THAT(s.sink.all(&WindowHead::missing), ElementsAre(33, 0));
}

// Duration windows

TEST(Statistics, cut_duration_windows_at_multiples_of_the_duration_on_the_streams_clock) {
  Stream s({duration(10)});
  s.feed(7, 20);
  s.statistics.finish(s.sink);
  EXPECT_THAT(s.sink.all(&WindowHead::window), ElementsAre(0, 1, 2));
  EXPECT_THAT(s.sink.all(&WindowHead::t_first_ns), ElementsAre(7, 10, 20));
  EXPECT_THAT(s.sink.all(&WindowHead::t_last_ns), ElementsAre(9, 19, 26));
}

TEST(Statistics, give_each_frame_a_window_of_its_own_where_the_times_say_so) {
  Stream s({duration(10)});
  std::vector<std::int64_t> times;
  for (std::uint32_t i = 0; i < kCapacity; ++i) times.push_back(1'000'000 * std::int64_t{i});
  s.feed(0, kCapacity, times);
  s.statistics.finish(s.sink);
  ASSERT_EQ(s.sink.windows.size(), kCapacity);
  EXPECT_EQ(s.sink.windows[5].head.window, 500'000U);
  EXPECT_EQ(s.sink.windows[5].channels[0].mean, 5);
}

TEST(Statistics, put_a_frame_whose_time_goes_back_into_the_open_window) {
  Stream s({duration(10)});
  s.feed(0, 6, {8, 9, 11, 9, 11, 21});
  EXPECT_THAT(s.sink.all(&WindowHead::frames), ElementsAre(2, 3));
  s.feed(6, 2, {19, 22});
  s.statistics.finish(s.sink);
  EXPECT_THAT(s.sink.all(&WindowHead::frames), ElementsAre(2, 3, 3));
  EXPECT_EQ(s.sink.windows[2].head.t_last_ns, 22);
}

TEST(Statistics, number_windows_before_the_clocks_zero_downwards) {
  Stream s({duration(10)});
  s.feed(0, 4, {-11, -10, -1, 0});
  s.statistics.finish(s.sink);
  std::vector<std::int64_t> numbers;
  for (const auto n : s.sink.all(&WindowHead::window)) numbers.push_back(static_cast<std::int64_t>(n));
  EXPECT_THAT(numbers, ElementsAre(-2, -1, 0));
}

TEST(Statistics, compute_times_from_the_period_without_adding_rounding_up) {
  StreamStatistics statistics(1, 8, 8, kCapacity, false, {duration(1'000'000'000)}, 1);
  Collector sink;
  std::vector<double> values(kCapacity, 1);
  for (std::uint64_t first = 0; first < 640; first += kCapacity) {  // 30 Hz: a frame every 33.3 ms
    const auto t = static_cast<std::int64_t>(std::llround(static_cast<double>(first) * 1e9 / 30));
    statistics.measure({.data = reinterpret_cast<const std::byte*>(values.data()),
                        .times_ns = nullptr,
                        .first_frame = first,
                        .frames = kCapacity,
                        .t_first_ns = t,
                        .period_ns = 1e9 / 30});
    statistics.merge(sink);
  }
  ASSERT_EQ(sink.windows.size(), 21U);
  for (const auto& w : sink.windows) EXPECT_EQ(w.head.frames, 30U);
}

// The end, and state

TEST(Statistics, finished_hand_out_the_shorter_last_window_once) {
  Stream s({frames(10), duration(100)});
  s.feed(0, 14);
  s.statistics.finish(s.sink);
  s.statistics.finish(s.sink);
  EXPECT_THAT(s.sink.all(&WindowHead::which), ElementsAre(0, 0, 1));
  EXPECT_THAT(s.sink.all(&WindowHead::frames), ElementsAre(10, 4, 14));
  EXPECT_THAT(s.sink.all(&WindowHead::missing), ElementsAre(0, 0, 0));
}

TEST(Statistics, of_a_stream_that_goes_on_after_its_end_put_every_frame_into_one_row) {
  Stream s({frames(10)});
  s.feed(0, 4);
  s.statistics.finish(s.sink);
  s.feed(5, 5);
  EXPECT_THAT(s.sink.all(&WindowHead::window), ElementsAre(0, 0));
  EXPECT_THAT(s.sink.all(&WindowHead::first_frame), ElementsAre(0, 5));
  EXPECT_THAT(s.sink.all(&WindowHead::missing), ElementsAre(0, 1));
}

TEST(Statistics, of_a_replay_played_again_open_the_windows_of_its_earlier_clock) {
  Stream s({duration(10)});
  s.feed(0, 4, {100, 105, 110, 115});
  s.statistics.finish(s.sink);
  s.feed(4, 4, {0, 5, 10, 15});
  s.statistics.finish(s.sink);
  EXPECT_THAT(s.sink.all(&WindowHead::window), ElementsAre(10, 11, 0, 1));
  EXPECT_THAT(s.sink.all(&WindowHead::frames), ElementsAre(2, 2, 2, 2));
  EXPECT_THAT(s.sink.all(&WindowHead::first_frame), ElementsAre(0, 2, 4, 6));
}

TEST(Statistics, of_a_window_that_an_end_split_hold_every_frame_once_and_go_on_with_the_next) {
  Stream s({frames(10), duration(10)});
  s.feed(0, 4);
  s.statistics.finish(s.sink);
  s.feed(4, 11);
  s.statistics.finish(s.sink);
  EXPECT_THAT(s.sink.all(&WindowHead::which), ElementsAre(0, 1, 0, 1, 0, 1));
  EXPECT_THAT(s.sink.all(&WindowHead::window), ElementsAre(0, 0, 0, 0, 1, 1));
  EXPECT_THAT(s.sink.all(&WindowHead::first_frame), ElementsAre(0, 0, 4, 4, 10, 10));
  EXPECT_THAT(s.sink.all(&WindowHead::frames), ElementsAre(4, 4, 6, 6, 5, 5));
  EXPECT_THAT(s.sink.all(&WindowHead::missing), testing::Each(0));
}

TEST(Statistics, of_an_infinite_value_do_not_spoil_the_windows_after_it) {
  StreamStatistics statistics(1, 8, 8, kCapacity, false, {frames(2)}, 1);
  Collector sink;
  const double values[] = {std::numeric_limits<double>::infinity(), 1, 2, 4};
  statistics.measure({.data = reinterpret_cast<const std::byte*>(values),
                      .times_ns = nullptr,
                      .first_frame = 0,
                      .frames = 2,
                      .t_first_ns = 0,
                      .period_ns = 1});
  statistics.merge(sink);
  statistics.measure({.data = reinterpret_cast<const std::byte*>(values + 2),
                      .times_ns = nullptr,
                      .first_frame = 2,
                      .frames = 2,
                      .t_first_ns = 2,
                      .period_ns = 1});
  statistics.merge(sink);
  EXPECT_EQ(sink.windows[0].channels[0].mean, std::numeric_limits<double>::infinity());
  EXPECT_EQ(sink.windows[1].channels[0].mean, 3);
  EXPECT_EQ(variance(sink.windows[1].channels[0]), 2);
}

}  // namespace
}  // namespace chappe::aggregator

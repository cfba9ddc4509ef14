#include <gmock/gmock.h>

#include <array>
#include <map>
#include <memory>
#include <random>

#include "aggregator/statistics.hpp"
#include "tests/aggregator/reference.hpp"

#if defined(__has_feature)
#define CHAPPE_HAS_SANITIZER (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CHAPPE_HAS_SANITIZER 1
#else
#define CHAPPE_HAS_SANITIZER 0
#endif
#if defined(__GLIBC__) && !CHAPPE_HAS_SANITIZER  // a sanitizer brings its own
#define CHAPPE_COUNTS_ALLOCATIONS
static std::size_t allocations = 0;  // this program has one thread
extern "C" void* __libc_malloc(std::size_t bytes);
extern "C" void* malloc(std::size_t bytes) {
  ++allocations;
  return __libc_malloc(bytes);
}
#endif

namespace chappe::aggregator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint32_t kCapacity = 64;

struct Closed {
  WindowHead head;
  std::vector<Moments> channels;
};

struct Collector final : ClosedSink {
  std::vector<Closed> windows;
  void closed(const WindowHead& head, std::span<const Moments> channels) noexcept override {
    windows.push_back({head, {channels.begin(), channels.end()}});
  }
  template <class T>
  [[nodiscard]] std::vector<T> all(T WindowHead::*member) const {
    std::vector<T> values;
    for (const auto& w : windows) values.push_back(w.head.*member);
    return values;
  }
};

config::Window frames(std::uint64_t n) { return {.frames = n, .duration_ns = 0}; }
config::Window duration(std::int64_t ns) { return {.frames = 0, .duration_ns = ns}; }

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
  const auto& [head, channels] = s.sink.windows[0];
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

/// Blocks of random values with NaN, gaps and clocks that go back, cut at random.
struct RandomStream {
  static constexpr std::size_t kChannels = 19;
  explicit RandomStream(unsigned seed) : random(seed) {}
  struct Block {
    std::vector<std::byte> bytes;
    std::vector<std::int64_t> times;
    std::uint64_t first;
    [[nodiscard]] BlockView view() const {
      return {.data = bytes.data(),
              .times_ns = times.data(),
              .first_frame = first,
              .frames = static_cast<std::uint32_t>(times.size()),
              .t_first_ns = times[0],
              .period_ns = 0};
    }
  };
  Block next() {
    std::normal_distribution<float> normal(1e5F, 10);
    if (uniform(10) == 0) first += uniform(90);
    Block block{.bytes = {}, .times = {}, .first = first};
    const std::size_t n = 1 + uniform(kCapacity);
    std::vector<std::vector<float>> columns(kChannels, std::vector<float>(n));
    for (std::size_t i = 0; i < n; ++i) {
      block.times.push_back(static_cast<std::int64_t>(100 * (first + i)) - static_cast<std::int64_t>(uniform(150)));
      for (auto& column : columns) column[i] = uniform(20) == 0 ? std::numeric_limits<float>::quiet_NaN() : normal(random);
    }
    columns[7].assign(n, std::numeric_limits<float>::quiet_NaN());
    first += n;
    block.bytes = interleave(columns, 128);
    return block;
  }
  std::uint64_t uniform(std::uint64_t n) { return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random); }
  std::mt19937_64 random;
  std::uint64_t first = 0;
};

std::vector<config::Window> random_windows() { return {frames(100), duration(7777), frames(33)}; }
StreamStatistics random_statistics() { return {RandomStream::kChannels, 4, 128, kCapacity, true, random_windows(), 1}; }

TEST(Statistics, restored_before_any_block_go_on_with_the_same_bits) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    RandomStream stream(seed);
    StreamStatistics straight = random_statistics();
    auto restarted = std::make_unique<StreamStatistics>(random_statistics());
    Collector a, b;
    for (int block = 0; block < 100; ++block) {
      const auto data = stream.next();
      straight.measure(data.view());
      straight.merge(a);
      auto next = std::make_unique<StreamStatistics>(random_statistics());
      for (std::size_t w = 0; w < next->windows(); ++w) next->restore(w, restarted->open(w), restarted->open_moments(w));
      restarted = std::move(next);
      restarted->measure(data.view());
      restarted->merge(b);
    }
    ASSERT_EQ(a.windows.size(), b.windows.size());
    ASSERT_GT(a.windows.size(), 50U);
    for (std::size_t i = 0; i < a.windows.size(); ++i) {
      EXPECT_EQ(a.windows[i].head.window, b.windows[i].head.window);
      EXPECT_EQ(a.windows[i].head.missing, b.windows[i].head.missing);
      EXPECT_EQ(a.windows[i].head.frames, b.windows[i].head.frames);
      for (std::size_t c = 0; c < RandomStream::kChannels; ++c) EXPECT_TRUE(same_bits(a.windows[i].channels[c], b.windows[i].channels[c]));
    }
  }
}

/// Frame by frame, with a map of what each window holds: slow and plain.
struct Plain {
  struct Window {
    std::uint64_t first = 0, frames = 0;
    std::vector<std::vector<float>> columns = std::vector<std::vector<float>>(RandomStream::kChannels);
  };
  std::map<std::pair<std::uint32_t, std::int64_t>, Window> windows;
  std::array<std::int64_t, 3> open{};
  void add(const RandomStream::Block& block) {
    const auto specs = random_windows();
    for (std::size_t i = 0; i < block.times.size(); ++i) {
      for (std::uint32_t w = 0; w < specs.size(); ++w) {
        const auto index = static_cast<std::int64_t>(block.first + i);
        const std::int64_t number = specs[w].frames > 0
                                        ? index / static_cast<std::int64_t>(specs[w].frames)
                                        : static_cast<std::int64_t>(std::floor(static_cast<double>(block.times[i]) / 7777.0));
        open[w] = windows.empty() ? number : std::max(open[w], number);
        Window& window = windows[{w, open[w]}];
        if (window.frames++ == 0) window.first = block.first + i;
        for (std::size_t c = 0; c < RandomStream::kChannels; ++c) {
          float value;
          std::memcpy(&value, &block.bytes[i * 128 + c * 4], 4);
          window.columns[c].push_back(value);
        }
      }
    }
  }
};

TEST(Statistics, of_random_blocks_are_those_of_a_plain_computation_in_long_double) {
  for (unsigned seed = 100; seed < 110; ++seed) {
    RandomStream stream(seed);
    StreamStatistics statistics = random_statistics();
    Collector sink;
    Plain plain;
    plain.open.fill(std::numeric_limits<std::int64_t>::min());
    for (int block = 0; block < 100; ++block) {
      const auto data = stream.next();
      statistics.measure(data.view());
      statistics.merge(sink);
      plain.add(data);
    }
    statistics.finish(sink);
    ASSERT_EQ(sink.windows.size(), plain.windows.size());
    for (const auto& [head, channels] : sink.windows) {
      const auto& expected = plain.windows.at({head.which, static_cast<std::int64_t>(head.window)});
      EXPECT_EQ(head.first_frame, expected.first);
      EXPECT_EQ(head.frames, expected.frames);
      for (std::size_t c = 0; c < RandomStream::kChannels; ++c) {
        const Reference r = reference(expected.columns[c]);
        EXPECT_EQ(channels[c].count, r.count);
        EXPECT_EQ(channels[c].nan, r.nan);
        if (r.count < 2) continue;
        const double mean_error = rounding_of_means(r, static_cast<std::size_t>(head.frames));
        EXPECT_NEAR(channels[c].mean, static_cast<double>(r.mean), mean_error);
        EXPECT_NEAR(variance(channels[c]), r.variance(), 1e-9 * r.variance() + variance_error(r, mean_error));
        EXPECT_EQ(channels[c].min, r.min);
        EXPECT_EQ(channels[c].max, r.max);
      }
    }
  }
}

#ifdef CHAPPE_COUNTS_ALLOCATIONS
TEST(Statistics, allocate_nothing_after_construction) {
  struct Nowhere final : ClosedSink {
    std::size_t windows = 0;
    void closed(const WindowHead&, std::span<const Moments>) noexcept override { ++windows; }
  } sink;
  RandomStream stream(1);
  std::vector<RandomStream::Block> blocks;
  for (int i = 0; i < 50; ++i) blocks.push_back(stream.next());
  StreamStatistics statistics = random_statistics();
  const std::size_t before = allocations;
  for (const auto& block : blocks) {
    statistics.measure(block.view());
    statistics.merge(sink);
  }
  statistics.finish(sink);
  EXPECT_EQ(allocations, before);
  EXPECT_GT(sink.windows, 10U);
}
#endif

TEST(Statistics, merge_all_channels_at_once_as_merge_does_one_by_one) {
  RandomStream stream(7);
  StreamStatistics statistics(RandomStream::kChannels, 4, 128, kCapacity, true, {frames(1'000'000)}, 1);
  Collector sink;
  std::vector<Moments> one_by_one(RandomStream::kChannels);
  for (int block = 0; block < 30; ++block) {
    const auto data = stream.next();
    std::vector<double> shift;
    for (const Moments& m : one_by_one) shift.push_back(m.count + m.nan > 0 ? m.mean : kNan);
    std::vector<Moments> moments(RandomStream::kChannels);
    block_moments(data.bytes.data(), data.times.size(), 128, 4, shift, moments);
    for (std::size_t c = 0; c < moments.size(); ++c) merge(one_by_one[c], moments[c]);
    statistics.measure(data.view());
    statistics.merge(sink);
  }
  for (std::size_t c = 0; c < one_by_one.size(); ++c) EXPECT_TRUE(same_bits(statistics.open_moments(0)[c], one_by_one[c])) << c;
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

// Random blocks with gaps, NaN and clocks that go back: against a plain computation, across restarts, and without allocations.
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <random>

#include "tests/aggregator/windows.hpp"

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
StreamStatistics random_statistics() { return {RandomStream::kChannels, 4, 128, kCapacity, true, random_windows(), 1, 0, true}; }

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
      for (std::size_t w = 0; w < next->windows(); ++w)
        next->restore(w, restarted->open(w), restarted->open_moments(w), restarted->open_shapes(w));
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
      for (std::size_t c = 0; c < RandomStream::kChannels; ++c) {
        EXPECT_TRUE(same_bits(a.windows[i].channels[c], b.windows[i].channels[c]));
        EXPECT_TRUE(same_bits(a.windows[i].shapes[c], b.windows[i].shapes[c]));
      }
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
    for (const auto& [head, channels, shapes] : sink.windows) {
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
    void closed(const WindowHead&, std::span<const Moments>, std::span<const Shape>) noexcept override { ++windows; }
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
  std::vector<Moments> one_by_one(RandomStream::kChannels), at_once(RandomStream::kChannels);
  for (int block = 0; block < 30; ++block) {
    const auto data = stream.next();
    std::vector<double> shift;
    for (const Moments& m : one_by_one) shift.push_back(m.count + m.nan > 0 ? m.mean : kNan);
    std::vector<Moments> moments(RandomStream::kChannels);
    block_moments(data.bytes.data(), data.times.size(), 128, 4, shift, moments);
    for (std::size_t c = 0; c < moments.size(); ++c) merge(one_by_one[c], moments[c]);
    merge_all(at_once, moments);
  }
  for (std::size_t c = 0; c < one_by_one.size(); ++c) EXPECT_TRUE(same_bits(at_once[c], one_by_one[c])) << c;
}

}  // namespace
}  // namespace chappe::aggregator

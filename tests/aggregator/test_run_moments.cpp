#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <random>
#include <string>

#include "aggregator/run_moments.hpp"
#include "aggregator/statistics.hpp"
#include "tests/aggregator/reference.hpp"

namespace chappe::aggregator {
namespace {

using Columns = std::vector<std::vector<float>>;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Columns noise(std::size_t channels, std::size_t frames, double offset, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Columns columns(channels, std::vector<float>(frames));
  for (auto& column : columns) {
    for (float& x : column) x = static_cast<float>(offset + normal(random));
  }
  return columns;
}

struct Discard final : ClosedSink {
  void closed(const WindowHead&, std::span<const Moments>, std::span<const Shape>) noexcept override {}
};

/// As the producer lays a frame out: the next power of two up to 64 bytes, then a multiple of 64.
std::size_t stride_of(std::size_t channels) {
  std::size_t stride = 4;
  while (stride < channels * 4) stride = stride < 64 ? 2 * stride : stride + 64;
  return stride;
}

/// Measured twice, as blocks that follow each other are: the second time around the first's mean.
std::vector<Moments> moments_of(const Columns& columns, std::vector<Moments> window = {}) {
  const std::size_t channels = columns.size();
  window.resize(channels);
  const auto bytes = interleave(columns, stride_of(channels));
  RunMoments run(channels);
  run.measure(bytes.data(), columns[0].size(), stride_of(channels), window);
  run.merge_into(window);
  return window;
}

void expect_close(const Moments& m, const std::vector<float>& values) {
  const Reference r = reference(values);
  EXPECT_EQ(m.count, r.count);
  EXPECT_EQ(m.nan, r.nan);
  EXPECT_EQ(m.min, r.min);
  EXPECT_EQ(m.max, r.max);
  EXPECT_TRUE(same_bits(m.last, r.last) || (std::isnan(m.last) && std::isnan(r.last)));
  EXPECT_NEAR(m.mean, static_cast<double>(r.mean), rounding_of_means(r, 1));
  if (r.count > 1) {
    EXPECT_NEAR(variance(m), r.variance(), 1e-12 * r.variance() + variance_error(r, rounding_of_means(r, 1)));
  }
}

TEST(RunMoments, are_right_for_every_number_of_channels_and_frames) {
  for (const std::size_t channels : std::initializer_list<std::size_t>{1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100}) {
    for (const std::size_t frames : std::initializer_list<std::size_t>{1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 64, 333}) {
      for (const double offset : {0.0, 5.0, 20'000.0}) {
        SCOPED_TRACE(testing::Message() << channels << " channels, " << frames << " frames, offset " << offset);
        const auto first = noise(channels, frames, offset, 1), second = noise(channels, frames, offset, 2);
        const auto once = moments_of(first);
        auto both = first;
        for (std::size_t c = 0; c < channels; ++c) {
          expect_close(once[c], first[c]);
          both[c].insert(both[c].end(), second[c].begin(), second[c].end());
        }
        const auto twice = moments_of(second, once);
        for (std::size_t c = 0; c < channels; ++c) expect_close(twice[c], both[c]);
      }
    }
  }
}

TEST(RunMoments, of_one_odd_channel_are_right_and_so_are_its_neighbours) {
  const std::vector<std::vector<float>> odd = {{kNan, 1, kNan, 2}, {1e30F, 0, 0, 1}, {7, 7, 7, 7}, {-1e-40F, 1e-40F, 0, 3e-41F}};
  for (const auto& pattern : odd) {
    for (const std::size_t channels : {std::size_t{3}, std::size_t{40}}) {
      auto columns = noise(channels, 64, 100, 3);
      for (std::size_t f = 0; f < 64; ++f) columns[1][f] = pattern[f % 4];
      const auto moments = moments_of(columns, moments_of(noise(channels, 64, 100, 4)));
      for (std::size_t c = 0; c < channels; ++c) {
        auto all = noise(channels, 64, 100, 4)[c];
        all.insert(all.end(), columns[c].begin(), columns[c].end());
        expect_close(moments[c], all);
      }
    }
  }
}

TEST(RunMoments, of_infinity_and_of_nothing_but_nan_are_those_of_the_careful_kernel) {
  for (const float value : {kInfinity, -kInfinity, kNan}) {
    const Columns columns(20, std::vector<float>(64, value));
    const auto moments = moments_of(columns);
    std::vector<Moments> careful(20);
    block_moments(interleave(columns, stride_of(20)).data(), 64, stride_of(20), 4, std::vector<double>(20, kNan), careful);
    for (std::size_t c = 0; c < 20; ++c) EXPECT_TRUE(same_bits(moments[c], careful[c]) || std::isnan(careful[c].mean)) << value;
  }
}

TEST(RunMoments, lose_nothing_of_unit_noise_on_an_offset_of_1e7) {
  const auto columns = noise(16, 256, 1e7, 5);
  const auto first = moments_of(columns);
  auto both = columns[0];
  both.insert(both.end(), columns[0].begin(), columns[0].end());
  expect_close(first[0], columns[0]);
  expect_close(moments_of(columns, first)[0], both);
}

TEST(RunMoments, lose_nothing_where_a_drift_is_far_larger_than_the_noise) {
  for (const std::size_t channels : {std::size_t{3}, std::size_t{16}}) {
    const auto near = noise(channels, 64, 100, 6), far = noise(channels, 64, 500'000, 7);
    const auto moments = moments_of(far, moments_of(near));
    for (std::size_t c = 0; c < channels; ++c) {
      auto both = near[c];
      both.insert(both.end(), far[c].begin(), far[c].end());
      expect_close(moments[c], both);
    }
  }
}

/// The block ends where readable memory ends. Strides that no producer lays out are the careful kernel's.
TEST(RunMoments, and_the_statistics_never_read_beyond_the_last_frame) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* memory = ::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  ASSERT_EQ(::mprotect(static_cast<std::byte*>(memory) + page, page, PROT_NONE), 0);
  for (std::size_t channels = 1; channels <= 40; ++channels) {
    for (const std::size_t stride : {channels * sizeof(float), stride_of(channels)}) {
      for (std::size_t frames = 1; frames <= 20; ++frames) {
        StreamStatistics statistics(channels, sizeof(float), stride, frames, false, {{.frames = 1'000, .duration_ns = 0}}, 1);
        Discard sink;
        statistics.measure(
            {.data = static_cast<std::byte*>(memory) + page - frames * stride, .frames = static_cast<std::uint32_t>(frames)});
        statistics.merge(sink);
        EXPECT_EQ(statistics.open_moments(0)[channels - 1].count, frames);
      }
    }
  }
  ::munmap(memory, 2 * page);
}

/// Rows of 16 values a tile in [low, high).
std::vector<std::byte> rows_of(std::size_t tiles, std::size_t rows, float low, float high, unsigned seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> any(low, high);
  std::vector<std::byte> bytes(tiles * rows * kLanes * sizeof(float));
  for (std::size_t i = 0; i < tiles * rows * kLanes; ++i) {
    const float x = any(random);
    std::memcpy(&bytes[i * sizeof x], &x, sizeof x);
  }
  return bytes;
}

// The units of this machine against the arithmetic of lanes.hpp, one lane at a time.
TEST(Lanes, have_the_same_bits_in_every_unit) {
  constexpr std::size_t kTiles = 3;
  const std::size_t step = kTiles * kLanes * sizeof(float);
  for (const LaneUnit& unit : lane_units()) {
    for (const float shift : {0.0F, 20.0F, -20.0F}) {
      for (const std::size_t rows : std::initializer_list<std::size_t>{1, 2, 7, 9, 100}) {
        SCOPED_TRACE(std::string(unit.name) + ", shift " + std::to_string(shift) + ", rows " + std::to_string(rows));
        const float middle = shift == 0 ? 1 : shift, reach = std::fabs(middle) / 5;
        const auto bytes = rows_of(kTiles, rows, middle - reach, middle + reach, static_cast<unsigned>(rows));
        const std::vector<float> shifts(kTiles * kLanes, shift);
        std::array<LaneSums, kTiles> sums;
        const bool verdict =
            unit.add({.data = bytes.data(), .rows = rows, .step = step, .tiles = kTiles, .shift = shifts.data()}, sums.data());
        bool sound = true;
        for (std::size_t lane = 0; lane < kTiles * kLanes; ++lane) {
          double sum = 0, squares = 0;
          float min = 0, max = 0;
          for (std::size_t r = 0; r < rows; ++r) {
            float x = 0;
            std::memcpy(&x, &bytes[r * step + lane * sizeof x], sizeof x);
            const double d = static_cast<double>(x) - static_cast<double>(shift);
            EXPECT_EQ(static_cast<double>(static_cast<float>(d)), d) << "the difference is not exact";
            sum += d;
            squares += d * d;
            min = r == 0 ? x : std::min(min, x);
            max = r == 0 ? x : std::max(max, x);
          }
          const LaneSums& s = sums[lane / kLanes];
          ASSERT_TRUE(same_bits(s.sum[lane % kLanes], sum) && same_bits(s.squares[lane % kLanes], squares)) << lane;
          ASSERT_TRUE(s.min[lane % kLanes] == min && s.max[lane % kLanes] == max) << lane;
          sound &= is_sound(s, lane % kLanes, shift, rows);
        }
        EXPECT_EQ(verdict, sound);
        if (rows > 2) {  // the variance of two values may be anything
          EXPECT_TRUE(verdict);
        }
      }
    }
  }
}

TEST(Lanes, say_of_each_single_odd_value_that_it_is_not_sound) {
  for (const LaneUnit& unit : lane_units()) {
    for (const float odd : {kNan, kInfinity, -kInfinity, 30.0F, 14.0F}) {
      for (std::size_t lane = 0; lane < 2 * kLanes; ++lane) {
        for (const std::size_t row : {std::size_t{0}, std::size_t{4}, std::size_t{9}}) {
          auto bytes = rows_of(2, 10, 19, 21, 7);
          std::memcpy(&bytes[(row * 2 * kLanes + lane) * sizeof odd], &odd, sizeof odd);
          const std::vector<float> shifts(2 * kLanes, 20);
          std::array<LaneSums, 2> sums;
          const LaneRows rows{.data = bytes.data(), .rows = 10, .step = 2 * kLanes * sizeof(float), .tiles = 2, .shift = shifts.data()};
          EXPECT_FALSE(unit.add(rows, sums.data())) << unit.name << ", lane " << lane << ", row " << row << ", " << odd;
          EXPECT_FALSE(is_sound(sums[lane / kLanes], lane % kLanes, 20, 10));
        }
      }
    }
  }
}

TEST(Lanes, take_their_first_value_for_a_shift_only_where_others_lie_near_it) {
  const auto shifts_of = [](const LaneUnit& unit, float first, float second, float third) {
    std::vector<float> values(kLanes * 9, first), shift(kLanes);
    std::fill_n(&values[kLanes * 4], kLanes, second);
    std::fill_n(&values[kLanes * 8], kLanes, third);
    const auto* data = reinterpret_cast<const std::byte*>(values.data());
    unit.choose({.data = data, .rows = 9, .step = kLanes * sizeof(float), .tiles = 1, .shift = nullptr}, shift.data());
    for (const float s : shift) EXPECT_EQ(s, shift[0]) << unit.name;
    return shift[0];
  };
  for (const LaneUnit& unit : lane_units()) {
    EXPECT_EQ(shifts_of(unit, 20, 19, 21), 20.0F);
    EXPECT_EQ(shifts_of(unit, -20, -21, -19), -20.0F);
    EXPECT_EQ(shifts_of(unit, 20, 19, 30), 0.0F);
    EXPECT_EQ(shifts_of(unit, 20, 10, 20), 0.0F);
    EXPECT_EQ(shifts_of(unit, 0, -1, 1), 0.0F);
    EXPECT_EQ(shifts_of(unit, 20, kNan, 20), 20.0F) << "what the sums will say";
    EXPECT_EQ(shifts_of(unit, 20, kInfinity, 20), 0.0F);
  }
}

}  // namespace
}  // namespace chappe::aggregator

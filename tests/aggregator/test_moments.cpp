#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <random>

#include "aggregator/moments.hpp"
#include "tests/aggregator/reference.hpp"

namespace chappe::aggregator {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class T>
using Columns = std::vector<std::vector<T>>;

template <class T>
std::vector<Moments> moments_of(const Columns<T>& columns, std::size_t stride, double shift = kNan) {
  const auto bytes = interleave(columns, stride);
  std::vector<Moments> out(columns.size(), Moments{.count = 7, .nan = 7, .mean = 7, .m2 = 7, .min = 7, .max = 7, .last = 7});
  block_moments(bytes.data(), columns[0].size(), stride, sizeof(T), std::vector<double>(columns.size(), shift), out);
  return out;
}

template <class T>
Columns<T> noise(std::size_t channels, std::size_t frames, double offset, unsigned seed = 1) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Columns<T> columns(channels, std::vector<T>(frames));
  for (auto& column : columns) {
    for (T& x : column) x = static_cast<T>(offset + normal(random));
  }
  return columns;
}

template <class T>
void expect_close(const Moments& m, const std::vector<T>& values) {
  const Reference r = reference(values);
  EXPECT_EQ(m.count, r.count);
  EXPECT_EQ(m.nan, r.nan);
  EXPECT_TRUE(same_bits(m.last, r.last) || (std::isnan(m.last) && std::isnan(r.last)));
  if (r.count == 0) return;
  EXPECT_EQ(m.min, r.min);
  EXPECT_EQ(m.max, r.max);
  // A rounded mean cannot be nearer than an epsilon of the largest value.
  EXPECT_NEAR(m.mean, static_cast<double>(r.mean), 4 * std::numeric_limits<double>::epsilon() * static_cast<double>(r.largest));
  if (r.count > 1) {
    EXPECT_NEAR(variance(m), r.variance(), 1e-9 * r.variance());
  }
  EXPECT_NEAR(rms(m), r.rms(), 1e-12 * r.rms());
}

/// Every shape that the kernel treats apart: several frames to a row with a remainder, whole rows, a part row at the end of a frame.
template <class T>
void expect_every_shape_right() {
  for (const std::size_t channels : std::initializer_list<std::size_t>{1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 32, 73}) {
    for (const std::size_t padding : std::initializer_list<std::size_t>{0, 1, 5, 16}) {
      for (const std::size_t frames : std::initializer_list<std::size_t>{1, 2, 3, 7, 8, 9, 64, 333}) {
        const auto columns = noise<T>(channels, frames, 5, static_cast<unsigned>(channels * 1000 + frames));
        const auto moments = moments_of(columns, (channels + padding) * sizeof(T));
        SCOPED_TRACE(testing::Message() << channels << " channels, padding " << padding << ", frames " << frames);
        for (std::size_t c = 0; c < channels; ++c) expect_close(moments[c], columns[c]);
      }
    }
  }
}
TEST(Moments, are_right_for_every_number_of_channels_stride_and_frames_in_f32) { expect_every_shape_right<float>(); }
TEST(Moments, are_right_for_every_number_of_channels_stride_and_frames_in_f64) { expect_every_shape_right<double>(); }

TEST(Moments, keep_the_variance_of_unit_noise_on_an_offset_of_1e7_in_f32) {
  for (const double shift : {kNan, 0.0, 1e7, -3e9}) {
    const auto columns = noise<float>(5, 1000, 1e7);
    const auto moments = moments_of(columns, 32, shift);
    for (std::size_t c = 0; c < 5; ++c) expect_close(moments[c], columns[c]);
  }
}

TEST(Moments, keep_the_variance_of_unit_noise_on_an_offset_of_1e9_in_f64) {
  for (const double shift : {kNan, kInfinity, 0.0, 1e9, 1e9 + 1e5, -1e15}) {
    const auto columns = noise<double>(5, 1000, 1e9);
    const auto moments = moments_of(columns, 64, shift);
    for (std::size_t c = 0; c < 5; ++c) expect_close(moments[c], columns[c]);
  }
}

TEST(Moments, survive_an_absurd_finite_shift) {
  for (const double shift : {1e300, -1.7e308}) {
    const auto columns = noise<double>(2, 1000, 3);
    const auto moments = moments_of(columns, 16, shift);
    for (std::size_t c = 0; c < 2; ++c) EXPECT_NEAR(variance(moments[c]), reference(columns[c]).variance(), 1e-9);
  }
}

TEST(Moments, leave_nan_out_and_count_it) {
  std::mt19937 random(3);
  for (const double share : {0.01, 0.5, 0.99}) {
    auto columns = noise<float>(4, 500, 100);
    std::bernoulli_distribution is_nan(share);
    for (auto& column : columns) {
      for (float& x : column) x = is_nan(random) ? std::numeric_limits<float>::quiet_NaN() : x;
    }
    const auto moments = moments_of(columns, 16);
    for (std::size_t c = 0; c < 4; ++c) expect_close(moments[c], columns[c]);
  }
}

TEST(Moments, of_nothing_but_nan_are_those_of_no_value) {
  const auto moments = moments_of<double>({{kNan, kNan, kNan}}, 8);
  EXPECT_EQ(moments[0].count, 0U);
  EXPECT_EQ(moments[0].nan, 3U);
  EXPECT_EQ(moments[0].mean, 0);
  EXPECT_EQ(moments[0].m2, 0);
  EXPECT_EQ(moments[0].min, kInfinity);
  EXPECT_EQ(moments[0].max, -kInfinity);
  EXPECT_TRUE(std::isnan(moments[0].last));
  EXPECT_TRUE(std::isnan(variance(moments[0])));
  EXPECT_TRUE(std::isnan(rms(moments[0])));
}

TEST(Moments, find_their_own_shift_behind_leading_nan_and_infinity) {
  auto columns = noise<double>(1, 1000, 1e9);
  columns[0][0] = columns[0][1] = kNan;
  expect_close(moments_of(columns, 8)[0], columns[0]);
  columns[0][2] = kInfinity;
  EXPECT_EQ(moments_of(columns, 8)[0].count, 998U);
}

TEST(Moments, take_an_infinite_sample_as_a_value) {
  const auto moments = moments_of<double>({{1, kInfinity, 3}, {1, 2, 3}}, 16);
  EXPECT_EQ(moments[0].count, 3U);
  EXPECT_EQ(moments[0].mean, kInfinity);
  EXPECT_TRUE(std::isnan(moments[0].m2));
  EXPECT_EQ(moments[0].max, kInfinity);
  EXPECT_EQ(moments[0].min, 1);
  EXPECT_EQ(moments[1].mean, 2);  // the neighbour is not touched
}

TEST(Moments, of_a_constant_channel_have_no_variance_at_all) {
  for (const double shift : {kNan, 0.1, 0.0, 4.7})
    EXPECT_LT(variance(moments_of<double>({std::vector<double>(777, 0.1)}, 8, shift)[0]), 1e-33);
}

TEST(Moments, of_no_frames_are_empty) {
  std::vector<Moments> out(2, Moments{.count = 5});
  block_moments(nullptr, 0, 16, 8, std::vector<double>(2, 0.0), out);
  EXPECT_EQ(out[0].count, 0U);
  EXPECT_EQ(out[1].min, kInfinity);
}

/// The block ends where readable memory ends.
template <class T>
void expect_no_byte_beyond_the_last_frame_is_read() {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* memory = ::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  ASSERT_EQ(::mprotect(static_cast<std::byte*>(memory) + page, page, PROT_NONE), 0);
  for (std::size_t channels = 1; channels <= 20; ++channels) {
    for (std::size_t frames = 1; frames <= 20; ++frames) {
      const std::size_t stride = channels * sizeof(T);
      std::vector<Moments> out(channels);
      block_moments(static_cast<std::byte*>(memory) + page - frames * stride, frames, stride, sizeof(T), std::vector<double>(channels, 0.0),
                    out);
      EXPECT_EQ(out[channels - 1].count, frames);
    }
  }
  ::munmap(memory, 2 * page);
}
TEST(Moments, never_read_beyond_the_last_frame) {
  expect_no_byte_beyond_the_last_frame_is_read<float>();
  expect_no_byte_beyond_the_last_frame_is_read<double>();
}

TEST(Moments, take_values_that_are_not_aligned) {
  const auto columns = noise<float>(4, 100, 1);
  auto bytes = interleave(columns, 16);
  bytes.insert(bytes.begin(), std::byte{});
  std::vector<Moments> out(4);
  block_moments(bytes.data() + 1, 100, 16, 4, std::vector<double>(4, 0.0), out);
  expect_close(out[3], columns[3]);
}

TEST(Moments, merged_from_random_splits_are_those_of_the_whole) {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    const std::size_t frames = std::uniform_int_distribution<std::size_t>(2, 2000)(random);
    auto columns = noise<double>(1, frames, round % 2 == 0 ? 1e9 : -3, static_cast<unsigned>(round));
    std::bernoulli_distribution is_nan(round % 3 == 0 ? 0.3 : 0.0);
    for (double& x : columns[0]) x = is_nan(random) ? kNan : x;
    Moments whole;
    std::size_t merges = 0;
    for (std::size_t at = 0; at < frames; ++merges) {
      const std::size_t n = std::min(frames - at, std::uniform_int_distribution<std::size_t>(1, 200)(random));
      const auto from = columns[0].begin() + static_cast<std::ptrdiff_t>(at);
      merge(whole, moments_of<double>({{from, from + static_cast<std::ptrdiff_t>(n)}}, 8)[0]);
      at += n;
    }
    const Reference r = reference(columns[0]);
    ASSERT_EQ(whole.count, r.count);
    ASSERT_EQ(whole.nan, r.nan);
    EXPECT_EQ(whole.min, r.min);
    EXPECT_EQ(whole.max, r.max);
    const double mean_error = rounding_of_means(r, merges);
    EXPECT_NEAR(whole.mean, static_cast<double>(r.mean), mean_error + 1e-13);
    if (r.count > 1) {
      EXPECT_NEAR(variance(whole), r.variance(), 1e-9 * r.variance() + variance_error(r, mean_error));
    }
  }
}

TEST(Moments, merged_with_nothing_stay_the_same_bits) {
  const Moments some = moments_of<double>({{1, 2, 4}}, 8)[0];
  Moments a = some;
  merge(a, Moments{});
  EXPECT_TRUE(same_bits(a, some));
  Moments b;
  merge(b, some);
  EXPECT_TRUE(same_bits(b, some));
}

TEST(Moments, merged_with_nan_alone_only_count_it_and_remember_it_as_last) {
  Moments a = moments_of<double>({{1, 2, 4}}, 8)[0];
  const double mean = a.mean;
  merge(a, moments_of<double>({{kNan, kNan}}, 8)[0]);
  EXPECT_EQ(a.count, 3U);
  EXPECT_EQ(a.nan, 2U);
  EXPECT_EQ(a.mean, mean);
  EXPECT_TRUE(std::isnan(a.last));
}

TEST(Moments, of_one_value_have_an_rms_and_no_variance) {
  const Moments m = moments_of<float>({{-3}}, 4)[0];
  EXPECT_TRUE(std::isnan(variance(m)));
  EXPECT_EQ(rms(m), 3);
  EXPECT_EQ(m.last, -3);
}

}  // namespace
}  // namespace chappe::aggregator

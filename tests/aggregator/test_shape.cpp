// Shapes against a plain computation in long double over the stored values, in one piece and merged from any.
#include "aggregator/shape.hpp"

#include <random>

#include "shm/figures.hpp"
#include "tests/aggregator/windows.hpp"

namespace chappe::aggregator {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// With the sums of absolute powers, which bound what rounding does to m3 and m4.
struct PlainShape {
  long double m3 = 0, m4 = 0, absolute3 = 0;
  std::size_t at_min = 0, at_max = 0;
  std::uint64_t crossings = 0, flat = 0;
};

template <class T>
PlainShape plain_shape(const std::vector<T>& values) {
  PlainShape s;
  const Reference r = reference(values);
  const auto at = [&](double wanted) {
    return static_cast<std::size_t>(std::ranges::find(values, static_cast<T>(wanted)) - values.begin());
  };
  if (r.count > 0) {
    s.at_min = at(r.min);
    s.at_max = at(r.max);
  }
  // The mean itself, at 1e9, is too coarse even in long double; that of the distances from the minimum is not.
  long double mean = 0;
  for (const T x : values) mean += std::isnan(x) ? 0 : (static_cast<long double>(x) - r.min) / static_cast<long double>(r.count);
  std::uint64_t run = 0;
  double before = kNan, signed_before = 0;
  for (const T value : values) {
    const double x = static_cast<double>(value);
    run = std::isnan(x) ? 0 : x == before ? run + 1 : 1;
    s.flat = std::max(s.flat, run);
    before = x;
    if (std::isnan(x)) continue;
    const long double d = static_cast<long double>(x) - r.min - mean;
    s.m3 += d * d * d;
    s.m4 += d * d * d * d;
    s.absolute3 += std::fabs(d * d * d);
    if (x == 0) continue;
    if (x * signed_before < 0) ++s.crossings;
    signed_before = x < 0 ? -1 : 1;
  }
  return s;
}

/// Values that repeat, vanish, change their sign and are missing, around `offset`.
template <class T>
std::vector<T> lively(std::mt19937_64& random, std::size_t n, double offset) {
  std::normal_distribution<double> normal(0, 1);
  std::uniform_int_distribution<int> percent(0, 99);
  std::vector<T> values;
  for (std::size_t i = 0; i < n; ++i) {
    const int p = percent(random);
    if (p < 5)
      values.push_back(std::numeric_limits<T>::quiet_NaN());
    else if (p < 10)
      values.push_back(0);
    else if (p < 40 && i > 0)
      values.push_back(values.back());
    else
      values.push_back(static_cast<T>(offset + normal(random)));
  }
  return values;
}

struct Both {
  Moments moments;
  Shape shape;
};

/// Of one channel, f32 or f64, from frame `first` of its stream on: t_min_ns and t_max_ns are indices.
template <class T>
Both measured(const std::vector<T>& values, std::int64_t first = 0) {
  Both b;
  const double shift = kNan;
  const auto bytes = interleave<T>({values}, sizeof(T));
  block_moments(bytes.data(), values.size(), sizeof(T), sizeof(T), {&shift, 1}, {&b.moments, 1});
  block_shape(bytes.data(), values.size(), sizeof(T), sizeof(T), {&b.moments, 1}, {&b.shape, 1});
  b.shape.t_min_ns += first;
  b.shape.t_max_ns += first;
  return b;
}

/// Each of n terms and each merge rounds a few times by half an epsilon of at most the sum of the absolute powers; the mean that they are
/// taken around is off by at most as many epsilons of the deviation.
void expect_close(const Shape& s, const PlainShape& p, std::uint64_t count) {
  const double epsilons = 16 * static_cast<double>(count) * std::numeric_limits<double>::epsilon();
  EXPECT_NEAR(s.m3, static_cast<double>(p.m3), epsilons * static_cast<double>(p.absolute3));
  EXPECT_NEAR(s.m4, static_cast<double>(p.m4), epsilons * static_cast<double>(p.m4));
  EXPECT_EQ(s.zero_crossings, p.crossings);
  EXPECT_EQ(s.flat, p.flat);
  if (count == 0) return;
  EXPECT_EQ(s.t_min_ns, static_cast<std::int64_t>(p.at_min));
  EXPECT_EQ(s.t_max_ns, static_cast<std::int64_t>(p.at_max));
}

template <class T>
void expect_right_for_any_number_of_channels() {
  std::mt19937_64 random(1);
  for (std::size_t channels = 1; channels <= 19; ++channels) {
    std::vector<std::vector<T>> columns;
    for (std::size_t c = 0; c < channels; ++c) columns.push_back(lively<T>(random, 300 + channels, static_cast<double>(c % 3)));
    const std::size_t stride = (channels + channels % 4) * sizeof(T), frames = columns[0].size();
    const auto bytes = interleave(columns, stride);
    std::vector<Moments> moments(channels);
    std::vector<Shape> shapes(channels);
    block_moments(bytes.data(), frames, stride, sizeof(T), std::vector<double>(channels, kNan), moments);
    block_shape(bytes.data(), frames, stride, sizeof(T), moments, shapes);
    for (std::size_t c = 0; c < channels; ++c) {
      expect_close(shapes[c], plain_shape(columns[c]), moments[c].count);
      const Both alone = measured(columns[c]);
      if (!same_bits(alone.moments, moments[c])) continue;
      EXPECT_TRUE(same_bits(alone.shape, shapes[c])) << "a lane's width changes no bit";
    }
  }
}

TEST(Shape, is_that_of_a_plain_computation_for_any_number_of_channels) {
  expect_right_for_any_number_of_channels<float>();
  expect_right_for_any_number_of_channels<double>();
}

TEST(Shape, merged_from_any_pieces_is_that_of_the_whole) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 200; ++round) {
    const auto values = lively<double>(random, 1 + random() % 2'000, round % 4 == 0 ? 1e9 : round % 4);
    Both whole;
    for (std::size_t at = 0; at < values.size();) {
      const std::size_t n = 1 + random() % std::min<std::size_t>(values.size() - at, round % 3 == 0 ? 3 : 700);
      const auto from = values.begin() + static_cast<std::ptrdiff_t>(at);
      const Both piece = measured<double>({from, from + static_cast<std::ptrdiff_t>(n)}, static_cast<std::int64_t>(at));
      merge(whole.shape, whole.moments, piece.shape, piece.moments);
      merge(whole.moments, piece.moments);
      at += n;
    }
    expect_close(whole.shape, plain_shape(values), whole.moments.count);
  }
}

TEST(Shape, of_pieces_merged_in_another_grouping_is_the_same) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 100; ++round) {
    std::vector<Both> pieces;
    std::vector<double> all;
    for (int i = 0; i < 3; ++i) {
      const auto values = lively<double>(random, 1 + random() % 9, 0.5);
      pieces.push_back(measured(values, static_cast<std::int64_t>(all.size())));
      all.insert(all.end(), values.begin(), values.end());
    }
    Both behind = pieces[1];
    merge(behind.shape, behind.moments, pieces[2].shape, pieces[2].moments);
    merge(behind.moments, pieces[2].moments);
    Both whole = pieces[0];
    merge(whole.shape, whole.moments, behind.shape, behind.moments);
    merge(whole.moments, behind.moments);
    expect_close(whole.shape, plain_shape(all), whole.moments.count);
    EXPECT_EQ(whole.shape.flat_head, measured(all).shape.flat_head);
    EXPECT_EQ(whole.shape.flat_tail, measured(all).shape.flat_tail);
  }
}

TEST(Shape, without_values_has_no_run_and_no_crossing) {
  const Both b = measured<double>({kNan, kNan});
  EXPECT_EQ(b.shape.flat + b.shape.flat_head + b.shape.flat_tail + b.shape.zero_crossings, 0U);
  EXPECT_EQ(b.shape.m3, 0);
  Both one = measured<double>({7});
  merge(one.shape, one.moments, b.shape, b.moments);
  EXPECT_EQ(one.shape.flat, 1U);
  EXPECT_EQ(one.shape.flat_tail, 0U);
}

TEST(Shape, counts_infinities_as_values_that_have_a_sign_and_an_instant) {
  const Both b = measured<double>({1, -kInfinity, -kInfinity, 2, kInfinity});
  EXPECT_EQ(b.shape.t_min_ns, 1);
  EXPECT_EQ(b.shape.t_max_ns, 4);
  EXPECT_EQ(b.shape.zero_crossings, 2U);
  EXPECT_EQ(b.shape.flat, 2U);
  EXPECT_TRUE(std::isnan(b.shape.m3));
}

TEST(Shape, takes_negative_zero_for_zero) {
  const Both b = measured<double>({1, -0.0, 0.0, 1});
  EXPECT_EQ(b.shape.zero_crossings, 0U);
  EXPECT_EQ(b.shape.flat, 2U);
}

TEST(Figures, of_constant_values_have_neither_skewness_nor_kurtosis) {
  const shm::Powers p{.count = 3, .mean = 0.1, .m2 = 1e-33, .m3 = 0, .m4 = 0, .min = 0.1, .max = 0.1};
  EXPECT_TRUE(std::isnan(shm::skewness(p)));
  EXPECT_TRUE(std::isnan(shm::kurtosis(p)));
  EXPECT_NEAR(shm::crest(p), 1, 1e-12);
}

TEST(Figures, of_a_sine_are_those_of_the_textbook) {
  std::vector<double> sine;
  for (int i = 0; i < 1'000; ++i) sine.push_back(3 * std::sin(2 * M_PI * (i + 0.5) / 100));
  const Both b = measured(sine);
  const shm::Powers p{.count = 1'000,
                      .mean = b.moments.mean,
                      .m2 = b.moments.m2,
                      .m3 = b.shape.m3,
                      .m4 = b.shape.m4,
                      .min = b.moments.min,
                      .max = b.moments.max};
  EXPECT_NEAR(shm::skewness(p), 0, 1e-12);
  EXPECT_NEAR(shm::kurtosis(p), 1.5, 1e-12);
  EXPECT_NEAR(shm::crest(p), std::sqrt(2), 1e-3);
  EXPECT_EQ(b.shape.zero_crossings, 19U);
}

/// Frames of one f64 channel, a frame a microsecond, as one block.
void add(StreamStatistics& statistics, Collector& sink, const std::vector<double>& values, std::uint64_t first) {
  const auto bytes = interleave<double>({values}, 8);
  statistics.measure({.data = bytes.data(),
                      .times_ns = nullptr,
                      .first_frame = first,
                      .frames = static_cast<std::uint32_t>(values.size()),
                      .t_first_ns = static_cast<std::int64_t>(1000 * first),
                      .period_ns = 1000});
  statistics.merge(sink);
}

TEST(Shape, of_a_window_runs_on_from_block_to_block) {
  StreamStatistics statistics(1, 8, 8, kCapacity, false, {frames(8), frames(4)}, 1, 0, true);
  Collector sink;
  add(statistics, sink, {1, 5, 5}, 0);
  add(statistics, sink, {5, 5, -2, 7, 1}, 3);
  ASSERT_EQ(sink.windows.size(), 3U);
  const Shape& first_four = sink.windows[0].shapes[0];
  EXPECT_EQ(first_four.flat, 3U);
  EXPECT_EQ(first_four.t_max_ns, 1000);
  const Shape& all = sink.windows[2].head.which == 0 ? sink.windows[2].shapes[0] : sink.windows[1].shapes[0];
  EXPECT_EQ(all.flat, 4U);
  EXPECT_EQ(all.t_min_ns, 5000);
  EXPECT_EQ(all.t_max_ns, 6000);
  EXPECT_EQ(all.zero_crossings, 2U);
  EXPECT_TRUE(sink.windows[0].head.shaped);
  EXPECT_EQ(sink.windows[0].head.upto, 4U);
}

TEST(Shape, is_not_told_of_a_window_that_began_without) {
  StreamStatistics without(1, 8, 8, kCapacity, false, {frames(4)}, 1), with(1, 8, 8, kCapacity, false, {frames(4)}, 1, 0, true);
  EXPECT_FALSE(with.has_windows_of(without));
  Collector sink;
  add(without, sink, {1, 2}, 0);
  with.restore(0, without.open(0), without.open_moments(0), std::vector<Shape>(1));
  add(with, sink, {3, 4, 5, 6, 7, 8}, 2);
  ASSERT_EQ(sink.windows.size(), 2U);
  EXPECT_FALSE(sink.windows[0].head.shaped);
  EXPECT_TRUE(sink.windows[1].head.shaped);
}

}  // namespace
}  // namespace chappe::aggregator

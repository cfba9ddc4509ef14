#include "bench/kernel.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "aggregator/run_moments.hpp"
#include "bench/placement.hpp"
#include "bench/records.hpp"
#include "rt/clock.hpp"

namespace chappe::bench {
namespace {

using aggregator::Moments;

constexpr std::size_t kValues = 4096, kBlocks = 16;  ///< of 16 KiB: 256 KiB are in no first cache and in every second one
constexpr int kTurns = 200, kTimes = 9;

struct alignas(4096) Block {
  std::array<float, kValues> values;
};

/// Noise on an offset, as a sensor delivers it.
std::vector<Block> make_blocks() {
  std::mt19937 random(1);
  std::normal_distribution<float> noise(20, 0.5F);
  std::vector<Block> blocks(kBlocks);
  for (Block& block : blocks) std::ranges::generate(block.values, [&] { return noise(random); });
  return blocks;
}

using Way = std::function<void(const Block&)>;

typedef std::uint64_t Narrow __attribute__((vector_size(16), may_alias));
typedef std::uint64_t Wide __attribute__((vector_size(32), may_alias));

/// Eight sums of whole vectors, so that nothing but the memory is in their way.
template <class Words>
[[gnu::always_inline]] inline std::uint64_t sum_words(const Block& block) noexcept {
  const auto* words = reinterpret_cast<const Words*>(block.values.data());
  Words sums[8] = {};
  for (std::size_t i = 0; i < sizeof block / sizeof(Words); i += 8) {
    for (std::size_t j = 0; j < 8; ++j) sums[j] += words[i + j];
  }
  for (std::size_t j = 1; j < 8; ++j) sums[0] += sums[j];
  return sums[0][0] + sums[0][1];
}
std::uint64_t sum_of_words(const Block& block) noexcept { return sum_words<Narrow>(block); }
#if defined(__x86_64__)
[[gnu::target("avx2")]] std::uint64_t sum_of_wide_words(const Block& block) noexcept { return sum_words<Wide>(block); }
#endif
/// As wide as the kernel's own vectors.
auto* best_sum() noexcept {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return &sum_of_wide_words;
#endif
  return &sum_of_words;
}

/// Frame after frame, each value updates its channel: `update` count, mean and m2.
template <class Update>
void each_value(const Block& block, std::vector<Moments>& out, Update update) noexcept {
  const std::size_t channels = out.size();
  std::fill(out.begin(), out.end(), Moments{});
  for (std::size_t f = 0; f < kValues / channels; ++f) {
    for (std::size_t c = 0; c < channels; ++c) {
      const double x = static_cast<double>(block.values[f * channels + c]);
      Moments& m = out[c];
      update(m, x);
      m.min = std::min(m.min, x);
      m.max = std::max(m.max, x);
    }
  }
}

/// What is written first: a row of sums.
void plain_loop(const Block& block, std::vector<Moments>& out) noexcept {
  each_value(block, out, [](Moments& m, double x) {
    ++m.count;
    m.mean += x;
    m.m2 += x * x;
  });
  for (Moments& m : out) {
    const double n = static_cast<double>(m.count);
    m.mean /= n;
    m.m2 -= n * m.mean * m.mean;
  }
}

void colwise(const Block& block, std::vector<Moments>& out) {
  const auto channels = static_cast<Eigen::Index>(out.size());
  using Frames = Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const Frames> frames(block.values.data(), static_cast<Eigen::Index>(kValues) / channels, channels);
  const Eigen::Array<double, 1, Eigen::Dynamic> mean = frames.cast<double>().colwise().mean();
  const Eigen::Array<double, 1, Eigen::Dynamic> m2 = (frames.cast<double>().rowwise() - mean).square().colwise().sum();
  const Eigen::Array<float, 1, Eigen::Dynamic> min = frames.colwise().minCoeff(), max = frames.colwise().maxCoeff();
  for (Eigen::Index c = 0; c < channels; ++c)
    out[static_cast<std::size_t>(c)] = {.count = kValues / out.size(), .mean = mean[c], .m2 = m2[c], .min = min[c], .max = max[c]};
}

/// Welford (1962), "Note on a method for calculating corrected sums of squares and products".
void welford(const Block& block, std::vector<Moments>& out) noexcept {
  each_value(block, out, [](Moments& m, double x) {
    const double d = x - m.mean;
    m.mean += d / static_cast<double>(++m.count);
    m.m2 += d * (x - m.mean);
  });
}

/// Both phases.
class Kernel {
 public:
  explicit Kernel(std::size_t channels) : run_(channels), window_(channels) {}
  void measure(const Block& block) {
    run_.measure(reinterpret_cast<const std::byte*>(block.values.data()), kValues / window_.size(), window_.size() * sizeof(float),
                 window_);
  }
  void merge() { run_.merge_into(window_); }
  [[nodiscard]] const std::vector<Moments>& window() const noexcept { return window_; }

 private:
  aggregator::RunMoments run_;
  std::vector<Moments> window_;
};

void careful(const Block& block, std::vector<Moments>& out) {
  static const std::vector<double> shift(kValues, 20);
  aggregator::block_moments(reinterpret_cast<const std::byte*>(block.values.data()), kValues / out.size(), out.size() * sizeof(float),
                            sizeof(float), std::span(shift).first(out.size()), out);
}

constexpr std::string_view kWays[] = {"read", "plain", "colwise", "welford", "careful", "moments", "moments_and_merge"};

Way way_of(std::string_view name, std::vector<Moments>& out, Kernel& kernel) {
  if (name == "read") return [&out, sum = best_sum()](const Block& b) { out[0].count += sum(b); };
  if (name == "plain") return [&](const Block& b) { plain_loop(b, out); };
  if (name == "colwise") return [&](const Block& b) { colwise(b, out); };
  if (name == "welford") return [&](const Block& b) { welford(b, out); };
  if (name == "careful") return [&](const Block& b) { careful(b, out); };
  if (name == "moments") return [&](const Block& b) { kernel.measure(b); };
  return [&](const Block& b) {
    kernel.measure(b);
    kernel.merge();
  };
}

/// Of one block, each way that computes moments has the careful kernel's.
bool is_right(std::string_view name, const Block& block, std::vector<Moments>& out) {
  if (name == "read") return true;
  Kernel kernel(out.size());
  way_of(name, out, kernel)(block);
  if (name == "moments") kernel.merge();
  const std::vector<Moments> got = name.starts_with("moments") ? kernel.window() : out;
  careful(block, out);
  const auto near = [](double a, double b, double by) { return std::fabs(a - b) <= by; };
  return std::ranges::equal(got, out, [&](const Moments& a, const Moments& b) {
    return a.count == b.count && a.min == b.min && a.max == b.max && near(a.mean, b.mean, 1e-12 * std::fabs(b.mean)) &&
           near(a.m2, b.m2, 1e-9 * b.m2 + 1e-10);
  });
}

}  // namespace

std::span<const std::string_view> kernel_ways() noexcept { return kWays; }

Measurement kernel_rate(std::string_view way, std::size_t channels) {
  static const std::vector<Block> blocks = make_blocks();
  std::vector<Moments> out(channels);
  if (!is_right(way, blocks[0], out)) return {.end = Measurement::End::failed, .trouble = "the moments are wrong", .values = {}};
  const Pinned here(0);
  Kernel kernel(channels);
  const Way run = way_of(way, out, kernel);
  std::vector<double> rates;
  for (int time = 0; time < kTimes; ++time) {
    const std::int64_t begin = rt::monotonic_ns();
    for (int turn = 0; turn < kTurns; ++turn) run(blocks[static_cast<std::size_t>(turn) % kBlocks]);
    rates.push_back(static_cast<double>(kTurns * kValues) / static_cast<double>(rt::monotonic_ns() - begin) * 1e9);
  }
  return {.end = Measurement::End::good,
          .trouble = {},
          .values = {{"channels", static_cast<double>(channels)}, {"samples_per_s", median(std::move(rates))}}};
}

}  // namespace chappe::bench

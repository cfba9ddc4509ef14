// What the covariance of a window costs beside Eigen's rank-k update of the same frames alone, in one run: alternating rounds, medians.
//   build/release/bin/bench_covariance
#include "aggregator/covariance.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 201;
constexpr std::size_t kBlockBytes = 16 * 1024, kBlocks = 16;  // they stay in the second-level cache, where the drain's copies are found

double median(std::vector<double>& seconds) {
  std::nth_element(seconds.begin(), seconds.begin() + kRounds / 2, seconds.end());
  return seconds[kRounds / 2];
}

template <class T>
void compare(std::size_t channels) {
  const std::size_t stride = channels * sizeof(T), frames = kBlockBytes / stride;
  std::mt19937 random(1);
  std::normal_distribution<T> normal;
  std::vector<T> values(channels * frames * kBlocks);
  for (T& value : values) value = normal(random);
  const auto rows = static_cast<Eigen::Index>(channels), columns = static_cast<Eigen::Index>(frames);
  // What a rank-k update alone is given: the frames as doubles, shifted already.
  const Eigen::MatrixXd shifted =
      Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>>(values.data(), rows, columns * static_cast<Eigen::Index>(kBlocks))
          .template cast<double>();
  Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(rows, rows);
  chappe::aggregator::Covariance covariance(channels);
  std::vector<double> alone, ours, matrix(channels * channels);
  for (int round = 0; round < kRounds; ++round) {
    auto began = Clock::now();
    for (std::size_t b = 0; b < kBlocks; ++b)
      sum.selfadjointView<Eigen::Lower>().rankUpdate(shifted.middleCols(static_cast<Eigen::Index>(b) * columns, columns));
    alone.push_back(std::chrono::duration<double>(Clock::now() - began).count());
    began = Clock::now();
    for (std::size_t b = 0; b < kBlocks; ++b)
      covariance.add(reinterpret_cast<const std::byte*>(values.data() + b * frames * channels), frames, stride, sizeof(T));
    ours.push_back(std::chrono::duration<double>(Clock::now() - began).count());
    covariance.covariance(matrix);
    covariance.clear();
  }
  const double per_frame = 1e9 / static_cast<double>(frames * kBlocks), a = median(alone) * per_frame, b = median(ours) * per_frame;
  std::printf("{\"channels\": %zu, \"type\": \"f%zu\", \"rank_update_ns\": %.2f, \"covariance_ns\": %.2f, \"share\": %.3f}\n", channels,
              8 * sizeof(T), a, b, a / b);
}

}  // namespace

int main() {
  for (const std::size_t channels : {16U, 64U}) {
    compare<float>(channels);
    compare<double>(channels);
  }
}

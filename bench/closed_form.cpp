#include "bench/closed_form.hpp"

#include <algorithm>
#include <cmath>

namespace chappe::bench {
namespace {

constexpr std::uint64_t kPeriod = 1 << 20;
constexpr double kExact = 1e-9;  // relative: of a sum made from a mean in double

/// Of i mod 2^20 for i below n.
double sum_below(std::uint64_t n) {
  const std::uint64_t rest = n % kPeriod, of_whole = n / kPeriod * (kPeriod * (kPeriod - 1) / 2), of_rest = rest * (rest - 1) / 2;
  return static_cast<double>(of_whole + of_rest);
}

bool is_right(const shm::BoardMoments& moments, std::uint64_t first_value, std::uint64_t frames) {
  const std::uint64_t begin = first_value % kPeriod, end = begin + frames;
  const bool wraps = end > kPeriod;
  const double sum = sum_below(end) - sum_below(begin);
  const double got = (moments.mean + moments.mean_low) * static_cast<double>(moments.count);
  return moments.count == frames && moments.nan == 0 && moments.min == static_cast<double>(wraps ? 0 : begin) &&
         moments.max == static_cast<double>(wraps ? kPeriod - 1 : end - 1) && std::abs(got - sum) <= kExact * sum;
}

}  // namespace

std::string check_windows(shm::BoardCopy& board, std::uint64_t window_frames, std::uint64_t& checked) {
  shm::BoardImage& image = board.image;
  const std::uint64_t closed = image.stream(0).closed[0];
  for (std::uint64_t k = closed - std::min<std::uint64_t>(closed, image.history()); k < closed; ++k) {
    const std::size_t record = image.closed_record(k);
    const shm::BoardWindow& window = image.window(0, 0, record);
    const std::string where = "window " + std::to_string(window.window) + ": ";
    if (window.frames != window_frames || window.missing != 0 || window.first_frame != window.window * window_frames)
      return where + std::to_string(window.frames) + " frames from " + std::to_string(window.first_frame) + " on, " +
             std::to_string(window.missing) + " missing; expected " + std::to_string(window_frames);
    std::uint64_t channel = 0;
    for (const shm::BoardMoments& moments : image.moments(0, 0, record)) {
      if (!is_right(moments, window.first_frame + channel, window_frames))
        return where + "channel " + std::to_string(channel) + " has not the sum, mean, min, max or count of its closed form";
      ++channel;
    }
    ++checked;
  }
  return "";
}

}  // namespace chappe::bench

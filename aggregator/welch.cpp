#include "aggregator/welch.hpp"

#include <fftw3.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <numeric>

#include "rt/result.hpp"

namespace chappe::aggregator {
namespace {

std::mutex planner;  // FFTW's is one for the process; only fftw_execute may run beside it

}  // namespace

struct Transform::Plan {
  explicit Plan(std::size_t length) : in(fftw_alloc_real(length)), out(fftw_alloc_complex(length / 2 + 1)) {
    CHAPPE_EXPECTS(in != nullptr && out != nullptr);
    const std::lock_guard lock(planner);
    // Estimated, not measured: the same plan, and so the same bits, at every start.
    plan = fftw_plan_dft_r2c_1d(static_cast<int>(length), in, out, FFTW_ESTIMATE);
    CHAPPE_EXPECTS(plan != nullptr);
  }
  ~Plan() {
    const std::lock_guard lock(planner);
    fftw_destroy_plan(plan);
    fftw_free(in);
    fftw_free(out);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  double* in;
  fftw_complex* out;
  fftw_plan plan;
};

Transform::Transform(std::size_t length, config::WindowFunction function)
    : length_(length), taper_(function, length), weights_(taper_.values()), plan_(std::make_unique<Plan>(length)) {
  sum_ = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  sum_of_squares_ = std::inner_product(weights_.begin(), weights_.end(), weights_.begin(), 0.0);
}
Transform::~Transform() = default;

bool Transform::add_power(std::span<const double> segment, std::span<double> power) {
  // About the first value, so that an offset takes no digits off the mean.
  const double origin = segment[0];
  double sum = 0;
  for (const double value : segment) sum += value - origin;
  const double mean = sum / static_cast<double>(length_);
  if (!std::isfinite(mean)) return false;
  for (std::size_t i = 0; i < length_; ++i) plan_->in[i] = ((segment[i] - origin) - mean) * weights_[i];
  fftw_execute(plan_->plan);
  for (std::size_t k = 0; k < bins(); ++k) {
    const fftw_complex& x = plan_->out[k];
    power[k] += x[0] * x[0] + x[1] * x[1];
  }
  return true;
}

Welch::Welch(std::shared_ptr<Transform> transform, std::size_t overlap)
    : transform_(std::move(transform)), overlap_(overlap), segment_(transform_->length()), power_(transform_->bins()) {
  CHAPPE_EXPECTS(overlap_ < transform_->length());
}

void Welch::add(std::span<const double> values) {
  while (!values.empty()) {
    const std::size_t taken = std::min(values.size(), segment_.size() - filled_);
    std::copy_n(values.begin(), taken, segment_.begin() + static_cast<std::ptrdiff_t>(filled_));
    values = values.subspan(taken);
    filled_ += taken;
    if (filled_ < segment_.size()) return;
    ++(transform_->add_power(segment_, power_) ? segments_ : left_out_);
    std::copy(segment_.end() - static_cast<std::ptrdiff_t>(overlap_), segment_.end(), segment_.begin());
    filled_ = overlap_;
  }
}

void Welch::clear() noexcept {
  std::fill(power_.begin(), power_.end(), 0.0);
  filled_ = segments_ = left_out_ = 0;
}

void Welch::density(double rate_hz, std::span<double> out) const {
  if (segments_ == 0) {
    std::fill(out.begin(), out.end(), std::numeric_limits<double>::quiet_NaN());
    return;
  }
  const double scale = 1 / (rate_hz * transform_->sum_of_squares() * static_cast<double>(segments_));
  const bool has_nyquist = transform_->length() % 2 == 0;
  for (std::size_t k = 0; k < out.size(); ++k) {
    const bool alone = k == 0 || (has_nyquist && k + 1 == out.size());
    out[k] = power_[k] * scale * (alone ? 1 : 2);
  }
}

}  // namespace chappe::aggregator

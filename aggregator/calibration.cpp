#include "aggregator/calibration.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

namespace chappe::aggregator {
namespace {

using config::Operation;
using Column = Eigen::Map<Eigen::ArrayXd>;
template <class T, int kOrder>
using Table = Eigen::Array<T, Eigen::Dynamic, Eigen::Dynamic, kOrder>;

constexpr std::size_t kLine = 64 / sizeof(double);

Column column(std::vector<double>& table, std::size_t rows, std::size_t at, std::size_t frames) noexcept {
  return {table.data() + at * rows, static_cast<Eigen::Index>(frames)};
}

Eigen::Index index(std::size_t n) noexcept { return static_cast<Eigen::Index>(n); }

rt::Result<std::vector<std::uint32_t>> find_all(const std::vector<std::string>& wanted, const std::vector<std::string>& names,
                                                const std::string& where) {
  std::vector<std::uint32_t> found;
  for (const std::string& name : wanted) {
    const auto at = std::ranges::find(names, name);
    if (at == names.end())
      return rt::Error{EX_CONFIG, std::string(where).append(" names channel \"").append(name).append("\", which the stream does not have")};
    found.push_back(static_cast<std::uint32_t>(at - names.begin()));
  }
  return found;
}

bool changes_values(const CalibrationPlan::Entry& e) {
  return e.values.scale != 1 || e.values.offset != 0 || !e.values.polynomial.empty() || !e.values.matrix.empty() || !e.values.bias.empty();
}

}  // namespace

bool CalibrationPlan::has_work() const { return !derived.empty() || std::ranges::any_of(entries, changes_values); }

rt::Result<CalibrationPlan> plan_calibration(const config::Stream& stream, std::span<const std::string> channels) {
  CalibrationPlan plan{.entries = {}, .derived = {}, .hash = config::calibration_hash(stream), .refused = false};
  std::vector<std::string> names(channels.begin(), channels.end());
  const auto place = [&](const char* kind, std::size_t i) { return "stream " + stream.name + ": " + kind + "[" + std::to_string(i) + "]"; };
  for (std::size_t i = 0; i < stream.calibration.size(); ++i) {
    auto found = find_all(stream.calibration[i].channels, names, place("calibration", i));
    if (!found) return found.error();
    plan.entries.push_back({std::move(*found), stream.calibration[i]});
  }
  for (std::size_t i = 0; i < stream.derived.size(); ++i) {
    const config::Derived& d = stream.derived[i];
    auto found = find_all(d.of, names, place("derived", i));
    if (!found) return found.error();
    if (std::ranges::find(names, d.name) != names.end())
      return rt::Error{EX_CONFIG, place("derived", i) + " is called \"" + d.name + "\", as a channel of the stream is"};
    plan.derived.push_back({d.operation, std::move(*found)});
    names.push_back(d.name);
  }
  return plan;
}

Calibration::Calibration(CalibrationPlan plan, std::size_t channels, std::size_t value_bytes, std::size_t stride,
                         std::size_t capacity_frames)
    : plan_(std::move(plan)),
      channels_(channels),
      value_bytes_(value_bytes),
      stride_(stride),
      capacity_(capacity_frames),
      all_(channels + plan_.derived.size()),
      rows_(capacity_frames + kLine) {
  CHAPPE_EXPECTS(channels > 0 && (value_bytes == 4 || value_bytes == 8) && stride >= channels * value_bytes && stride % value_bytes == 0 &&
                 capacity_frames > 0);
  std::size_t widest = 1;
  for (const auto& e : plan_.entries) {
    for (const auto c : e.channels) CHAPPE_EXPECTS(c < channels);
    if (!e.values.matrix.empty()) widest = std::max(widest, e.channels.size());
  }
  for (const auto& d : plan_.derived) has_derivative_ = has_derivative_ || d.operation == Operation::derivative;
  columns_.resize(all_ * rows_);
  mixed_.resize(widest * rows_);
  steps_.resize(has_derivative_ ? capacity_ : 0);
  frames_.resize(capacity_ * this->stride() / sizeof(double));
}

const std::byte* Calibration::apply(const BlockView& block, const OpenWindow& before, std::span<const Moments> last) noexcept {
  const std::size_t frames = std::min<std::size_t>(block.frames, capacity_);
  if (value_bytes_ == sizeof(float))
    load<float>(block.data, frames);
  else
    load<double>(block.data, frames);
  for (const auto& entry : plan_.entries) calibrate(entry, frames);
  if (has_derivative_ && frames > 0) measure_steps(block, before, frames);
  for (std::size_t i = 0; i < plan_.derived.size(); ++i) derive(plan_.derived[i], channels_ + i, frames, last);
  using Columns = Eigen::Map<const Table<double, Eigen::ColMajor>, Eigen::Unaligned, Eigen::OuterStride<>>;
  using Frames = Eigen::Map<Table<double, Eigen::RowMajor>, Eigen::Unaligned, Eigen::OuterStride<>>;
  Frames(frames_.data(), index(frames), index(all_), Eigen::OuterStride<>(index(stride() / sizeof(double)))) =
      Columns(columns_.data(), index(frames), index(all_), Eigen::OuterStride<>(index(rows_)));
  return reinterpret_cast<const std::byte*>(frames_.data());
}

/// A channel in a column, so that what follows goes through the processor's vectors.
template <class T>
void Calibration::load(const std::byte* data, std::size_t frames) noexcept {
  using Frames = Eigen::Map<const Table<T, Eigen::RowMajor>, Eigen::Unaligned, Eigen::OuterStride<>>;
  using Columns = Eigen::Map<Table<double, Eigen::ColMajor>, Eigen::Unaligned, Eigen::OuterStride<>>;
  const Frames in(reinterpret_cast<const T*>(data), index(frames), index(channels_), Eigen::OuterStride<>(index(stride_ / sizeof(T))));
  Columns(columns_.data(), index(frames), index(channels_), Eigen::OuterStride<>(index(rows_))) = in.template cast<double>();
}

void Calibration::calibrate(const CalibrationPlan::Entry& entry, std::size_t frames) noexcept {
  const config::Calibration& v = entry.values;
  for (const std::uint32_t c : entry.channels) {
    Column x = column(columns_, rows_, c, frames);
    if (v.scale != 1) x *= v.scale;
    if (v.offset != 0) x += v.offset;
    if (v.polynomial.empty()) continue;
    Column y = column(mixed_, rows_, 0, frames);
    y.setConstant(v.polynomial.back());
    for (std::size_t k = v.polynomial.size() - 1; k > 0; --k) y = y * x + v.polynomial[k - 1];  // Horner
    x = y;
  }
  if (!v.matrix.empty()) mix(entry, frames);
  for (std::size_t i = 0; i < v.bias.size(); ++i) column(columns_, rows_, entry.channels[i], frames) += v.bias[i];
}

/// Element by element in the order of the row, never Eigen's product: that one sums in an order that depends on how many frames there are.
void Calibration::mix(const CalibrationPlan::Entry& entry, std::size_t frames) noexcept {
  const auto& matrix = entry.values.matrix;
  for (std::size_t i = 0; i < matrix.size(); ++i) {
    Column y = column(mixed_, rows_, i, frames);
    y.setZero();
    for (std::size_t j = 0; j < matrix.size(); ++j) {
      if (matrix[i][j] != 0) y += matrix[i][j] * column(columns_, rows_, entry.channels[j], frames);
    }
  }
  for (std::size_t i = 0; i < matrix.size(); ++i) column(columns_, rows_, entry.channels[i], frames) = column(mixed_, rows_, i, frames);
}

void Calibration::derive(const CalibrationPlan::Derived& derived, std::size_t to, std::size_t frames,
                         std::span<const Moments> last) noexcept {
  Column y = column(columns_, rows_, to, frames);
  const auto x = [&](std::size_t i) { return column(columns_, rows_, derived.of[i], frames); };
  switch (derived.operation) {
    case Operation::magnitude:
      y = x(0).square();
      for (std::size_t i = 1; i < derived.of.size(); ++i) y += x(i).square();
      y = y.sqrt();
      break;
    case Operation::sum:
      y = x(0);
      for (std::size_t i = 1; i < derived.of.size(); ++i) y += x(i);
      break;
    case Operation::difference:
      y = x(0) - x(1);
      break;
    case Operation::ratio:
      y = x(0) / x(1);
      break;
    case Operation::derivative:
      if (frames == 0) break;
      y[0] = follows_ ? (x(0)[0] - last[derived.of[0]].last) / steps_[0] : kNone;
      y.tail(y.size() - 1) = (x(0).tail(y.size() - 1) - x(0).head(y.size() - 1)) / column(steps_, rows_, 0, frames).tail(y.size() - 1);
      break;
  }
}

/// The stream's period between frames whose indices follow each other, else what its clock says; none where that stands or goes back.
void Calibration::measure_steps(const BlockView& block, const OpenWindow& before, std::size_t frames) noexcept {
  const auto seconds = [](std::int64_t from, std::int64_t to) {
    std::int64_t ns = 0;
    const bool forward = !__builtin_sub_overflow(to, from, &ns) && ns > 0;
    return forward ? static_cast<double>(ns) / 1e9 : kNone;
  };
  const bool has_period = block.times_ns == nullptr && block.period_ns > 0;
  follows_ = before.head.frames > 0;
  const std::int64_t first = block.times_ns != nullptr ? block.times_ns[0] : block.t_first_ns;
  steps_[0] = follows_ ? seconds(before.head.t_last_ns, first) : kNone;
  // A time is rounded to a nanosecond at either end.
  const bool in_step = std::abs(steps_[0] * 1e9 - block.period_ns) <= 1.5;
  if (has_period && in_step && before.next_frame == block.first_frame) steps_[0] = block.period_ns / 1e9;
  for (std::size_t i = 1; i < frames; ++i) {
    if (block.times_ns != nullptr)
      steps_[i] = seconds(block.times_ns[i - 1], block.times_ns[i]);
    else
      steps_[i] = has_period ? block.period_ns / 1e9 : kNone;
  }
}

}  // namespace chappe::aggregator

// What a stream's block becomes before its windows: calibrated channels, and channels derived of them behind. Frame by frame into memory of
// its own, in f64; the slot is only read. A value is a function of its own frame alone, and of the one before for a derivative, however the
// frames are cut into blocks. Made at set-up by an ordinary thread, then used by the drain's thread alone; no allocation after
// construction. It has no state: what a derivative needs of the frame before stands in the stream's windows, and so on the board.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "aggregator/statistics.hpp"
#include "config/config.hpp"
#include "rt/result.hpp"

namespace chappe::aggregator {

/// A stream's calibration, its channels found by number.
struct CalibrationPlan {
  struct Entry {
    std::vector<std::uint32_t> channels;
    config::Calibration values;
  };
  struct Derived {
    config::Operation operation = config::Operation::magnitude;
    std::vector<std::uint32_t> of;
  };
  std::vector<Entry> entries;
  std::vector<Derived> derived;  ///< the first is the channel behind the ring's
  std::uint64_t hash = 0;        ///< config::calibration_hash, 0: none
  bool refused = false;          ///< it named what the stream does not have, and nothing is left of it
  /// False: values are taken as they lie in the ring. Units alone change none.
  [[nodiscard]] bool has_work() const;
};

/// An Error names the first channel that the ring's do not have, or the derived one that is among them.
rt::Result<CalibrationPlan> plan_calibration(const config::Stream& stream, std::span<const std::string> channels);

class Calibration {
 public:
  /// Of a block in the ring: channels, bytes of a value, bytes of a frame, most frames.
  Calibration(CalibrationPlan plan, std::size_t channels, std::size_t value_bytes, std::size_t stride, std::size_t capacity_frames);
  /// With the derived ones.
  [[nodiscard]] std::size_t channels() const noexcept { return all_; }
  /// Bytes of a frame of what apply() returns: f64, padded with zeros as a ring's frame is, so that the kernel of the moments reads whole
  /// rows.
  [[nodiscard]] std::size_t stride() const noexcept { return config::frame_stride(all_, config::SampleType::f64); }
  /// The block's frames, calibrated, until the next call. Never reads beyond the capacity, whatever a torn block says. `before` and `last`
  /// are the stream's newest frame as its first window specification holds it, open or closed.
  const std::byte* apply(const BlockView& block, const OpenWindow& before, std::span<const Moments> last) noexcept;

 private:
  template <class T>
  void load(const std::byte* data, std::size_t frames) noexcept;
  void calibrate(const CalibrationPlan::Entry& entry, std::size_t frames) noexcept;
  void mix(const CalibrationPlan::Entry& entry, std::size_t frames) noexcept;
  void derive(const CalibrationPlan::Derived& derived, std::size_t to, std::size_t frames, std::span<const Moments> last) noexcept;
  void measure_steps(const BlockView& block, const OpenWindow& before, std::size_t frames) noexcept;

  CalibrationPlan plan_;
  std::size_t channels_, value_bytes_, stride_, capacity_, all_;
  std::size_t rows_;  ///< from one column to the next: by a cache line more than there are frames, or all columns would share a set
  bool has_derivative_ = false, follows_ = false;
  std::vector<double> columns_;  ///< [channel][frame]
  std::vector<double> mixed_;    ///< the same for the channels of a matrix, and for one
  std::vector<double> steps_;    ///< [frame]: seconds since the frame before, NaN where there are none
  std::vector<double> frames_;   ///< [frame][channel]
};

}  // namespace chappe::aggregator

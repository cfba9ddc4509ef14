// What is computed of the windows of one stream beside their moments: fed with copies of its blocks, cut where the drain closed its
// windows, written as a record of the analysis object. A window of which a block did not come is skipped whole and counted; the one in the
// middle of which it begins is partial. One ordinary thread; allocates.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "aggregator/blocks.hpp"
#include "aggregator/covariance.hpp"
#include "aggregator/distribution.hpp"
#include "aggregator/welch.hpp"
#include "config/config.hpp"
#include "shm/analysis.hpp"

namespace chappe::aggregator {

/// One stream of an analysis.
struct AnalysedStream {
  shm::StreamEntry entry{};  ///< value_bytes: as the drain sends them
  std::vector<config::Window> windows;
  std::uint64_t calibration = 0;  ///< its hash: other values are another analysis
  config::Analysis analysis;
};

/// The entry of the object's table for it, without names of channels. first_channel is the caller's.
shm::AnalysisEntry entry_of(const AnalysedStream& stream);

/// A window of stream `index` of the image was analysed and written.
using Analysed = std::function<void(const WindowHead& head, shm::AnalysisImage& image, std::size_t index)>;

class StreamAnalysis {
 public:
  explicit StreamAnalysis(const AnalysedStream& stream);
  /// Into the records of stream `index` of the image; after each window `analysed` is called, if it is set. Returns the windows that were
  /// written.
  std::size_t take(const BlockCopy& block, shm::AnalysisImage& image, std::size_t index, const Analysed& analysed = {});
  [[nodiscard]] std::uint64_t skipped() const noexcept { return skipped_; }

 private:
  /// One specification's open window.
  struct Open {
    std::vector<Distribution> distributions;
    std::vector<Welch> spectra;
    std::vector<std::uint64_t> nan, count;
    std::vector<double> low, high;
    std::vector<Covariance> covariance;  ///< one, or none
    std::uint64_t first = 0, frames = 0;
    bool began_here = true;  ///< nothing before it was seen: what is missing at its begin came before us
  };
  /// Frames of a block in a row.
  struct Piece {
    const std::byte* data;
    std::uint64_t first;
    std::size_t frames, stride;
  };
  void add(const Piece& piece);
  void add_to(Open& open, const Piece& piece);
  void clear(Open& open) const;
  bool close(const Mark& mark, shm::AnalysisImage& image, std::size_t index);
  void write(Open& open, const Mark& mark, bool partial, shm::AnalysisImage& image, std::size_t index);
  void write_channel(Open& open, std::size_t c, double rate_hz, const shm::AnalysisImage::Channel& to);

  AnalysedStream stream_;
  std::size_t channels_;
  std::shared_ptr<Transform> transform_;
  std::vector<Open> open_;       ///< by specification
  std::vector<double> columns_;  ///< scratch: channel by channel
  std::vector<double> density_, matrix_;
  std::vector<double> ewma_;  ///< of each channel; NaN: no value yet
  std::uint64_t next_ = 0, lost_ = 0, skipped_ = 0;
  bool has_begun_ = false;
  double period_ns_ = 0;
};

}  // namespace chappe::aggregator

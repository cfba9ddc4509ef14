// What the analysis object says, as plain values; part of a Snapshot. The figures are of the last window of each specification that was
// analysed, which may be one behind the board's.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace chappe::shm {

class AnalysisReader;

struct PeakView {
  double hz = 0, amplitude = 0;  ///< of the sine, in the channel's unit
};

struct AnalysisChannelView {
  std::string channel;
  std::uint64_t count = 0, nan = 0;
  bool exact = false;             ///< quantiles and histogram are of the values themselves
  std::vector<double> quantiles;  ///< by level; NaN: no value
  double low = 0, high = 0;       ///< the ends of the histogram: the smallest and the largest finite value
  std::vector<std::uint64_t> histogram;
  double ewma = 0;  ///< NaN: none is asked for
  std::uint64_t segments = 0, left_out = 0;
  std::vector<PeakView> peaks;  ///< strongest first
  std::vector<double> bands;    ///< mean square in each; NaN without a segment
};

struct BandView {
  std::string name;
  double low_hz = 0, high_hz = 0;
};

/// One window of one stream.
struct AnalysisView {
  std::uint64_t results = 0;  ///< windows of this specification analysed so far; 0: none yet, the rest means nothing
  std::uint64_t spec_frames = 0;
  std::int64_t spec_duration_ns = 0;
  std::int64_t number = 0;
  std::uint32_t generation = 0;
  std::uint64_t first_frame = 0, frames = 0, missing = 0;
  std::int64_t t_first_ns = 0, t_last_ns = 0;
  std::uint64_t analysed = 0;  ///< frames; fewer than `frames` where it is partial
  bool partial = false;
  double rate_hz = 0;  ///< that the spectrum was scaled with
  std::vector<double> levels;
  double relative_error = 0;  ///< of quantiles that are not exact
  std::uint64_t length = 0, overlap = 0;
  std::string taper;
  std::vector<BandView> bands;
  std::vector<AnalysisChannelView> channels;
  std::uint64_t complete = 0;                   ///< frames in the covariance
  std::vector<double> covariance, correlation;  ///< channels x channels, row by row; empty: none
};

struct AnalysedStreamView {
  std::string stream;
  std::vector<AnalysisView> windows;  ///< by specification, as on the board
};

struct AnalysisCounts {
  bool present = false;
  std::uint64_t windows = 0, windows_skipped = 0, blocks_lost = 0;
};

/// The latest publication; empty where there is none, or its writer was faster every time.
std::vector<AnalysedStreamView> analysis_views(const AnalysisReader& reader);
AnalysisCounts analysis_counts(const AnalysisReader& reader);

}  // namespace chappe::shm

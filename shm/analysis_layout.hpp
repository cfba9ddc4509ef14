// The bytes of the object chappe.NAME.analysis: docs/shm-format.md. Structs and constants only. One writer, an ordinary thread of the
// aggregator; readers map it read-only.
//
//   analysis | header + geometry + stream entries + channel names | control page | slot 0 | slot 1 | slot 2 |
//
// A slot: AnalysisSlot, then for each stream, for each of kWindowsPerStream specifications a record: AnalysisWindow; for each channel
// AnalysisChannel, double[levels], uint64[bins], AnalysisPeak[peaks], double[bands]; where covariance is 1 the lower half of the covariance
// matrix, row by row, double[channels (channels + 1) / 2].
#pragma once
#include "shm/layout.hpp"

namespace chappe::shm {

inline constexpr std::uint64_t kAnalysisMagic = 0x534c4e4150415043;  // "CPAPANLS"
inline constexpr std::uint32_t kMaxLevels = 16, kMaxBands = 16, kMaxPeaks = 16, kMaxBins = 256;
inline constexpr std::uint32_t kMaxCovarianceChannels = 128;

/// What is computed of one stream.
struct AnalysisEntry {
  char name[kNameBytes];
  std::uint32_t channels, first_channel;
  std::uint32_t levels, bins, peaks, bands;
  std::uint32_t covariance, ewma;  ///< 1: there is one
  double level[kMaxLevels];
  double relative_error;  ///< of quantiles where they are not exact
  std::uint64_t length;   ///< of a segment of the spectrum; 0: no spectrum
  std::uint64_t overlap;  ///< values of it that the next one has, too
  char taper[kUnitBytes];
  double band_low[kMaxBands], band_high[kMaxBands];
  char band[kMaxBands][kNameBytes];
};
static_assert(sizeof(AnalysisEntry) == 1272);

/// Right behind the ObjectHeader.
struct AnalysisGeometry {
  std::uint64_t control_at, slots_at, slot_bytes;
  std::uint32_t streams, channels;
};
static_assert(sizeof(AnalysisGeometry) == 32);
inline constexpr std::size_t kAnalysisTablesAt = sizeof(ObjectHeader) + sizeof(AnalysisGeometry);

struct AnalysisControl {
  alignas(kLine) Word latest;  ///< publication number, from 1
  Word writer_pid, writer_start;
  rt::Counter publications;
  rt::Counter windows;          ///< analysed
  rt::Counter windows_skipped;  ///< whole, because the thread could not keep up
  rt::Counter blocks_lost;      ///< that found no room on the way to the thread
};
static_assert(sizeof(AnalysisControl) <= kPage);

struct AnalysisSlot {
  Word sequence;
  std::int64_t published_ns;  ///< CLOCK_MONOTONIC
  std::uint64_t reserved[6];
};
static_assert(sizeof(AnalysisSlot) == 64);

/// The last window of one specification that was analysed.
struct AnalysisWindow {
  std::uint64_t results;  ///< windows analysed so far; 0: the rest means nothing
  std::uint64_t spec_frames;
  std::int64_t spec_duration_ns;
  std::uint64_t window, first_frame, frames, missing;  ///< as the board has it
  std::int64_t t_first_ns, t_last_ns;
  std::uint64_t generation;
  std::uint64_t analysed;  ///< frames of it that came to the thread: fewer than `frames` where it is partial
  std::uint64_t partial;   ///< 1: the thread began in the middle of it
  std::uint64_t complete;  ///< frames in the covariance: those without NaN and infinity
  double rate_hz;          ///< frames per second that the spectrum was scaled with
};
static_assert(sizeof(AnalysisWindow) == 112);

struct AnalysisChannel {
  std::uint64_t count, nan;
  std::uint64_t exact;               ///< 1: quantiles and histogram are of the values themselves
  std::uint64_t segments, left_out;  ///< of the spectrum; left out for a NaN or an infinity
  double low, high;                  ///< the smallest and the largest finite value: the ends of the histogram
  double ewma;
};
static_assert(sizeof(AnalysisChannel) == 64);

struct AnalysisPeak {
  double hz, amplitude;
};

}  // namespace chappe::shm

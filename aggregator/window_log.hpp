// The window log: a CSV row per channel and window, written by an ordinary thread, after the board holds the window.
// A crash leaves at worst a torn last line, which the next start cuts.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/moments.hpp"
#include "aggregator/shape.hpp"
#include "rt/descriptor.hpp"
#include "rt/result.hpp"

namespace chappe::aggregator {

/// What all channels of one closed window share.
struct WindowHead {
  std::uint32_t stream = 0;                    ///< index
  std::uint32_t which = 0;                     ///< index of the stream's window specification
  std::uint64_t window = 0;                    ///< number: first_frame / frames, or t / duration
  std::uint32_t generation = 0;                ///< of the aggregator's configuration
  std::uint64_t first_frame = 0;               ///< index of the first frame that came
  std::uint64_t frames = 0;                    ///< frames that came
  std::uint64_t missing = 0;                   ///< frames that never came
  std::int64_t t_first_ns = 0, t_last_ns = 0;  ///< on the stream's clock
  std::uint64_t upto = 0;                      ///< index behind the last frame that came
  bool shaped = false;                         ///< its Shapes are whole
};

struct LogNames {
  std::string stream;
  std::vector<std::string> channels;
  bool all = false;  ///< all columns
};

inline constexpr const char* kWindowLogHeader =
    "stream,channel,window,generation,first_frame,t_first_ns,t_last_ns,count,missing,nan,mean,variance,min,max,rms";

/// Behind these columns where all are asked for: those of Shape, and what is derived from it.
inline constexpr const char* kWindowLogMore = ",skewness,kurtosis,t_min_ns,t_max_ns,peak_to_peak,crest,zero_crossings,flat_frames";

/// The rows of one window, one per channel, LF-terminated; numbers in shortest round-trip form, undefined ones:
/// a NaN is written `nan`, an infinity `inf` or `-inf`. Names with a comma, quote or line end are quoted as in RFC 4180.
/// `shapes` are those of the channels, where head.shaped; otherwise their columns are `nan`.
void append_rows(std::string& out, const LogNames& names, const WindowHead& head, std::span<const Moments> channels,
                 std::span<const Shape> shapes = {});

class WindowLog {
 public:
  /// Opens for appending (O_APPEND | O_CREAT, 0640), writes the header into an empty file, cuts a torn last line. A file whose first line
  /// is another header is refused.
  static rt::Result<WindowLog> open(const std::string& path, bool all_columns = false);
  /// Rows before `began`, a size that this run's first start found, are those of earlier runs, however alike: missing() leaves them out.
  /// 0: this is the first start. Returns what to tell the next one.
  std::size_t leave_out(std::size_t began);
  /// Of these rows those that are not among the rows of the last 32 MiB, as found at open. The first call reads them.
  [[nodiscard]] std::string missing(std::string_view rows);
  /// Appends in one write(2) as far as the kernel takes it; a short or failed write is retried from where it stopped at the next call, the
  /// bytes kept meanwhile. Error: the text of the last failure, for a log line and a counter.
  rt::Done write(const std::string& rows);
  /// Rows given up because too many waited for the disk, since open.
  [[nodiscard]] std::uint64_t rows_lost() const noexcept { return rows_lost_; }
  /// Lines that the disk has not taken yet.
  [[nodiscard]] std::uint64_t rows_waiting() const;
  [[nodiscard]] bool has_all_columns() const noexcept { return all_columns_; }

 private:
  rt::Descriptor fd_;
  bool all_columns_ = false;
  std::string pending_;
  std::size_t found_bytes_ = 0;                   ///< of whole lines, at open
  std::size_t began_ = 0;                         ///< rows before are not compared
  std::optional<std::vector<std::size_t>> tail_;  ///< hashes of the last rows of these, sorted
  std::uint64_t rows_lost_ = 0;
};

}  // namespace chappe::aggregator

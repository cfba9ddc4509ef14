// A recording as a source: pacing, laps and restarts, the same for every format. Made by main's thread, then used by its source thread
// alone (complaints and rows_skipped: any thread). Frames come at recorded speed and never before they are due, or at once. A looped
// recording goes on in time: each lap is shifted by the span of the one before and one mean step. A replay loses nothing: after a stop of
// the process it goes on from where it was, later by as much. A crash loses nothing that resume_at does not find again.
#pragma once
#include <vector>

#include "producer/source.hpp"

namespace chappe::producer {

/// The rows of one recording in order. Errors are found at opening; what goes wrong later is skipped and counted.
class Recording {
 public:
  virtual ~Recording() = default;
  [[nodiscard]] virtual const StreamShape& shape() const = 0;
  /// Writes the next row's values (one after another, of shape().type) and, with explicit times, its time. False: the end.
  virtual bool next(std::byte* values, std::int64_t* time_ns) noexcept = 0;
  /// Passes up to this many rows; how many there were.
  virtual std::uint64_t skip(std::uint64_t rows) noexcept = 0;
  /// Back to the first row.
  virtual void rewind() noexcept = 0;
  [[nodiscard]] virtual std::string complaints() const { return {}; }
  [[nodiscard]] virtual std::uint64_t rows_skipped() const noexcept { return 0; }
};

/// The recording's own channels, or those of the configuration with the recording's units where they have none. An Error if the counts
/// differ.
rt::Result<std::vector<config::Channel>> choose_channels(const config::Stream& stream, const std::vector<config::Channel>& recorded);

class Replay final : public Source {
 public:
  Replay(std::unique_ptr<Recording> recording, const config::Stream& stream);
  [[nodiscard]] const StreamShape& shape() const override { return recording_->shape(); }
  Read read(const Room& room, const FrameLayout& layout, std::int64_t deadline_ns) noexcept override;
  void reconfigure(const config::Stream&) noexcept override {}  // nothing of a recording changes while it plays
  bool resume_at(std::uint64_t frame, std::uint64_t began) noexcept override;
  [[nodiscard]] std::uint64_t identity() const noexcept override { return identity_; }
  [[nodiscard]] bool is_paced() const noexcept override { return paced_; }
  [[nodiscard]] std::string complaints() const override { return recording_->complaints(); }
  [[nodiscard]] std::uint64_t rows_skipped() const noexcept override { return recording_->rows_skipped(); }

 private:
  bool fetch() noexcept;
  bool fetch_row() noexcept;
  std::uint64_t pass(std::uint64_t rows) noexcept;
  void note_time(std::int64_t time_ns) noexcept;
  void close_lap() noexcept;
  [[nodiscard]] std::int64_t regular_time(std::uint64_t frame) const noexcept;
  std::int64_t due_ns(std::int64_t now_ns) noexcept;

  std::unique_ptr<Recording> recording_;
  std::uint64_t identity_;
  bool loops_, paced_;
  double period_ns_;
  std::vector<std::byte> row_;  ///< the next row: read, but not yet due
  std::int64_t row_time_ns_ = 0;
  bool in_hand_ = false;
  std::uint64_t frame_ = 0;     ///< index of the next row
  std::int64_t shift_ns_ = 0;   ///< of this lap
  std::int64_t lap_ns_ = 0;     ///< from one lap to the next; known from the end of the first
  std::uint64_t lap_rows_ = 0;  ///< of the first lap, so far
  std::int64_t first_ns_ = 0, latest_ns_ = 0;
  bool lap_known_ = false, anchored_ = false;
  std::int64_t anchor_ns_ = 0;  ///< added to a frame's time: when it is due on CLOCK_MONOTONIC
};

}  // namespace chappe::producer

// The windows of one stream: cuts blocks at window boundaries, merges the moments of the pieces into the open windows, and hands closed
// windows out. Made at set-up by an ordinary thread, then used by the drain's thread alone; no allocation after construction.
// A block is read in place and may be torn, so there are two phases: measure() reads it and changes no window; once the caller has seen
// that the block was whole, merge() adds it and reads nothing of it. A measured block that is not merged leaves no trace. After a crash the
// state restored from the board gives the same bits as if nothing had happened. The careful kernel's shift is part of that, so the moments
// of a window that is closed and has no successor yet belong to the state as well.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "aggregator/moments.hpp"
#include "aggregator/panes.hpp"
#include "aggregator/run_moments.hpp"
#include "aggregator/shape.hpp"
#include "aggregator/window_log.hpp"
#include "config/config.hpp"

namespace chappe::aggregator {

/// Frames of one stream as they lie in a slot. Frame i is at t_first_ns + i * period_ns unless there is a time for each.
struct BlockView {
  const std::byte* data = nullptr;
  const std::int64_t* times_ns = nullptr;  ///< one per frame, or null
  std::uint64_t first_frame = 0;
  std::uint32_t frames = 0;
  std::int64_t t_first_ns = 0;
  double period_ns = 0;
};

/// Where closed windows go, in the order in which they close. What is spanned is valid during the call.
struct ClosedSink {
  virtual ~ClosedSink() = default;
  /// `shapes`: one for each channel where head.shaped, else of no meaning or none.
  virtual void closed(const WindowHead& head, std::span<const Moments> channels, std::span<const Shape> shapes) noexcept = 0;
};

/// The state of one window specification. `head` with frames 0: none was opened yet; else the open window or, with `open` false, the last
/// one. Of windows that overlap, the pane that is open: its number is index / hop.
struct OpenWindow {
  static constexpr std::uint64_t kFirstSeen = std::numeric_limits<std::uint64_t>::max();
  WindowHead head;
  bool open = false;
  std::uint64_t next_frame = 0;          ///< index behind the last frame seen
  std::uint64_t opened_at = kFirstSeen;  ///< frames before this index are nobody's to miss; kFirstSeen: those before the first frame seen
  std::int64_t wall_offset_ns = 0;       ///< what is added to its times before they are cut; 0 unless aligned to the wall clock
};

class StreamStatistics {
 public:
  /// stride: bytes of a frame. capacity_frames: most frames of a block. Each window has exactly one of its two lengths. `stream` goes into
  /// the heads. With `shape` the windows have Shapes too.
  StreamStatistics(std::size_t channels, std::size_t value_bytes, std::size_t stride, std::size_t capacity_frames, bool explicit_times,
                   std::vector<config::Window> windows, std::uint32_t generation, std::uint32_t stream = 0, bool shape = false);

  /// Moments of the block's pieces into scratch memory. Never reads beyond `frames` (at most the capacity), whatever a torn block says.
  void measure(const BlockView& block) noexcept;
  /// Adds what measure() found. Closes each window that a later frame ends, and each frames window with its last frame.
  ///
  /// Windows with a hop are cut at its multiples, into panes; when a pane that has frames closes, a window is handed out that is made of
  /// the last length / hop panes, under the number of the first of them; as for the panes of class Panes. A frame belongs to window number
  /// index / frames, or floor(t / duration); before the clock's zero the number is negative (two's complement). A frame whose number is
  /// lower than the open window's (a clock that went back) joins the open one; behind a finish() there is none, and numbers may begin anew.
  /// missing: of a frames window the indices of its range, from opened_at on, that did not come. Of a duration window the indices skipped
  /// while it was open: a gap counts in the window that is open when it is seen, in the one it opens if there is none. Windows without any
  /// frame are not handed out.
  void merge(ClosedSink& sink) noexcept;
  /// The end of the stream, or of these windows: closes what is open. Missing are only frames between frames seen.
  void finish(ClosedSink& sink) noexcept;
  /// For a successor of finished statistics, before its first block: the stream goes on at this index, and a gap from here on is missing.
  void expect(std::uint64_t next_frame) noexcept;

  /// CLOCK_REALTIME less the stream's clock, as known now: of windows that are aligned to the wall clock and opened from now on. An open
  /// one keeps its own, so that its end stands. After a step of the wall clock the next window ends at a full multiple again.
  void set_wall_offset(std::int64_t offset_ns) noexcept { wall_offset_ns_ = offset_ns; }
  /// Windows opened from now on belong to this generation of the configuration.
  void set_generation(std::uint32_t generation) noexcept { generation_ = generation; }
  /// The same specifications in the same order, and the same figures.
  [[nodiscard]] bool has_windows_of(const StreamStatistics& other) const noexcept {
    return specs_ == other.specs_ && has_shape() == other.has_shape();
  }
  [[nodiscard]] bool has_shape() const noexcept { return !shapes_.empty(); }

  [[nodiscard]] std::size_t stride() const noexcept { return stride_; }
  [[nodiscard]] std::size_t windows() const noexcept { return specs_.size(); }
  [[nodiscard]] const config::Window& spec(std::size_t i) const noexcept { return specs_[i]; }
  [[nodiscard]] const OpenWindow& open(std::size_t i) const noexcept { return open_[i]; }
  [[nodiscard]] std::span<const Moments> open_moments(std::size_t i) const noexcept { return row(moments_, i); }
  /// None without shapes.
  [[nodiscard]] std::span<const Shape> open_shapes(std::size_t i) const noexcept { return row(shapes_, i); }
  /// The closed panes of windows that overlap: part of the state, beside the open one.
  [[nodiscard]] Panes& panes(std::size_t i) noexcept { return panes_[i]; }
  /// Takes over a state as open(), open_moments() and open_shapes() once gave it, open or not, for the same windows. A window that began
  /// without shapes ends without.
  void restore(std::size_t i, const OpenWindow& window, std::span<const Moments> moments, std::span<const Shape> shapes) noexcept;

 private:
  /// A run of frames that lies in one window of every specification.
  struct Piece {
    std::uint32_t begin = 0, end = 0;
    std::int64_t t_first_ns = 0, t_last_ns = 0;
  };
  /// Where a specification stands while a block is cut: its window, and the index or time at which that ends.
  struct Cursor {
    std::int64_t window = 0;
    std::int64_t end = 0;
  };
  /// One for each channel; none of rows that there are none of.
  template <class T>
  [[nodiscard]] std::span<T> row(std::vector<T>& rows, std::size_t i) const noexcept {
    return rows.empty() ? std::span<T>{} : std::span<T>{&rows[i * channels_], channels_};
  }
  template <class T>
  [[nodiscard]] std::span<const T> row(const std::vector<T>& rows, std::size_t i) const noexcept {
    return rows.empty() ? std::span<const T>{} : std::span<const T>{&rows[i * channels_], channels_};
  }
  void measure_piece(const std::byte* data, std::size_t frames) noexcept;
  void measure_shape(const BlockView& block, const std::byte* data, const Piece& piece) noexcept;
  [[nodiscard]] std::span<const Moments> moments_of_piece(std::size_t piece) const noexcept;
  void guess_means() noexcept;
  [[nodiscard]] Cursor start(std::size_t which) const noexcept;
  [[nodiscard]] std::int64_t time_of(const BlockView& block, std::uint32_t frame) const noexcept;
  [[nodiscard]] std::int64_t position(std::size_t which, const BlockView& block, std::uint32_t frame) const noexcept;
  void advance(std::size_t which, Cursor& cursor, std::int64_t position) const noexcept;
  [[nodiscard]] std::uint32_t first_at(std::size_t which, const BlockView& block, std::uint32_t begin, std::uint32_t end,
                                       std::int64_t at) const noexcept;
  void merge_piece(std::size_t which, std::size_t index, std::int64_t window, ClosedSink& sink) noexcept;
  void merge_shapes(std::size_t which, std::size_t piece) noexcept;
  void open_window(std::size_t which, std::int64_t window, std::uint64_t first, std::int64_t t_first_ns) noexcept;
  void close_window(std::size_t which, ClosedSink& sink) noexcept;
  void count_gap(std::size_t which, std::uint64_t first) noexcept;
  void count_range(std::size_t which, std::uint64_t end) noexcept;
  [[nodiscard]] std::uint64_t range_end(std::size_t which) const noexcept;

  /// From one cut to the next: the length or the hop, in frames or ns.
  [[nodiscard]] std::int64_t step(std::size_t which) const noexcept;

  std::size_t channels_, value_bytes_, stride_, capacity_;
  bool explicit_times_;
  std::uint32_t generation_, stream_;
  std::vector<config::Window> specs_;
  std::vector<OpenWindow> open_;
  std::vector<Moments> moments_;  ///< [specification][channel]
  std::vector<Shape> shapes_;     ///< the same; none without
  std::vector<Panes> panes_;      ///< [specification]
  std::int64_t wall_offset_ns_ = 0;
  // What measure() leaves for merge(), sized for a block in which every frame is a piece of its own.
  std::uint64_t first_frame_ = 0;
  std::size_t pieces_used_ = 0;
  std::vector<Piece> pieces_;
  std::vector<std::int64_t> numbers_;   ///< [piece][specification]
  std::vector<RunMoments> runs_;        ///< of the first pieces of a block of f32
  std::vector<Moments> measured_;       ///< [piece behind them][channel]
  std::vector<Moments> run_measured_;   ///< [run][channel], where there are shapes
  std::vector<Shape> shapes_measured_;  ///< [piece][channel], the same
  std::vector<Cursor> cursors_;         ///< [specification]
  std::vector<double> means_;           ///< [channel]
};

}  // namespace chappe::aggregator

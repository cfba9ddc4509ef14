#include "aggregator/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "rt/result.hpp"

namespace chappe::aggregator {
namespace {

/// Pieces of a block of f32 that are measured as runs; the rest are cut by windows of a few frames each, and the careful kernel takes them.
constexpr std::size_t kRuns = 4;

constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();

/// Frames or nanoseconds from one cut to the next.
std::int64_t step_of(const config::Window& w) noexcept {
  if (w.frames > 0) return static_cast<std::int64_t>(w.hop_frames > 0 ? w.hop_frames : w.frames);
  return w.hop_ns > 0 ? w.hop_ns : w.duration_ns;
}

std::int64_t floor_divided(std::int64_t a, std::int64_t b) noexcept { return a / b - (a % b < 0 ? 1 : 0); }

std::int64_t saturated_difference(std::int64_t a, std::int64_t b) noexcept {
  std::int64_t difference = 0;
  return __builtin_sub_overflow(a, b, &difference) ? (b > 0 ? kLowest : kHighest) : difference;
}

/// (window + 1) * length, at most what the type holds: indices and times come out of shared memory and may be anything.
std::int64_t end_of(std::int64_t window, std::int64_t length) noexcept {
  std::int64_t next = 0, end = 0;
  if (__builtin_add_overflow(window, 1, &next) || __builtin_mul_overflow(next, length, &end)) return window < 0 ? kLowest : kHighest;
  return end;
}

std::int64_t implicit_time(const BlockView& block, std::uint32_t frame) noexcept {
  const auto offset = static_cast<std::uint64_t>(std::llround(block.period_ns * frame));
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(block.t_first_ns) + offset);  // unsigned: a torn time may not overflow
}

/// Most pieces of a block: with durations only, every frame may stand alone; windows by frames cut at known distances.
std::size_t most_pieces(std::size_t capacity, const std::vector<config::Window>& windows) noexcept {
  std::size_t pieces = 1;
  for (const auto& w : windows) pieces += w.frames > 0 ? (capacity - 1) / static_cast<std::size_t>(step_of(w)) + 1 : capacity;
  return std::min(pieces, capacity);
}

}  // namespace

StreamStatistics::StreamStatistics(std::size_t channels, std::size_t value_bytes, std::size_t stride, std::size_t capacity_frames,
                                   bool explicit_times, std::vector<config::Window> windows, std::uint32_t generation, std::uint32_t stream,
                                   bool shape)
    : channels_(channels),
      value_bytes_(value_bytes),
      stride_(stride),
      capacity_(capacity_frames),
      explicit_times_(explicit_times),
      generation_(generation),
      stream_(stream),
      specs_(std::move(windows)) {
  CHAPPE_EXPECTS(channels > 0 && (value_bytes == 4 || value_bytes == 8) && stride >= channels * value_bytes && capacity_frames > 0 &&
                 !specs_.empty());
  for (const auto& w : specs_) {
    CHAPPE_EXPECTS((w.frames > 0) != (w.duration_ns > 0) && step_of(w) > 0 && w.hops() > 0);
    panes_.emplace_back(w.hops() - 1, w.hop_frames, channels);
  }
  open_.resize(specs_.size());
  moments_.resize(specs_.size() * channels);
  cursors_.resize(specs_.size());
  pieces_.resize(most_pieces(capacity_frames, specs_));
  numbers_.resize(pieces_.size() * specs_.size());
  if (value_bytes == sizeof(float) && RunMoments::takes(stride)) runs_.resize(std::min(pieces_.size(), kRuns), RunMoments(channels));
  measured_.resize((pieces_.size() - runs_.size()) * channels);
  means_.resize(channels);
  if (!shape) return;
  shapes_.resize(moments_.size());
  run_measured_.resize(runs_.size() * channels);
  shapes_measured_.resize(pieces_.size() * channels);
}

void StreamStatistics::measure(const BlockView& block) noexcept {
  const auto frames = static_cast<std::uint32_t>(std::min<std::size_t>(block.frames, capacity_));
  first_frame_ = block.first_frame;
  pieces_used_ = 0;
  for (std::size_t w = 0; w < specs_.size(); ++w) cursors_[w] = start(w);
  for (std::uint32_t begin = 0, end = 0; begin < frames && pieces_used_ < pieces_.size(); begin = end) {
    end = frames;
    for (std::size_t w = 0; w < specs_.size(); ++w) {
      const std::int64_t at = position(w, block, begin);
      if (at >= cursors_[w].end) advance(w, cursors_[w], at);
      numbers_[pieces_used_ * specs_.size() + w] = cursors_[w].window;
      end = first_at(w, block, begin + 1, end, cursors_[w].end);
    }
    pieces_[pieces_used_] = {.begin = begin, .end = end, .t_first_ns = time_of(block, begin), .t_last_ns = time_of(block, end - 1)};
    measure_piece(block.data + begin * stride_, end - begin);
    if (has_shape()) measure_shape(block, block.data + begin * stride_, pieces_[pieces_used_]);
    ++pieces_used_;
  }
}

void StreamStatistics::measure_piece(const std::byte* data, std::size_t frames) noexcept {
  if (pieces_used_ < runs_.size()) {
    runs_[pieces_used_].measure(data, frames, stride_, row(std::as_const(moments_), 0));
    return;
  }
  if (pieces_used_ == runs_.size()) guess_means();
  block_moments(data, frames, stride_, value_bytes_, means_, row(measured_, pieces_used_ - runs_.size()));
}

/// Behind measure_piece(), around the means that it found.
void StreamStatistics::measure_shape(const BlockView& block, const std::byte* data, const Piece& piece) noexcept {
  if (pieces_used_ < runs_.size()) {
    const auto moments = row(run_measured_, pieces_used_);
    std::fill(moments.begin(), moments.end(), Moments{});
    runs_[pieces_used_].merge_into(moments);
  }
  const auto shapes = row(shapes_measured_, pieces_used_);
  block_shape(data, piece.end - piece.begin, stride_, value_bytes_, moments_of_piece(pieces_used_), shapes);
  for (Shape& s : shapes) {
    s.t_min_ns = time_of(block, piece.begin + static_cast<std::uint32_t>(s.t_min_ns));
    s.t_max_ns = time_of(block, piece.begin + static_cast<std::uint32_t>(s.t_max_ns));
  }
}

std::span<const Moments> StreamStatistics::moments_of_piece(std::size_t piece) const noexcept {
  return piece < runs_.size() ? row(run_measured_, piece) : row(measured_, piece - runs_.size());
}

/// From the first specification's window, the last one if none is open.
void StreamStatistics::guess_means() noexcept {
  for (std::size_t c = 0; c < channels_; ++c) means_[c] = next_shift(moments_[c]);
}

/// A closed window binds nobody: a replay played again begins at an earlier time.
StreamStatistics::Cursor StreamStatistics::start(std::size_t which) const noexcept {
  if (!open_[which].open) return {.window = kLowest, .end = kLowest};
  const auto window = static_cast<std::int64_t>(open_[which].head.window);
  return {.window = window, .end = saturated_difference(end_of(window, step(which)), open_[which].wall_offset_ns)};
}

std::int64_t StreamStatistics::step(std::size_t which) const noexcept { return step_of(specs_[which]); }

std::int64_t StreamStatistics::time_of(const BlockView& block, std::uint32_t frame) const noexcept {
  return explicit_times_ && block.times_ns != nullptr ? block.times_ns[frame] : implicit_time(block, frame);
}

std::int64_t StreamStatistics::position(std::size_t which, const BlockView& block, std::uint32_t frame) const noexcept {
  return specs_[which].frames > 0 ? static_cast<std::int64_t>(block.first_frame + frame) : time_of(block, frame);
}

void StreamStatistics::advance(std::size_t which, Cursor& cursor, std::int64_t position) const noexcept {
  const bool wall = specs_[which].wall;
  const std::int64_t offset = wall ? wall_offset_ns_ : 0;
  const std::int64_t number = floor_divided(saturated_difference(position, saturated_difference(0, offset)), step(which));
  // A wall clock that went back may name a window again that has closed.
  if (wall && cursor.window != kLowest && cursor.window != kHighest) ++cursor.window;
  cursor.window = std::max(cursor.window, number);
  cursor.end = saturated_difference(end_of(cursor.window, step(which)), offset);
}

/// The first frame of [begin, end) at or behind `at`, or `end`.
std::uint32_t StreamStatistics::first_at(std::size_t which, const BlockView& block, std::uint32_t begin, std::uint32_t end,
                                         std::int64_t at) const noexcept {
  if (specs_[which].frames > 0) {
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(static_cast<std::uint64_t>(at) - block.first_frame, begin, end));
  }
  if (explicit_times_ && block.times_ns != nullptr) {  // these may go back
    return static_cast<std::uint32_t>(std::find_if(block.times_ns + begin, block.times_ns + end, [at](std::int64_t t) { return t >= at; }) -
                                      block.times_ns);
  }
  while (begin < end) {
    const std::uint32_t middle = begin + (end - begin) / 2;
    if (implicit_time(block, middle) < at)
      begin = middle + 1;
    else
      end = middle;
  }
  return begin;
}

void StreamStatistics::merge(ClosedSink& sink) noexcept {
  for (std::size_t p = 0; p < pieces_used_; ++p) {
    for (std::size_t w = 0; w < specs_.size(); ++w) merge_piece(w, p, numbers_[p * specs_.size() + w], sink);
  }
  pieces_used_ = 0;
}

void StreamStatistics::merge_piece(std::size_t which, std::size_t index, std::int64_t window, ClosedSink& sink) noexcept {
  const Piece& piece = pieces_[index];
  OpenWindow& o = open_[which];
  const std::uint64_t first = first_frame_ + piece.begin;
  if (o.open) {
    count_gap(which, first);
    if (window > static_cast<std::int64_t>(o.head.window)) {
      count_range(which, range_end(which));
      close_window(which, sink);
    }
  }
  if (!o.open) {
    open_window(which, window, first, piece.t_first_ns);
    count_gap(which, first);
  }
  merge_shapes(which, index);
  if (index < runs_.size())
    runs_[index].merge_into(row(moments_, which));
  else
    merge_all(row(moments_, which), row(std::as_const(measured_), index - runs_.size()));
  o.head.frames += piece.end - piece.begin;
  o.head.t_last_ns = piece.t_last_ns;
  o.head.upto = o.next_frame = first_frame_ + piece.end;
  count_range(which, std::min(o.next_frame, range_end(which)));
  if (specs_[which].frames > 0 && o.next_frame >= range_end(which)) close_window(which, sink);
}

/// Before the moments, which it needs as they were.
void StreamStatistics::merge_shapes(std::size_t which, std::size_t piece) noexcept {
  const auto shapes = row(shapes_, which);
  const auto moments = row(std::as_const(moments_), which), more = moments_of_piece(piece);
  for (std::size_t c = 0; c < shapes.size(); ++c)
    aggregator::merge(shapes[c], moments[c], shapes_measured_[piece * channels_ + c], more[c]);
}

void StreamStatistics::open_window(std::size_t which, std::int64_t window, std::uint64_t first, std::int64_t t_first_ns) noexcept {
  OpenWindow& o = open_[which];
  if (o.opened_at == OpenWindow::kFirstSeen) o.opened_at = o.next_frame = first;
  o.open = true;
  o.wall_offset_ns = specs_[which].wall ? wall_offset_ns_ : 0;
  o.head = {.stream = stream_,
            .which = static_cast<std::uint32_t>(which),
            .window = static_cast<std::uint64_t>(window),
            .generation = generation_,
            .first_frame = first,
            .frames = 0,
            .missing = 0,
            .t_first_ns = t_first_ns,
            .t_last_ns = t_first_ns,
            .upto = first,
            .shaped = has_shape()};
  const auto moments = row(moments_, which);
  std::fill(moments.begin(), moments.end(), Moments{});
  const auto shapes = row(shapes_, which);
  std::fill(shapes.begin(), shapes.end(), Shape{});
}

void StreamStatistics::close_window(std::size_t which, ClosedSink& sink) noexcept {
  OpenWindow& o = open_[which];
  o.open = false;
  const auto moments = row(std::as_const(moments_), which);
  const auto shapes = row(std::as_const(shapes_), which);
  if (panes_[which].size() == 0) return sink.closed(o.head, moments, shapes);
  const WholeWindow& whole = panes_[which].window_up_to(o.head, o.opened_at, moments, shapes);
  sink.closed(whole.head, whole.moments, whole.shapes);
  panes_[which].keep(o.head, moments, shapes);
}

/// Windows by duration: indices skipped before `first` are missing in the window that is open now. Seen once.
void StreamStatistics::count_gap(std::size_t which, std::uint64_t first) noexcept {
  OpenWindow& o = open_[which];
  if (first <= o.next_frame) return;
  if (specs_[which].frames == 0) o.head.missing += first - o.next_frame;
  o.next_frame = first;
}

/// Windows by frames: of the window's indices below `end` those are missing that did not come.
void StreamStatistics::count_range(std::size_t which, std::uint64_t end) noexcept {
  OpenWindow& o = open_[which];
  if (specs_[which].frames == 0) return;
  const std::uint64_t came_up_to = std::max(o.head.window * static_cast<std::uint64_t>(step(which)), o.opened_at) + o.head.frames;
  o.head.missing = end > came_up_to ? end - came_up_to : 0;
}

std::uint64_t StreamStatistics::range_end(std::size_t which) const noexcept {
  return (open_[which].head.window + 1) * static_cast<std::uint64_t>(step(which));
}

void StreamStatistics::finish(ClosedSink& sink) noexcept {
  for (std::size_t w = 0; w < specs_.size(); ++w) {
    OpenWindow& o = open_[w];
    if (o.open) close_window(w, sink);
    panes_[w].forget();
    if (o.opened_at != OpenWindow::kFirstSeen) o.opened_at = o.next_frame;  // a second part of the same window does not miss the first
  }
}

void StreamStatistics::expect(std::uint64_t next_frame) noexcept {
  for (auto& o : open_) o.opened_at = o.next_frame = next_frame;
}

void StreamStatistics::restore(std::size_t i, const OpenWindow& window, std::span<const Moments> moments,
                               std::span<const Shape> shapes) noexcept {
  CHAPPE_EXPECTS(i < specs_.size() && moments.size() == channels_);
  open_[i] = window;
  open_[i].head.shaped = window.head.shaped && has_shape() && shapes.size() == channels_;
  std::copy(moments.begin(), moments.end(), row(moments_, i).begin());
  if (open_[i].head.shaped) std::copy(shapes.begin(), shapes.end(), row(shapes_, i).begin());
}

}  // namespace chappe::aggregator

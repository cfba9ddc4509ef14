// The panes of a sliding window: runs of frames of one hop each, of which the window is made. The open pane is an open window as any other;
// here are those that are closed and still belong to a window that is to come. A window is their pairwise merge, oldest first. The drain's
// thread; no allocation after construction.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "aggregator/moments.hpp"
#include "aggregator/shape.hpp"
#include "aggregator/window_log.hpp"

namespace chappe::aggregator {

/// One window as it is handed out. `shapes` means something where head.shaped.
struct WholeWindow {
  WindowHead head;
  std::vector<Moments> moments;
  std::vector<Shape> shapes;
};

class Panes {
 public:
  /// `count`: closed panes that a window has beside its last one; 0: windows that do not overlap. hop_frames: of windows by frames.
  Panes(std::size_t count, std::uint64_t hop_frames, std::size_t channels);
  [[nodiscard]] std::size_t size() const noexcept { return panes_.size(); }
  /// Takes a pane that has closed; its head's `window` is the pane's number.
  void keep(const WindowHead& head, std::span<const Moments> moments, std::span<const Shape> shapes) noexcept;
  void forget() noexcept;
  /// The window that ends with this pane, whose number is that of its first pane. `missing`: by frames, the indices of its range from
  /// opened_at on that did not come; by duration, the sum of the panes'. Valid until the next call.
  const WholeWindow& window_up_to(const WindowHead& last, std::uint64_t opened_at, std::span<const Moments> moments,
                                  std::span<const Shape> shapes) noexcept;

  /// Head with frames 0: none is there.
  [[nodiscard]] const WindowHead& head(std::size_t i) const noexcept { return panes_[i].head; }
  [[nodiscard]] std::span<const Moments> moments(std::size_t i) const noexcept { return panes_[i].moments; }
  [[nodiscard]] std::span<const Shape> shapes(std::size_t i) const noexcept { return panes_[i].shapes; }
  /// True once after each change of pane i.
  bool take_change(std::size_t i) noexcept;

 private:
  [[nodiscard]] std::size_t place_of(std::int64_t number) const noexcept;
  void add(const WindowHead& head, std::span<const Moments> moments, std::span<const Shape> shapes) noexcept;
  std::vector<WholeWindow> panes_;     ///< by number modulo their count
  std::vector<std::uint8_t> changed_;  ///< the same
  WholeWindow whole_;
  std::uint64_t hop_frames_;
};

}  // namespace chappe::aggregator

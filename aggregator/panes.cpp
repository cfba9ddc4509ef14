#include "aggregator/panes.hpp"

#include <algorithm>
#include <utility>

namespace chappe::aggregator {

Panes::Panes(std::size_t count, std::uint64_t hop_frames, std::size_t channels)
    : panes_(count, WholeWindow{.head = {}, .moments = std::vector<Moments>(channels), .shapes = std::vector<Shape>(channels)}),
      changed_(count, 1),
      whole_{.head = {}, .moments = std::vector<Moments>(count > 0 ? channels : 0), .shapes = std::vector<Shape>(count > 0 ? channels : 0)},
      hop_frames_(hop_frames) {}

std::size_t Panes::place_of(std::int64_t number) const noexcept {
  const auto count = static_cast<std::int64_t>(panes_.size()), rest = number % count;
  return static_cast<std::size_t>(rest < 0 ? rest + count : rest);
}

void Panes::keep(const WindowHead& head, std::span<const Moments> moments, std::span<const Shape> shapes) noexcept {
  const std::size_t at = place_of(static_cast<std::int64_t>(head.window));
  panes_[at].head = head;
  std::ranges::copy(moments, panes_[at].moments.begin());
  if (head.shaped) std::ranges::copy(shapes, panes_[at].shapes.begin());
  changed_[at] = 1;
}

void Panes::forget() noexcept {
  for (std::size_t i = 0; i < panes_.size(); ++i) {
    if (std::exchange(panes_[i].head.frames, 0) != 0) changed_[i] = 1;
  }
}

bool Panes::take_change(std::size_t i) noexcept { return std::exchange(changed_[i], std::uint8_t{0}) != 0; }

/// Behind what is in `whole_`.
void Panes::add(const WindowHead& head, std::span<const Moments> moments, std::span<const Shape> shapes) noexcept {
  WindowHead& whole = whole_.head;
  if (whole.frames == 0) {
    whole = head;
  } else {
    whole.frames += head.frames;
    whole.missing += head.missing;
    whole.t_last_ns = head.t_last_ns;
    whole.upto = head.upto;
    whole.shaped = whole.shaped && head.shaped;
  }
  for (std::size_t c = 0; whole.shaped && c < moments.size(); ++c) merge(whole_.shapes[c], whole_.moments[c], shapes[c], moments[c]);
  merge_all(whole_.moments, moments);
}

const WholeWindow& Panes::window_up_to(const WindowHead& last, std::uint64_t opened_at, std::span<const Moments> moments,
                                       std::span<const Shape> shapes) noexcept {
  whole_.head = {};
  std::ranges::fill(whole_.moments, Moments{});
  std::ranges::fill(whole_.shapes, Shape{});
  const auto end = static_cast<std::int64_t>(last.window), begin = end - static_cast<std::int64_t>(panes_.size());
  for (std::int64_t number = begin; number < end; ++number) {
    const WholeWindow& pane = panes_[place_of(number)];
    if (pane.head.frames > 0 && static_cast<std::int64_t>(pane.head.window) == number) add(pane.head, pane.moments, pane.shapes);
  }
  add(last, moments, shapes);
  WindowHead& whole = whole_.head;
  whole.window = static_cast<std::uint64_t>(begin);
  if (hop_frames_ > 0) {
    const auto first_index = [&](std::int64_t pane) {
      return std::max(static_cast<std::uint64_t>(std::max<std::int64_t>(pane, 0)) * hop_frames_, opened_at);
    };
    const std::uint64_t wanted = first_index(end) + last.frames + last.missing - first_index(begin);
    whole.missing = wanted > whole.frames ? wanted - whole.frames : 0;
  }
  return whole_;
}

}  // namespace chappe::aggregator

#include "aggregator/board_windows.hpp"

#include <algorithm>
#include <bit>

namespace chappe::aggregator {
namespace {

static_assert(sizeof(Moments) == sizeof(shm::BoardMoments) && sizeof(Shape) == sizeof(shm::BoardShape));

}  // namespace

void put_open(shm::BoardWindow& to, const OpenWindow& window) noexcept {
  put_closed(to, window.head);
  to.next_frame = window.next_frame;
  to.opened_at = window.opened_at;
  to.wall_offset_ns = window.wall_offset_ns;
  to.open = window.open ? 1U : 0U;
}

void put_closed(shm::BoardWindow& to, const WindowHead& h) noexcept {
  to = {.window = h.window,
        .first_frame = h.first_frame,
        .frames = h.frames,
        .missing = h.missing,
        .next_frame = h.upto,
        .opened_at = 0,
        .t_first_ns = h.t_first_ns,
        .t_last_ns = h.t_last_ns,
        .wall_offset_ns = 0,
        .generation = h.generation,
        .open = 0,
        .shaped = h.shaped ? 1U : 0U,
        .reserved = 0};
}

void put_moments(std::span<shm::BoardMoments> to, std::span<const Moments> from) noexcept {
  std::transform(from.begin(), from.end(), to.begin(), [](const Moments& m) { return std::bit_cast<shm::BoardMoments>(m); });
}

void put_shapes(std::span<shm::BoardShape> to, std::span<const Shape> from) noexcept {
  std::transform(from.begin(), from.end(), to.begin(), [](const Shape& s) { return std::bit_cast<shm::BoardShape>(s); });
}

OpenWindow window_of(const shm::BoardWindow& from, std::size_t stream, std::size_t which) noexcept {
  return {.head = {.stream = static_cast<std::uint32_t>(stream),
                   .which = static_cast<std::uint32_t>(which),
                   .window = from.window,
                   .generation = from.generation,
                   .first_frame = from.first_frame,
                   .frames = from.frames,
                   .missing = from.missing,
                   .t_first_ns = from.t_first_ns,
                   .t_last_ns = from.t_last_ns,
                   .upto = from.next_frame,
                   .shaped = from.shaped != 0},
          .open = from.open != 0,
          .next_frame = from.next_frame,
          .opened_at = from.opened_at,
          .wall_offset_ns = from.wall_offset_ns};
}

config::Window spec_of(const shm::BoardStream& b, std::size_t which) noexcept {
  config::Window w{.frames = b.spec_frames[which], .duration_ns = b.spec_duration_ns[which]};
  if (w.frames > 0)
    w.hop_frames = static_cast<std::uint64_t>(b.spec_hop[which]);
  else
    w.hop_ns = b.spec_hop[which];
  w.wall = b.spec_wall[which] != 0;
  return w;
}

void restore_panes(shm::BoardImage& image, std::size_t stream, std::size_t which, Panes& panes) {
  for (std::size_t i = 0; i < std::min<std::size_t>(panes.size(), image.panes(stream)); ++i) {
    const std::size_t record = image.pane_record(stream, which, i);
    const shm::BoardWindow& from = image.window(stream, shm::BoardImage::kPanes, record);
    if (from.frames == 0) continue;
    panes.keep(window_of(from, stream, which).head, moments_of(image.moments(stream, shm::BoardImage::kPanes, record)),
               shapes_of(image.shapes(stream, shm::BoardImage::kPanes, record)));
  }
}

WholeWindow whole_window(shm::BoardImage& image, std::size_t stream, std::size_t which) {
  WholeWindow last{.head = window_of(image.window(stream, which, 0), stream, which).head,
                   .moments = moments_of(image.moments(stream, which, 0)),
                   .shapes = shapes_of(image.shapes(stream, which, 0))};
  const config::Window spec = spec_of(image.stream(stream), which);
  if (image.stream(stream).spec_hop[which] == 0) return last;
  Panes panes(std::min<std::uint64_t>(spec.hops() - 1, shm::kMostPanes), spec.hop_frames, last.moments.size());
  restore_panes(image, stream, which, panes);
  return panes.window_up_to(last.head, image.window(stream, which, 0).opened_at, last.moments, last.shapes);
}

std::vector<Moments> moments_of(std::span<const shm::BoardMoments> from) {
  std::vector<Moments> moments;
  moments.reserve(from.size());
  for (const auto& m : from) moments.push_back(std::bit_cast<Moments>(m));
  return moments;
}

std::vector<Shape> shapes_of(std::span<const shm::BoardShape> from) {
  std::vector<Shape> shapes;
  shapes.reserve(from.size());
  for (const auto& s : from) shapes.push_back(std::bit_cast<Shape>(s));
  return shapes;
}

}  // namespace chappe::aggregator

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
          .opened_at = from.opened_at};
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

// Windows as the board holds them, and back. The bits are the same: a restart goes on as if nothing had happened.
#pragma once
#include <span>
#include <vector>

#include "aggregator/statistics.hpp"
#include "shm/board.hpp"

namespace chappe::aggregator {

void put_open(shm::BoardWindow& to, const OpenWindow& window) noexcept;
void put_closed(shm::BoardWindow& to, const WindowHead& head) noexcept;
void put_shapes(std::span<shm::BoardShape> to, std::span<const Shape> from) noexcept;  ///< nothing where there are none
void put_moments(std::span<shm::BoardMoments> to, std::span<const Moments> from) noexcept;

OpenWindow window_of(const shm::BoardWindow& from, std::size_t stream, std::size_t which) noexcept;
/// What the open record of a specification would close with: of windows that overlap, with its panes.
WholeWindow whole_window(shm::BoardImage& image, std::size_t stream, std::size_t which);
/// Takes the panes of a specification from the board.
void restore_panes(shm::BoardImage& image, std::size_t stream, std::size_t which, Panes& panes);
/// The specification as the open windows of the board were opened with.
config::Window spec_of(const shm::BoardStream& b, std::size_t which) noexcept;
std::vector<Moments> moments_of(std::span<const shm::BoardMoments> from);
std::vector<Shape> shapes_of(std::span<const shm::BoardShape> from);

}  // namespace chappe::aggregator

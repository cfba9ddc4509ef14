// What a torture run keeps in a stream's windows: the sum of the frame indices that were merged into a window, as the payload itself names
// them, and of those that were missing. Closed, both together must be the closed form of the window; so a frame merged twice, or lost
// without a gap, shows. Kept in the board, so that it lives and dies with `upto`.
#pragma once
#include "shm/board.hpp"
#include "torture_ring.hpp"

namespace chappe::shm::torture {

inline constexpr std::uint64_t kWindow = 8192;  // frames; more than any block holds

/// Sum of the indices [first, end).
constexpr std::uint64_t sum_between(std::uint64_t first, std::uint64_t end) noexcept {
  const std::uint64_t n = end - first;
  const std::uint64_t twice = first + end - 1;  // one of the two is even
  return n % 2 == 0 ? n / 2 * twice : twice / 2 * n;
}

/// The indices of one block as read from its payload, in the window that it begins in and in the next.
struct BlockSums {
  std::uint64_t frames[2]{}, sum[2]{};
};
BlockSums sums_of(const StreamEntry& entry, const std::byte* payload, const BlockHead& block) noexcept;

/// Takes a whole block into the windows of `stream`.
void merge(BoardImage& image, std::size_t stream, const BlockHead& block, const BlockSums& sums, Findings& found) noexcept;
/// The identities that every publication keeps: every gap on the board is counted, and every merged frame stands in one window.
/// False: it contradicts itself.
bool is_sound(BoardImage& image, std::size_t stream) noexcept;

}  // namespace chappe::shm::torture

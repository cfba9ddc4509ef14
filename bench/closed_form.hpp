// Whether the windows on a board are those of source = "memory": value (i + c) mod 2^20 of channel c in frame i. Pure.
#pragma once
#include <cstdint>
#include <string>

#include "shm/board.hpp"

namespace chappe::bench {

/// All closed windows that the board still holds of its first stream: count, sum, mean, min and max of each channel, and that none of its
/// frames is missing. Empty: they are right, and `checked` of them were looked at.
std::string check_windows(shm::BoardCopy& board, std::uint64_t window_frames, std::uint64_t& checked);

}  // namespace chappe::bench

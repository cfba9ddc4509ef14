// The windows of a stream as the board holds them, told as plain values. Part of shm::Viewer.
#pragma once
#include <vector>

#include "shm/board.hpp"
#include "shm/snapshot.hpp"

namespace chappe::shm {

/// The last closed window of each specification in use of the board's stream `at`.
std::vector<WindowView> window_views(const BoardTables& tables, BoardImage& image, std::size_t at);

}  // namespace chappe::shm

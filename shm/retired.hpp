// A ring that another geometry has superseded, as ring.draining keeps it.
#pragma once
#include "shm/board.hpp"
#include "shm/ring.hpp"

namespace chappe::shm {

/// True: a whole block of it lies behind what the board has of its stream. Asked where the board speaks neither of this ring nor of its
/// successor: then either the board's own ring gave way to this one, which is still to be merged, or this one was merged long ago and its
/// successor lost. Frame indices run on over all incarnations, so they tell.
bool is_ahead_of_board(const RingReader& retired, const BoardTables& tables, const BoardImage& image);

/// An aggregator merges it before `current`, its successor (null: there is none): the board speaks of none, or of it and has not all of it,
/// or of one that gave way to it. A ring that has both names (supersede, killed after 1) is not retired, nor is
/// another user's.
bool is_to_drain(const RingReader& retired, const RingReader* current, const BoardTables& tables, const BoardImage& image);

}  // namespace chappe::shm

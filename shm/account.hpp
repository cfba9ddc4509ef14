// The four laws of the ledger, over plain values. Pure.
#pragma once
#include <cstdint>
#include <vector>

#include "shm/layout.hpp"
#include "shm/ring.hpp"
#include "shm/snapshot.hpp"

namespace chappe::shm {

/// What a walk over the whole slots from upto to head finds of one stream.
struct Walk {
  std::uint64_t frames = 0;                 ///< in whole slots
  std::uint64_t pending = 0;                ///< missing between the board's last frame and the first whole slot, and between whole slots
  std::uint64_t highest_committed = 0;      ///< cumulative, as the board or the last whole slot names it
  std::uint64_t next_frame = 0, drops = 0;  ///< cursor of the header arithmetic
  bool skipped = false;                     ///< a slot behind the stream's last block is not whole, or overwritten: it may have been its
};

/// Where a walk of this stream begins.
Walk walk_from(const BoardStream& board) noexcept;
/// The consumer's side: enters a merged block. What is missing before it is overrun.
void enter_block(BoardStream& board, const BlockHead& block) noexcept;

/// STEP end 2: takes over the producer's totals. What was passed over since the last block of the stream, and was committed, is overrun: no
/// later block of this run tells, and the next run's first block must not tell again.
void enter_totals(BoardStream& board, const BoardTotals& totals) noexcept;

/// It holds these totals of an orderly end, and not those of an earlier run.
bool has_totals(const BoardStream& board, const BoardTotals& totals) noexcept;

/// Takes one whole block into the walk of its stream: what lies between it and what came before is missing, less what the producer dropped.
void walk_block(Walk& walk, const BlockHead& block) noexcept;

/// Frames lost between a position (next_frame, drops) and a block that begins at (first_frame, drops): the gap in the frame index less the
/// drops that the producer counted in it. Never negative on honest headers; wraps never: a lying header gives 0.
std::uint64_t missing_between(std::uint64_t next_frame, std::uint64_t drops, const BlockHead& block) noexcept;

/// What a living producer may have in hand of a stream: the bounds of laws 1 to 3. All 0 once its ledger is gone.
struct Bounds {
  std::uint64_t block_frames = 0;  ///< one read, and one block between pool and ring
  std::uint64_t pool_frames = 0;
  std::uint64_t unaccounted = 0;  ///< what an adopter could not explain: never in hand
};

/// The account of one stream.
Account account_of(const std::string& name, const BoardTotals& producer, const BoardStream& board, const Walk& walk, const Bounds& bounds);

}  // namespace chappe::shm

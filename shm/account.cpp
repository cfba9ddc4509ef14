#include "shm/account.hpp"

#include <algorithm>
#include <cstring>

namespace chappe::shm {
namespace {

/// What of `difference` lies outside [0, bound].
std::int64_t outside(std::int64_t difference, std::uint64_t bound) noexcept {
  if (difference < 0) return difference;
  return std::max<std::int64_t>(0, difference - static_cast<std::int64_t>(bound));
}

std::int64_t minus(std::uint64_t a, std::uint64_t b) noexcept { return static_cast<std::int64_t>(a - b); }

}  // namespace

std::uint64_t missing_between(std::uint64_t next_frame, std::uint64_t drops, const BlockHead& block) noexcept {
  const std::int64_t lost = minus(block.first_frame, next_frame) - minus(block.drops, drops);
  return lost > 0 ? static_cast<std::uint64_t>(lost) : 0;
}

Walk walk_from(const BoardStream& board) noexcept {
  return {.highest_committed = board.committed, .next_frame = board.next_frame, .drops = board.drops, .skipped = board.skipped != 0};
}

void enter_block(BoardStream& board, const BlockHead& block) noexcept {
  board.overrun += missing_between(board.next_frame, board.drops, block);
  board.aggregated += block.frames;
  board.next_frame = block.first_frame + block.frames;
  board.drops = block.drops;
  board.committed = block.committed;
  board.skipped = 0;
}

void enter_totals(BoardStream& board, const BoardTotals& totals) noexcept {
  board.totals = totals;
  if (board.skipped != 0 && totals.committed > board.committed) {
    board.overrun += totals.committed - board.committed;
    board.next_frame += totals.committed - board.committed;  // the header arithmetic goes on behind what is counted now
  }
  board.committed = std::max(board.committed, totals.committed);
  board.skipped = 0;
}

bool has_totals(const BoardStream& board, const BoardTotals& totals) noexcept {
  return board.ended != 0 && std::memcmp(&board.totals, &totals, sizeof totals) == 0;
}

void walk_block(Walk& walk, const BlockHead& block) noexcept {
  walk.pending += missing_between(walk.next_frame, walk.drops, block);
  walk.frames += block.frames;
  walk.next_frame = block.first_frame + block.frames;
  walk.drops = block.drops;
  walk.highest_committed = std::max(walk.highest_committed, block.committed);
  walk.skipped = false;
}

Account account_of(const std::string& name, const BoardTotals& p, const BoardStream& board, const Walk& walk, const Bounds& bounds) {
  Account a;
  a.stream = name;
  a.acquired = p.acquired;
  a.filled = p.filled;
  a.handed = p.handed;
  a.dropped = {p.full, p.pool, p.source, p.paused, p.crash};
  // A producer killed (or stopped) between the slot's sequence and this count: the slot is the truth, and so is the board that holds it.
  a.committed = std::max(p.committed, walk.highest_committed);
  a.aggregated = board.aggregated;
  a.overrun = board.overrun;
  a.in_ring = walk.frames;
  // The last blocks of a stream that were overwritten have no later block that tells.
  a.overrun_pending = walk.pending + (walk.skipped ? a.committed - walk.highest_committed : 0);
  const std::int64_t in_read = minus(a.acquired, a.filled + p.pool + p.source + p.paused);            // law 1
  const std::int64_t in_pool = minus(a.filled, a.handed);                                             // law 2
  const std::int64_t in_hand = minus(a.handed, a.committed + p.full + p.crash + bounds.unaccounted);  // law 3
  const std::int64_t in_table = minus(a.committed, a.aggregated + a.overrun);                         // law 4
  a.unexplained = minus(bounds.unaccounted, 0) + outside(in_read, bounds.block_frames) + outside(in_pool, bounds.pool_frames) +
                  outside(in_hand, bounds.block_frames) + (in_table - static_cast<std::int64_t>(walk.frames + a.overrun_pending));
  const auto counted = [](std::int64_t frames, std::uint64_t bound) {
    return static_cast<std::uint64_t>(std::clamp<std::int64_t>(frames, 0, static_cast<std::int64_t>(bound)));
  };
  a.in_flight =
      walk.frames + counted(in_read, bounds.block_frames) + counted(in_pool, bounds.pool_frames) + counted(in_hand, bounds.block_frames);
  return a;
}

}  // namespace chappe::shm

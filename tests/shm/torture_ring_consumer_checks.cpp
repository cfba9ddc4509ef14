#include <algorithm>

#include "torture_ring_consumer.hpp"
#include "torture_ring_windows.hpp"

namespace chappe::shm::torture {

/// Arithmetic takes any gap for overrun: so it is told here that what the gate can still give is not given up.
void Consumer::check_attach(std::uint64_t upto) {
  const std::uint64_t head_now = ring_->head(), blocks = ring_->tables().geometry.blocks;
  if (next_ <= std::max(upto, head_now + 1 > blocks ? head_now + 1 - blocks : 0)) return;
  shared_.found.passed_over.fetch_add(1, std::memory_order_relaxed);
  shared_.tell("consumer: attached at block %lu of %lu, upto %lu, head %lu", next_, blocks, upto, head_now);
}

/// Of a retired ring the oldest block may be half overwritten. What a gate holds, nobody overwrites.
void Consumer::refuse(std::uint64_t number) {
  shared_.found.refused.fetch_add(1, std::memory_order_relaxed);
  note_skip();
  if (!gate_ || gate_->thrown_out(*ring_)) return;
  shared_.found.refused_at_gate.fetch_add(1, std::memory_order_relaxed);
  shared_.tell("consumer: block %lu is not there, which the gate held from %lu on; head %lu", number, board_->image().head().upto,
               ring_->head());
}

void Consumer::check_block(std::uint64_t number, const BlockHead& block, const BoardStream& before) {
  const std::size_t at = board_stream_[block.stream];
  if (is_sound(board_->image(), at)) return;
  shared_.found.uncounted_gaps.fetch_add(1, std::memory_order_relaxed);
  shared_.tell(
      "consumer: stream %s, ring %lx, block %lu with frames %lu + %u, drops %lu, committed %lu: before it next frame %lu, aggregated "
      "%lu, "
      "overrun %lu, drops %lu, skipped %lu, ended %lu; upto %lu, head %lu",
      ring_->tables().streams[block.stream].name, ring_->tables().incarnation, number, block.first_frame, block.frames, block.drops,
      block.committed, before.next_frame, before.aggregated, before.overrun, before.drops, static_cast<unsigned long>(before.skipped),
      static_cast<unsigned long>(before.ended), board_->image().head().upto, ring_->head());
}

void Consumer::check_publication() {
  BoardImage& image = board_->image();
  for (std::size_t i = 0; i < board_stream_.size(); ++i) {
    if (is_sound(image, i)) continue;
    const BoardStream& b = image.stream(i);
    shared_.found.uncounted_gaps.fetch_add(1, std::memory_order_relaxed);
    shared_.tell("consumer: stream %s: next frame %lu, aggregated %lu, overrun %lu, drops %lu, in windows %lu + %lu",
                 board_->tables().streams[i].name, b.next_frame, b.aggregated, b.overrun, b.drops, image.window(i, 1, 0).frames,
                 image.window(i, 0, 0).frames);
  }
  const auto has_overrun = [&](std::size_t at) { return image.stream(at).overrun != 0; };
  if (shared_.lossless.load(std::memory_order_seq_cst) != 0 && std::any_of(board_stream_.begin(), board_stream_.end(), has_overrun)) {
    shared_.found.lost_though_waiting.fetch_add(1, std::memory_order_relaxed);
    shared_.tell("consumer: a producer that waits lost a block that it had committed; at %lu of %lu, head %lu", next_,
                 ring_->tables().geometry.blocks, ring_->head());
  }
}

/// Silent with data there. Nobody's fault while the producer is dead, stopped or starting, or all the while between the first cursor of a
/// burst and its bell. Asleep it never is: it rings before.
void Consumer::judge_silence(std::uint64_t starts, std::uint64_t bells) {
  const bool asleep = shared_.producer.now() == Phase::asleep;
  const bool before_bell = !asleep && shared_.producer.owes_bell.load(std::memory_order_seq_cst) != 0 &&
                           shared_.producer.bells.load(std::memory_order_seq_cst) == bells;
  const bool away = shared_.stopped.load(std::memory_order_seq_cst) != 0 || shared_.adopting.load(std::memory_order_seq_cst) != 0 ||
                    shared_.starts.load(std::memory_order_seq_cst) != starts;
  const bool rung_since = gate_->sleep_until(0);  // rung after the time was up, before this look
  if (before_bell || away || rung_since) {
    shared_.found.excused_timeouts.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  shared_.found.timeouts_with_data.fetch_add(1, std::memory_order_relaxed);
  shared_.tell("consumer: slept with data there: at block %lu, head %lu", next_, ring_->head());
}

}  // namespace chappe::shm::torture

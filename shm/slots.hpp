// What every object with three slots and one writer has in common: the board, the analysis and the alarms. A publication's number is from
// 1, its slot is number mod 3, and a slot begins with its number, 0 while it is written: one is always readable, also after a kill in the
// middle.
#pragma once
#include <atomic>
#include <cstddef>

#include "rt/fault.hpp"
#include "shm/copy_racing.hpp"
#include "shm/layout.hpp"

namespace chappe::shm {

/// The slot of a publication; `bytes` of each are used.
template <class Byte>
Byte* slot_of(Byte* slots, std::uint64_t number, std::size_t bytes) noexcept {
  return slots + (number % 3) * round_up(bytes, kPage);
}

/// STEP board 1-4. The writer's thread. `fill(slot, number)` writes what stands behind the slot's first word.
template <class Fill>
void publish_slot(std::byte* slots, std::size_t bytes, Word& latest, const Fill& fill) noexcept {
  const std::uint64_t number = latest.load(std::memory_order_relaxed) + 1;
  std::byte* const slot = slot_of(slots, number, bytes);
  Word& sequence = *reinterpret_cast<Word*>(slot);
  sequence.store(0, std::memory_order_relaxed);         // STEP board 1
  std::atomic_thread_fence(std::memory_order_release);  // SYNC(board): the words stay behind the mark
  CHAPPE_FAULT(board_1);
  fill(slot, number);  // STEP board 2
  CHAPPE_FAULT(board_2);
  sequence.store(number, std::memory_order_release);  // STEP board 3
  CHAPPE_FAULT(board_3);
  latest.store(number, std::memory_order_release);  // STEP board 4
  CHAPPE_FAULT(board_4);
}

/// Any reader: lets `copy(slot)` take what it wants of the latest slot, until that was the same before and after. False: nothing was
/// published yet, or the writer was faster every time. `bytes` of each slot are used; what was taken is not checked here.
template <class Copy>
bool read_latest(const std::byte* slots, std::size_t bytes, const Word& latest, const Copy& copy) noexcept {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const std::uint64_t number = latest.load(std::memory_order_acquire);
    if (number == 0) return false;
    const std::byte* const slot = slot_of(slots, number, bytes);
    const Word& sequence = *reinterpret_cast<const Word*>(slot);
    if (sequence.load(std::memory_order_acquire) != number) continue;
    copy(slot);
    std::atomic_thread_fence(std::memory_order_acquire);  // SYNC(board)
    if (sequence.load(std::memory_order_relaxed) == number) return true;
  }
  return false;
}

/// The same for all of it.
inline bool copy_latest(const std::byte* slots, std::size_t bytes, const Word& latest, std::byte* out) noexcept {
  return read_latest(slots, bytes, latest, [&](const std::byte* slot) { copy_racing(out, slot, bytes); });
}

}  // namespace chappe::shm

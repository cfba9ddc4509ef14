// The two simple viewers of a torture run, in one: whole snapshots through shm::Viewer, and blocks and publications read raw. Whatever they
// accept must be whole, must close, and must not go back.
#include <unistd.h>

#include <algorithm>
#include <map>
#include <random>

#include "rt/clock.hpp"
#include "torture_ring_looks.hpp"
#include "torture_ring_windows.hpp"

namespace chappe::shm::torture {
namespace {

void read_blocks(const std::string& instance, Shared& shared) {
  auto ring = RingReader::open(instance);
  if (!ring) {
    shared.found.troubles.fetch_add(1, std::memory_order_relaxed);
    shared.tell("viewer: %s", ring.error().text.c_str());
    return;
  }
  if (!*ring) return;
  const std::uint64_t head = (*ring)->head();
  // The newest blocks, and the oldest, which are being overwritten.
  const std::uint64_t blocks = (*ring)->tables().geometry.blocks;
  const std::uint64_t oldest = head > blocks ? head - blocks : 0;
  for (std::uint64_t n = oldest; n < head; n += n == oldest + 3 && head > oldest + 8 ? head - oldest - 7 : 1) {
    BlockHead block;
    const std::byte* payload = nullptr;
    if (!(*ring)->look(n, block, payload)) continue;
    const StreamEntry& entry = (*ring)->tables().streams[block.stream];
    const std::uint64_t wrong = wrong_words(entry, payload, block);
    if (!(*ring)->still(n) || wrong == 0) continue;
    shared.found.torn.fetch_add(1, std::memory_order_relaxed);
    shared.tell("viewer: block %lu of %s holds %lu wrong words", n, entry.name, wrong);
  }
}

void read_publication(const std::string& instance, Shared& shared) {
  auto board = BoardReader::open(instance);
  if (!board) {
    shared.found.troubles.fetch_add(1, std::memory_order_relaxed);
    shared.tell("viewer: %s", board.error().text.c_str());
    return;
  }
  if (!*board) return;
  BoardImage image((*board)->tables());
  if (!(*board)->copy(image)) return;
  for (std::size_t i = 0; i < (*board)->tables().streams.size(); ++i) {
    if (is_sound(image, i)) continue;
    shared.found.torn.fetch_add(1, std::memory_order_relaxed);
    shared.tell("viewer: a publication contradicts itself: stream %s", (*board)->tables().streams[i].name);
  }
}

}  // namespace

void watch(const Start& start, Shared& shared, Seat& seat) {
  std::mt19937_64 random(start.seed);
  seat.enter(Phase::look);
  Looks looks(start.instance, shared);
  while (seat.told.load(std::memory_order_relaxed) == 0) {
    looks.look();
    read_blocks(start.instance, shared);
    read_publication(start.instance, shared);
    rt::sleep_until(rt::monotonic_ns() + 1'000 * static_cast<std::int64_t>(random() % 30000));
  }
  _exit(0);
}

}  // namespace chappe::shm::torture

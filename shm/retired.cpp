#include "shm/retired.hpp"

#include "shm/tables.hpp"

namespace chappe::shm {
namespace {

/// Frame index that the board expects of this stream next; 0 of one that it does not know.
std::uint64_t next_frame_of(const StreamEntry& stream, const BoardTables& tables, const BoardImage& image) {
  const auto at = find_stream(tables.streams, stream.name);
  return at ? image.stream(*at).next_frame : 0;
}

}  // namespace

bool is_ahead_of_board(const RingReader& retired, const BoardTables& tables, const BoardImage& image) {
  const std::uint64_t head = retired.head();
  const std::uint64_t blocks = retired.tables().geometry.blocks;
  for (std::uint64_t n = head > blocks ? head - blocks : 0; n < head; ++n) {
    BlockHead block;
    const std::byte* payload = nullptr;
    if (!retired.look(n, block, payload)) continue;
    if (block.first_frame >= next_frame_of(retired.tables().streams[block.stream], tables, image)) return true;
  }
  return false;
}

bool is_to_drain(const RingReader& retired, const RingReader* current, const BoardTables& tables, const BoardImage& image) {
  const std::uint64_t its = retired.tables().incarnation, known = image.head().incarnation;
  const std::uint64_t successor = current != nullptr ? current->tables().incarnation : 0;
  if (its == successor || (current != nullptr && current->owner() != retired.owner())) return false;
  if (known == 0) return true;
  if (known == its) return retired.head() > image.head().upto;
  return known != successor && is_ahead_of_board(retired, tables, image);
}

}  // namespace chappe::shm

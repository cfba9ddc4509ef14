// The drain over a small ring: what its rows, the board and the window log say of every frame.
#include <array>

#include "aggregator/drain.hpp"
#include "tests/shm/fixture.hpp"

namespace chappe::aggregator {
namespace {

class DrainTest : public shm::RingTest {
 protected:
  [[nodiscard]] shm::RingWriter make_ring(std::uint64_t blocks) const {
    shm::RingSpec wanted = spec();
    wanted.blocks = blocks;
    auto ring = shm::RingWriter::open(wanted);
    if (!ring) ADD_FAILURE() << ring.error().text;
    return std::move(*ring);
  }
  [[nodiscard]] shm::BoardWriter make_board() const {
    const shm::RingSpec ring = spec();
    auto board = shm::BoardWriter::open({.instance = instance_, .streams = ring.streams, .channels = ring.channels, .readers = {}});
    if (!board) ADD_FAILURE() << board.error().text;
    return std::move(*board);
  }
  static WindowPlan frames(std::uint64_t n) { return {.generation = 1, .windows = {{{.frames = n, .duration_ns = 0}}}}; }
  static void end(shm::RingWriter& ring) {
    ring.status().state.store(static_cast<std::uint64_t>(shm::RingState::ended), std::memory_order_release);
  }
};

TEST_F(DrainTest, keeps_no_row_of_a_window_that_finds_no_place_to_wait) {
  constexpr std::size_t kRows = 200, kPlaces = 64;
  shm::RingWriter ring = make_ring(128);  // 16 blocks are read ahead: 256 windows
  for (std::uint64_t i = 0; i < 16; ++i) put(ring, i, 16);
  end(ring);
  shm::RingReader reader = shm::RingReader::on(ring);
  shm::BoardWriter board = make_board();
  Rows rows({2}, 2 * kRows);
  Drain drain(reader, nullptr, board, &rows, frames(1));
  rows.grow(0, kRows);  // as a reload does it, before the drain has taken its change
  drain.run();
  EXPECT_EQ(drain.end(), Drain::End::finished);
  EXPECT_EQ(board.image().stream(0).closed[0], 256U);
  std::size_t full = 0;
  while (Row* row = rows.try_full()) {
    rows.put_empty(row);
    ++full;
  }
  EXPECT_EQ(full, kPlaces);
  EXPECT_EQ(board.control().log_rows_lost.get(), 2 * (256 - kPlaces));
  EXPECT_EQ(rows.available(0), kRows);
}

}  // namespace
}  // namespace chappe::aggregator

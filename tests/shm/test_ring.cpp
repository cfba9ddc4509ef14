#include "shm/ring.hpp"

#include <fcntl.h>

#include <memory>

#include "fixture.hpp"
#include "shm/board.hpp"
#include "shm/lease.hpp"
#include "shm/ledger.hpp"
#include "shm/viewer.hpp"

namespace chappe::shm {
namespace {

TEST_F(RingTest, a_committed_block_is_read_back_as_it_was_written) {
  RingWriter writer = make();
  const RingReader reader = read();
  put(writer, 7);
  BlockHead head;
  const std::byte* payload = nullptr;
  ASSERT_TRUE(reader.look(0, head, payload));
  EXPECT_EQ(reader.head(), 1U);
  EXPECT_EQ(head.frames, 4U);
  EXPECT_EQ(head.first_frame, 28U);
  EXPECT_EQ(*reinterpret_cast<const std::uint64_t*>(payload), 7U);
  EXPECT_TRUE(reader.still(0));
}

TEST_F(RingTest, a_block_that_is_being_written_is_not_there) {
  RingWriter writer = make();
  const RingReader reader = read();
  for (std::uint64_t i = 0; i < 8; ++i) put(writer, i);
  writer.begin();  // block 8 takes the slot of block 0
  BlockHead head;
  const std::byte* payload = nullptr;
  EXPECT_FALSE(reader.look(0, head, payload));
  EXPECT_FALSE(reader.look(8, head, payload));
  EXPECT_TRUE(reader.look(1, head, payload));
}

TEST_F(RingTest, a_reader_notices_that_its_block_was_overwritten_meanwhile) {
  RingWriter writer = make();
  const RingReader reader = read();
  put(writer, 0);
  BlockHead head;
  const std::byte* payload = nullptr;
  ASSERT_TRUE(reader.look(0, head, payload));
  for (std::uint64_t i = 1; i <= 8; ++i) put(writer, i);
  EXPECT_FALSE(reader.still(0));
}

TEST_F(RingTest, a_second_producer_is_refused_while_the_first_holds_the_lease) {
  const RingWriter first = make();
  const auto second = RingWriter::open(spec());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().exit_code, EX_TEMPFAIL);
  EXPECT_THAT(second.error().text, ::testing::HasSubstr("already running"));
}

TEST_F(RingTest, a_restart_adopts_the_ring_and_keeps_what_was_committed) {
  std::uint64_t incarnation = 0;
  {
    RingWriter first = make();
    first.open_for_business();
    put(first, 3);
    incarnation = first.tables().incarnation;
  }
  RingWriter second = make();
  second.open_for_business();
  EXPECT_EQ(second.made(), RingWriter::Made::adopted);
  EXPECT_EQ(second.tables().incarnation, incarnation);
  EXPECT_EQ(second.head(), 1U);
  EXPECT_EQ(second.status().epoch.load(), 2U);
}

TEST_F(RingTest, an_adopter_rolls_head_over_a_slot_that_was_whole_when_its_writer_died) {
  {
    RingWriter first = make();
    put(first, 0);
    put(first, 1);
    first.status().head.store(1);  // killed between the sequence and the cursor
  }
  const RingWriter second = make();
  EXPECT_EQ(second.head(), 2U);
  EXPECT_EQ(second.reached("proof").committed, 8U);
}

TEST_F(RingTest, an_adopter_writes_a_half_written_block_again_under_its_number) {
  {
    RingWriter first = make();
    put(first, 0);
    first.begin();  // killed while writing
  }
  RingWriter second = make();
  EXPECT_EQ(second.head(), 1U);
  put(second, 1);
  const RingReader reader = read();
  BlockHead head;
  const std::byte* payload = nullptr;
  EXPECT_TRUE(reader.look(1, head, payload));
}

TEST_F(RingTest, another_geometry_supersedes_and_keeps_the_old_ring_under_its_second_name) {
  {
    RingWriter first = make();
    first.open_for_business();
    put(first, 5);
  }
  auto second = RingWriter::open(spec(3));
  ASSERT_TRUE(second) << second.error().text;
  EXPECT_EQ(second->made(), RingWriter::Made::superseded);
  EXPECT_EQ(second->head(), 0U);
  auto old = RingReader::open(instance_, "ring.draining");
  ASSERT_TRUE(old && *old);
  EXPECT_EQ((*old)->head(), 1U);
  EXPECT_EQ((*old)->status().state.load(), static_cast<std::uint64_t>(RingState::retired));
  second->forget_predecessor();
  EXPECT_NE(access(object_path(instance_, "ring.draining").c_str(), F_OK), 0);
}

TEST_F(RingTest, a_ring_with_both_names_because_a_start_was_killed_there_is_walked_once_by_a_viewer) {
  RingWriter writer = make();
  auto ledger = LedgerWriter::open(instance_, writer, {});
  ASSERT_TRUE(ledger);
  ledger->repair(writer);
  auto board =
      BoardWriter::open({.instance = instance_, .streams = writer.tables().streams, .channels = writer.tables().channels, .readers = {}});
  ASSERT_TRUE(board);
  board->image().head().incarnation = writer.tables().incarnation;
  board->publish();
  LedgerEntry& e = ledger->entry(0);
  for (rt::Counter* count : {&e.acquired, &e.filled, &e.handed, &e.committed}) count->add(4);
  put(writer, 0);
  const std::string path = object_path(instance_, "ring");
  ASSERT_EQ(link(path.c_str(), (path + ".draining").c_str()), 0);  // STEP supersede 1
  const Snapshot s = Viewer(instance_).look();
  ASSERT_EQ(s.ledger.streams.size(), 1U);
  EXPECT_EQ(s.ledger.streams[0].in_ring, 4U);
  EXPECT_EQ(s.ledger.streams[0].unexplained, 0);
}

TEST_F(RingTest, gates_without_their_ring_are_a_creation_that_was_killed_halfway_and_are_replaced) {
  { const RingWriter first = make(); }
  unlink(object_path(instance_, "ring").c_str());
  const RingWriter second = make();
  EXPECT_EQ(second.made(), RingWriter::Made::created);
  EXPECT_EQ(second.gate(0).owner_epoch.load(), 0U);
}

TEST_F(RingTest, a_start_with_another_geometry_knows_what_the_old_slots_committed) {
  {
    RingWriter first = make();
    first.open_for_business();
    put(first, 0);
    put(first, 1);
    first.status().head.store(1);  // killed between the sequence and the cursor
  }
  for (int attempt = 0; attempt < 2; ++attempt) {  // the second finds the first killed before it repaired the ledger
    auto next = RingWriter::open(spec(3));
    ASSERT_TRUE(next) << next.error().text;
    EXPECT_EQ(next->head(), 0U);
    EXPECT_EQ(next->reached("proof").committed, 8U);
    EXPECT_EQ(next->reached("other").committed, 0U);
  }
  EXPECT_EQ((*RingReader::open(instance_, "ring.draining"))->head(), 2U);
}

TEST_F(RingTest, starts_that_die_before_they_are_in_business_never_cost_the_predecessor_of_the_first) {
  {
    RingWriter first = make();
    first.open_for_business();
    put(first, 1);  // and is killed before the ledger counts it: 8 are committed
  }
  for (const std::uint32_t channels : {3U, 4U, 5U, 5U}) {
    const auto next = RingWriter::open(spec(channels));
    ASSERT_TRUE(next) << next.error().text;
    EXPECT_EQ(next->reached("proof").committed, 8U) << channels;
  }
  EXPECT_EQ((*RingReader::open(instance_, "ring.draining"))->head(), 1U);
}

TEST_F(RingTest, gates_that_cannot_be_trusted_are_replaced_unless_their_producer_lives) {
  const std::string path = object_path(instance_, "gates");
  auto living = std::make_unique<RingWriter>(make());
  living->open_for_business();
  const int fd = open(path.c_str(), O_RDWR);
  const std::uint32_t other_version = kVersion + 1;
  ASSERT_EQ(pwrite(fd, &other_version, sizeof other_version, offsetof(ObjectHeader, version)), 4);
  close(fd);
  const auto refused = RingWriter::open(spec());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().exit_code, EX_TEMPFAIL);
  EXPECT_THAT(refused.error().text, ::testing::HasSubstr("already running"));
  living.reset();
  RingWriter next = make();
  EXPECT_EQ(next.made(), RingWriter::Made::superseded) << "the ring beside them is whole: what it holds is data";
  EXPECT_TRUE(*RingReader::open(instance_, "ring.draining"));
  put(next, 0);
  EXPECT_EQ(read().head(), 1U);
}

TEST_F(RingTest, a_ring_whose_gates_were_removed_is_kept_for_its_data_unless_its_producer_lives) {
  auto living = std::make_unique<RingWriter>(make());
  living->open_for_business();
  put(*living, 0);
  ASSERT_EQ(unlink(object_path(instance_, "gates").c_str()), 0);
  const auto refused = RingWriter::open(spec());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().exit_code, EX_TEMPFAIL);
  living.reset();
  const RingWriter next = make();
  EXPECT_EQ(next.made(), RingWriter::Made::superseded);
  const auto kept = RingReader::open(instance_, "ring.draining");
  ASSERT_TRUE(kept && *kept);
  EXPECT_EQ((*kept)->head(), 1U);
}

TEST_F(RingTest, a_start_that_cannot_make_its_ring_leaves_the_old_one_as_it_was) {
  {
    RingWriter first = make();
    put(first, 0);
  }
  RingSpec huge = spec();
  huge.blocks = std::uint64_t{1} << 40;
  EXPECT_FALSE(RingWriter::open(huge));
  EXPECT_NE(access(object_path(instance_, "ring.draining").c_str(), F_OK), 0);
  EXPECT_EQ(make().made(), RingWriter::Made::adopted);
}

TEST_F(RingTest, unlink_leaves_nothing) {
  RingWriter ring = make();
  ring.unlink();
  EXPECT_NE(access(object_path(instance_, "ring").c_str(), F_OK), 0);
  EXPECT_NE(access(object_path(instance_, "gates").c_str(), F_OK), 0);
}

TEST_F(RingTest, unlink_spares_a_successor_of_the_same_name) {
  RingWriter ring = make();
  unlink(object_path(instance_, "ring").c_str());
  unlink(object_path(instance_, "gates").c_str());
  const RingWriter successor = make();
  ring.unlink();
  EXPECT_TRUE(successor.still_named());
}

}  // namespace
}  // namespace chappe::shm

#include "shm/segment.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "fixture.hpp"
#include "shm/bus_fault.hpp"

namespace chappe::shm {
namespace {

using ::testing::HasSubstr;

class SegmentTest : public RingTest {
 protected:
  /// Changes one byte of the named object.
  void damage(const char* kind, off_t at) const {
    const int fd = ::open(object_path(instance_, kind).c_str(), O_RDWR);
    unsigned char byte = 0;
    ASSERT_EQ(pread(fd, &byte, 1, at), 1);
    byte = static_cast<unsigned char>(byte ^ 0x10U);
    ASSERT_EQ(pwrite(fd, &byte, 1, at), 1);
    close(fd);
  }
};

TEST_F(SegmentTest, nothing_there_is_no_error) {
  const auto opened = Segment::open(object_path(instance_, "ring"), kRingMagic, false);
  ASSERT_TRUE(opened);
  EXPECT_FALSE(*opened);
}

TEST_F(SegmentTest, a_pipe_under_the_name_of_an_object_is_refused_and_nobody_hangs) {
  const std::string path = object_path(instance_, "ring");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  for (const bool writable : {false, true}) {
    const auto opened = Segment::open(path, kRingMagic, writable);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().exit_code, EX_DATAERR);
  }
}

TEST_F(SegmentTest, a_ring_with_two_streams_of_one_name_is_refused) {
  RingSpec twice = spec();
  twice.streams.push_back(twice.streams[0]);
  const auto made = RingWriter::open(twice);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().text, HasSubstr("one name"));
}

TEST_F(SegmentTest, every_flipped_bit_of_header_and_tables_is_refused) {
  { const RingWriter ring = make(); }
  const auto tables = RingReader::open(instance_);
  const auto bytes = static_cast<off_t>(sizeof(ObjectHeader) + sizeof(RingGeometry) + sizeof(StreamEntry) + 2 * sizeof(ChannelEntry));
  for (off_t at = 0; at < bytes; ++at) {
    damage("ring", at);
    const auto opened = RingReader::open(instance_);
    EXPECT_FALSE(opened) << "byte " << at;
    damage("ring", at);
  }
  EXPECT_TRUE(RingReader::open(instance_));
}

TEST_F(SegmentTest, a_reader_outlives_the_truncation_of_what_it_reads_and_takes_none_of_it_for_data) {
  RingWriter ring = make();
  put(ring, 7);
  const RingReader reader = read();
  BlockHead block;
  const std::byte* payload = nullptr;
  ASSERT_TRUE(reader.look(0, block, payload));
  const std::string path = object_path(instance_, "ring");
  ASSERT_EQ(truncate(path.c_str(), 0), 0);
  const std::uint64_t before = bus_faults();
  EXPECT_EQ(static_cast<int>(*payload), 0);
  EXPECT_FALSE(reader.still(0));
  EXPECT_FALSE(reader.look(0, block, payload));
  EXPECT_EQ(reader.head(), 0U);
  EXPECT_GT(bus_faults(), before);
  EXPECT_FALSE(reader.is_named(path));
  ring.begin();  // the writer lives, too
  EXPECT_FALSE(ring.still_named());
}

TEST_F(SegmentTest, a_bus_error_elsewhere_kills_as_ever) {
  { const RingWriter ring = make(); }
  const auto guarded = read();
  EXPECT_EXIT(
      {
        const int fd = ::open(object_path(instance_, "ring").c_str(), O_RDONLY);
        const auto* foreign = static_cast<const volatile char*>(mmap(nullptr, kPage, PROT_READ, MAP_SHARED, fd, 0));
        if (truncate(object_path(instance_, "ring").c_str(), 0) == 0) static_cast<void>(foreign[0]);
      },
      ::testing::KilledBySignal(SIGBUS), "");
}

TEST_F(SegmentTest, a_truncated_object_is_refused_with_both_sizes) {
  { const RingWriter ring = make(); }
  ASSERT_EQ(truncate(object_path(instance_, "ring").c_str(), 8192), 0);
  const auto opened = RingReader::open(instance_);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().text, HasSubstr("8192"));
}

TEST_F(SegmentTest, an_object_of_a_32_bit_program_is_refused_by_that_name) {
  { const RingWriter ring = make(); }
  const int fd = ::open(object_path(instance_, "ring").c_str(), O_RDWR);
  const std::uint32_t word_bytes = 4;
  ASSERT_EQ(pwrite(fd, &word_bytes, sizeof word_bytes, offsetof(ObjectHeader, word_bytes)), 4);
  close(fd);
  const auto opened = RingReader::open(instance_);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().text, HasSubstr("word size"));
}

TEST_F(SegmentTest, an_object_that_all_may_write_is_refused) {
  { const RingWriter ring = make(); }
  chmod(object_path(instance_, "ring").c_str(), 0666);
  EXPECT_FALSE(RingReader::open(instance_));
}

TEST_F(SegmentTest, another_user_can_open_nothing_for_writing_and_the_gates_not_at_all) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  const RingWriter ring = make();
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(2);
    const bool refused = ::open(object_path(instance_, "ring").c_str(), O_RDWR) < 0 && errno == EACCES &&
                         ::open(object_path(instance_, "gates").c_str(), O_RDONLY) < 0 && errno == EACCES;
    _exit(refused ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(SegmentTest, a_foreign_object_is_refused_and_not_touched) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to give an object away";
  { const RingWriter ring = make(); }
  ASSERT_EQ(chown(object_path(instance_, "gates").c_str(), 65534, 65534), 0);
  const auto opened = RingWriter::open(spec());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().exit_code, EX_NOPERM);
  EXPECT_THAT(opened.error().text, HasSubstr("65534"));
  EXPECT_EQ(access(object_path(instance_, "gates").c_str(), F_OK), 0);
}

TEST_F(SegmentTest, an_end_removes_what_a_start_killed_between_two_names_left) {
  RingWriter ring = make();
  const std::string unfinished = object_path(instance_, "ring") + ".new";
  std::ofstream(unfinished) << "half a start";
  ring.unlink();
  EXPECT_NE(access(unfinished.c_str(), F_OK), 0);
}

TEST_F(SegmentTest, a_process_that_is_gone_does_not_live) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  const std::uint64_t start = process_start(child);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_FALSE(process_lives(child, start));
  EXPECT_TRUE(process_lives(getpid(), process_start(getpid())));
  EXPECT_FALSE(process_lives(getpid(), process_start(getpid()) + 1)) << "the namesake of a dead process is not it";
}

}  // namespace
}  // namespace chappe::shm

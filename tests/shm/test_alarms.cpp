// The object of alarms: what a reader accepts, what a successor adopts, and what neither believes.
#include "shm/alarms.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "shm/viewer.hpp"

namespace chappe::shm {
namespace {

class AlarmsTest : public testing::Test {
 protected:
  void SetUp() override {
    instance_ = "ta" + std::to_string(getpid()) + "-" +
                std::to_string(std::hash<std::string>{}(testing::UnitTest::GetInstance()->current_test_info()->name()) % 100000);
  }
  void TearDown() override { ::unlink(path().c_str()); }
  [[nodiscard]] std::string path() const { return object_path(instance_, "alarms"); }
  [[nodiscard]] AlarmWriter write(std::vector<AlarmEntry>& entries) const {
    auto writer = AlarmWriter::open(instance_, {}, entries);
    if (!writer) ADD_FAILURE() << writer.error().text;
    return std::move(*writer);
  }
  static AlarmEntry entry(const std::string& name, AlarmState state = AlarmState::ok) {
    AlarmEntry e{};
    put_name(e.stream, "s");
    put_name(e.alarm, name);
    e.state = static_cast<std::uint32_t>(state);
    e.memory.learned = 7;
    return e;
  }
  [[nodiscard]] std::vector<std::string> names() const {
    auto reader = AlarmReader::open(instance_);
    std::vector<AlarmEntry> entries;
    std::vector<std::string> found;
    if (!reader || !*reader || !(*reader)->copy(entries)) return {"?"};
    for (const auto& e : entries) found.emplace_back(e.alarm);
    return found;
  }
  /// A place in slot `number` mod 3.
  template <class T>
  void poke(std::uint64_t number, std::size_t offset, T value) const {
    auto object = Segment::open(path(), kAlarmsMagic, true);
    ASSERT_TRUE(object && *object);
    const std::size_t slot = round_up(sizeof(AlarmSlot) + kMaxAlarms * sizeof(AlarmEntry), kPage);
    std::memcpy((*object)->data() + 2 * kPage + (number % 3) * slot + offset, &value, sizeof value);
  }
  std::string instance_;
};

TEST_F(AlarmsTest, says_what_was_published_last) {
  EXPECT_FALSE(*AlarmReader::open(instance_)) << "there is none";
  std::vector<AlarmEntry> entries;
  AlarmWriter writer = write(entries);
  EXPECT_THAT(names(), testing::IsEmpty());
  for (const int n : {1, 2, 3, 4, 5}) {
    writer.publish(std::vector<AlarmEntry>(static_cast<std::size_t>(n), entry("a" + std::to_string(n))), 1);
    EXPECT_EQ(names(), std::vector<std::string>(static_cast<std::size_t>(n), "a" + std::to_string(n)));
  }
}

TEST_F(AlarmsTest, may_be_read_by_its_group_and_written_by_its_owner_alone) {
  std::vector<AlarmEntry> entries;
  const AlarmWriter writer = write(entries);
  struct stat st {};
  ASSERT_EQ(stat(path().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777U, 0640U);
}

TEST_F(AlarmsTest, is_adopted_with_all_that_the_judges_remember) {
  std::vector<AlarmEntry> entries;
  { write(entries).publish({entry("a", AlarmState::alarm), entry("b")}, 1); }
  const AlarmWriter successor = write(entries);
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].state, 2U);
  EXPECT_EQ(entries[1].memory.learned, 7U);
}

TEST_F(AlarmsTest, of_a_writer_that_was_killed_in_a_publication_is_the_one_before) {
  std::vector<AlarmEntry> entries;
  AlarmWriter writer = write(entries);   // publication 1
  writer.publish({entry("whole")}, 1);   // 2
  writer.publish({entry("newest")}, 1);  // 3, which its slot's writer never finished for number 4
  poke<std::uint64_t>(4, 0, 0);
  poke<char>(4, sizeof(AlarmSlot) + offsetof(AlarmEntry, alarm), 'x');
  EXPECT_EQ(names(), std::vector<std::string>{"newest"});
  AlarmWriter successor = write(entries);
  ASSERT_EQ(entries.size(), 1U);
  successor.publish({entry("anew")}, 1);
  EXPECT_EQ(names(), std::vector<std::string>{"anew"});
}

TEST_F(AlarmsTest, that_lies_is_not_believed) {
  std::vector<AlarmEntry> entries;
  AlarmWriter writer = write(entries);
  writer.publish({entry("a")}, 1);
  const auto lie = [&](std::size_t offset, auto value) {
    poke(2, offset, value);
    EXPECT_EQ(names(), std::vector<std::string>{"?"}) << offset;
    const auto before = write(entries);
    EXPECT_TRUE(entries.empty());
  };
  lie(sizeof(AlarmSlot) + offsetof(AlarmEntry, state), std::uint32_t{4});
  writer = write(entries);
  writer.publish({entry("a")}, 1);
  lie(sizeof(AlarmSlot) + offsetof(AlarmEntry, alarm) + kNameBytes - 1, 'x');
  writer = write(entries);
  writer.publish({entry("a")}, 1);
  lie(sizeof(AlarmSlot) + offsetof(AlarmEntry, stream), '\0');
  writer = write(entries);
  writer.publish({entry("a")}, 1);
  lie(offsetof(AlarmSlot, entries), ~std::uint64_t{0});  // the rest is zeros: no names
}

TEST_F(AlarmsTest, of_another_version_is_refused_to_a_viewer_and_replaced_by_a_writer) {
  std::vector<AlarmEntry> entries;
  { write(entries).publish({entry("a")}, 1); }
  auto object = Segment::open(path(), kAlarmsMagic, true);
  (*object)->at<ObjectHeader>(0)->version = kVersion + 1;
  const auto reader = AlarmReader::open(instance_);
  ASSERT_FALSE(reader);
  EXPECT_THAT(reader.error().text, testing::HasSubstr("version"));
  const Snapshot seen = Viewer(instance_).look();
  EXPECT_THAT(seen.trouble, testing::HasSubstr("version"));
  EXPECT_TRUE(seen.alarms.empty());
  const AlarmWriter writer = write(entries);
  EXPECT_TRUE(entries.empty());
  EXPECT_THAT(names(), testing::IsEmpty());
}

TEST_F(AlarmsTest, notices_that_its_name_is_gone) {
  std::vector<AlarmEntry> entries;
  AlarmWriter writer = write(entries);
  EXPECT_TRUE(writer.still_named());
  ::unlink(path().c_str());
  EXPECT_FALSE(writer.still_named());
}

}  // namespace
}  // namespace chappe::shm

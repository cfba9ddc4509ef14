// The aggregator as a whole, driven as main drives it, over a ring of this process's own.
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>

#include "aggregator/aggregator.hpp"
#include "rt/clock.hpp"
#include "shm/process_page.hpp"
#include "tests/shm/fixture.hpp"

namespace chappe::aggregator {
namespace {

class AggregatorTest : public shm::RingTest {
 protected:
  [[nodiscard]] config::Config config() const {
    config::Config c;
    c.instance = instance_;
    c.default_windows = {{.frames = 8, .duration_ns = 0}};
    return c;
  }
  std::unique_ptr<Aggregator> open(std::uint64_t hash = 1) { return open(config(), hash); }
  std::unique_ptr<Aggregator> open(const config::Config& c, std::uint64_t hash = 1) {
    auto opened = Aggregator::open(c, hash, notes_);
    if (!opened) ADD_FAILURE() << opened.error().text;
    return std::move(*opened);
  }
  /// Ticks until `done` says so; false: not within a time that only a hang needs.
  bool tick_until(Aggregator& aggregator, const std::function<bool()>& done) {
    return rt::wait_until(rt::monotonic_ns() + 20 * rt::kSecond, [&] {
      auto ticked = aggregator.tick(notes_);
      if (!ticked) ADD_FAILURE() << ticked.error().text;
      return !ticked || done();
    });
  }
  [[nodiscard]] std::string path(const char* kind) const { return shm::object_path(instance_, kind); }
  [[nodiscard]] bool has(const char* kind) const {
    struct stat st {};
    return stat(path(kind).c_str(), &st) == 0;
  }
  /// What the board has published of a stream.
  [[nodiscard]] shm::BoardStream published(std::size_t stream = 0) const {
    auto board = shm::BoardReader::open(instance_);
    if (!board || !*board) return {};
    shm::BoardImage image((*board)->tables());
    return (*board)->copy(image) && stream < (*board)->tables().streams.size() ? image.stream(stream) : shm::BoardStream{};
  }
  /// The fixture's ring with streams of these names, whose first channel has this name.
  [[nodiscard]] shm::RingWriter make_ring(const std::vector<std::string>& streams, const char* channel = "c") const {
    shm::RingSpec wanted = spec();
    const shm::StreamEntry entry = wanted.streams[0];
    const auto channels = wanted.channels;
    wanted.streams.clear();
    wanted.channels.clear();
    for (const auto& name : streams) {
      wanted.streams.push_back(entry);
      shm::put_name(wanted.streams.back().name, name);
      wanted.streams.back().first_channel = static_cast<std::uint32_t>(wanted.channels.size());
      wanted.channels.insert(wanted.channels.end(), channels.begin(), channels.end());
      shm::put_name(wanted.channels[wanted.streams.back().first_channel].name, channel);
    }
    auto ring = shm::RingWriter::open(wanted);
    if (!ring) ADD_FAILURE() << ring.error().text;
    ring->open_for_business();
    return std::move(*ring);
  }
  /// Commits the four frames from `first` on of a stream; nothing of it was ever dropped.
  static void put_frames(shm::RingWriter& ring, std::uint32_t stream, std::uint64_t first) {
    auto* values = reinterpret_cast<double*>(ring.begin());
    for (std::uint64_t i = 0; i < 8; ++i) values[i] = static_cast<double>(first + (i >> 1U));
    ring.commit({.stream = stream, .frames = 4, .first_frame = first, .committed = first + 4});
  }
  /// Ticks until the board has `upto` blocks of the ring of that name.
  bool merge(Aggregator& aggregator, const shm::RingWriter& ring) {
    return tick_until(aggregator, [&] {
      auto board = shm::BoardReader::open(instance_);
      if (!board || !*board) return false;
      shm::BoardImage image((*board)->tables());
      return (*board)->copy(image) && image.head().incarnation == ring.tables().incarnation && image.head().upto == ring.head();
    });
  }
  /// first_frame and count of all rows of a stream in the window log, in its order; channels apart.
  [[nodiscard]] std::vector<std::string> rows_of(const std::string& stream) const {
    std::vector<std::string> rows;
    std::ifstream file(log_path());
    for (std::string line; std::getline(file, line);) {
      std::vector<std::string> fields;
      std::istringstream in(line);
      for (std::string field; std::getline(in, field, ',');) fields.push_back(field);
      if (fields.size() > 7 && fields[0] == stream) rows.push_back(fields[1] + " " + fields[4] + "+" + fields[7]);
    }
    return rows;
  }
  /// The board as a kill behind its publication leaves it: one window was closed, and is not known to be in the log.
  void forget_logged() const {
    const auto tables = (*shm::BoardReader::open(instance_))->tables();
    auto board = shm::BoardWriter::open({.instance = instance_, .streams = tables.streams, .channels = tables.channels, .readers = {}});
    ASSERT_EQ(board->image().stream(0).closed[0], 1U);
    board->image().stream(0).logged[0] = 0;
    board->publish();
  }
  [[nodiscard]] std::string log_path() const { return testing::TempDir() + "chappe." + instance_ + ".csv"; }
  [[nodiscard]] config::Config with_log() const {
    config::Config c = config();
    c.window_log = log_path();
    return c;
  }
  void TearDown() override {
    unlink(log_path().c_str());
    RingTest::TearDown();
  }
  std::vector<std::string> notes_;
};

TEST_F(AggregatorTest, leaves_a_ring_that_lost_its_name_once_all_of_it_is_merged) {
  shm::RingWriter ring = make();
  ring.open_for_business();
  auto aggregator = open();
  ASSERT_TRUE(tick_until(*aggregator, [&] { return aggregator->is_attached(); }));
  ASSERT_EQ(unlink(path("ring").c_str()), 0);
  for (std::uint64_t i = 0; i < 4; ++i) put(ring, i);
  ASSERT_TRUE(tick_until(*aggregator, [&] { return !aggregator->is_attached(); }));
  EXPECT_EQ(published().aggregated, 16U);
}

TEST_F(AggregatorTest, logs_the_open_windows_of_streams_that_change_or_go_with_the_ring_and_leaves_the_others_open) {
  auto aggregator = open(with_log());
  {
    shm::RingWriter first = make_ring({"changes", "goes"});
    for (const std::uint64_t frame : {0U, 4U, 8U}) {
      put_frames(first, 0, frame);
      put_frames(first, 1, frame);
    }
    ASSERT_TRUE(merge(*aggregator, first));
  }
  {
    shm::RingWriter second = make_ring({"changes", "stays"}, "d");
    put_frames(second, 0, 12);
    put_frames(second, 1, 0);
    ASSERT_TRUE(merge(*aggregator, second));
  }
  shm::RingWriter third = make_ring({"stays", "another"}, "d");
  put_frames(third, 0, 4);
  ASSERT_TRUE(merge(*aggregator, third));
  aggregator.reset();
  EXPECT_THAT(rows_of("changes"), testing::ElementsAre("c 0+8", "c 0+8", "c 8+4", "c 8+4", "d 12+4", "c 12+4"));
  EXPECT_THAT(rows_of("goes"), testing::ElementsAre("c 0+8", "c 0+8", "c 8+4", "c 8+4"));
  EXPECT_THAT(rows_of("stays"), testing::ElementsAre("d 0+8", "c 0+8"));
  const shm::BoardStream goes = published(3);
  EXPECT_EQ(goes.aggregated, 12U);
  EXPECT_EQ(goes.closed[0], 2U);
  EXPECT_EQ(goes.logged[0], 2U);
}

TEST_F(AggregatorTest, goes_on_with_the_account_of_a_stream_that_was_away) {
  auto aggregator = open(with_log());
  {
    shm::RingWriter first = make_ring({"stays", "returns"});
    for (const std::uint64_t frame : {0U, 4U, 8U}) put_frames(first, 1, frame);
    ASSERT_TRUE(merge(*aggregator, first));
  }
  {
    shm::RingWriter second = make_ring({"stays"});
    put_frames(second, 0, 0);
    ASSERT_TRUE(merge(*aggregator, second));
    aggregator.reset();  // a kill would leave the same
    aggregator = open(with_log());
  }
  shm::RingWriter third = make_ring({"returns", "stays"});
  put_frames(third, 0, 20);  // 8 frames are overrun in truth
  ASSERT_TRUE(merge(*aggregator, third));
  aggregator.reset();
  EXPECT_EQ(published(0).aggregated, 16U);
  EXPECT_EQ(published(0).overrun, 8U);
  EXPECT_EQ(published(0).next_frame, 24U);
  EXPECT_EQ(published(1).aggregated, 4U);
  EXPECT_EQ(published(1).overrun, 0U);
  EXPECT_THAT(rows_of("returns"), testing::ElementsAre("c 0+8", "c 0+8", "c 8+4", "c 8+4", "c 20+4", "c 20+4"));
}

TEST_F(AggregatorTest, makes_a_board_anew_whose_name_somebody_removed_and_loses_nothing) {
  auto aggregator = open(with_log());
  shm::RingWriter ring = make_ring({"alone"});
  put_frames(ring, 0, 0);
  ASSERT_TRUE(merge(*aggregator, ring));
  ASSERT_EQ(unlink(path("board").c_str()), 0);
  for (const std::uint64_t frame : {4U, 8U}) put_frames(ring, 0, frame);
  ASSERT_TRUE(merge(*aggregator, ring));
  ASSERT_TRUE(aggregator->is_attached());
  aggregator.reset();
  EXPECT_EQ(published().aggregated, 12U);
  EXPECT_EQ(published().overrun, 0U);
  EXPECT_EQ(published().closed[0], 1U);
  EXPECT_THAT(rows_of("alone"), testing::ElementsAre("c 0+8", "c 0+8"));
}

// Without a window log: its thread and the drain would meet the missing pages both, and a race detector takes their replacement for a
// write.
TEST_F(AggregatorTest, makes_a_board_anew_whose_pages_somebody_cut_and_loses_nothing) {
  auto aggregator = open();
  shm::RingWriter ring = make_ring({"alone"});
  put_frames(ring, 0, 0);
  ASSERT_TRUE(merge(*aggregator, ring));
  ASSERT_EQ(truncate(path("board").c_str(), 0), 0);
  for (const std::uint64_t frame : {4U, 8U}) put_frames(ring, 0, frame);
  ASSERT_TRUE(merge(*aggregator, ring));
  aggregator.reset();
  EXPECT_EQ(published().aggregated, 12U);
  EXPECT_EQ(published().overrun, 0U);
  EXPECT_EQ(published().closed[0], 1U);
}

TEST_F(AggregatorTest, stops_in_order_while_a_producer_starts_and_leaves_it_the_board) {
  auto aggregator = open();
  std::optional<shm::RingWriter> ring;
  EXPECT_TRUE(aggregator->finish(
      rt::kSecond, [&] { ring.emplace(make_ring({"late"})); }, notes_));
  EXPECT_TRUE(has("board"));
}

TEST_F(AggregatorTest, logs_the_open_windows_of_a_ring_that_nobody_ended_and_nobody_follows) {
  auto aggregator = open(with_log());
  {
    shm::RingWriter ring = make_ring({"alone"});
    put_frames(ring, 0, 0);
    ASSERT_TRUE(merge(*aggregator, ring));
    ASSERT_EQ(unlink(path("ring").c_str()), 0);
  }
  EXPECT_TRUE(aggregator->finish(
      rt::kSecond, [] {}, notes_));
  EXPECT_THAT(rows_of("alone"), testing::ElementsAre("c 0+4", "c 0+4"));
  EXPECT_FALSE(has("board"));
}

TEST_F(AggregatorTest, logs_once_what_a_restart_with_fewer_windows_closes) {
  config::Config more = with_log();
  more.default_windows.push_back({.frames = 100, .duration_ns = 0});
  auto aggregator = open(more);
  {
    shm::RingWriter ring = make_ring({"alone"});
    put_frames(ring, 0, 0);
    ASSERT_TRUE(merge(*aggregator, ring));
    aggregator.reset();
    aggregator = open(with_log(), 2);
    put_frames(ring, 0, 4);
    ASSERT_TRUE(merge(*aggregator, ring));
    ASSERT_EQ(unlink(path("ring").c_str()), 0);
  }
  EXPECT_TRUE(aggregator->finish(
      rt::kSecond, [] {}, notes_));
  EXPECT_THAT(rows_of("alone"), testing::UnorderedElementsAre("c 0+8", "c 0+8", "c 0+4", "c 0+4"));
}

TEST_F(AggregatorTest, logs_rows_that_only_the_board_holds_although_no_ring_comes) {
  {
    auto aggregator = open(with_log());
    shm::RingWriter ring = make_ring({"alone"});
    for (const std::uint64_t frame : {0U, 4U}) put_frames(ring, 0, frame);
    ASSERT_TRUE(merge(*aggregator, ring));
    ASSERT_EQ(unlink(path("ring").c_str()), 0);
  }
  forget_logged();
  ASSERT_EQ(unlink(log_path().c_str()), 0);
  EXPECT_TRUE(open(with_log())
                  ->finish(
                      rt::kSecond, [] {}, notes_));
  EXPECT_THAT(rows_of("alone"), testing::ElementsAre("c 0+8", "c 0+8"));
  EXPECT_FALSE(has("board"));
}

TEST_F(AggregatorTest, takes_no_row_of_an_earlier_run_for_one_of_its_own) {
  const auto play = [&] {
    shm::RingWriter ring = make_ring({"alone"});
    auto aggregator = open(with_log());
    for (const std::uint64_t frame : {0U, 4U}) put_frames(ring, 0, frame);
    ASSERT_TRUE(merge(*aggregator, ring));
    for (const char* kind : {"ring", "gates"}) ASSERT_EQ(unlink(path(kind).c_str()), 0);
  };
  play();
  EXPECT_TRUE(open(with_log())
                  ->finish(
                      rt::kSecond, [] {}, notes_));
  ASSERT_FALSE(has("board"));
  const auto before = std::filesystem::file_size(log_path());
  play();
  for (const std::size_t written : {std::size_t{0}, std::size_t{1}}) {  // a kill between board and log, then one behind it
    if (written == 0) std::filesystem::resize_file(log_path(), before);
    forget_logged();
    EXPECT_FALSE(open(with_log())->is_attached());
    EXPECT_THAT(rows_of("alone"), testing::ElementsAre("c 0+8", "c 0+8", "c 0+8", "c 0+8"));
  }
}

/// Lets nobody in this process make an object of more than a page, as a /dev/shm without room does.
class NoRoom {
 public:
  NoRoom() {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit page{.rlim_cur = 4096, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &page);
  }
  ~NoRoom() { setrlimit(RLIMIT_FSIZE, &before_); }
  NoRoom(const NoRoom&) = delete;
  NoRoom& operator=(const NoRoom&) = delete;

 private:
  rlimit before_{};
};

TEST_F(AggregatorTest, waits_for_room_for_its_board_and_says_so_once) {
  signal(SIGXFSZ, SIG_IGN);
  auto aggregator = open();
  shm::RingWriter ring = make_ring({"alone"});
  put_frames(ring, 0, 0);
  const auto refused = [&] {
    const NoRoom no_room;
    notes_.clear();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(aggregator->tick(notes_));
    EXPECT_FALSE(aggregator->is_attached());
    EXPECT_THAT(notes_, testing::Contains(testing::HasSubstr("cannot allocate")).Times(1));
  };
  refused();
  ASSERT_TRUE(merge(*aggregator, ring));
  ASSERT_EQ(unlink(path("board").c_str()), 0);
  put_frames(ring, 0, 4);
  refused();
  ASSERT_TRUE(merge(*aggregator, ring));
  EXPECT_EQ(published().aggregated, 8U);
  EXPECT_EQ(published().overrun, 0U);
}

TEST_F(AggregatorTest, gives_no_generation_to_two_configurations) {
  constexpr std::uint64_t kOld = 1, kNew = 2;
  const auto generation_after = [&](std::uint64_t of_rows, std::uint32_t of_page, std::uint64_t hash_of_page, std::uint64_t hash) {
    unlink(path("board").c_str());
    const shm::RingSpec ring = spec();
    auto board = shm::BoardWriter::open({.instance = instance_, .streams = ring.streams, .channels = ring.channels, .readers = {}});
    board->image().head().generation = of_rows;
    board->publish();
    shm::ProcessReport report;
    report.config_generation = of_page;
    report.config_hash = hash_of_page;
    if (of_page > 0) shm::write_process_page(board->process_page(), report);
    return open(hash)->generation();
  };
  EXPECT_EQ(generation_after(0, 0, 0, kOld), 1U) << "nobody has written anything";
  EXPECT_EQ(generation_after(3, 3, kOld, kOld), 3U);
  EXPECT_EQ(generation_after(3, 3, kOld, kNew), 4U);
  EXPECT_EQ(generation_after(4, 3, kOld, kOld), 5U) << "killed in a reload to kNew, whose rows are of 4";
  EXPECT_EQ(generation_after(4, 3, kOld, kNew), 5U);
  EXPECT_EQ(generation_after(3, 4, kNew, kNew), 4U) << "reloaded while there was no ring: rows of 3 are of the old";
  EXPECT_EQ(generation_after(3, 4, kNew, kOld), 5U);
  EXPECT_EQ(generation_after(3, 0, 0, kOld), 4U) << "the page tells nothing";
}

}  // namespace
}  // namespace chappe::aggregator

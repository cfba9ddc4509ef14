// The drain over a small ring: what its rows, the board and the window log say of every frame. Producer, drain and log as threads on one
// mapping, for a race detector.
#include "aggregator/drain.hpp"

#include <cmath>
#include <fstream>
#include <sstream>

#include "aggregator/log_writer.hpp"
#include "rt/clock.hpp"
#include "rt/thread.hpp"
#include "shm/bell.hpp"
#include "shm/retired.hpp"
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

TEST_F(DrainTest, ends_a_retired_ring_whose_head_lies_below_what_the_board_has_of_it) {
  shm::RingWriter ring = make_ring(32);
  for (std::uint64_t i = 0; i < 3; ++i) put(ring, i, 16);
  shm::RingReader reader = shm::RingReader::on(ring);
  shm::BoardWriter board = make_board();
  board.image().head().incarnation = ring.tables().incarnation;
  board.image().head().upto = 5;
  Drain drain(reader, nullptr, board, nullptr, frames(1));
  drain.run();
  EXPECT_EQ(drain.end(), Drain::End::finished);
  EXPECT_EQ(board.image().stream(0).aggregated, 0U);
  shm::RingSpec another = spec();
  another.instance += "b";
  const auto successor = shm::RingWriter::open(another);
  for (const char* kind : {"ring", "gates"}) unlink(shm::object_path(another.instance, kind).c_str());
  ASSERT_TRUE(successor);
  const shm::RingReader current = shm::RingReader::on(*successor);
  EXPECT_FALSE(shm::is_to_drain(reader, &current, board.tables(), board.image())) << "nor begins anew with it";
}

/// Boards of their own for the same ring, with room for panes.
class RestartTest : public DrainTest {
 protected:
  static constexpr std::uint64_t kBlocks = 64;
  static constexpr std::uint32_t kFrames = 16;  // of a block
  void TearDown() override {
    for (const char* which : {"a", "b"}) unlink(shm::object_path(instance_ + which, "board").c_str());
    DrainTest::TearDown();
  }
  [[nodiscard]] shm::BoardWriter board_of(const char* which) const {
    shm::RingSpec ring = spec();
    ring.streams[0].panes = 11;
    auto board = shm::BoardWriter::open({.instance = instance_ + which, .streams = ring.streams, .channels = ring.channels, .readers = {}});
    if (!board) ADD_FAILURE() << board.error().text;
    return std::move(*board);
  }
  static WindowPlan every_kind() {
    return {.generation = 1,
            .windows = {{{.frames = 60, .hop_frames = 5},
                         {.duration_ns = 64'000, .hop_ns = 8'000},
                         {.frames = 7},
                         {.duration_ns = 50'000, .wall = true}}},
            .shape = {true}};
  }
  /// A gap every eighth block.
  static void feed(shm::RingWriter& ring) {
    const std::uint64_t block = ring.head(), first = block * kFrames + block / 8 * 37;
    auto* values = reinterpret_cast<double*>(ring.begin());
    for (std::uint32_t i = 0; i < 2 * kFrames; ++i) values[i] = 1e6 + std::sin(static_cast<double>(2 * first + i));
    ring.commit({.frames = kFrames,
                 .first_frame = first,
                 .committed = (block + 1) * kFrames,
                 .t_first_ns = static_cast<std::int64_t>(first) * 1'000,
                 .period_ns = 1'000});
  }
  static void drain(shm::RingReader& reader, shm::BoardWriter& board) { Drain(reader, nullptr, board, nullptr, every_kind()).run(); }
};

TEST_F(RestartTest, leaves_the_same_bits_of_windows_of_every_kind_on_the_board) {
  shm::RingWriter ring = make_ring(kBlocks);
  ring.status().realtime_offset_ns.store(12'345, std::memory_order_relaxed);
  shm::RingReader reader = shm::RingReader::on(ring);
  {
    shm::BoardWriter restarted = board_of("b");
    restarted.publish();
  }
  for (std::uint64_t i = 0; i < kBlocks; ++i) {
    feed(ring);
    shm::BoardWriter restarted = board_of("b");  // adopts what the last publication holds, as after a kill
    drain(reader, restarted);
  }
  shm::BoardWriter straight = board_of("a"), restarted = board_of("b");
  drain(reader, straight);
  for (std::size_t w = 0; w < shm::kWindowsPerStream; ++w) {
    const std::uint64_t closed = straight.image().stream(0).closed[w];
    ASSERT_EQ(restarted.image().stream(0).closed[w], closed) << w;
    ASSERT_GT(closed, straight.image().history());
    for (std::uint64_t k = closed - straight.image().history(); k < closed; ++k) {
      const std::size_t record = straight.image().closed_record(k);
      const auto same = [&](auto of) {
        const auto a = std::as_bytes(std::span(of(straight.image()))), b = std::as_bytes(std::span(of(restarted.image())));
        return std::ranges::equal(a, b);
      };
      EXPECT_TRUE(same([&](shm::BoardImage& image) { return std::span(&image.window(0, w, record), 1); })) << w;
      EXPECT_TRUE(same([&](shm::BoardImage& image) { return image.moments(0, w, record); })) << w;
      EXPECT_TRUE(same([&](shm::BoardImage& image) { return image.shapes(0, w, record); })) << w;
    }
  }
}

/// A ring whose producer waits, its drain and its window log, each on a thread.
class ThreadsTest : public DrainTest {
 protected:
  static constexpr std::uint32_t kFrames = 16;  // of a block
  void SetUp() override {
    DrainTest::SetUp();
    path_ = testing::TempDir() + "chappe." + instance_ + ".csv";
    ring_.emplace(make_ring(32));
    ring_->status().waits.store(1, std::memory_order_relaxed);
    keeper_.emplace(*ring_, shm::kAggregatorGate);
    keeper_->take_over();
    reader_.emplace(shm::RingReader::on(*ring_));
    gate_.emplace(shm::GateHolder::on(*ring_, shm::kAggregatorGate));
    board_.emplace(make_board());
    file_.emplace(std::move(*WindowLog::open(path_)));
    rows_.emplace(std::vector<std::uint32_t>{2}, Drain::most_rows(reader_->tables().streams[0]));
  }
  void TearDown() override {
    unlink(path_.c_str());
    DrainTest::TearDown();
  }
  void start(const WindowPlan& plan) {
    auto log = LogWriter::start(*file_, *rows_, {{.stream = "proof", .channels = {"up", "down"}}}, {{}}, board_->control());
    ASSERT_TRUE(log);
    log_ = std::move(*log);
    drain_.emplace(*reader_, &*gate_, *board_, &*rows_, plan);
    drain_thread_ = run("drain", [this] { drain_->run(); });
  }
  void finish() {
    drain_thread_.join();
    log_->finish();
    drain_->publish_logged();
  }
  static rt::Thread run(const char* name, std::function<void()> body) {
    rt::ThreadPlan plan;
    plan.name = name;
    auto thread = rt::Thread::start(plan, std::move(body));
    if (!thread) ADD_FAILURE() << thread.error().text;
    return std::move(*thread);
  }
  /// The next block: the first channel of frame i is i, the second -i.
  void feed() {
    while (keeper_->may_pass() != shm::Passage::open)
      shm::sleep_on_bell(ring_->gate(shm::kAggregatorGate).free, rt::monotonic_ns() + rt::kMillisecond);
    const std::uint64_t first = ring_->head() * kFrames;
    auto* values = reinterpret_cast<double*>(ring_->begin());
    for (std::uint32_t i = 0; i < kFrames; ++i) {
      values[2 * i] = static_cast<double>(first + i);
      values[2 * i + 1] = -static_cast<double>(first + i);
    }
    ring_->commit({.frames = kFrames, .first_frame = first, .committed = first + kFrames});
    ring();
  }
  void ring() { shm::ring_bell(ring_->gate(shm::kAggregatorGate).filled, ring_->status().failed_posts); }
  std::string path_;
  std::optional<shm::RingWriter> ring_;
  std::optional<shm::GateKeeper> keeper_;
  std::optional<shm::RingReader> reader_;
  std::optional<shm::GateHolder> gate_;
  std::optional<shm::BoardWriter> board_;
  std::optional<WindowLog> file_;
  std::optional<Rows> rows_;
  std::unique_ptr<LogWriter> log_;
  std::optional<Drain> drain_;
  rt::Thread drain_thread_;
};

/// Checks a log of gapless windows against the closed form; returns the frames in it.
std::uint64_t check_rows(const std::string& path, std::uint64_t& windows) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  std::uint64_t next = 0;
  for (std::uint64_t row = 0; std::getline(file, line); ++row) {
    const char* const channel = row % 2 == 0 ? "up" : "down";
    std::vector<std::string> f;
    std::istringstream in(line);
    for (std::string field; std::getline(in, field, ',');) f.push_back(field);
    if (f.size() != 15 || f[1] != channel || f[4] != std::to_string(next) || f[8] != "0") return ADD_FAILURE() << line, next;
    const auto count = static_cast<double>(std::stoull(f[7]));
    const double sign = row % 2 == 0 ? 1 : -1, first = std::stod(f[4]), last = first + count - 1;
    EXPECT_EQ(std::stod(f[10]), sign * (first + last) / 2) << line;
    if (count > 1) {
      EXPECT_NEAR(std::stod(f[11]), count * (count + 1) / 12, 1e-6) << line;
    }
    EXPECT_EQ(std::stod(f[12]), sign > 0 ? first : -last) << line;
    EXPECT_EQ(std::stod(f[13]), sign > 0 ? last : -first) << line;
    if (row % 2 == 1) next += static_cast<std::uint64_t>(count);
    windows = row / 2 + 1;
  }
  return next;
}

TEST_F(ThreadsTest, put_every_frame_into_one_row_of_the_log_while_windows_are_changed) {
  constexpr std::uint64_t kBlocks = 4000;
  start(frames(100));
  rt::Thread feeder = run("feed", [this] {
    for (std::uint64_t i = 0; i < kBlocks; ++i) feed();
    end(*ring_);
    ring();
  });
  for (std::uint32_t generation = 2; generation < 12; ++generation) {
    WindowPlan plan = frames(generation % 2 == 0 ? 7 : 100);
    plan.generation = generation;
    drain_->reconfigure(plan);
    EXPECT_TRUE(
        rt::wait_until(rt::monotonic_ns() + 60 * rt::kSecond, [&] { return drain_->generation() == generation || drain_->has_ended(); }));
  }
  feeder.join();
  finish();
  const shm::BoardStream& b = board_->image().stream(0);
  EXPECT_EQ(drain_->end(), Drain::End::finished);
  EXPECT_EQ(drain_->upto(), kBlocks);
  EXPECT_EQ(b.aggregated, kBlocks * kFrames);
  EXPECT_EQ(b.overrun, 0U);
  std::uint64_t windows = 0;
  EXPECT_EQ(check_rows(path_, windows), kBlocks * kFrames);
  EXPECT_EQ(b.closed[0], windows);
  EXPECT_EQ(b.logged[0], windows);
  EXPECT_EQ(board_->control().log_rows_lost.get() + board_->control().log_rows_given_up.get(), 0U);
}

TEST_F(ThreadsTest, pass_over_at_once_what_a_damaged_head_names_and_stop_when_told) {
  start(frames(kFrames));
  feed();
  ASSERT_TRUE(rt::wait_until(rt::monotonic_ns() + 20 * rt::kSecond, [&] { return drain_->upto() == 1; }));
  constexpr std::uint64_t kDamaged = std::uint64_t{1} << 62U;
  ring_->status().head.store(kDamaged, std::memory_order_release);
  ring();
  EXPECT_TRUE(rt::wait_until(rt::monotonic_ns() + 20 * rt::kSecond, [&] { return drain_->upto() == kDamaged; }));
  drain_->stop();
  ring();
  finish();
  EXPECT_EQ(board_->image().stream(0).aggregated, kFrames);
  EXPECT_EQ(board_->image().stream(0).skipped, 1U);
  EXPECT_LE(board_->control().torn.get(), 32U + 1U) << "the jump, and what the slots do not hold";
}

TEST_F(ThreadsTest, tell_on_the_board_what_the_log_has_although_nothing_comes_any_more) {
  start(frames(kFrames));
  feed();
  auto reader = shm::BoardReader::open(instance_);
  ASSERT_TRUE(reader && *reader);
  shm::BoardImage seen((*reader)->tables());
  EXPECT_TRUE(rt::wait_until(rt::monotonic_ns() + 20 * rt::kSecond,
                             [&] { return (*reader)->copy(seen) && seen.stream(0).closed[0] == 1 && seen.stream(0).logged[0] == 1; }));
  drain_->stop();
  ring();
  finish();
}

}  // namespace
}  // namespace chappe::aggregator

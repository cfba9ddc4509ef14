// What a start does with rows that board and window log do not agree on.
#include "aggregator/settle_log.hpp"

#include <fstream>
#include <sstream>

#include "aggregator/board_windows.hpp"
#include "aggregator/log_writer.hpp"
#include "rt/clock.hpp"
#include "tests/shm/fixture.hpp"

namespace chappe::aggregator {
namespace {

class SettleLogTest : public shm::RingTest {
 protected:
  SettleLogTest() : path_(testing::TempDir() + "chappe_settle_" + std::to_string(getpid()) + ".csv") {}
  ~SettleLogTest() override { unlink(path_.c_str()); }
  [[nodiscard]] shm::BoardWriter make_board() const {
    const shm::RingSpec ring = spec();
    auto board = shm::BoardWriter::open({.instance = instance_, .streams = ring.streams, .channels = ring.channels, .readers = {}});
    if (!board) ADD_FAILURE() << board.error().text;
    return std::move(*board);
  }
  static WindowHead head(std::uint64_t k) { return {.window = k, .generation = 1, .first_frame = 10 * k, .frames = 10}; }
  static std::vector<Moments> moments(std::uint64_t k) {
    std::vector<Moments> m(2);
    m[0].count = 10;
    m[0].mean = static_cast<double>(k);
    return m;
  }
  static std::string rows(std::uint64_t k) {
    std::string text;
    append_rows(text, {.stream = "proof", .channels = {"c", "c"}}, head(k), moments(k));
    return text;
  }
  static std::string rows(std::uint64_t from, std::uint64_t to) {
    std::string text;
    for (std::uint64_t k = from; k < to; ++k) text += rows(k);
    return text;
  }
  /// A board that closed `closed` windows, of which it holds the newest `held`, and knows `logged` to be in the log.
  static void close(shm::BoardWriter& board, std::uint64_t closed, std::uint64_t held, std::uint64_t logged) {
    shm::BoardImage& image = board.image();
    image.stream(0).closed[0] = closed;
    image.stream(0).logged[0] = logged;
    for (std::uint64_t k = closed - held; k < closed; ++k) {
      const std::size_t record = image.closed_record(k);
      put_closed(image.window(0, 0, record), head(k));
      put_moments(image.moments(0, 0, record), moments(k));
    }
  }
  [[nodiscard]] WindowLog log_with(const std::string& rows_there) const {
    std::ofstream(path_, std::ios::binary) << kWindowLogHeader << "\n" << rows_there;
    return std::move(*WindowLog::open(path_));
  }
  [[nodiscard]] std::string text() const {
    std::ostringstream all;
    all << std::ifstream(path_, std::ios::binary).rdbuf();
    return all.str().substr(std::strlen(kWindowLogHeader) + 1);
  }
  std::string path_;
  std::vector<std::string> notes_;
};

TEST_F(SettleLogTest, counts_no_row_as_lost_that_the_disk_has_and_the_board_was_not_told_of) {
  shm::BoardWriter board = make_board();
  close(board, 20, 8, 5);
  WindowLog log = log_with(rows(0, 17));
  rewrite_log(board, log, notes_);
  EXPECT_EQ(board.control().log_rows_lost.get(), 0U);
  EXPECT_EQ(text(), rows(0, 20));
  EXPECT_EQ(board.image().stream(0).logged[0], 20U);
}

TEST_F(SettleLogTest, counts_once_the_rows_that_neither_has) {
  for (int start = 0; start < 2; ++start) {
    shm::BoardWriter board = make_board();
    if (start == 0) close(board, 20, 8, 5);
    WindowLog log = start == 0 ? log_with(rows(0, 5)) : std::move(*WindowLog::open(path_));
    rewrite_log(board, log, notes_);
    EXPECT_EQ(board.control().log_rows_lost.get(), 2U * 7);
    EXPECT_EQ(text(), rows(0, 5) + rows(12, 20));
  }
}

TEST_F(SettleLogTest, takes_a_window_that_a_shorter_history_dropped_for_one_that_the_board_no_longer_holds) {
  shm::BoardWriter board = make_board();
  close(board, 6, 2, 1);
  WindowLog log = log_with(rows(0, 1));
  rewrite_log(board, log, notes_);
  EXPECT_EQ(board.control().log_rows_lost.get(), 2U * 3);
  EXPECT_EQ(text(), rows(0, 1) + rows(4, 6));
}

TEST_F(SettleLogTest, takes_no_window_for_logged_whose_rows_the_disk_did_not_take) {
  shm::BoardWriter board = make_board();
  close(board, 20, 8, 5);
  auto log = WindowLog::open("/dev/full");
  ASSERT_TRUE(log);
  rewrite_log(board, *log, notes_);
  EXPECT_EQ(board.image().stream(0).logged[0], 12U) << "those that nobody has are counted, and settled";
  EXPECT_EQ(board.control().log_rows_lost.get(), 2U * 7);
  EXPECT_EQ(board.control().log_errors.get(), 1U);
}

TEST_F(SettleLogTest, settles_all_windows_once_nothing_waits_for_the_disk_any_more) {
  shm::BoardWriter board = make_board();
  close(board, 3, 3, 1);
  board.image().stream(0).windows = 2;
  board.image().stream(0).closed[1] = 5;
  board.image().stream(0).logged[1] = 2;
  WindowLog log = log_with(rows(0, 3));
  close_windows_that_end(board, nullptr, &log);
  EXPECT_EQ(board.image().stream(0).logged[0], 3U);
  EXPECT_EQ(board.image().stream(0).logged[1], 5U);
  auto full = WindowLog::open("/dev/full");
  ASSERT_TRUE(full);
  close(board, 4, 4, 3);
  close_windows_that_end(board, nullptr, &*full);
  EXPECT_EQ(board.image().stream(0).logged[0], 3U) << "its header waits";
}

TEST_F(SettleLogTest, settles_what_waited_for_the_disk_once_the_disk_takes_it) {
  shm::BoardWriter board = make_board();
  WindowLog log = log_with("");
  Rows rows({2}, 64);
  auto writer = LogWriter::start(log, rows, {{.stream = "proof", .channels = {"c", "c"}}}, {{{3, 0, 1, 0}}}, board.control());
  ASSERT_TRUE(writer);
  EXPECT_TRUE(rt::wait_until(rt::monotonic_ns() + 20 * rt::kSecond, [&] { return rows.written(0, 2) == 1; }));
  EXPECT_EQ(rows.written(0, 0), 3U);
}

}  // namespace
}  // namespace chappe::aggregator

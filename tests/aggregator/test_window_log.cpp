#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "aggregator/window_log.hpp"

namespace chappe::aggregator {
namespace {

using testing::HasSubstr;

const std::string kHeader = std::string(kWindowLogHeader) + "\n";

class WindowLogFile : public testing::Test {
 protected:
  WindowLogFile() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path = testing::TempDir() + "chappe_log_" + std::to_string(::getpid()) + "_" + test->name() + ".csv";
  }
  ~WindowLogFile() override { std::filesystem::remove(path); }
  void put(const std::string& text) const { std::ofstream(path, std::ios::binary) << text; }
  [[nodiscard]] std::string text() const {
    std::ostringstream all;
    all << std::ifstream(path, std::ios::binary).rdbuf();
    return all.str();
  }
  std::string path;
};

std::string row(const std::string& stream, std::uint64_t first_frame, const std::string& channel = "c") {
  std::string out;
  const Moments m{.count = 2, .nan = 0, .mean = 1.5, .m2 = 0.5, .min = 1, .max = 2, .last = 2};
  append_rows(out, {.stream = stream, .channels = {channel}}, {.window = first_frame / 10, .first_frame = first_frame, .frames = 2},
              {&m, 1});
  return out;
}

TEST(WindowLogRows, hold_every_column_in_the_order_of_the_header) {
  const Moments m[] = {{.count = 4, .nan = 1, .mean = 0.1, .m2 = 3, .min = -1e300, .max = 2, .last = 2}, {}};
  std::string out;
  append_rows(out, {.stream = "imu", .channels = {"x", "y"}},
              {.stream = 1,
               .which = 2,
               .window = 7,
               .generation = 3,
               .first_frame = 70,
               .frames = 5,
               .missing = 6,
               .t_first_ns = -5,
               .t_last_ns = 99},
              m);
  EXPECT_EQ(out,
            "imu,x,7,3,70,-5,99,4,6,1,0.1,1,-1e+300,2,0.8717797887081347\n"
            "imu,y,7,3,70,-5,99,0,6,0,nan,nan,nan,nan,nan\n");
}

TEST(WindowLogRows, write_infinity_and_nan_without_a_sign_on_nan) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Moments m{.count = 2,
                  .nan = 0,
                  .mean = kInfinity,
                  .m2 = -std::numeric_limits<double>::quiet_NaN(),
                  .min = -kInfinity,
                  .max = kInfinity,
                  .last = 0};
  std::string out;
  append_rows(out, {.stream = "s", .channels = {"c"}}, {}, {&m, 1});
  EXPECT_THAT(out, HasSubstr(",inf,nan,-inf,inf,nan\n"));
}

TEST(WindowLogRows, give_back_the_same_double_when_read) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 1000; ++i) {
    Moments m{.count = 1, .nan = 0, .mean = 0, .m2 = 0, .min = 0, .max = 0, .last = 0};
    const std::uint64_t bits = random();
    std::memcpy(&m.mean, &bits, sizeof bits);
    if (!std::isfinite(m.mean)) continue;
    std::string out;
    append_rows(out, {.stream = "s", .channels = {"c"}}, {}, {&m, 1});
    const std::string field = out.substr(std::strlen("s,c,0,0,0,0,0,1,0,0,"));
    double read = 0;
    std::from_chars(field.data(), field.data() + field.size(), read);
    EXPECT_EQ(read, m.mean);
  }
}

TEST(WindowLogRows, quote_names_as_rfc_4180_says) {
  EXPECT_THAT(row("a,b", 0, "say \"x\""), testing::StartsWith("\"a,b\",\"say \"\"x\"\"\",0,"));
  EXPECT_THAT(row("a\nb", 0), testing::StartsWith("\"a\nb\",c,0,"));
  EXPECT_THAT(row("plain name", 0), testing::StartsWith("plain name,c,0,"));
}

TEST_F(WindowLogFile, begins_with_the_header_and_can_be_read_by_its_group_only) {
  const mode_t before = ::umask(0);
  auto log = WindowLog::open(path);
  ::umask(before);
  ASSERT_TRUE(log);
  EXPECT_EQ(text(), kHeader);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
}

TEST_F(WindowLogFile, grows_by_what_is_written) {
  auto log = WindowLog::open(path);
  ASSERT_TRUE(log);
  EXPECT_TRUE(log->write(row("a", 0)));
  EXPECT_TRUE(log->write(row("a", 10)));
  EXPECT_EQ(text(), kHeader + row("a", 0) + row("a", 10));
}

TEST_F(WindowLogFile, keeps_its_header_once_when_opened_again) {
  ASSERT_TRUE(WindowLog::open(path)->write(row("a", 0)));
  ASSERT_TRUE(WindowLog::open(path)->write(row("a", 10)));
  EXPECT_EQ(text(), kHeader + row("a", 0) + row("a", 10));
}

TEST_F(WindowLogFile, loses_only_a_torn_last_line_wherever_it_was_torn) {
  const std::string last = row("a", 20);
  for (std::size_t kept = 0; kept < last.size(); ++kept) {
    put(kHeader + row("a", 10) + last.substr(0, kept));
    auto log = WindowLog::open(path);
    ASSERT_TRUE(log);
    EXPECT_EQ(text(), kHeader + row("a", 10));
    EXPECT_EQ(log->missing(row("a", 10) + last), last);
  }
}

TEST_F(WindowLogFile, gets_its_header_again_when_that_was_torn) {
  for (std::size_t kept = 0; kept < kHeader.size(); ++kept) {
    put(kHeader.substr(0, kept));
    ASSERT_TRUE(WindowLog::open(path));
    EXPECT_EQ(text(), kHeader);
  }
}

TEST_F(WindowLogFile, with_another_header_is_refused_and_not_touched) {
  for (const auto& other : {std::string("time,value\n1,2\n"), std::string("x"), kHeader.substr(0, kHeader.size() - 1) + ",more\n"}) {
    put(other);
    const auto log = WindowLog::open(path);
    ASSERT_FALSE(log);
    EXPECT_THAT(log.error().text, testing::AllOf(HasSubstr(path), HasSubstr("header")));
    EXPECT_EQ(log.error().exit_code, EX_DATAERR);
    EXPECT_EQ(text(), other);
  }
}

TEST_F(WindowLogFile, that_cannot_be_opened_is_an_error_with_its_path) {
  const auto log = WindowLog::open("/nonexistent-folder/log.csv");
  ASSERT_FALSE(log);
  EXPECT_THAT(log.error().text, HasSubstr("/nonexistent-folder/log.csv"));
}

TEST_F(WindowLogFile, says_which_rows_it_lacks) {
  const std::string odd = row("b,\"c\"\nd", 70);
  put(kHeader + row("a", 0) + odd + row("a", 10));
  auto log = WindowLog::open(path);
  ASSERT_TRUE(log);
  EXPECT_EQ(log->missing(row("a", 0) + odd + row("a", 10)), "");
  EXPECT_EQ(log->missing(row("a", 10) + row("a", 20) + odd + row("b", 20)), row("a", 20) + row("b", 20));
}

TEST_F(WindowLogFile, leaves_out_the_rows_of_earlier_runs_unless_it_was_cut_since) {
  const auto missing_behind = [&](std::size_t& began) {
    auto log = WindowLog::open(path);
    began = log->leave_out(began);
    return log->missing(row("a", 0));
  };
  std::size_t began = 0;
  put(kHeader + row("a", 0));
  EXPECT_EQ(missing_behind(began), row("a", 0)) << "it is of an earlier run";
  put(kHeader + row("a", 0) + row("a", 0));
  EXPECT_EQ(missing_behind(began), "");
  std::filesystem::remove(path);
  EXPECT_EQ(missing_behind(began), row("a", 0));
  put(kHeader + row("a", 0));
  EXPECT_EQ(missing_behind(began), "");
}

TEST(WindowLogRows, have_all_figures_where_all_columns_are_asked_for) {
  Moments m{.count = 4, .nan = 0, .mean = 0, .mean_low = 0, .m2 = 4, .min = -1, .max = 3, .last = 0};
  Shape s;
  s.m3 = 8;
  s.m4 = 16;
  s.t_min_ns = 5;
  s.t_max_ns = -6;
  s.zero_crossings = 2;
  s.flat = 3;
  const LogNames names{.stream = "s", .channels = {"c"}, .all = true};
  std::string shaped, plain;
  append_rows(shaped, names, {.frames = 4, .shaped = true}, {&m, 1}, {&s, 1});
  EXPECT_THAT(shaped, testing::EndsWith(",1,2,4,5,-6,4,3,2,3\n")) << "from the RMS on";
  append_rows(plain, names, {.frames = 4}, {&m, 1}, {&s, 1});
  EXPECT_THAT(plain, testing::EndsWith(",1,nan,nan,nan,nan,4,3,nan,nan\n"));
}

TEST_F(WindowLogFile, of_other_columns_is_not_appended_to) {
  ASSERT_TRUE(WindowLog::open(path, true));
  const auto log = WindowLog::open(path);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().exit_code, EX_DATAERR);
  EXPECT_TRUE(WindowLog::open(path, true));
}

TEST_F(WindowLogFile, without_rows_lacks_them_all) { EXPECT_EQ(WindowLog::open(path)->missing(row("a", 0)), row("a", 0)); }

TEST_F(WindowLogFile, is_read_backwards_beyond_what_waits_for_a_full_disk_and_not_without_end) {
  const std::string often = row("often", 0);
  std::string big = kHeader + row("rare", 5);
  while (big.size() < (16U << 20)) big += often;
  big += row("seldom", 5);
  while (big.size() < (33U << 20)) big += often;
  put(big + "often,torn");
  auto log = WindowLog::open(path);
  ASSERT_TRUE(log);
  EXPECT_EQ(log->missing(row("rare", 5) + row("seldom", 5) + often), row("rare", 5));
  EXPECT_EQ(text().size(), big.size());
}

TEST_F(WindowLogFile, on_a_full_disk_says_so_and_keeps_the_bytes) {
  auto log = WindowLog::open("/dev/full");
  ASSERT_TRUE(log);  // the statistics run all the same
  const auto written = log->write(row("a", 0));
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().text, HasSubstr("No space left"));
  EXPECT_THAT(written.error().text, HasSubstr(std::to_string(kHeader.size() + row("a", 0).size()) + " bytes wait"));
  EXPECT_EQ(log->rows_waiting(), 2U);  // the header too
  EXPECT_EQ(log->rows_lost(), 0U);
}

TEST_F(WindowLogFile, on_a_disk_that_stays_full_keeps_a_bounded_part_and_says_what_is_lost) {
  auto log = WindowLog::open("/dev/full");
  ASSERT_TRUE(log);
  const std::string megabyte = std::string((1U << 19) - 1, 'x') + '\n' + std::string((1U << 19) - 1, 'x') + '\n';
  std::string error;
  for (int i = 0; i < 9; ++i) error = log->write(megabyte).error().text;
  EXPECT_THAT(error, HasSubstr("rows are lost"));
  EXPECT_EQ(log->rows_lost(), 4U);  // the header leaves room for seven
  EXPECT_EQ(log->rows_waiting(), 15U);
}

/// The kernel takes bytes up to this file size, then none.
void limit_file_size(rlim_t bytes) {
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes;
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

TEST_F(WindowLogFile, goes_on_after_a_short_write_where_that_stopped) {
  auto log = WindowLog::open(path);
  ASSERT_TRUE(log);
  limit_file_size(kHeader.size() + 10);
  const auto short_write = log->write(row("a", 0));
  const auto failed = log->write(row("a", 10));
  limit_file_size(RLIM_INFINITY);
  ASSERT_FALSE(short_write);
  EXPECT_THAT(short_write.error().text, HasSubstr("short write"));
  EXPECT_FALSE(failed);
  EXPECT_EQ(text(), kHeader + row("a", 0).substr(0, 10));
  EXPECT_TRUE(log->write(""));
  EXPECT_EQ(text(), kHeader + row("a", 0) + row("a", 10));
  EXPECT_EQ(log->rows_waiting(), 0U);
}

}  // namespace
}  // namespace chappe::aggregator

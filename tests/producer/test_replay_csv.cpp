#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "play.hpp"

namespace chappe::producer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Rows = std::vector<std::vector<double>>;

struct Opened {
  std::unique_ptr<TemporaryFile> file;
  std::unique_ptr<Source> source;
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& c : source->shape().channels) result.push_back(c.name + (c.unit.empty() ? "" : "|" + c.unit));
    return result;
  }
};

Opened open(
    const std::string& text, const std::function<void(config::Stream&)>& change = [](config::Stream&) {}) {
  Opened opened{std::make_unique<TemporaryFile>(text, ".csv"), nullptr};
  auto stream = replay_of(opened.file->path());
  change(stream);
  auto source = make_source(stream);
  EXPECT_TRUE(source) << source.error().text;
  opened.source = std::move(*source);
  return opened;
}

std::string error_of(
    const std::string& text, const std::function<void(config::Stream&)>& change = [](config::Stream&) {}) {
  const TemporaryFile file(text, ".csv");
  auto stream = replay_of(file.path());
  change(stream);
  const auto source = make_source(stream);
  EXPECT_FALSE(source);
  return source ? "" : source.error().text;
}

TEST(ReplayCsv, header_gives_names_and_units_and_time_is_no_channel) {
  const auto csv = open("Time (s),Gyro X (deg/s),acc [g],plain\n0,1,2,3\n0.5,4,5,6\n");
  EXPECT_THAT(csv.names(), ElementsAre("Gyro X|deg/s", "acc|g", "plain"));
  EXPECT_TRUE(csv.source->shape().explicit_times);
  EXPECT_EQ(csv.source->shape().clock, Clock::recorded);
  EXPECT_EQ(csv.source->shape().rate_hz, 2);
  const auto played = play(*csv.source, 10);
  EXPECT_EQ(played.rows, (Rows{{1, 2, 3}, {4, 5, 6}}));
  EXPECT_THAT(played.times_ns, ElementsAre(0, 500'000'000));
  EXPECT_TRUE(played.ended);
}

TEST(ReplayCsv, without_header_and_time_the_frame_index_is_the_time) {
  const auto csv = open("1,2\r\n3,4\r\n5,6");
  EXPECT_THAT(csv.names(), ElementsAre("ch0", "ch1"));
  EXPECT_FALSE(csv.source->shape().explicit_times);
  const auto played = play(*csv.source, 10);
  EXPECT_EQ(played.rows, (Rows{{1, 2}, {3, 4}, {5, 6}}));
  EXPECT_THAT(played.times_ns, ElementsAre(0, 1, 2));
}

TEST(ReplayCsv, a_time_column_is_found_only_by_a_whole_word) {
  for (const char* name : {"t", "t_s", "T", "Time (s)", "timestamp", "TIME", "time-of-day", "\"time\""}) {
    EXPECT_EQ(open(std::string(name) + ",a\n0,1\n1,2\n").names().size(), 1U) << name;
  }
  for (const char* name : {"temperature", "tx", "t1", "times", "timer", "samples", "a"}) {
    EXPECT_EQ(open(std::string(name) + ",b\n0,1\n1,2\n").names().size(), 2U) << name;
  }
  EXPECT_EQ(open("a,time\n0,1\n1,2\n").names().size(), 2U) << "not first";
}

TEST(ReplayCsv, the_unit_of_time_comes_from_the_name) {
  const std::vector<std::pair<std::string, std::int64_t>> cases = {
      {"t", 3'000'000'000}, {"t_s", 3'000'000'000},   {"t_ms", 3'000'000}, {"time_us", 3'000},
      {"t_ns", 3},          {"Time (ms)", 3'000'000}, {"time [us]", 3'000}};
  for (const auto& [name, ns] : cases) EXPECT_EQ(play(*open(name + ",a\n3,1\n").source, 1).times_ns[0], ns) << name;
}

TEST(ReplayCsv, sample_means_the_frame_index) {
  const auto plain = open("sample,a\n100,1\n101,2\n");
  EXPECT_THAT(plain.names(), ElementsAre("a"));
  EXPECT_THAT(play(*plain.source, 5).times_ns, ElementsAre(0, 1));
  const auto rated = open("sample,a\n100,1\n101,2\n", [](config::Stream& s) { s.rate_hz = 2000; });
  EXPECT_THAT(play(*rated.source, 5).times_ns, ElementsAre(0, 500'000));
}

TEST(ReplayCsv, a_given_rate_wins_over_the_time_column_which_stays_no_channel) {
  const auto csv = open("t_s,a\n7,1\n9,2\n", [](config::Stream& s) { s.rate_hz = 1000; });
  EXPECT_THAT(csv.names(), ElementsAre("a"));
  EXPECT_FALSE(csv.source->shape().explicit_times);
  EXPECT_THAT(play(*csv.source, 5).times_ns, ElementsAre(0, 1'000'000));
}

TEST(ReplayCsv, times_are_exact_to_the_nanosecond_as_written) {
  const auto csv = open("t,a\n46408.58765184333,1\n1300000000.123456789,2\n1.3e9,3\n-0.0000000015,4\n0.0000000004,5\n");
  EXPECT_THAT(play(*csv.source, 9).times_ns, ElementsAre(46408'587651843, 1300000000'123456789, 1300000000'000000000, -2, 0));
}

TEST(ReplayCsv, iso_8601_is_read_with_and_without_zone) {
  const auto csv = open(
      "timestamp,a\n2013-07-04 00:00:00,1\n2013-07-04T00:00:00.25Z,2\n2013-07-04T02:00:00+02:00,3\n2013-07-03 "
      "19:00-0500,4\n1970-01-01,5\n2013-02-30 00:00:00,6\n");
  constexpr std::int64_t kDay = 1372896000'000000000;
  EXPECT_THAT(play(*csv.source, 9).times_ns, ElementsAre(kDay, kDay + 250'000'000, kDay, kDay, 0));
  EXPECT_THAT(csv.source->complaints(), HasSubstr("2013-02-30"));
}

TEST(ReplayCsv, iso_8601_in_the_first_column_is_a_time_without_header_too) {
  const auto csv = open("2013-07-04 00:00:00,69.5\n2013-07-04 01:00:00,71\n");
  EXPECT_THAT(csv.names(), ElementsAre("ch0"));
  EXPECT_THAT(play(*csv.source, 9).times_ns, ElementsAre(1372896000'000000000, 1372899600'000000000));
}

TEST(ReplayCsv, separators_are_found) {
  EXPECT_EQ(play(*open("a;b\n1;2\n").source, 1).rows, (Rows{{1, 2}}));
  EXPECT_EQ(play(*open("a\tb\n1\t2\n").source, 1).rows, (Rows{{1, 2}}));
  EXPECT_EQ(play(*open("force, x (N;mm),b\n1,2,3\n").source, 1).rows, (Rows{{1, 2, 3}}));
  EXPECT_EQ(play(*open("lonely\n1\n2\n").source, 5).rows, (Rows{{1}, {2}}));
}

TEST(ReplayCsv, byte_order_mark_quotes_and_blanks_do_no_harm) {
  const auto csv = open("\xef\xbb\xbf\"t_ms\",\"force, x (N)\",\"say \"\"a\"\"\"\r\n \"1\" , \"2.5\" , 3 \r\n\r\n2,+4,5e-1\r\n");
  EXPECT_THAT(csv.names(), ElementsAre("force, x|N", "say \"a\""));
  const auto played = play(*csv.source, 5);
  EXPECT_EQ(played.rows, (Rows{{2.5, 3}, {4, 0.5}}));
  EXPECT_THAT(played.times_ns, ElementsAre(1'000'000, 2'000'000));
  EXPECT_EQ(csv.source->rows_skipped(), 0U);
}

TEST(ReplayCsv, nan_and_empty_cells_are_nan) {
  const auto played = play(*open("a,b,c,d\nNaN,nan,NAN,\n,1,,2\n").source, 5);
  ASSERT_EQ(played.rows.size(), 2U);
  for (const double value : played.rows[0]) EXPECT_TRUE(std::isnan(value));
  EXPECT_EQ(played.rows[1][3], 2);
}

TEST(ReplayCsv, a_first_row_of_numbers_and_gaps_is_no_header) {
  EXPECT_EQ(play(*open("nan,,3\n4,5,6\n").source, 5).rows.size(), 2U);
  EXPECT_EQ(play(*open("1,2,x\n4,5,6\n").source, 5).rows.size(), 1U) << "one word makes a header";
}

TEST(ReplayCsv, names_are_unique_and_short_enough) {
  const std::string longest(60, 'n');
  const auto csv = open("a,a,," + longest + "," + longest + ",x (a very long unit of measure)\n1,2,3,4,5,6\n");
  EXPECT_THAT(csv.names(), ElementsAre("a", "a_2", "ch2", longest.substr(0, 47), longest.substr(0, 45) + "_2", "x|a very long uni"));
}

TEST(ReplayCsv, configured_channels_name_the_columns_and_must_be_as_many) {
  const auto csv = open("t,a (V),b (V)\n0,1,2\n", [](config::Stream& s) { s.channels = channels_named(2); });
  EXPECT_THAT(csv.names(), ElementsAre("ch0|V", "ch1|V"));
  EXPECT_THAT(error_of("t,a,b\n0,1,2\n", [](config::Stream& s) { s.channels = channels_named(3); }),
              HasSubstr("3 channels are configured"));
}

TEST(ReplayCsv, the_time_column_is_taken_by_name_or_index) {
  for (const char* column : {"when (ms)", "when", "1"}) {
    const auto csv = open("a,when (ms)\n1,20\n2,30\n", [&](config::Stream& s) { s.replay.time_column = column; });
    EXPECT_THAT(csv.names(), ElementsAre("a")) << column;
    EXPECT_THAT(play(*csv.source, 5).times_ns, ElementsAre(20'000'000, 30'000'000)) << column;
  }
  const auto bare = open("1,20\n2,30\n", [](config::Stream& s) {
    s.replay.time_column = "1";
    s.replay.time_unit = config::TimeUnit::us;
  });
  EXPECT_THAT(play(*bare.source, 5).times_ns, ElementsAre(20'000, 30'000));
  EXPECT_THAT(error_of("a,b\n1,2\n", [](config::Stream& s) { s.replay.time_column = "c"; }), HasSubstr("\"c\" is not a column"));
  EXPECT_THAT(error_of("a,b\n1,2\n", [](config::Stream& s) { s.replay.time_column = "2"; }), HasSubstr("below 2"));
}

TEST(ReplayCsv, ragged_and_non_numeric_rows_are_skipped_counted_and_the_first_is_named) {
  const auto csv = open("t,a,b\n0,1,2\n1,1\n2,x,2\n3,1,2,3\n,1,2\n4,5,6\n");
  const auto played = play(*csv.source, 10);
  EXPECT_EQ(played.rows, (Rows{{1, 2}, {5, 6}}));
  EXPECT_EQ(csv.source->rows_skipped(), 4U);
  EXPECT_THAT(csv.source->complaints(), HasSubstr("4 rows skipped; the first is line 3: 2 cells, expected 3"));
  EXPECT_EQ(open("a\n1\n").source->complaints(), "");
}

TEST(ReplayCsv, skipped_rows_are_counted_once_however_often_the_recording_loops) {
  const auto csv = open("a,b\n1,2\noops,3\n3,4\n", [](config::Stream& s) { s.replay.loop = true; });
  EXPECT_EQ(play(*csv.source, 20).rows.size(), 20U);
  EXPECT_EQ(csv.source->rows_skipped(), 1U);
  EXPECT_THAT(csv.source->complaints(), HasSubstr("1 row skipped; the first is line 3: \"oops\""));
}

TEST(ReplayCsv, values_of_f32_streams_are_rounded_once) {
  const auto csv = open("a\n0.1\n16777217\n", [](config::Stream& s) { s.type = config::SampleType::f32; });
  EXPECT_EQ(play(*csv.source, 2).rows, (Rows{{static_cast<double>(0.1F)}, {16777216}}));
}

TEST(ReplayCsv, rows_longer_than_the_window_of_the_file_and_across_its_border_are_read_or_counted) {
  std::string text = "a,b\n";
  for (int i = 0; i < 60'000; ++i) text += std::to_string(i) + ",0.25\n";  // 600 KiB: three windows
  text += std::string(600'000, '7') + ",1\n-1,-2\n";
  const auto csv = open(text);
  const auto played = play(*csv.source, 100'000);
  ASSERT_EQ(played.rows.size(), 60'001U);
  for (int i = 0; i < 60'000; ++i) ASSERT_EQ(played.rows[static_cast<std::size_t>(i)][0], i);
  EXPECT_EQ(played.rows.back(), (std::vector<double>{-1, -2}));
  EXPECT_GT(csv.source->rows_skipped(), 0U);
}

TEST(ReplayCsv, a_file_that_is_cut_while_it_plays_ends_before_its_half_line_and_says_so) {
  std::string text = "a,b\n";
  for (int i = 0; i < 60'000; ++i) text += std::to_string(i) + ",0.25\n";
  const TemporaryFile file(text, ".csv");
  auto source = make_source(replay_of(file.path()));
  ASSERT_TRUE(source);
  EXPECT_EQ(play(**source, 1).rows.size(), 1U);
  EXPECT_EQ((*source)->complaints(), "");
  const std::size_t half_line = text.find("\n50000,0.25") + 9;  // "50000,0."
  ASSERT_EQ(truncate(file.path().c_str(), static_cast<off_t>(half_line)), 0);
  const auto rest = play(**source, 100'000);
  EXPECT_TRUE(rest.ended);
  ASSERT_EQ(rest.rows.size(), 49'999U);
  EXPECT_EQ(rest.rows.back(), (std::vector<double>{49'999, 0.25}));
  EXPECT_THAT((*source)->complaints(), HasSubstr("ends at byte " + std::to_string(half_line)));
}

TEST(ReplayCsv, what_cannot_be_played_says_why) {
  EXPECT_THAT(error_of("Time (min),a\n1,2\n"), HasSubstr("\"Time (min)\" has a unit that is not known"));
  EXPECT_THAT(error_of(""), HasSubstr("empty"));
  EXPECT_THAT(error_of("a,b\n"), HasSubstr("no row of data"));
  EXPECT_THAT(error_of("a,b\n1,2,3\n"), HasSubstr("line 2: 3 cells, expected 2"));
  EXPECT_THAT(error_of("a;b\n1,5;2,5\n"), HasSubstr("\"1,5\""));
  const auto absent = make_source(replay_of("/nonexistent/x.csv"));
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().exit_code, EX_NOINPUT);
  EXPECT_THAT(absent.error().text, HasSubstr("/nonexistent/x.csv: No such file"));
  EXPECT_THAT(make_source(replay_of("/tmp/x.unknown")).error().text, HasSubstr("--format"));
  auto folder = replay_of("/tmp");
  folder.replay.format = config::ReplayFormat::csv;
  EXPECT_THAT(make_source(folder).error().text, HasSubstr("/tmp: not a regular file"));
}

}  // namespace
}  // namespace chappe::producer

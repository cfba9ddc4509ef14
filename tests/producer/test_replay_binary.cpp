#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "play.hpp"

namespace chappe::producer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Rows = std::vector<std::vector<double>>;

template <class T>
void expect_plays(const std::string& ending) {
  const TemporaryFile file(bytes_of<T>({1, -2, 3, -4, 5, -6}), ending);
  auto stream = replay_of(file.path());
  stream.channels = channels_named(2);
  stream.rate_hz = 1000;
  auto source = make_source(stream);
  ASSERT_TRUE(source) << source.error().text;
  const auto played = play(**source, 10);
  EXPECT_EQ(played.rows, (Rows{{1, -2}, {3, -4}, {5, -6}})) << ending;
  EXPECT_THAT(played.times_ns, ElementsAre(0, 1'000'000, 2'000'000));
  EXPECT_TRUE(played.ended);
}

TEST(ReplayBinary, each_format_is_known_by_the_name_of_the_file) {
  expect_plays<std::int16_t>(".i16le.bin");
  expect_plays<std::int32_t>(".I32LE.BIN");
  expect_plays<float>(".f32le.bin");
  expect_plays<double>(".f64le");
}

TEST(ReplayBinary, a_format_that_is_given_wins_over_the_name) {
  const TemporaryFile file(bytes_of<std::int16_t>({7, 8}), ".csv");
  auto stream = replay_of(file.path());
  stream.channels = channels_named(1);
  stream.replay.format = config::ReplayFormat::i16le;
  auto source = make_source(stream);
  ASSERT_TRUE(source);
  EXPECT_EQ(play(**source, 10).rows, (Rows{{7}, {8}}));
}

TEST(ReplayBinary, a_partial_last_frame_is_left_out_and_complained_about) {
  const TemporaryFile file(bytes_of<std::int16_t>({1, 2, 3, 4, 5}), ".i16le.bin");
  auto stream = replay_of(file.path());
  stream.channels = channels_named(2);
  auto source = make_source(stream);
  ASSERT_TRUE(source);
  EXPECT_EQ(play(**source, 10).rows, (Rows{{1, 2}, {3, 4}}));
  EXPECT_THAT((*source)->complaints(), HasSubstr("last 2 bytes"));
}

TEST(ReplayBinary, channels_must_be_given_and_one_frame_be_there) {
  const TemporaryFile file("abc", ".i16le.bin");
  auto stream = replay_of(file.path());
  EXPECT_THAT(make_source(stream).error().text, HasSubstr("--channels"));
  stream.channels = channels_named(2);
  EXPECT_THAT(make_source(stream).error().text, HasSubstr("less than one frame"));
}

TEST(ReplayBinary, frames_cross_the_border_of_the_window_whole) {
  std::vector<double> values(300'000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i);
  const TemporaryFile file(bytes_of(values), ".f64le.bin");
  auto stream = replay_of(file.path());
  stream.channels = channels_named(3);
  auto source = make_source(stream);
  ASSERT_TRUE(source);
  const auto played = play(**source, 200'000);
  ASSERT_EQ(played.rows.size(), 100'000U);
  for (std::size_t i = 0; i < played.rows.size(); ++i) ASSERT_EQ(played.rows[i][2], static_cast<double>(3 * i + 2));
}

TEST(ReplayBinary, a_file_that_is_cut_while_it_plays_ends_early) {
  std::vector<std::int16_t> values(1'000'000, 1);
  const TemporaryFile file(bytes_of(values), ".i16le.bin");
  auto stream = replay_of(file.path());
  stream.channels = channels_named(1);
  auto source = make_source(stream);
  ASSERT_TRUE(source);
  EXPECT_EQ(play(**source, 10).rows.size(), 10U);
  ASSERT_EQ(::truncate(file.path().c_str(), 1000), 0);
  const auto rest = play(**source, 2'000'000);
  EXPECT_TRUE(rest.ended);
  EXPECT_LT(rest.rows.size(), 1'000'000U);
}

}  // namespace
}  // namespace chappe::producer

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "play.hpp"

namespace chappe::producer {
namespace {

using testing::ElementsAre;
using Rows = std::vector<std::vector<double>>;

std::unique_ptr<Source> open(const TemporaryFile& file, bool loop, bool fast, double rate_hz = 0) {
  auto stream = replay_of(file.path());
  stream.replay.loop = loop;
  stream.replay.as_fast_as_possible = fast;
  stream.rate_hz = rate_hz;
  auto source = make_source(stream);
  EXPECT_TRUE(source) << source.error().text;
  return std::move(*source);
}

/// Plays with one deadline a read and checks each frame's time against the clock.
void expect_never_early(Source& source, std::uint32_t frames) {
  const std::int64_t start = rt::monotonic_ns();
  std::int64_t first = 0;
  for (std::uint32_t done = 0; done < frames;) {
    const auto played = play(source, std::min(7U, frames - done), 7, rt::kMillisecond);
    const std::int64_t now = rt::monotonic_ns();
    if (done == 0) first = played.times_ns.at(0);
    for (const auto t : played.times_ns) ASSERT_GE(now - start, t - first);
    done += static_cast<std::uint32_t>(played.rows.size());
  }
}

TEST(ReplayPacing, frames_with_times_never_come_before_they_are_due) {
  std::string text = "t_us,a\n";
  for (int i = 0; i < 200; ++i) text += std::to_string(5'000'000 + i * 300 + (i % 10 == 0 ? 250 : 0)) + ",1\n";
  const TemporaryFile file(text, ".csv");
  expect_never_early(*open(file, false, false), 200);
}

TEST(ReplayPacing, frames_of_a_rate_never_come_before_they_are_due) {
  std::string text = "a\n";
  for (int i = 0; i < 50; ++i) text += "1\n";
  const TemporaryFile file(text, ".csv");
  expect_never_early(*open(file, true, false, 3000), 200);
}

TEST(ReplayPacing, a_read_ends_at_its_deadline_when_nothing_is_due) {
  const TemporaryFile file("t,a\n0,1\n3600,2\n", ".csv");
  const auto source = open(file, false, false);
  EXPECT_EQ(play(*source, 1, 1).rows.size(), 1U);
  std::vector<std::byte> data(64);
  std::int64_t time = 0, t_first = 0;
  double period = 0;
  const Room room{.data = data.data(), .times_ns = &time, .frames = 1, .t_first_ns = &t_first, .period_ns = &period};
  const FrameLayout layout{.channels = 1, .value_bytes = 8, .stride = 8, .capacity = 1, .explicit_times = true};
  const std::int64_t deadline = rt::monotonic_ns() + 20 * rt::kMillisecond;
  const Read read = source->read(room, layout, deadline);
  EXPECT_EQ(read.frames, 0U);
  EXPECT_FALSE(read.ended);
  EXPECT_GE(rt::monotonic_ns(), deadline);
}

TEST(ReplayPacing, a_step_back_in_time_is_played_on_and_told_as_it_is) {
  const TemporaryFile file("t_ms,a\n3600000,1\n3600001,2\n0,3\n1,4\n", ".csv");
  const auto played = play(*open(file, false, false), 10);
  EXPECT_THAT(played.times_ns, ElementsAre(3600'000'000'000, 3600'001'000'000, 0, 1'000'000));
}

TEST(ReplayPacing, laps_go_on_in_time_by_the_mean_step) {
  const TemporaryFile file("t,a\n10,1\n11,2\n12,3\n", ".csv");
  const auto played = play(*open(file, true, true), 7, 2);
  EXPECT_EQ(played.rows, (Rows{{1}, {2}, {3}, {1}, {2}, {3}, {1}}));
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(played.times_ns[i], static_cast<std::int64_t>(10 + i) * rt::kSecond);
}

TEST(ReplayPacing, laps_of_a_recording_with_one_time_still_go_on) {
  const TemporaryFile file("t,a\n10,1\n10,2\n", ".csv");
  const auto played = play(*open(file, true, true), 5);
  EXPECT_THAT(played.times_ns,
              ElementsAre(10 * rt::kSecond, 10 * rt::kSecond, 10 * rt::kSecond + 1, 10 * rt::kSecond + 1, 10 * rt::kSecond + 2));
}

TEST(ReplayPacing, a_looped_replay_resumes_as_if_it_had_never_stopped) {
  const TemporaryFile file("t,a\n10,1\n11.5,2\nbad\n12,3\n", ".csv");
  const auto whole = play(*open(file, true, true), 40);
  for (const std::uint64_t frame : {0U, 1U, 2U, 3U, 4U, 17U, 30U}) {
    const auto source = open(file, true, true);
    source->resume_at(frame, 0);
    const auto rest = play(*source, 5, 2);
    for (std::size_t i = 0; i < 5; ++i) {
      ASSERT_EQ(rest.rows[i], whole.rows[frame + i]) << frame;
      ASSERT_EQ(rest.times_ns[i], whole.times_ns[frame + i]) << frame;
    }
    EXPECT_EQ(source->rows_skipped(), 1U);
  }
}

TEST(ReplayPacing, a_regular_recording_resumes_with_its_time) {
  const TemporaryFile file("1\n2\n3\n", ".csv");
  const auto source = open(file, true, true, 1000);
  source->resume_at(7, 0);
  const auto played = play(*source, 3, 3);
  EXPECT_EQ(played.rows, (Rows{{2}, {3}, {1}}));
  EXPECT_THAT(played.times_ns, ElementsAre(7'000'000, 8'000'000, 9'000'000));
}

TEST(ReplayPacing, a_replay_of_one_lap_resumes_in_it_or_is_over) {
  const TemporaryFile file("t,a\n10,1\n11,2\n12,3\n", ".csv");
  const auto within = open(file, false, true);
  within->resume_at(2, 0);
  EXPECT_EQ(play(*within, 5).rows, (Rows{{3}}));
  for (const std::uint64_t frame : {3U, 4U, 1000U}) {
    const auto past = open(file, false, true);
    EXPECT_FALSE(past->resume_at(frame, 0)) << "no frame is left";
    const auto played = play(*past, 5);
    EXPECT_TRUE(played.ended);
    EXPECT_TRUE(played.rows.empty());
    EXPECT_TRUE(past->resume_at(frame, frame)) << "it begins anew";
    EXPECT_EQ(play(*past, 5).rows, (Rows{{1}, {2}, {3}}));
  }
}

}  // namespace
}  // namespace chappe::producer

// The intake: what is put comes in order, bells wait for a burst, and nobody sleeps for ever.
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "producer/intake.hpp"
#include "rt/clock.hpp"

namespace chappe::producer {
namespace {

constexpr std::size_t kBlockBytes = 4096;
constexpr std::int64_t kForEver = 60 * rt::kSecond;  // of a sleeper whom nobody wakes

/// Rung since the last look.
bool feed_is_rung(Intake& intake) { return intake.wait_full(0); }
bool source_is_rung(Intake& intake) { return intake.wait_empty(0, 0); }

TEST(Intake, rings_the_feed_for_each_buffer_unless_more_come) {
  Intake intake({{.blocks = 32}}, kBlockBytes);
  for (int i = 0; i < 3; ++i) {
    intake.put_full(intake.try_empty(0));
    EXPECT_TRUE(feed_is_rung(intake));
  }
}

TEST(Intake, rings_the_feed_at_a_quarter_of_the_pool_if_more_come) {
  Intake intake({{.blocks = 32, .in_bursts = true}}, kBlockBytes);
  for (int burst = 0; burst < 3; ++burst) {
    for (int i = 0; i < 7; ++i) intake.put_full(intake.try_empty(0), true);
    EXPECT_FALSE(feed_is_rung(intake));
    EXPECT_NE(intake.try_full(), nullptr) << "it is there, rung or not";
    intake.put_full(intake.try_empty(0), true);
    EXPECT_TRUE(feed_is_rung(intake));
  }
}

TEST(Intake, rings_the_feed_before_the_source_sleeps_and_when_nothing_more_comes) {
  Intake intake({{.blocks = 32, .in_bursts = true}}, kBlockBytes);
  intake.put_full(intake.try_empty(0), true);
  intake.wait_empty(0, 0);
  EXPECT_TRUE(feed_is_rung(intake));
  intake.put_full(intake.try_empty(0), true);
  intake.ring_full(0);
  EXPECT_TRUE(feed_is_rung(intake));
  intake.ring_full(0);
  EXPECT_FALSE(feed_is_rung(intake)) << "there is nothing that it was not rung for";
  intake.put_full(intake.try_empty(0), true);
  intake.put_full(intake.try_empty(0));
  EXPECT_TRUE(feed_is_rung(intake));
}

TEST(Intake, gives_buffers_of_a_paced_source_back_at_once) {
  Intake intake({{.blocks = 4}}, kBlockBytes);
  for (int i = 0; i < 4; ++i) intake.put_full(intake.try_empty(0));
  ASSERT_EQ(intake.try_empty(0), nullptr);
  intake.put_empty(intake.try_full());
  EXPECT_TRUE(source_is_rung(intake));
  EXPECT_NE(intake.try_empty(0), nullptr);
}

TEST(Intake, gives_buffers_of_bursts_back_by_the_quarter_and_the_rest_before_the_feed_sleeps) {
  Intake intake({{.blocks = 32, .in_bursts = true}}, kBlockBytes);
  for (int i = 0; i < 32; ++i) intake.put_full(intake.try_empty(0), true);
  for (int i = 0; i < 7; ++i) intake.put_empty(intake.try_full());
  EXPECT_EQ(intake.try_empty(0), nullptr);
  EXPECT_FALSE(source_is_rung(intake));
  intake.put_empty(intake.try_full());
  EXPECT_TRUE(source_is_rung(intake));
  for (int i = 0; i < 8; ++i) EXPECT_NE(intake.try_empty(0), nullptr);
  intake.put_empty(intake.try_full());
  EXPECT_EQ(intake.try_empty(0), nullptr);
  intake.wait_full(0);
  EXPECT_TRUE(source_is_rung(intake));
  EXPECT_NE(intake.try_empty(0), nullptr);
}

/// A pause now and then, so that each side is at times the slower one: what decides who sleeps.
class Tempo {
 public:
  explicit Tempo(std::uint64_t seed) : state_(seed) {}
  void beat() {
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    const std::uint64_t draw = state_ >> 54;  // of 1,024
    if (draw < 2) rt::sleep_until(rt::monotonic_ns() + 200'000);
    if (draw >= 1000) std::this_thread::yield();
  }

 private:
  std::uint64_t state_;
};

struct Course {
  std::vector<PoolPlan> plans;
  std::uint64_t buffers = 0;  ///< of each stream
};

/// Each buffer carries its number in its frame index and in its bytes.
void put_all(Intake& intake, std::uint32_t stream, const Course& course) {
  Tempo tempo(stream + 1);
  for (std::uint64_t i = 0; i < course.buffers;) {
    Buffer* const buffer = intake.try_empty(stream);
    if (buffer == nullptr) {
      ASSERT_TRUE(intake.wait_empty(stream, rt::monotonic_ns() + kForEver)) << "stream " << stream << " sleeps at " << i;
      continue;
    }
    ASSERT_EQ(buffer->frames, 0U);
    buffer->frames = 1;
    buffer->first_frame = i;
    std::memcpy(buffer->data, &i, sizeof i);
    std::memcpy(buffer->data + kBlockBytes - sizeof i, &i, sizeof i);
    ++i;
    tempo.beat();
    intake.put_full(buffer, course.plans[stream].in_bursts);
  }
  intake.ring_full(stream);
}

void take_all(Intake& intake, const Course& course) {
  Tempo tempo(99);
  std::vector<std::uint64_t> next(course.plans.size());
  for (std::uint64_t taken = 0; taken < course.buffers * course.plans.size();) {
    Buffer* const buffer = intake.try_full();
    if (buffer == nullptr) {
      ASSERT_TRUE(intake.wait_full(rt::monotonic_ns() + kForEver)) << "the feed sleeps at " << taken;
      continue;
    }
    ++taken;
    std::uint64_t first = 0, last = 0;
    std::memcpy(&first, buffer->data, sizeof first);
    std::memcpy(&last, buffer->data + kBlockBytes - sizeof last, sizeof last);
    std::uint64_t& expected = next[buffer->stream];
    ASSERT_EQ(buffer->first_frame, expected) << "stream " << buffer->stream;
    ASSERT_EQ(first, expected);
    ASSERT_EQ(last, expected);
    ++expected;
    tempo.beat();
    intake.put_empty(buffer);
  }
  intake.ring_empty();
}

class Hand : public testing::TestWithParam<Course> {};

TEST_P(Hand, over_keeps_the_order_and_nobody_sleeps_for_ever) {
  const Course& course = GetParam();
  Intake intake(course.plans, kBlockBytes);
  std::vector<std::thread> sources;
  for (std::uint32_t i = 0; i < course.plans.size(); ++i) sources.emplace_back([&, i] { put_all(intake, i, course); });
  std::thread feed([&] { take_all(intake, course); });
  for (auto& source : sources) source.join();
  feed.join();
  for (std::uint32_t i = 0; i < course.plans.size(); ++i) {
    for (std::uint32_t k = 0; k < course.plans[i].blocks; ++k) EXPECT_NE(intake.try_empty(i), nullptr) << "a buffer of " << i << " is lost";
    EXPECT_EQ(intake.try_empty(i), nullptr);
  }
}

const Course kCourses[] = {
    {{{1, true}}, 20'000},
    {{{4, true}}, 50'000},
    {{{7, true}}, 50'000},
    {{{32, true}}, 200'000},
    {{{64, true}}, 200'000},
    {{{5, false}}, 50'000},
    {{{32, true}, {32, true}}, 100'000},
    {{{32, true}, {4, false}, {33, true}}, 50'000},
};
INSTANTIATE_TEST_SUITE_P(Courses, Hand, testing::ValuesIn(kCourses), [](const auto& course) {
  std::string name;
  for (const auto& plan : course.param.plans) name += (plan.in_bursts ? "_bursts_of_" : "_paced_") + std::to_string(plan.blocks);
  return "pools" + name;
});

}  // namespace
}  // namespace chappe::producer

#include <gtest/gtest.h>
#include <sched.h>

#include "rt/bell.hpp"
#include "rt/counter.hpp"
#include "rt/thread.hpp"

namespace chappe::rt {
namespace {

constexpr std::int64_t kNever = 600 * kSecond;

TEST(Bell, a_ring_before_the_wait_is_heard) {
  Bell bell;
  bell.ring();
  EXPECT_TRUE(bell.wait_until(monotonic_ns() + kNever));
}

TEST(Bell, unheard_rings_are_one) {
  Bell bell;
  for (int i = 0; i < 1000; ++i) bell.ring();
  EXPECT_TRUE(bell.wait_until(monotonic_ns() + kNever));
  EXPECT_FALSE(bell.wait_until(monotonic_ns()));
}

TEST(Bell, silence_lasts_until_the_deadline_and_no_shorter) {
  Bell bell;
  const std::int64_t deadline = monotonic_ns() + 20 * kMillisecond;
  EXPECT_FALSE(bell.wait_until(deadline));
  EXPECT_GE(monotonic_ns(), deadline);
}

// Each side sleeps until the other has counted on. A lost wake-up shows as a sleep that ends by its deadline.
TEST(Bell, hand_offs_to_and_fro_lose_no_wake_up) {
  constexpr std::uint64_t kRounds = 100'000;  // two hand-offs a round
  Bell there, back;
  Counter sent, returned, slept_through;
  auto echo = Thread::start({.name = "echo"}, [&] {
    for (std::uint64_t round = 1; round <= kRounds; ++round) {
      while (sent.get() < round) {
        if (!there.wait_until(monotonic_ns() + 20 * kSecond)) return slept_through.add();
      }
      returned.set(round);
      back.ring();
    }
  });
  ASSERT_TRUE(echo);
  for (std::uint64_t round = 1; round <= kRounds; ++round) {
    sent.set(round);
    there.ring();
    while (returned.get() < round) {
      ASSERT_TRUE(back.wait_until(monotonic_ns() + 20 * kSecond)) << "in round " << round;
    }
  }
  echo->join();
  EXPECT_EQ(slept_through.get(), 0U);
}

// The ringer spins for the echo, so that it rings again within nanoseconds, at every instant of the sleeper's falling asleep, and often
// while an old ring is still unheard. Without the fence in ring() some of these million are slept through on x86 too.
TEST(Bell, a_million_rings_against_one_falling_asleep_are_all_heard) {
  constexpr std::uint64_t kRounds = 1'000'000;
  Bell bell;
  Counter sent, heard, slept_through;
  auto sleeper = Thread::start({.name = "sleeper"}, [&] {
    for (std::uint64_t round = 1; round <= kRounds; ++round) {
      while (sent.get() < round) {
        if (!bell.wait_until(monotonic_ns() + kSecond) && sent.get() >= round) slept_through.add();
      }
      heard.set(round);
    }
  });
  ASSERT_TRUE(sleeper);
  for (std::uint64_t round = 1; round <= kRounds; ++round) {
    sent.set(round);
    bell.ring();
    for (int spins = 0; heard.get() < round; ++spins) {
      if (spins > 1000) sched_yield();
    }
    if (slept_through.get() > 0) break;
  }
  sent.set(kRounds);
  bell.ring();
  sleeper->join();
  EXPECT_EQ(slept_through.get(), 0U);
}

}  // namespace
}  // namespace chappe::rt

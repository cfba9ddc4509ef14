// An aggregator that is stopped, not killed: it lives, holds the full ring and stands. Shown always, evicted only where it was asked for.
#include <gmock/gmock.h>

#include <csignal>
#include <map>
#include <set>

#include "harness.hpp"
#include "rt/clock.hpp"
#include "window_rows.hpp"

namespace chappe::whole {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// A ring of a tenth of a second or two. `proof` is a function of the frame index; `noise` makes the ring turn.
std::string config(const std::string& ring_keys) {
  return "[ring]\nblocks = 64\nblock_bytes = 4096\nmax_delay = \"5ms\"\n" + ring_keys +
         "[realtime]\nlock_memory = false\n"
         "[[stream]]\nname = \"proof\"\nrate = 20000\nchannels = [{name = \"a\", waveform = \"index\"}, {name = \"b\", waveform = "
         "\"index\"}]\n[[stream.window]]\nframes = 500\n"
         "[[stream]]\nname = \"noise\"\nrate = 5000\nchannels = 8\n";
}

class Stall : public ::testing::Test {
 protected:
  void start(const std::string& ring_keys) {
    instance_.configure(config(ring_keys));
    aggregator_ = instance_.aggregator({"--window-log", log_});
    producer_ = instance_.producer();
    ASSERT_TRUE(counts("aggregated", 5000)) << instance_.log("chappe-producer") << instance_.log("chappe-aggregator");
  }
  /// `proof`'s count grows by so many frames.
  bool counts(const std::string& key, std::uint64_t more) {
    const std::uint64_t goal = count(key) + more;
    return instance_.until([&] { return count(key) > goal; });
  }
  [[nodiscard]] std::uint64_t count(const std::string& key) const {
    const Json ledger = instance_.ledger();
    if (!ledger.is_object() || ledger["streams"].empty()) return 0;
    const Json& proof = ledger["streams"][0];
    return (proof.contains(key) ? proof : proof["dropped"])[key].get<std::uint64_t>();
  }
  [[nodiscard]] Json gate() const {
    const Json status = instance_.status();
    return status.is_object() && status["ring"].is_object() ? status["ring"]["gates"][0] : Json{{"state", "no ring"}};
  }
  bool is(const std::string& state) {
    return instance_.until([&] { return gate()["state"] == state; });
  }
  void expect_orderly_end() {
    producer_.signal(SIGTERM);
    EXPECT_EQ(producer_.wait_for(20 * rt::kSecond), 0) << instance_.log("chappe-producer");
    closing_ = instance_.ledger();
    EXPECT_EQ(Instance::does_not_close(closing_), "");
    aggregator_.signal(SIGTERM);
    EXPECT_EQ(aggregator_.wait_for(20 * rt::kSecond), 0) << instance_.log("chappe-aggregator");
    EXPECT_THAT(instance_.objects(), IsEmpty());
  }
  /// Each window once, each frame that was aggregated in one of them, and those that miss none exact.
  void expect_exact_windows() {
    std::set<std::pair<std::string, std::uint64_t>> seen;
    std::map<std::string, std::uint64_t> frames;
    for (const auto& row : rows_of(log_, "proof")) {
      EXPECT_TRUE(seen.insert({row.channel, row.window}).second) << "window " << row.window << " is in the log twice";
      frames[row.channel] += row.count;
      if (row.missing > 0) continue;
      EXPECT_EQ(not_of_index(row, row.channel == "b" ? 1 : 0), "");
    }
    for (const char* channel : {"a", "b"}) EXPECT_EQ(frames[channel], closing_["streams"][0]["aggregated"]) << channel;
  }
  Instance instance_;
  std::string log_ = instance_.path("windows.csv");
  Child aggregator_, producer_;
  Json closing_;
};

TEST_F(Stall, with_a_stall_timeout_a_stopped_aggregator_is_evicted_the_producer_runs_free_and_after_it_the_overrun_is_named) {
  start("stall_timeout = \"200ms\"\n");
  for (int round = 1; round <= 3; ++round) {
    aggregator_.signal(SIGSTOP);
    ASSERT_TRUE(is("evicted")) << instance_.status().dump();
    const std::uint64_t full = count("full");
    EXPECT_EQ(gate()["pid"], aggregator_.pid());
    EXPECT_FALSE(gate()["held"].get<bool>());
    ASSERT_TRUE(counts("committed", 20000)) << "more than the ring holds";
    EXPECT_EQ(count("full"), full) << "it drops no more";
    EXPECT_GT(gate()["lag"].get<std::uint64_t>(), 64U);
    EXPECT_TRUE(instance_.display()["producer"]["alive"].get<bool>());
    EXPECT_EQ(Instance::does_not_close(instance_.ledger()), "");
    const std::uint64_t overrun = count("overrun");
    aggregator_.signal(SIGCONT);
    ASSERT_TRUE(counts("aggregated", 5000)) << instance_.status().dump();
    EXPECT_TRUE(is("live"));
    EXPECT_GT(count("overrun"), overrun);
    EXPECT_EQ(Instance::does_not_close(instance_.ledger()), "");
    EXPECT_GE(instance_.status()["ring"]["evictions"].get<int>(), round);
    EXPECT_GE(instance_.status()["counters"]["reattachments"].get<int>(), round);
  }
  EXPECT_THAT(instance_.log("chappe-producer"), HasSubstr("is evicted"));
  EXPECT_THAT(instance_.log("chappe-producer"), HasSubstr("moves again"));
  expect_orderly_end();
  expect_exact_windows();
}

TEST_F(Stall, without_one_it_is_shown_as_stalled_keeps_the_ring_and_costs_the_newest_blocks) {
  start("");
  aggregator_.signal(SIGSTOP);
  ASSERT_TRUE(is("stalled")) << instance_.status().dump();
  EXPECT_GE(gate()["standing_ms"].get<int>(), 1000);
  EXPECT_EQ(gate()["pid"], aggregator_.pid());
  EXPECT_THAT(run("chappectl", {"status", "--instance", instance_.name()}).out, HasSubstr("stalled"));
  ASSERT_TRUE(counts("full", 20000));
  const std::uint64_t committed = count("committed");
  ASSERT_TRUE(counts("full", 5000));
  EXPECT_EQ(count("committed"), committed) << "the ring is the aggregator's";
  aggregator_.signal(SIGCONT);
  ASSERT_TRUE(counts("aggregated", 5000));
  EXPECT_TRUE(is("live"));
  EXPECT_EQ(count("overrun"), 0U);
  EXPECT_EQ(instance_.status()["ring"]["evictions"], 0);
  EXPECT_GE(instance_.status()["ring"]["stalls"].get<int>(), 1);
  EXPECT_EQ(instance_.status()["counters"]["reattachments"], 0);
  EXPECT_THAT(instance_.log("chappe-producer"), HasSubstr("is stalled"));
  EXPECT_THAT(instance_.log("chappe-producer"), Not(HasSubstr("evicted")));
  expect_orderly_end();
  expect_exact_windows();
}

TEST_F(Stall, a_reload_sets_the_stall_timeout_for_one_who_stands_already) {
  start("");
  aggregator_.signal(SIGSTOP);
  ASSERT_TRUE(is("stalled"));
  instance_.configure(config("stall_timeout = \"100ms\"\n"));
  producer_.signal(SIGUSR1);
  EXPECT_TRUE(is("evicted")) << instance_.log("chappe-producer");
  aggregator_.signal(SIGCONT);
  ASSERT_TRUE(counts("aggregated", 5000));
  expect_orderly_end();
  expect_exact_windows();
}

TEST_F(Stall, an_evicted_aggregator_may_be_killed_and_its_successor_goes_on) {
  start("stall_timeout = \"100ms\"\n");
  aggregator_.signal(SIGSTOP);
  ASSERT_TRUE(is("evicted"));
  ASSERT_TRUE(counts("committed", 20000));
  aggregator_.kill_it();
  ASSERT_TRUE(is("dead"));
  aggregator_ = instance_.aggregator({"--window-log", log_});
  ASSERT_TRUE(counts("aggregated", 5000));
  EXPECT_TRUE(is("live"));
  expect_orderly_end();
  expect_exact_windows();
}

TEST_F(Stall, a_producer_that_is_killed_while_the_evicted_stands_is_followed_by_one_that_judges_anew) {
  start("stall_timeout = \"100ms\"\n");
  aggregator_.signal(SIGSTOP);
  ASSERT_TRUE(is("evicted"));
  ASSERT_TRUE(counts("committed", 20000));
  producer_.kill_it();
  producer_ = instance_.producer();
  ASSERT_TRUE(counts("committed", 20000)) << "it does not wait for it either";
  aggregator_.signal(SIGCONT);
  ASSERT_TRUE(counts("aggregated", 5000));
  EXPECT_TRUE(is("live"));
  expect_orderly_end();
  expect_exact_windows();
}

}  // namespace
}  // namespace chappe::whole

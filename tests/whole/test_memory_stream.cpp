// Streams of source = "memory" through the real programs: as fast as the machine is, every window in closed form, and nothing dropped.
#include <gmock/gmock.h>

#include <cmath>
#include <csignal>

#include "harness.hpp"
#include "rt/clock.hpp"
#include "window_rows.hpp"

namespace chappe::whole {
namespace {

using ::testing::IsEmpty;

constexpr std::uint64_t kPeriod = 1 << 20;

/// Of i mod 2^20 for i below n.
std::uint64_t sum_below(std::uint64_t n) {
  const std::uint64_t rest = n % kPeriod;
  return n / kPeriod * (kPeriod * (kPeriod - 1) / 2) + rest * (rest - 1) / 2;
}

/// Whether the row is that of (frame index + channel) mod 2^20 over its frames. Empty, or what is wrong.
std::string not_of_memory(const Row& row, std::uint64_t channel) {
  const std::uint64_t begin = row.first + channel, end = begin + row.count, start = begin % kPeriod;
  const bool wraps = start + row.count > kPeriod;
  const auto min = static_cast<double>(wraps ? 0 : start), max = static_cast<double>(wraps ? kPeriod - 1 : start + row.count - 1);
  const double sum = static_cast<double>(sum_below(end) - sum_below(begin));
  const double got = row.mean * static_cast<double>(row.count);
  if (row.nan == 0 && row.missing == 0 && row.min == min && row.max == max && std::abs(got - sum) <= 1e-9 * sum) return {};
  return "channel " + row.channel + ", frames from " + std::to_string(row.first) + " on, " + std::to_string(row.count) + " of them: min " +
         std::to_string(row.min) + " of " + std::to_string(min) + ", max " + std::to_string(row.max) + " of " + std::to_string(max) +
         ", sum " + std::to_string(got) + " of " + std::to_string(sum) + ", missing " + std::to_string(row.missing);
}

class MemoryStream : public ::testing::Test {
 protected:
  void SetUp() override {
    instance_.configure(
        "[ring]\nblocks = 64\nblock_bytes = 65536\n[producer]\non_full = \"wait\"\n[realtime]\nlock_memory = false\n"
        "[[stream]]\nname = \"narrow\"\nsource = \"memory\"\nchannels = 16\n[[stream.window]]\nframes = 100003\n"
        "[[stream]]\nname = \"wide\"\nsource = \"memory\"\ntype = \"f64\"\nchannels = 35\n[[stream.window]]\nframes = 20011\n");
    aggregator_ = instance_.aggregator({"--window-log", log_});
    producer_ = instance_.producer();
  }
  /// Both streams have so many more windows' worth on the board.
  bool flows() {
    const std::uint64_t narrow = aggregated(0) + 1'000'000, wide = aggregated(1) + 200'000;
    return instance_.until([&] { return aggregated(0) > narrow && aggregated(1) > wide; });
  }
  [[nodiscard]] std::uint64_t aggregated(std::size_t stream) const {
    const Json ledger = instance_.ledger();
    return ledger.is_object() && ledger["streams"].size() > stream ? ledger["streams"][stream]["aggregated"].get<std::uint64_t>() : 0;
  }
  Json end_in_order() {
    producer_.signal(SIGTERM);
    EXPECT_EQ(producer_.wait_for(20 * rt::kSecond), 0) << instance_.log("chappe-producer");
    Json closing = instance_.ledger();
    EXPECT_EQ(Instance::does_not_close(closing), "");
    aggregator_.signal(SIGTERM);
    EXPECT_EQ(aggregator_.wait_for(20 * rt::kSecond), 0) << instance_.log("chappe-aggregator");
    EXPECT_THAT(instance_.objects(), IsEmpty());
    return closing;
  }
  [[nodiscard]] std::string logs() const { return instance_.log("chappe-producer") + instance_.log("chappe-aggregator"); }
  Instance instance_;
  std::string log_ = instance_.path("windows.csv");
  Child aggregator_, producer_;
};

TEST_F(MemoryStream, reaches_the_board_with_each_count_sum_min_and_max_in_closed_form_and_nothing_dropped) {
  ASSERT_TRUE(flows()) << logs();
  const Json closing = end_in_order();
  EXPECT_EQ(Instance::losses(closing), "");
  const std::pair<const char*, std::uint64_t> streams[] = {{"narrow", 16}, {"wide", 35}};
  for (std::size_t s = 0; s < 2; ++s) {
    const auto rows = rows_of(log_, streams[s].first);
    ASSERT_GE(rows.size(), 5 * streams[s].second);
    for (const Row& row : rows) ASSERT_EQ(not_of_memory(row, std::stoull(row.channel.substr(2))), "");
    for (std::uint64_t c = 0; c < streams[s].second; ++c)
      EXPECT_EQ(not_each_frame_once(rows, "ch" + std::to_string(c), closing["streams"][s]["acquired"]), "");
  }
}

TEST_F(MemoryStream, goes_on_at_its_index_after_kills_with_what_was_in_hand_counted_as_crash) {
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(flows()) << logs();
    producer_.kill_it();
    producer_ = instance_.producer();
    ASSERT_TRUE(flows()) << logs();
    aggregator_.kill_it();
    aggregator_ = instance_.aggregator({"--window-log", log_});
  }
  ASSERT_TRUE(flows()) << logs();
  Json closing = end_in_order();
  for (auto& stream : closing["streams"]) stream["dropped"].erase("crash");
  EXPECT_EQ(Instance::losses(closing), "");
  std::size_t proved = 0;
  for (const char* stream : {"narrow", "wide"}) {
    for (const Row& row : rows_of(log_, stream)) {
      if (row.missing > 0) continue;
      ASSERT_EQ(not_of_memory(row, std::stoull(row.channel.substr(2))), "");
      ++proved;
    }
  }
  EXPECT_GT(proved, 500U);
}

}  // namespace
}  // namespace chappe::whole

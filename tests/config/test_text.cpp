#include <gtest/gtest.h>

#include "config/text.hpp"

namespace chappe::config {
namespace {

TEST(Duration, is_read_in_each_unit) {
  EXPECT_EQ(parse_duration("7ns"), 7);
  EXPECT_EQ(parse_duration("250us"), 250'000);
  EXPECT_EQ(parse_duration("10 ms"), 10'000'000);
  EXPECT_EQ(parse_duration("1.5s"), 1'500'000'000);
  EXPECT_EQ(parse_duration("2min"), 120'000'000'000);
  EXPECT_EQ(parse_duration("24h"), 86'400'000'000'000);
}

TEST(Duration, is_refused_without_unit_with_sign_and_beyond_all_reason) {
  for (const char* text :
       {"", "10", "ms", "-1s", "-0s", "+1s", "1 0ms", "1ms ", "inf s", "nan s", "1e3s", "1e99s", "99999999999h", "10  ms", "1m"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Duration, is_written_in_the_largest_unit_that_divides_it_and_reads_back) {
  EXPECT_EQ(duration_text(1'000'000'000), "1s");
  EXPECT_EQ(duration_text(1'500'000'000), "1500ms");
  EXPECT_EQ(duration_text(86'400'000'000'000), "86400s");
  for (const std::int64_t ns : {1L, 999L, 1'000L, 10'000'000L, 123'456'789'012'345L}) EXPECT_EQ(parse_duration(duration_text(ns)), ns);
}

TEST(Nearest, finds_a_slip_of_the_keyboard_and_nothing_far_away) {
  const std::vector<std::string> known{"blocks", "block_bytes", "max_delay"};
  EXPECT_EQ(nearest("blcoks", known), "blocks");
  EXPECT_EQ(nearest("block_byte", known), "block_bytes");
  EXPECT_EQ(nearest("max-delay", known), "max_delay");
  EXPECT_EQ(nearest("colour", known), std::nullopt);
  EXPECT_EQ(nearest(std::string(100'000, 'x'), known), std::nullopt);
}

TEST(Quoted, escapes_what_toml_would_misread_and_cuts_at_a_whole_character) {
  EXPECT_EQ(quoted("a\"b\\c\n\x01"), "\"a\\\"b\\\\c\\n\\u0001\"");
  const std::string cut = quoted_short(std::string(59, 'a') + "\xc3\xa4" + "b");
  EXPECT_EQ(cut, "\"" + std::string(59, 'a') + "\"...");
}

}  // namespace
}  // namespace chappe::config

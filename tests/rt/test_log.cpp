#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rt/log.hpp"

namespace chappe::rt {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

/// What `body` writes to stderr.
template <class Body>
std::string captured(const Body& body) {
  testing::internal::CaptureStderr();
  body();
  return testing::internal::GetCapturedStderr();
}

TEST(Log, a_line_has_utc_time_level_program_and_text) {
  log_init("chappe-test");
  const std::string line = captured([] { log(LogLevel::warn, "ring is full"); });
  EXPECT_THAT(line, MatchesRegex("[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+\\.[0-9]+Z warning chappe-test: ring is full\n"));
}

TEST(Log, what_is_below_the_level_is_left_out) {
  set_log_level(LogLevel::warn);
  const std::string lines = captured([] {
    log(LogLevel::info, "quiet");
    log(LogLevel::error, "loud");
  });
  set_log_level(LogLevel::info);
  EXPECT_THAT(lines, Not(HasSubstr("quiet")));
  EXPECT_THAT(lines, HasSubstr("loud"));
}

TEST(Log, no_text_can_forge_a_line_or_move_the_terminal) {
  const std::string lines = captured([] { log(LogLevel::info, "a\n2026-01-01 error: forged\x1b[2J\r"); });
  EXPECT_THAT(lines, HasSubstr("a\n    2026-01-01"));
  EXPECT_THAT(lines, HasSubstr("forged?[2J?\n"));
}

TEST(Log, braces_are_text) {
  EXPECT_THAT(captured([] { log(LogLevel::info, "{} {0}"); }), HasSubstr("{} {0}"));
}

TEST(Log, levels_are_found_by_the_configurations_names) {
  EXPECT_EQ(log_level_named("trace"), LogLevel::trace);
  EXPECT_EQ(log_level_named("error"), LogLevel::error);
  EXPECT_EQ(log_level_named("loud"), std::nullopt);
}

}  // namespace
}  // namespace chappe::rt

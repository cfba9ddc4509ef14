// An input that is refused, and what its operator is told.
#pragma once
#include <gmock/gmock.h>

#include "config/config.hpp"

namespace chappe::config {

struct Bad {
  const char* name;
  std::string text;
  std::uint32_t line, column;
  const char* key;
  const char* words;
};

inline void expect_told_with_its_place(const Bad& bad) {
  const LoadResult result = load_text(bad.text, "t.toml");
  ASSERT_EQ(result.faults.size(), 1U) << describe(result.faults);
  const Fault& fault = result.faults[0];
  EXPECT_EQ(fault.file, "t.toml");
  EXPECT_EQ(fault.line, bad.line) << describe(result.faults);
  EXPECT_EQ(fault.column, bad.column) << describe(result.faults);
  EXPECT_EQ(fault.key, bad.key);
  EXPECT_THAT(fault.text, testing::HasSubstr(bad.words));
}

}  // namespace chappe::config

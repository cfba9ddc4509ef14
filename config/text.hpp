// Values as the operator writes and reads them: durations, numbers, quoted text, and the nearest known word. Pure; any thread.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chappe::config {

/// "250us", "10 ms", "1.5s", "2min", "1h": nanoseconds, 0 or more; nothing for anything else, and for more than ten years.
std::optional<std::int64_t> parse_duration(std::string_view text);
/// In seconds or the largest smaller unit that divides it: "10ms", "90s". parse_duration reads it back exactly.
std::string duration_text(std::int64_t ns);
/// The shortest text that reads back to the same number.
std::string number_text(double value);
/// A TOML basic string, escapes included.
std::string quoted(std::string_view text);
/// The same, cut after 60 bytes at a character's border: for messages.
std::string quoted_short(std::string_view text);
/// The known word with the smallest edit distance, if that is a likely slip: at most a third of the word and at least 1. A swap of
/// neighbours counts 1, and so does a word that is the known one's beginning.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);
/// "a, b or c"
std::string listed(const std::vector<std::string>& words);

}  // namespace chappe::config

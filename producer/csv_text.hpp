// The text of CSV files: lines into cells, cells into numbers and times. Pure functions without allocation but for names; any thread.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"

namespace chappe::producer {

/// Cells of one line, in order. Blanks around a cell are cut, and the quotes of a quoted one. A quoted cell ends with its line at the
/// latest.
class Cells {
 public:
  Cells(std::string_view line, char separator) noexcept : rest_(line), separator_(separator) {}
  /// False: no cell is left.
  bool next(std::string_view& cell) noexcept;

 private:
  std::string_view rest_;
  char separator_;
  bool ended_ = false;
};

/// Tab, semicolon or comma: the first that cuts all of these lines into the same number of cells, else the most frequent one.
char find_separator(std::string_view lines) noexcept;

/// A finite or infinite number; NaN in any case and nothing at all are NaN. False: neither.
bool parse_value(std::string_view cell, double& value) noexcept;

/// A decimal number shifted by `decimals` places, exactly as it is written and rounded half away from zero: seconds to nanoseconds with 9.
/// False: not a number, or out of range.
bool parse_decimal(std::string_view cell, int decimals, std::int64_t& value) noexcept;

/// ISO 8601: a date, then T or a blank and a time with or without seconds and their fraction, then Z, an offset, or nothing for UTC.
/// Nanoseconds since 1970.
std::optional<std::int64_t> parse_iso8601(std::string_view cell) noexcept;

/// Nanoseconds of a cell in this unit, never automatic. False: no time.
bool parse_time(std::string_view cell, config::TimeUnit unit, std::int64_t& ns) noexcept;

inline constexpr std::size_t kNameBytes = 47, kUnitBytes = 15;  ///< what the shared tables hold

struct Name {
  std::string name, unit;
};
/// Cut at this many bytes, at a character's border of UTF-8.
std::string shorten(std::string_view text, std::size_t bytes);
/// A header's cell: a trailing "(unit)" or "[unit]" comes off the name. Names are cut at 47 bytes and units at 15;
/// control characters become '_'.
Name split_name(std::string_view cell);
/// The word that a header's cell begins with, in lower case; empty if a digit follows it (t1 is a channel, t_1 a time).
std::string first_word(std::string_view cell);
/// Does a header's cell begin with the word t, time, timestamp or sample?
bool is_time_name(std::string_view cell);
/// From a trailing _ms, (ms) or [ms] and the like; seconds without one. nullopt: what stands in brackets is no unit that is known.
std::optional<config::TimeUnit> unit_of_name(std::string_view cell);

}  // namespace chappe::producer

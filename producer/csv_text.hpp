// The text of CSV files: lines into cells, cells into numbers and times. Pure functions without allocation but for names; any thread.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chappe::producer {

/// Cells of one line, in order. Blanks around a cell are cut, and the quotes of a quoted one. A quoted cell ends with its line at the latest.
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

/// A number; NaN in any case and nothing at all are NaN. False: neither.
bool parse_value(std::string_view cell, double& value) noexcept;

/// A decimal number shifted by `decimals` places, exactly as it is written and rounded half away from zero: seconds to nanoseconds with 9. False: not
/// a number, or out of range.
bool parse_decimal(std::string_view cell, int decimals, std::int64_t& value) noexcept;

/// ISO 8601: a date, then T or a blank and a time with or without seconds and their fraction, then Z, an offset, or nothing for UTC. Nanoseconds since 1970.
std::optional<std::int64_t> parse_iso8601(std::string_view cell) noexcept;

struct Name {
  std::string name, unit;
};
/// A header's cell: a trailing "(unit)" or "[unit]" comes off the name. Names are cut at 47 bytes and units at 15, at a character's border;
/// control characters become '_'.
Name split_name(std::string_view cell);

}  // namespace chappe::producer

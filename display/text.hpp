// Words and pictures of one line: pure functions from values to text whose width is known. What another process wrote passes through
// shown(): it can neither steer a terminal nor shift a column.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace chappe::display {

/// Foreign text made harmless: characters that take exactly one column stay (Latin, Greek, Cyrillic, signs and units; without `unicode`
/// only ASCII); everything else, and every byte that is no UTF-8, becomes a question mark.
std::string shown(std::string_view text, bool unicode);
/// Foreign text for programs, which a terminal may show all the same: every letter stays; controls, and bytes that are no UTF-8, become
/// question marks.
std::string without_controls(std::string_view text);
/// Columns that text of ours or of shown() takes.
std::size_t width_of(std::string_view text);
/// The first `width` columns.
std::string cut(const std::string& text, std::size_t width);
/// Exactly `width` columns: cut, or filled with blanks.
std::string column(const std::string& text, std::size_t width);

/// Ten columns, right-aligned, four significant digits; a dash for what is not finite.
std::string value_text(double value);
std::string age_text(std::int64_t ms);
std::string rate_text(double hz);
/// `part` of 1 as a whole number; a dash for what is not finite.
std::string percent_text(double part);
/// A column for each of the last `width` finite values, scaled between their extremes.
std::string sparkline(const std::deque<double>& values, std::size_t width, bool unicode);
/// `fill` from 0 to 1.
std::string bar(double fill, std::size_t width, bool unicode);

}  // namespace chappe::display

#include "producer/csv_text.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>
#include <utility>

namespace chappe::producer {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// The index of the first separator outside quotes, or npos.
std::size_t cell_end(std::string_view line, char separator) {
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') quoted = !quoted;
    if (line[i] == separator && !quoted) return i;
  }
  return std::string_view::npos;
}

std::size_t count_separators(std::string_view line, char separator) {
  std::size_t count = 0;
  for (std::size_t end = 0; (end = cell_end(line, separator)) != std::string_view::npos; line.remove_prefix(end + 1)) ++count;
  return count;
}

/// value = value * 10 + digit; false on overflow.
bool push_digit(std::int64_t& value, int digit) {
  if (value > (std::numeric_limits<std::int64_t>::max() - digit) / 10) return false;
  value = value * 10 + digit;
  return true;
}

/// Exactly `count` digits from the front of `text`.
bool take_digits(std::string_view& text, std::size_t count, int& value) {
  if (text.size() < count || !std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(count), is_digit)) return false;
  value = 0;
  for (; count > 0; --count, text.remove_prefix(1)) value = value * 10 + (text.front() - '0');
  return true;
}

bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

/// Z, +HH, +HHMM, +HH:MM or nothing, to the end of the text.
bool take_zone(std::string_view text, std::int64_t& offset_s) {
  offset_s = 0;
  if (text.empty() || text == "Z" || text == "z") return true;
  const int sign = text.front() == '-' ? -1 : 1;
  if (!take(text, '+') && !take(text, '-')) return false;
  int hours = 0, minutes = 0;
  if (!take_digits(text, 2, hours)) return false;
  take(text, ':');
  if (!text.empty() && !take_digits(text, 2, minutes)) return false;
  offset_s = sign * (hours * 3600 + minutes * 60);
  return text.empty() && hours < 24 && minutes < 60;
}

/// HH:MM, HH:MM:SS or HH:MM:SS.fraction from the front of `text`.
bool take_clock(std::string_view& text, std::int64_t& ns) {
  int hours = 0, minutes = 0, seconds = 0;
  if (!take_digits(text, 2, hours) || !take(text, ':') || !take_digits(text, 2, minutes)) return false;
  std::int64_t fraction_ns = 0;
  if (take(text, ':')) {
    if (!take_digits(text, 2, seconds)) return false;
    if (!text.empty() && text.front() == '.') {
      const std::size_t length = std::min(text.find_first_not_of("0123456789", 1), text.size());
      if (length < 2 || !parse_decimal(text.substr(0, length), 9, fraction_ns)) return false;
      text.remove_prefix(length);
    }
  }
  ns = (std::int64_t{hours} * 3600 + minutes * 60 + seconds) * 1'000'000'000 + fraction_ns;
  return hours < 24 && minutes < 60 && seconds <= 60;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

std::string clean(std::string_view text, std::size_t bytes) {
  std::string result = shorten(text, bytes);
  std::replace_if(
      result.begin(), result.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '_');
  return result;
}

/// Where the bracket opens that the last character closes; npos if it closes none.
std::size_t opening_bracket(std::string_view text) {
  if (text.empty() || (text.back() != ')' && text.back() != ']')) return std::string_view::npos;
  const char close = text.back(), open = close == ')' ? '(' : '[';
  int depth = 0;
  for (std::size_t i = text.size(); i-- > 0;) {
    if (text[i] == close) ++depth;
    if (text[i] == open && --depth == 0) return i;
  }
  return std::string_view::npos;
}

}  // namespace

bool Cells::next(std::string_view& cell) noexcept {
  if (ended_) return false;
  const std::size_t end = cell_end(rest_, separator_);
  ended_ = end == std::string_view::npos;
  cell = trim(rest_.substr(0, end));
  if (!ended_) rest_.remove_prefix(end + 1);
  if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') cell = trim(cell.substr(1, cell.size() - 2));
  return true;
}

char find_separator(std::string_view lines) noexcept {
  char most = ',';
  std::size_t most_count = 0;
  for (const char separator : {'\t', ';', ','}) {
    std::optional<std::size_t> each;
    bool even = true;
    std::size_t total = 0;
    for (std::string_view rest = lines; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      const std::string_view line = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (trim(line).empty()) continue;
      const std::size_t count = count_separators(line, separator);
      even = even && count == each.value_or(count);
      each = count;
      total += count;
    }
    if (even && each.value_or(0) > 0) return separator;
    if (total > most_count) most = separator;
    most_count = std::max(most_count, total);
  }
  return most;
}

bool parse_value(std::string_view cell, double& value) noexcept {
  value = std::numeric_limits<double>::quiet_NaN();
  if (cell.empty()) return true;
  if (cell.size() > 1 && cell.front() == '+' && cell[1] != '-') cell.remove_prefix(1);
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  return error == std::errc() && end == cell.data() + cell.size();
}

bool parse_decimal(std::string_view cell, int decimals, std::int64_t& value) noexcept {
  const bool negative = !cell.empty() && cell.front() == '-';
  if (negative || (!cell.empty() && cell.front() == '+')) cell.remove_prefix(1);
  const std::size_t mantissa_end = std::min(cell.find_first_of("eE"), cell.size());
  const std::string_view mantissa = cell.substr(0, mantissa_end);
  int exponent = 0;
  if (mantissa_end < cell.size()) {
    const char* begin = cell.data() + mantissa_end + 1;
    const char* const end = cell.data() + cell.size();
    if (end - begin > 1 && *begin == '+') ++begin;
    const auto parsed = std::from_chars(begin, end, exponent);
    if (parsed.ec != std::errc() || parsed.ptr != end || exponent > 1000 || exponent < -1000) return false;
  }
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  const std::int64_t whole = static_cast<std::int64_t>(point) + exponent + decimals;  // digits that stand before the shifted point
  std::int64_t digits = 0;
  value = 0;
  for (std::size_t i = 0; i < mantissa.size(); ++i) {
    if (i == point) continue;
    if (!is_digit(mantissa[i])) return false;
    const int digit = mantissa[i] - '0';
    if (digits < whole && !push_digit(value, digit)) return false;
    if (digits == whole && digit >= 5 && value < std::numeric_limits<std::int64_t>::max()) ++value;
    ++digits;
  }
  for (std::int64_t i = digits; i < whole && value != 0; ++i) {
    if (!push_digit(value, 0)) return false;
  }
  if (negative) value = -value;
  return digits > 0;
}

std::optional<std::int64_t> parse_iso8601(std::string_view cell) noexcept {
  using namespace std::chrono;
  int y = 0, m = 0, d = 0;
  if (!take_digits(cell, 4, y) || !take(cell, '-') || !take_digits(cell, 2, m) || !take(cell, '-') || !take_digits(cell, 2, d)) return {};
  const year_month_day date{year{y}, month{static_cast<unsigned>(m)}, day{static_cast<unsigned>(d)}};
  if (!date.ok() || y < 1678 || y > 2261) return {};  // what nanoseconds in 64 bits hold
  std::int64_t clock_ns = 0, offset_s = 0;
  if (take(cell, 'T') || take(cell, 't') || take(cell, ' ')) {
    if (!take_clock(cell, clock_ns)) return {};
    if (!cell.empty() && cell.front() == ' ') cell.remove_prefix(1);
    if (!take_zone(cell, offset_s)) return {};
    cell = {};
  }
  if (!cell.empty()) return {};
  return (std::int64_t{sys_days{date}.time_since_epoch().count()} * 86400 - offset_s) * 1'000'000'000 + clock_ns;
}

bool parse_time(std::string_view cell, config::TimeUnit unit, std::int64_t& ns) noexcept {
  using config::TimeUnit;
  switch (unit) {
    case TimeUnit::s:
      return parse_decimal(cell, 9, ns);
    case TimeUnit::ms:
      return parse_decimal(cell, 6, ns);
    case TimeUnit::us:
      return parse_decimal(cell, 3, ns);
    case TimeUnit::ns:
      return parse_decimal(cell, 0, ns);
    case TimeUnit::iso8601:
    case TimeUnit::automatic:
      break;
  }
  const auto parsed = parse_iso8601(cell);
  ns = parsed.value_or(0);
  return parsed.has_value();
}

std::string shorten(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) --bytes;
  return std::string(trim(text.substr(0, bytes)));
}

std::string first_word(std::string_view cell) {
  const std::string text = lower(trim(cell));
  const std::size_t end = std::min(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz"), text.size());
  return end < text.size() && is_digit(text[end]) ? std::string() : text.substr(0, end);
}

bool is_time_name(std::string_view cell) {
  const std::string word = first_word(cell);
  return word == "t" || word == "time" || word == "timestamp" || word == "sample";
}

std::optional<config::TimeUnit> unit_of_name(std::string_view cell) {
  using config::TimeUnit;
  constexpr std::pair<std::string_view, TimeUnit> kUnits[] = {
      {"s", TimeUnit::s},   {"sec", TimeUnit::s},   {"seconds", TimeUnit::s},    {"ms", TimeUnit::ms}, {"msec", TimeUnit::ms},
      {"us", TimeUnit::us}, {"usec", TimeUnit::us}, {"\xc2\xb5s", TimeUnit::us}, {"ns", TimeUnit::ns}, {"nsec", TimeUnit::ns}};
  std::string text = lower(trim(cell));
  const bool bracketed = !text.empty() && (text.back() == ')' || text.back() == ']');
  if (bracketed) text.pop_back();
  const std::size_t begin = text.find_last_of("_([ ");
  if (begin == std::string::npos) return TimeUnit::s;
  for (const auto& [name, unit] : kUnits) {
    if (trim(std::string_view(text).substr(begin + 1)) == name) return unit;
  }
  return bracketed ? std::nullopt : std::optional(TimeUnit::s);
}

Name split_name(std::string_view cell) {
  std::string text(trim(cell));
  for (std::size_t at = 0; (at = text.find("\"\"", at)) != std::string::npos; ++at) text.erase(at, 1);  // a doubled quote is one
  const std::string_view whole = text;
  const std::size_t open = opening_bracket(whole);
  if (open == std::string_view::npos || trim(whole.substr(0, open)).empty()) return {clean(whole, kNameBytes), {}};
  return {clean(trim(whole.substr(0, open)), kNameBytes), clean(trim(whole.substr(open + 1, whole.size() - open - 2)), kUnitBytes)};
}

}  // namespace chappe::producer

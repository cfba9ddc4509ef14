#include "display/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "rt/utf8.hpp"

namespace chappe::display {
namespace {

constexpr std::array<const char*, 8> kBars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr const char* kAsciiBars = "_.-=+*#@";

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

/// The character at the front of `text`, which is not empty. Code 0: whatever is none, one for the whole of what is foreign.
rt::Character first_of(std::string_view text) {
  if (const rt::Character whole = rt::character_at(text); whole.bytes > 0) return whole;
  std::size_t bytes = 1;
  while (bytes < text.size() && bytes < 4 && continues(text[bytes])) ++bytes;
  return {bytes, 0};
}

/// One column in every terminal, no control, no mark that joins or turns its neighbours.
bool takes_one_column(std::uint32_t code) {
  struct Range {
    std::uint32_t first, last;
  };
  static constexpr Range kRanges[] = {{0x20, 0x7E},     {0xA0, 0xAC},     {0xAE, 0x02FF},   {0x0370, 0x03FF}, {0x0400, 0x0482},
                                      {0x048A, 0x052F}, {0x1E00, 0x1FFF}, {0x2010, 0x2027}, {0x2030, 0x205E}, {0x2070, 0x209C},
                                      {0x20A0, 0x20BF}, {0x2100, 0x214F}, {0x2190, 0x21FF}, {0x2200, 0x22FF}};
  return std::any_of(std::begin(kRanges), std::end(kRanges), [code](const Range& r) { return code >= r.first && code <= r.last; });
}

/// Each character that `keep` says no to, and whatever is none, becomes a question mark.
template <class Keep>
std::string keep_where(std::string_view text, Keep keep) {
  std::string out;
  while (!text.empty()) {
    const rt::Character c = first_of(text);
    if (keep(c.code))
      out += text.substr(0, c.bytes);
    else
      out += '?';
    text.remove_prefix(c.bytes);
  }
  return out;
}

}  // namespace

std::string shown(std::string_view text, bool unicode) {
  return keep_where(text, [unicode](std::uint32_t code) { return takes_one_column(code) && (unicode || code < 0x80); });
}

std::string without_controls(std::string_view text) {
  return keep_where(text, [](std::uint32_t code) { return code >= 0x20 && (code < 0x7F || code > 0x9F); });
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

std::string cut(const std::string& text, std::size_t width) {
  std::size_t columns = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (continues(text[i])) continue;
    if (columns++ == width) return text.substr(0, i);
  }
  return text;
}

std::string column(const std::string& text, std::size_t width) {
  const std::string kept = cut(text, width);
  return kept + std::string(width - width_of(kept), ' ');
}

std::string value_text(double value) { return std::isfinite(value) ? fmt::format("{:>10.4g}", value) : fmt::format("{:>10}", "-"); }

std::string age_text(std::int64_t ms) {
  if (ms < 1000) return fmt::format("{} ms", ms);
  return ms < 120'000 ? fmt::format("{:.1f} s", static_cast<double>(ms) / 1000) : fmt::format("{} min", ms / 60'000);
}

std::string rate_text(double hz) {
  if (!std::isfinite(hz)) return "-";
  return hz >= 1e6 ? fmt::format("{:.2f} M/s", hz / 1e6) : hz >= 1e4 ? fmt::format("{:.1f} k/s", hz / 1e3) : fmt::format("{:.4g} /s", hz);
}

std::string percent_text(double part) { return std::isfinite(part) ? fmt::format("{:.0f}", part * 100) : "-"; }

std::string sparkline(const std::deque<double>& values, std::size_t width, bool unicode) {
  std::vector<double> finite;
  std::copy_if(values.begin(), values.end(), std::back_inserter(finite), [](double v) { return std::isfinite(v); });
  if (finite.empty()) return {};
  if (finite.size() > width) finite.erase(finite.begin(), finite.end() - static_cast<std::ptrdiff_t>(width));
  const auto [low, high] = std::minmax_element(finite.begin(), finite.end());
  const double span = *high / 8 - *low / 8;  // an eighth of it: the whole may be beyond what a double holds
  std::string out;
  for (const double v : finite) {
    const auto step = static_cast<std::size_t>(span > 0 ? std::clamp((v / 8 - *low / 8) / span * 8, 0.0, 7.0) : 0);
    out += unicode ? std::string(kBars.at(step)) : std::string(1, kAsciiBars[step]);
  }
  return out;
}

std::string bar(double fill, std::size_t width, bool unicode) {
  const double part = std::isfinite(fill) ? std::clamp(fill, 0.0, 1.0) : 0;
  const auto full = static_cast<std::size_t>(std::lround(part * static_cast<double>(width)));
  std::string out;
  for (std::size_t i = 0; i < width; ++i) out += i < full ? (unicode ? "█" : "#") : (unicode ? "░" : ".");
  return out;
}

}  // namespace chappe::display

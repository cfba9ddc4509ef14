#include "display/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace chappe::display {
namespace {

constexpr std::array<const char*, 8> kBars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr const char* kAsciiBars = "_.-=+*#@";

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

struct Character {
  std::size_t bytes = 1;
  std::uint32_t code = 0;  ///< 0: not well formed
};

/// The character at the front of `text`, which is not empty.
Character first_of(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  if (byte(0) < 0x80) return {1, byte(0)};
  if (byte(0) >= 0xC2 && byte(0) <= 0xDF && text.size() > 1 && continues(text[1])) return {2, (byte(0) & 0x1FU) << 6U | (byte(1) & 0x3FU)};
  if (byte(0) >= 0xE0 && byte(0) <= 0xEF && text.size() > 2 && continues(text[1]) && continues(text[2])) {
    const std::uint32_t code = (byte(0) & 0x0FU) << 12U | (byte(1) & 0x3FU) << 6U | (byte(2) & 0x3FU);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    return {3, code >= 0x800 && !surrogate ? code : 0};
  }
  if (byte(0) >= 0xF0 && byte(0) <= 0xF4 && text.size() > 3 && continues(text[1]) && continues(text[2]) && continues(text[3])) {
    const std::uint32_t code = (byte(0) & 0x07U) << 18U | (byte(1) & 0x3FU) << 12U | (byte(2) & 0x3FU) << 6U | (byte(3) & 0x3FU);
    return {4, code >= 0x10000 && code <= 0x10FFFF ? code : 0};
  }
  std::size_t bytes = 1;  // one mark for the whole of what is foreign
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
    const Character c = first_of(text);
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

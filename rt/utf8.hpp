// Characters of UTF-8, as strictly as Unicode 15, table 3-7 has them. Pure; any thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace chappe::rt {

struct Character {
  std::size_t bytes = 0;  ///< 0: there is no well-formed one
  std::uint32_t code = 0;
};

/// The character at the front of `text`.
inline Character character_at(std::string_view text) {
  if (text.empty()) return {};
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {1, first};
  struct Form {
    std::uint32_t marks, lead;  // the lead byte's fixed bits
    std::size_t bytes;
    std::uint32_t least;  // less is overlong
  };
  static constexpr Form kForms[] = {{0xE0, 0xC0, 2, 0x80}, {0xF0, 0xE0, 3, 0x800}, {0xF8, 0xF0, 4, 0x10000}};
  for (const Form& form : kForms) {
    if ((first & form.marks) != form.lead || text.size() < form.bytes) continue;
    std::uint32_t code = first & ~form.marks;
    for (std::size_t i = 1; i < form.bytes; ++i) {
      if ((byte(i) & 0xC0U) != 0x80U) return {};
      code = code << 6U | (byte(i) & 0x3FU);
    }
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    return code >= form.least && code <= 0x10FFFF && !surrogate ? Character{form.bytes, code} : Character{};
  }
  return {};
}

}  // namespace chappe::rt

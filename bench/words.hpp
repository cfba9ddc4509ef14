// The work that every transport carries: each word of a message written by one side, each read and summed by the other.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace chappe::bench {

// A middleware may hand out a message at any address; so words are copied, which compiles to the same loads and stores.
inline std::uint64_t word_at(const std::byte* at) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}
inline void put_word(std::byte* at, std::uint64_t word) noexcept { std::memcpy(at, &word, sizeof word); }

// Long messages go through one loop each for all transports: compiled into every transport by itself, the same few instructions came to lie
// differently in the cache lines of the code, and one transport filled half as fast again as the next.
inline constexpr std::uint64_t kLongBytes = 1024;
/// `bytes`: a multiple of 64; of words that are summed, of 8.
void write_long(std::byte* message, std::uint64_t bytes, std::uint64_t n) noexcept;
std::uint64_t sum_long(const std::byte* message, std::uint64_t bytes) noexcept;

/// Word i of message n is n + i.
inline void write_words(std::byte* message, std::uint64_t bytes, std::uint64_t n) noexcept {
  if (bytes >= kLongBytes) return write_long(message, bytes, n);
  for (std::uint64_t i = 0; i < bytes / 8; ++i) put_word(message + 8 * i, n + i);
}
inline std::uint64_t sum_words(const std::byte* message, std::uint64_t bytes) noexcept {
  if (bytes >= kLongBytes) return sum_long(message, bytes);
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < bytes / 8; ++i) sum += word_at(message + 8 * i);
  return sum;
}
/// Of messages 0 to `messages` - 1, their words from `first_word` (0 or 1) on. Sums wrap, on both sides alike.
inline std::uint64_t right_sum(std::uint64_t bytes, std::uint64_t messages, std::uint64_t first_word) noexcept {
  const std::uint64_t words = bytes / 8;
  const std::uint64_t numbers = messages % 2 == 0 ? messages / 2 * (messages - 1) : (messages - 1) / 2 * messages;
  return numbers * (words - first_word) + messages * (words * (words - 1) / 2);
}

inline void rest() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace chappe::bench

#include "bench/words.hpp"

namespace chappe::bench {
namespace {

/// A register of any processor of the baseline: wider ones, or an array of them, gcc spreads over the stack.
using Words = std::uint64_t __attribute__((vector_size(16)));

void put(std::byte* at, Words words) noexcept { std::memcpy(at, &words, sizeof words); }
Words get(const std::byte* at) noexcept {
  Words words;
  std::memcpy(&words, at, sizeof words);
  return words;
}

}  // namespace

void write_long(std::byte* message, std::uint64_t bytes, std::uint64_t n) noexcept {
  Words a{n, n + 1}, b = a + 2, c = a + 4, d = a + 6;
  for (const std::byte* end = message + bytes; message != end; message += 64, a += 8, b += 8, c += 8, d += 8) {
    put(message, a);
    put(message + 16, b);
    put(message + 32, c);
    put(message + 48, d);
  }
}

std::uint64_t sum_long(const std::byte* message, std::uint64_t bytes) noexcept {
  Words a{}, b{}, c{}, d{};
  for (const std::byte* end = message + bytes / 64 * 64; message != end; message += 64) {
    a += get(message);
    b += get(message + 16);
    c += get(message + 32);
    d += get(message + 48);
  }
  const Words sums = (a + b) + (c + d);
  std::uint64_t sum = sums[0] + sums[1];
  for (std::uint64_t i = 0; i < bytes % 64 / 8; ++i) sum += word_at(message + 8 * i);
  return sum;
}

}  // namespace chappe::bench

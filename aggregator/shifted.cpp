#include "aggregator/shifted.hpp"

namespace chappe::aggregator {
namespace {

/// Four frames at a time: the sums are loaded and stored once for them.
template <class T>
[[gnu::always_inline]] inline void shift_all(const std::byte* data, std::size_t frames, std::size_t stride, std::size_t n,
                                             const double* __restrict shift, double* __restrict to, double* __restrict sums) noexcept {
  const std::size_t next = stride / sizeof(T);
  const T* __restrict from = reinterpret_cast<const T*>(data);
  for (; frames >= 4; frames -= 4, from += 4 * next, to += 4 * n) {
    for (std::size_t c = 0; c < n; ++c) {
      const double x0 = static_cast<double>(from[c]) - shift[c], x1 = static_cast<double>(from[c + next]) - shift[c];
      const double x2 = static_cast<double>(from[c + 2 * next]) - shift[c], x3 = static_cast<double>(from[c + 3 * next]) - shift[c];
      to[c] = x0;
      to[c + n] = x1;
      to[c + 2 * n] = x2;
      to[c + 3 * n] = x3;
      sums[c] += (x0 + x1) + (x2 + x3);
    }
  }
  for (; frames > 0; --frames, from += next, to += n) {
    for (std::size_t c = 0; c < n; ++c) {
      to[c] = static_cast<double>(from[c]) - shift[c];
      sums[c] += to[c];
    }
  }
}

using Kernel = void (*)(const std::byte*, std::size_t, std::size_t, std::size_t, const double*, double*, double*) noexcept;

template <class T>
void plain(const std::byte* data, std::size_t frames, std::size_t stride, std::size_t n, const double* shift, double* to,
           double* sums) noexcept {
  shift_all<T>(data, frames, stride, n, shift, to, sums);
}

#if defined(__x86_64__)
template <class T>
[[gnu::target("avx2")]] void wide(const std::byte* data, std::size_t frames, std::size_t stride, std::size_t n, const double* shift,
                                  double* to, double* sums) noexcept {
  shift_all<T>(data, frames, stride, n, shift, to, sums);
}
template <class T>
Kernel kernel() noexcept {
  return __builtin_cpu_supports("avx2") != 0 ? wide<T> : plain<T>;
}
#else
template <class T>
Kernel kernel() noexcept {
  return plain<T>;
}
#endif

}  // namespace

void shift_frames(const std::byte* data, std::size_t frames, std::size_t stride_bytes, std::size_t value_bytes, std::size_t channels,
                  const double* shift, double* to, double* sums) noexcept {
  static const Kernel of_f32 = kernel<float>(), of_f64 = kernel<double>();
  (value_bytes == sizeof(float) ? of_f32 : of_f64)(data, frames, stride_bytes, channels, shift, to, sums);
}

}  // namespace chappe::aggregator

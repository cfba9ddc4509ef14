// The careful kernel; the fast one is run_moments.hpp. A lane per channel: eight double lanes go through the block row by row, and every
// lane keeps its own sums. Frames shorter than a row lie several to a row, so that few channels fill the lanes too; their sums are added up
// at the end. Lanes of padding are computed and not used. A lane does the same operations in the same order whatever the instruction set
// (the build forbids fused multiply-add in this file), so that a recording gives the same bits on every machine.
#include "aggregator/moments.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace chappe::aggregator {
namespace {

constexpr std::size_t kLanes = 8;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
/// The two-sum formula loses log10(squares / m2) digits. Where that is more than three, the shift was far from the mean.
constexpr double kFar = 1000;

/// What each lane adds up, around its shift.
struct Sums {
  std::array<double, kLanes> sum{}, squares{}, min{}, max{};
  std::array<std::int64_t, kLanes> count{};
  Sums() noexcept {
    min.fill(kInfinity);
    max.fill(-kInfinity);
  }
};
using Shift = std::array<double, kLanes>;

/// Rows of eight values, `step` bytes apart, in vectors of `Width` doubles. NaN compares false with everything: it leaves minimum, maximum
/// and count alone, and enters the sums as 0.
template <class T, std::size_t Width>
[[gnu::always_inline]] inline void add_rows(const std::byte* at, std::size_t rows, std::size_t step, const Shift& shift, Sums& sums) {
  typedef T Values __attribute__((vector_size(Width * sizeof(T))));
  typedef double Doubles __attribute__((vector_size(Width * sizeof(double))));
  typedef std::int64_t Longs __attribute__((vector_size(Width * sizeof(std::int64_t))));
  constexpr std::size_t kParts = kLanes / Width;
  const Doubles zero{};
  Doubles around[kParts], sum[kParts], squares[kParts], min[kParts], max[kParts];
  Longs count[kParts];
  std::memcpy(around, shift.data(), sizeof around);
  std::memcpy(sum, sums.sum.data(), sizeof sum);
  std::memcpy(squares, sums.squares.data(), sizeof squares);
  std::memcpy(min, sums.min.data(), sizeof min);
  std::memcpy(max, sums.max.data(), sizeof max);
  std::memcpy(count, sums.count.data(), sizeof count);
  for (std::size_t i = 0; i < rows; ++i, at += step) {
    for (std::size_t p = 0; p < kParts; ++p) {
      Values values;
      std::memcpy(&values, at + p * sizeof values, sizeof values);
      const Doubles x = __builtin_convertvector(values, Doubles);
      const Longs is_number = x == x;
      const Doubles d = is_number ? x - around[p] : zero;
      sum[p] += d;
      squares[p] += d * d;
      min[p] = x < min[p] ? x : min[p];
      max[p] = x > max[p] ? x : max[p];
      count[p] -= is_number;  // true is -1
    }
  }
  std::memcpy(sums.sum.data(), sum, sizeof sum);
  std::memcpy(sums.squares.data(), squares, sizeof squares);
  std::memcpy(sums.min.data(), min, sizeof min);
  std::memcpy(sums.max.data(), max, sizeof max);
  std::memcpy(sums.count.data(), count, sizeof count);
}

/// One instruction set's way to add rows.
struct Kernel {
  using Add = void (*)(const std::byte* at, std::size_t rows, std::size_t step, const Shift& shift, Sums& sums);
  Add floats, doubles;
  template <class T>
  [[nodiscard]] Add add() const noexcept {
    return sizeof(T) == sizeof(float) ? floats : doubles;
  }
};

#define CHAPPE_KERNEL(name, target, width)                                                                              \
  target void name##_floats(const std::byte* at, std::size_t rows, std::size_t step, const Shift& shift, Sums& sums) {  \
    add_rows<float, width>(at, rows, step, shift, sums);                                                                \
  }                                                                                                                     \
  target void name##_doubles(const std::byte* at, std::size_t rows, std::size_t step, const Shift& shift, Sums& sums) { \
    add_rows<double, width>(at, rows, step, shift, sums);                                                               \
  }

CHAPPE_KERNEL(plain, , 2)
#if defined(__x86_64__)
CHAPPE_KERNEL(avx2, __attribute__((target("avx2"))), 4)
CHAPPE_KERNEL(avx512, __attribute__((target("avx512f"))), 8)
#endif

Kernel best_kernel() noexcept {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return {avx512_floats, avx512_doubles};
  if (__builtin_cpu_supports("avx2")) return {avx2_floats, avx2_doubles};
#endif
  return {plain_floats, plain_doubles};
}

const Kernel kKernel = best_kernel();  ///< chosen before main

/// Up to eight channels of a block. `frames_per_row` is 1 unless whole frames fill a row.
struct Tile {
  const std::byte* data;
  std::size_t frames, stride;
  std::size_t width;  ///< bytes of a frame that may be read from here on
  std::size_t channels;
  std::size_t frames_per_row;
};

template <class T>
double value_at(const Tile& tile, std::size_t frame, std::size_t channel) noexcept {
  T value;
  std::memcpy(&value, tile.data + frame * tile.stride + channel * sizeof(T), sizeof value);
  return static_cast<double>(value);
}

/// Fewer bytes than a row: the lanes without a value get NaN, which counts nothing.
template <class T>
void add_part_row(const std::byte* at, std::size_t bytes, const Shift& shift, Sums& sums) noexcept {
  std::array<T, kLanes> row;
  row.fill(std::numeric_limits<T>::quiet_NaN());
  std::memcpy(row.data(), at, bytes);
  kKernel.add<T>()(reinterpret_cast<const std::byte*>(row.data()), 1, 0, shift, sums);
}

template <class T>
Sums read_tile(const Tile& tile, const Shift& shift) noexcept {
  constexpr std::size_t kRowBytes = kLanes * sizeof(T);
  Sums sums;
  if (tile.width * tile.frames_per_row < kRowBytes) {  // a frame ends inside the row
    for (std::size_t f = 0; f < tile.frames; ++f) add_part_row<T>(tile.data + f * tile.stride, tile.width, shift, sums);
    return sums;
  }
  const std::size_t rows = tile.frames / tile.frames_per_row;
  const std::size_t step = tile.stride * tile.frames_per_row;
  kKernel.add<T>()(tile.data, rows, step, shift, sums);
  const std::size_t rest = tile.frames - rows * tile.frames_per_row;
  if (rest > 0) add_part_row<T>(tile.data + rows * step, rest * tile.stride, shift, sums);
  return sums;
}

template <class T>
double first_finite(const Tile& tile, std::size_t channel) noexcept {
  for (std::size_t f = 0; f < tile.frames; ++f) {
    const double x = value_at<T>(tile, f, channel);
    if (std::isfinite(x)) return x;
  }
  return 0;
}

/// Adds the lanes of each channel up into its moments. True: a shift was too far from the mean, and `shift` now says a better one.
bool fold(const Tile& tile, const Sums& sums, Shift& shift, std::span<Moments> out) noexcept {
  bool far = false;
  const std::size_t lanes_per_frame = kLanes / tile.frames_per_row;
  for (std::size_t c = 0; c < tile.channels; ++c) {
    Moments& m = out[c];
    m = Moments{};
    double sum = 0, squares = 0;
    for (std::size_t lane = c; lane < kLanes; lane += lanes_per_frame) {
      m.count += static_cast<std::uint64_t>(sums.count[lane]);
      sum += sums.sum[lane];
      squares += sums.squares[lane];
      m.min = std::min(m.min, sums.min[lane]);
      m.max = std::max(m.max, sums.max[lane]);
    }
    m.nan = tile.frames - m.count;
    if (m.count == 0) continue;
    const double n = static_cast<double>(m.count);
    m.mean = shift[c] + sum / n;
    m.mean_low = rest_of_sum(shift[c], sum / n, m.mean);
    m.m2 = squares - sum * (sum / n);
    if (m.m2 < 0) m.m2 = 0;
    const double rounding =
        8 * kEpsilon *
        std::max(std::fabs(m.min), std::fabs(m.max));  // a constant channel is never nearer than this, and needs no second reading
    const bool near = squares <= kFar * m.m2 || squares <= n * rounding * rounding;
    if (near || !std::isfinite(m.min) || !std::isfinite(m.max)) continue;
    far = true;
    for (std::size_t lane = c; lane < kLanes; lane += lanes_per_frame) shift[lane] = std::clamp(m.mean, m.min, m.max);
  }
  return far;
}

template <class T>
void tile_moments(const Tile& tile, std::span<const double> guess, std::span<Moments> out) noexcept {
  Shift shift{};
  const std::size_t lanes_per_frame = kLanes / tile.frames_per_row;
  for (std::size_t c = 0; c < tile.channels; ++c) {
    const double s = std::isfinite(guess[c]) ? guess[c] : first_finite<T>(tile, c);
    for (std::size_t lane = c; lane < kLanes; lane += lanes_per_frame) shift[lane] = s;
  }
  // A second reading, around the mean that the first one found, mends any guess; a third could not do better.
  if (fold(tile, read_tile<T>(tile, shift), shift, out)) fold(tile, read_tile<T>(tile, shift), shift, out);
  for (std::size_t c = 0; c < tile.channels; ++c) out[c].last = value_at<T>(tile, tile.frames - 1, c);
}

template <class T>
void moments_of(const std::byte* data, std::size_t frames, std::size_t stride, std::span<const double> shift,
                std::span<Moments> out) noexcept {
  constexpr std::size_t kRowBytes = kLanes * sizeof(T);
  const std::size_t frames_per_row = stride < kRowBytes && kRowBytes % stride == 0 ? kRowBytes / stride : 1;
  for (std::size_t c = 0; c < out.size(); c += kLanes) {
    const std::size_t channels = std::min(kLanes, out.size() - c);
    const std::size_t width = std::min(kRowBytes, stride - c * sizeof(T));
    tile_moments<T>({data + c * sizeof(T), frames, stride, width, channels, frames_per_row}, shift.subspan(c, channels),
                    out.subspan(c, channels));
  }
}

}  // namespace

void block_moments(const std::byte* data, std::size_t frames, std::size_t stride_bytes, std::size_t value_bytes,
                   std::span<const double> shift, std::span<Moments> out) noexcept {
  if (frames == 0)
    std::fill(out.begin(), out.end(), Moments{});
  else if (value_bytes == sizeof(float))
    moments_of<float>(data, frames, stride_bytes, shift, out);
  else
    moments_of<double>(data, frames, stride_bytes, shift, out);
}

void merge(Moments& a, const Moments& b) noexcept {
  if (b.count + b.nan == 0) return;
  a.nan += b.nan;
  a.last = b.last;
  if (b.count == 0) return;
  if (a.count == 0) {
    a.mean = b.mean;
    a.mean_low = b.mean_low;
    a.m2 = b.m2;
  } else {
    const double n_a = static_cast<double>(a.count), n_b = static_cast<double>(b.count);
    const double delta = (b.mean - a.mean) + (b.mean_low - a.mean_low);
    const double part = n_b / (n_a + n_b);
    a.m2 += b.m2 + delta * delta * (n_a * part);
    const double step = delta * part + a.mean_low, mean = a.mean + step;
    a.mean_low = rest_of_sum(a.mean, step, mean);
    a.mean = mean;
  }
  a.count += b.count;
  a.min = std::min(a.min, b.min);
  a.max = std::max(a.max, b.max);
}

double variance(const Moments& m) noexcept { return m.count < 2 ? kNan : m.m2 / static_cast<double>(m.count - 1); }
double rms(const Moments& m) noexcept { return m.count == 0 ? kNan : std::sqrt(m.m2 / static_cast<double>(m.count) + m.mean * m.mean); }

}  // namespace chappe::aggregator

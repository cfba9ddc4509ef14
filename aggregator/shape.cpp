// A lane per channel, as in moments.cpp; but order counts here, so that a row is always one frame, and channels that fill no vector go one
// by one. A lane does the same operations in the same order whatever its width and the instruction set.
#include "aggregator/shape.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace chappe::aggregator {
namespace {

constexpr std::size_t kMostLanes = 8;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Consecutive channels of consecutive frames.
struct Rows {
  const std::byte* data;
  std::size_t frames, stride;
  const Moments* around;
};

/// What each lane found, in memory.
struct Found {
  double m3[kMostLanes], m4[kMostLanes], first[kMostLanes];
  std::int64_t at_min[kMostLanes], at_max[kMostLanes], crossings[kMostLanes], flat[kMostLanes], head[kMostLanes], tail[kMostLanes],
      sign_first[kMostLanes], sign_last[kMostLanes];
};

/// Types of so many lanes.
template <std::size_t Width>
struct Vectors;
#define CHAPPE_VECTORS(width)                                                          \
  template <>                                                                          \
  struct Vectors<width> {                                                              \
    typedef float Floats __attribute__((vector_size((width) * sizeof(float))));        \
    typedef double Doubles __attribute__((vector_size((width) * sizeof(double))));     \
    typedef std::int64_t Longs __attribute__((vector_size((width) * sizeof(double)))); \
    template <class T>                                                                 \
    using Of = std::conditional_t<sizeof(T) == sizeof(float), Floats, Doubles>;        \
  };
CHAPPE_VECTORS(2)
CHAPPE_VECTORS(4)
CHAPPE_VECTORS(8)

/// True is -1 in a lane of Longs. Only the first `Channels` lanes hold one, the rest zeros: a vector of one lane is none for gcc 12 on
/// 64-bit Arm, which takes its -1 for 1.
template <class T, std::size_t Width, std::size_t Channels>
[[gnu::always_inline]] inline void read_rows(const Rows& rows, Found& found) {
  using Values = typename Vectors<Width>::template Of<T>;
  using Doubles = typename Vectors<Width>::Doubles;
  using Longs = typename Vectors<Width>::Longs;
  const Doubles zero{};
  const Longs none{};
  double means[Width] = {}, lows[Width] = {}, infinities[Width];
  std::int64_t ones[Width];
  for (std::size_t c = 0; c < Channels; ++c) {
    means[c] = rows.around[c].mean;
    lows[c] = rows.around[c].mean_low;
  }
  for (std::size_t lane = 0; lane < Width; ++lane) {
    infinities[lane] = kInfinity;
    ones[lane] = 1;
  }
  Doubles mean, low, min;
  Longs one;
  std::memcpy(&mean, means, sizeof mean);
  std::memcpy(&low, lows, sizeof low);
  std::memcpy(&min, infinities, sizeof min);
  std::memcpy(&one, ones, sizeof one);
  Doubles m3{}, m4{}, max = zero - min;
  Longs at_min{}, at_max{}, crossings{}, flat{}, head{}, tail{}, sign_first{}, sign_last{}, index{};
  Values firsts{};
  std::memcpy(&firsts, rows.data, Channels * sizeof(T));
  const Doubles first = __builtin_convertvector(firsts, Doubles);
  Doubles before = first;  // so that the first frame's run begins with it
  Longs leads = first == first;
  const std::byte* at = rows.data;
  for (std::size_t i = 0; i < rows.frames; ++i, at += rows.stride, index += one) {
    Values values{};
    std::memcpy(&values, at, Channels * sizeof(T));
    const Doubles x = __builtin_convertvector(values, Doubles);
    const Longs is_number = x == x;
    const Doubles d = is_number ? (x - mean) - low : zero, squared = d * d;
    m3 += squared * d;
    m4 += squared * squared;
    const Longs is_less = x<min, is_more = x> max;
    min = is_less ? x : min;
    max = is_more ? x : max;
    at_min = is_less ? index : at_min;
    at_max = is_more ? index : at_max;
    const Longs sign = (x < zero) - (x > zero);
    const Longs has_sign = sign != none;
    crossings -= (sign + sign_last == none) & has_sign;
    sign_last = has_sign ? sign : sign_last;
    sign_first = sign_first == none ? sign : sign_first;
    const Longs stands = x == before;
    before = x;
    tail = (tail & stands) - is_number;
    flat = tail > flat ? tail : flat;
    leads &= stands;
    head -= leads;
  }
  std::memcpy(found.m3, &m3, sizeof m3);
  std::memcpy(found.m4, &m4, sizeof m4);
  std::memcpy(found.first, &first, sizeof first);
  std::memcpy(found.at_min, &at_min, sizeof at_min);
  std::memcpy(found.at_max, &at_max, sizeof at_max);
  std::memcpy(found.crossings, &crossings, sizeof crossings);
  std::memcpy(found.flat, &flat, sizeof flat);
  std::memcpy(found.head, &head, sizeof head);
  std::memcpy(found.tail, &tail, sizeof tail);
  std::memcpy(found.sign_first, &sign_first, sizeof sign_first);
  std::memcpy(found.sign_last, &sign_last, sizeof sign_last);
}

/// One instruction set's way to read rows of `width` lanes.
struct Kernel {
  using Read = void (*)(const Rows& rows, Found& found);
  Read floats, doubles;
  std::size_t width;
  template <class T>
  [[nodiscard]] Read read() const noexcept {
    return sizeof(T) == sizeof(float) ? floats : doubles;
  }
};

#define CHAPPE_KERNEL(name, target, width, channels)                                                            \
  target void name##_floats(const Rows& rows, Found& found) { read_rows<float, width, channels>(rows, found); } \
  target void name##_doubles(const Rows& rows, Found& found) { read_rows<double, width, channels>(rows, found); }

CHAPPE_KERNEL(single, , 2, 1)
CHAPPE_KERNEL(plain, , 2, 2)
#if defined(__x86_64__)
CHAPPE_KERNEL(avx2, __attribute__((target("avx2"))), 4, 4)
CHAPPE_KERNEL(avx512, __attribute__((target("avx512f"))), 8, 8)
#endif

Kernel best_kernel() noexcept {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return {avx512_floats, avx512_doubles, 8};
  if (__builtin_cpu_supports("avx2")) return {avx2_floats, avx2_doubles, 4};
#endif
  return {plain_floats, plain_doubles, 2};
}

const Kernel kWide = best_kernel();  ///< chosen before main
const Kernel kSingle = {single_floats, single_doubles, 1};

void take(const Found& found, std::span<Shape> out) noexcept {
  for (std::size_t c = 0; c < out.size(); ++c) {
    out[c] = {.m3 = found.m3[c],
              .m4 = found.m4[c],
              .t_min_ns = found.at_min[c],
              .t_max_ns = found.at_max[c],
              .zero_crossings = static_cast<std::uint64_t>(found.crossings[c]),
              .flat = static_cast<std::uint64_t>(found.flat[c]),
              .flat_head = static_cast<std::uint64_t>(found.head[c]),
              .flat_tail = static_cast<std::uint64_t>(found.tail[c]),
              .first = found.first[c],
              .sign_first = static_cast<std::int32_t>(found.sign_first[c]),
              .sign_last = static_cast<std::int32_t>(found.sign_last[c])};
  }
}

template <class T>
void shape_of(const std::byte* data, std::size_t frames, std::size_t stride, std::span<const Moments> around,
              std::span<Shape> out) noexcept {
  for (std::size_t c = 0; c < out.size();) {
    const Kernel& kernel = out.size() - c >= kWide.width ? kWide : kSingle;
    Found found;
    kernel.read<T>()({data + c * sizeof(T), frames, stride, &around[c]}, found);
    take(found, out.subspan(c, kernel.width));
    c += kernel.width;
  }
}

/// The powers of both around the mean of both. `share` is b's of the values.
void merge_powers(Shape& a, const Moments& of_a, const Shape& b, const Moments& of_b) noexcept {
  const double n_a = static_cast<double>(of_a.count), n_b = static_cast<double>(of_b.count), n = n_a + n_b;
  const double part_a = n_a / n, part_b = n_b / n;
  const double delta = (of_b.mean - of_a.mean) + (of_b.mean_low - of_a.mean_low), squared = delta * delta;
  const double both = n_a * part_b;  // n_a * n_b / n
  a.m4 += b.m4 + squared * squared * both * (part_a * part_a - part_a * part_b + part_b * part_b) +
          6 * squared * (part_a * part_a * of_b.m2 + part_b * part_b * of_a.m2) + 4 * delta * (part_a * b.m3 - part_b * a.m3);
  a.m3 += b.m3 + squared * delta * both * (part_a - part_b) + 3 * delta * (part_a * of_b.m2 - part_b * of_a.m2);
}

}  // namespace

void block_shape(const std::byte* data, std::size_t frames, std::size_t stride_bytes, std::size_t value_bytes,
                 std::span<const Moments> around, std::span<Shape> out) noexcept {
  if (value_bytes == sizeof(float))
    shape_of<float>(data, frames, stride_bytes, around, out);
  else
    shape_of<double>(data, frames, stride_bytes, around, out);
}

void merge(Shape& a, const Moments& of_a, const Shape& b, const Moments& of_b) noexcept {
  const std::uint64_t frames_a = of_a.count + of_a.nan, frames_b = of_b.count + of_b.nan;
  if (frames_b == 0) return;
  if (frames_a == 0) {
    a = b;
    return;
  }
  if (of_a.count == 0) {
    a.m3 = b.m3;
    a.m4 = b.m4;
  } else if (of_b.count > 0) {
    merge_powers(a, of_a, b, of_b);
  }
  if (of_b.min < of_a.min || of_a.count == 0) a.t_min_ns = b.t_min_ns;
  if (of_b.max > of_a.max || of_a.count == 0) a.t_max_ns = b.t_max_ns;
  a.zero_crossings += b.zero_crossings + (a.sign_last * b.sign_first < 0 ? 1U : 0U);
  if (a.sign_first == 0) a.sign_first = b.sign_first;
  if (b.sign_last != 0) a.sign_last = b.sign_last;
  const bool goes_on = of_a.last == b.first;  // NaN goes on with nothing
  a.flat = std::max({a.flat, b.flat, goes_on ? a.flat_tail + b.flat_head : 0});
  if (goes_on && a.flat_head == frames_a) a.flat_head += b.flat_head;
  a.flat_tail = b.flat_tail + (goes_on && b.flat_tail == frames_b ? a.flat_tail : 0);
}

}  // namespace chappe::aggregator

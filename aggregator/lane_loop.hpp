// The loop of lanes.hpp, once for each instruction set: a source of its own includes this with that set's flags. All of it is internal to
// that source and nothing inline comes from elsewhere, so that no instruction of the set gets into code that all processors share.
//
// `Unit` says what the vectors are: Floats, Doubles of the same bytes, widen(float*) for as many Doubles, and the sums that may be fused.
// A tile is gone through from top to bottom with all its sums in registers.
#pragma once
#include <cstddef>

#include "aggregator/lane_units.hpp"

namespace chappe::aggregator {
namespace {

template <class V, class T>
[[gnu::always_inline]] inline V load(const T* from) noexcept {
  V v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}
template <class T, class V>
[[gnu::always_inline]] inline void store(T* to, V v) noexcept {
  __builtin_memcpy(to, &v, sizeof v);
}

template <class V>
[[gnu::always_inline]] inline V magnitude(V x) noexcept {
  return x < 0 ? -x : x;
}

template <class Unit>
[[gnu::always_inline]] inline void choose_shifts(const LaneRows& rows, float* shift) noexcept {
  using Floats = typename Unit::Floats;
  const std::size_t last = rows.rows - 1, quarter = last / 4;
  for (std::size_t lane = 0; lane < rows.tiles * kLanes; lane += sizeof(Floats) / sizeof(float)) {
    const auto* x = reinterpret_cast<const float*>(rows.data) + lane;
    const Floats first = load<Floats>(x);
    Floats farthest = first - first;
#pragma GCC unroll 4
    for (std::size_t part = 1; part <= 4; ++part) {
      const std::size_t row = part < 4 ? part * quarter : last;
      const Floats distance = magnitude(load<Floats>(x + row * rows.step / sizeof(float)) - first);
      farthest = distance > farthest ? distance : farthest;
    }
    store(shift + lane, farthest <= magnitude(first) * (kNear / 2) ? first : first - first);
  }
}

/// All ones where every lane so far is sound.
template <class Unit>
struct Sound {
  decltype(typename Unit::Floats{} == typename Unit::Floats{}) near = typename Unit::Floats{} == typename Unit::Floats{};
  decltype(typename Unit::Doubles{} == typename Unit::Doubles{}) enough = typename Unit::Doubles{} == typename Unit::Doubles{};
};

/// Lanes [first, first + Vectors * width) of a tile.
template <class Unit, std::size_t Vectors>
[[gnu::always_inline]] inline void add_lanes(const Unit& unit, const std::byte* at, const LaneRows& rows, const float* shift, double share,
                                             LaneSums& out, std::size_t first, Sound<Unit>& sound) noexcept {
  using Floats = typename Unit::Floats;
  using Doubles = typename Unit::Doubles;
  constexpr std::size_t kWidth = sizeof(Floats) / sizeof(float), kHalf = kWidth / 2;
  Floats min[Vectors], max[Vectors];
  Doubles around[2 * Vectors], sum[2 * Vectors], squares[2 * Vectors];
#pragma GCC unroll 8
  for (std::size_t v = 0; v < Vectors; ++v) {
    const auto* x = reinterpret_cast<const float*>(at) + v * kWidth;
    min[v] = max[v] = load<Floats>(x);
#pragma GCC unroll 2
    for (std::size_t h = 2 * v; h < 2 * v + 2; ++h) {
      around[h] = unit.widen(shift + h * kHalf);
      sum[h] = unit.widen(x + (h - 2 * v) * kHalf) - around[h];
      squares[h] = sum[h] * sum[h];
    }
  }
  const std::size_t ahead = rows.rows > 8 ? 4 * rows.step : 0;
  for (std::size_t r = 1; r < rows.rows; ++r) {
    at += rows.step;
    __builtin_prefetch(at + ahead);
#pragma GCC unroll 8
    for (std::size_t v = 0; v < Vectors; ++v) {
      const auto* values = reinterpret_cast<const float*>(at) + v * kWidth;
      const Floats x = load<Floats>(values);
      min[v] = x < min[v] ? x : min[v];
      max[v] = x > max[v] ? x : max[v];
      const Doubles low = unit.subtract(unit.widen(values), around[2 * v]);
      const Doubles high = unit.subtract(unit.widen(values + kHalf), around[2 * v + 1]);
      sum[2 * v] = unit.add(low, sum[2 * v]);
      sum[2 * v + 1] += high;
      squares[2 * v] = unit.add_square(low, squares[2 * v]);
      squares[2 * v + 1] = unit.add_square(high, squares[2 * v + 1]);
    }
  }
#pragma GCC unroll 8
  for (std::size_t v = 0; v < Vectors; ++v) {
    store(&out.min[first + v * kWidth], min[v]);
    store(&out.max[first + v * kWidth], max[v]);
    const Floats s = load<Floats>(shift + v * kWidth);
    const Floats above = max[v] - s, below = s - min[v], farthest = above > below ? above : below;
    sound.near &= (farthest <= magnitude(s) * kNear) | (s == 0);
#pragma GCC unroll 2
    for (std::size_t h = 2 * v; h < 2 * v + 2; ++h) {
      store(&out.sum[first + h * kHalf], sum[h]);
      store(&out.squares[first + h * kHalf], squares[h]);
      sound.enough &= sum[h] * sum[h] < squares[h] * share + kLeast;
    }
  }
}

template <class Unit, std::size_t Vectors>
[[gnu::always_inline]] inline bool add_rows(const LaneRows& rows, LaneSums* sums) noexcept {
  constexpr std::size_t kAtOnce = Vectors * sizeof(typename Unit::Floats) / sizeof(float);
  const double share = rows.rows > 1 ? static_cast<double>(rows.rows) * kShare : kAnyShare;
  const Unit unit;
  Sound<Unit> sound;
  for (std::size_t lane = 0; lane < rows.tiles * kLanes; lane += kAtOnce)
    add_lanes<Unit, Vectors>(unit, rows.data + lane * sizeof(float), rows, rows.shift + lane, share, sums[lane / kLanes], lane % kLanes,
                             sound);
  return unit.all(sound.near) && unit.all(sound.enough);
}

}  // namespace
}  // namespace chappe::aggregator

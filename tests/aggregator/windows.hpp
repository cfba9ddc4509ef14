// What the tests of the statistics share: windows, and a collector of those that close.
#pragma once
#include <gmock/gmock.h>

#include <limits>
#include <vector>

#include "aggregator/statistics.hpp"
#include "tests/aggregator/reference.hpp"

namespace chappe::aggregator {

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
inline constexpr std::uint32_t kCapacity = 64;

struct Closed {
  WindowHead head;
  std::vector<Moments> channels;
  std::vector<Shape> shapes;
};

struct Collector final : ClosedSink {
  std::vector<Closed> windows;
  void closed(const WindowHead& head, std::span<const Moments> channels, std::span<const Shape> shapes) noexcept override {
    windows.push_back({head, {channels.begin(), channels.end()}, {shapes.begin(), shapes.end()}});
  }
  template <class T>
  [[nodiscard]] std::vector<T> all(T WindowHead::*member) const {
    std::vector<T> values;
    for (const auto& w : windows) values.push_back(w.head.*member);
    return values;
  }
};

inline config::Window frames(std::uint64_t n) { return {.frames = n, .duration_ns = 0}; }
inline config::Window duration(std::int64_t ns) { return {.frames = 0, .duration_ns = ns}; }

}  // namespace chappe::aggregator

// What was measured, flat: one record a run. A figure is a median over runs of one placement; a ratio is formed between two runs of one
// round, never between medians.
#pragma once
#include <algorithm>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/measure.hpp"
#include "bench/placement.hpp"

namespace chappe::bench {

struct Record {
  std::string test, transport;
  std::uint64_t bytes = 0;   ///< of a message; 0: it has none
  std::string wait, policy;  ///< of the consumer; empty: it has none
  std::uint64_t round = 0;
  double round_trip_ns = 0;  ///< just before
  bool kept = true;          ///< the placement was the same just after
  Measurement::End end = Measurement::End::good;
  std::string trouble{};
  std::vector<Value> values{};

  [[nodiscard]] bool is_good() const noexcept { return end == Measurement::End::good && kept; }
  [[nodiscard]] std::optional<double> value(std::string_view name) const;
  /// Of the same cell: they differ in their round alone.
  [[nodiscard]] bool is_like(const Record& other) const noexcept;
};
using Records = std::vector<Record>;

nlohmann::ordered_json to_json(const Record& record);

/// 0 of none.
double median(std::vector<double> values);

/// Those of one placement together: each group is what has the same round trip as its shortest. T has a member round_trip_ns.
template <class T>
std::vector<std::vector<T>> placements_of(std::vector<T> all) {
  std::ranges::sort(all, {}, &T::round_trip_ns);
  std::vector<std::vector<T>> groups;
  for (T& one : all) {
    if (groups.empty() || !same_placement(groups.back().front().round_trip_ns, one.round_trip_ns)) groups.emplace_back();
    groups.back().push_back(std::move(one));
  }
  return groups;
}
/// The placement that most of them are of; empty of none.
template <class T>
std::vector<T> main_placement(std::vector<T> all) {
  auto groups = placements_of(std::move(all));
  if (groups.empty()) return {};
  return std::move(*std::ranges::max_element(groups, {}, [](const auto& group) { return group.size(); }));
}

/// Median over the main placement of the good records of a cell; empty wait: of any.
std::optional<double> figure(const Records& records, std::string_view test, std::string_view transport, std::uint64_t bytes,
                             std::string_view wait, std::string_view value);

/// What a measurement of the whole pipeline, or of the programs' share of a processor, is called where other ways have their name.
std::string pipeline_name(std::uint64_t channels);
std::string cpu_name(std::uint64_t samples_per_s);

/// Chappe's ring against the bare one, in one round.
struct RingRatio {
  std::uint64_t round;
  double round_trip_ns, bare, chappe;  ///< bytes/s
  [[nodiscard]] double ratio() const noexcept { return chappe / bare; }
};
/// Of the rounds in which both were good and of one placement.
std::vector<RingRatio> ring_ratios(const Records& records, std::uint64_t block_bytes);
double median_ratio(const std::vector<RingRatio>& rounds);

/// What Chappe's ring must reach of the bare one.
struct Target {
  std::uint64_t block_bytes;
  double ratio;
};
inline constexpr Target kTargets[] = {{4096, 0.85}, {16384, 0.90}};
inline constexpr std::size_t kFewestRounds = 5;  ///< of one placement, for a verdict
/// In every placement that can be judged, and at least one can.
bool holds(const Records& records, const Target& target);

}  // namespace chappe::bench

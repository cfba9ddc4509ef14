#include "bench/records.hpp"

#include <nlohmann/json.hpp>

namespace chappe::bench {

std::optional<double> Record::value(std::string_view name) const {
  const auto found = std::ranges::find(values, name, &Value::name);
  return found != values.end() ? std::optional(found->value) : std::nullopt;
}

bool Record::is_like(const Record& other) const noexcept {
  return test == other.test && transport == other.transport && bytes == other.bytes && wait == other.wait && policy == other.policy;
}

nlohmann::ordered_json to_json(const Record& record) {
  nlohmann::ordered_json json = {{"test", record.test}, {"transport", record.transport}};
  if (record.bytes != 0) json["bytes"] = record.bytes;
  if (!record.wait.empty()) json["wait"] = record.wait;
  if (!record.policy.empty()) json["policy"] = record.policy;
  json["round"] = record.round;
  json["round_trip_ns"] = record.round_trip_ns;
  json["kept"] = record.kept;
  json["end"] = record.end == Measurement::End::good ? "good" : record.end == Measurement::End::skipped ? "skipped" : "failed";
  if (!record.trouble.empty()) json["trouble"] = record.trouble;
  for (const auto& [name, value] : record.values) json[name] = value;
  return json;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

std::optional<double> figure(const Records& records, std::string_view test, std::string_view transport, std::uint64_t bytes,
                             std::string_view wait, std::string_view value) {
  Records good;
  for (const Record& r : records) {
    if (r.test == test && r.transport == transport && r.bytes == bytes && (wait.empty() || r.wait == wait) && r.policy != "fifo" &&
        r.is_good() && r.value(value))
      good.push_back(r);
  }
  if (good.empty()) return std::nullopt;
  std::vector<double> values;
  for (const Record& r : main_placement(std::move(good))) values.push_back(*r.value(value));
  return median(std::move(values));
}

std::vector<RingRatio> ring_ratios(const Records& records, std::uint64_t block_bytes) {
  const auto of = [&](const Record& r, std::string_view transport) {
    return r.test == "ring" && r.bytes == block_bytes && r.transport == transport && r.is_good();
  };
  std::vector<RingRatio> ratios;
  for (const Record& bare : records) {
    if (!of(bare, "bare")) continue;
    for (const Record& chappe : records) {
      if (!of(chappe, "chappe") || chappe.round != bare.round || !same_placement(bare.round_trip_ns, chappe.round_trip_ns)) continue;
      ratios.push_back({bare.round, bare.round_trip_ns, bare.value("bytes_per_s").value_or(0), chappe.value("bytes_per_s").value_or(0)});
    }
  }
  return ratios;
}

double median_ratio(const std::vector<RingRatio>& rounds) {
  std::vector<double> ratios;
  for (const RingRatio& r : rounds) ratios.push_back(r.ratio());
  return median(std::move(ratios));
}

bool holds(const Records& records, const Target& target) {
  const auto groups = placements_of(ring_ratios(records, target.block_bytes));
  const auto can_be_judged = [](const auto& group) { return group.size() >= kFewestRounds; };
  return std::ranges::any_of(groups, can_be_judged) &&
         std::ranges::all_of(groups, [&](const auto& g) { return !can_be_judged(g) || median_ratio(g) >= target.ratio; });
}

}  // namespace chappe::bench

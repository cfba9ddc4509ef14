#include "bench/summary.hpp"

#include <nlohmann/json.hpp>

#include "bench/kinds.hpp"
#include "rt/build_info.hpp"

namespace chappe::bench {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(std::optional<double> value) { return value ? Json(*value) : Json(nullptr); }

Json ring_vs_bare(const Records& records) {
  Json json;
  for (const Target& target : kTargets) {
    const auto rounds = main_placement(ring_ratios(records, target.block_bytes));
    json[std::to_string(target.block_bytes)] = rounds.empty() ? Json(nullptr) : Json(median_ratio(rounds));
  }
  return json;
}

Json rivals(const Records& records) {
  Json json;
  for (const Kind& kind : kinds()) {
    if (kind.group == "limit") continue;
    json[std::string(kind.name)] = {{"4096_bytes_per_s", or_null(figure(records, "throughput", kind.name, 4096, "", "bytes_per_s"))},
                                    {"32_records_per_s", or_null(figure(records, "throughput", kind.name, 32, "", "messages_per_s"))},
                                    {"latency_sleep_p50_ns", or_null(figure(records, "latency", kind.name, 32, "sleep", "p50_ns"))}};
  }
  return json;
}

Json trip_of(const Records& records) {
  if (records.empty()) return nullptr;
  std::vector<double> trips;
  for (const Record& r : main_placement(records)) trips.push_back(r.round_trip_ns);
  return median(std::move(trips));
}

/// Of the placement that most of them are of; where the placement changed in each, of those runs: that is less bad than nothing.
Json figure_of_programs(Records records, std::string_view test, const std::string& what, std::uint64_t bytes, std::string_view value) {
  auto of_one_placement = figure(records, test, what, bytes, "", value);
  if (of_one_placement) return *of_one_placement;
  for (Record& record : records) record.kept = true;
  return or_null(figure(records, test, what, bytes, "", value));
}

Json pipeline(const Records& records) {
  Json json;
  for (const std::uint64_t channels : {4U, 64U})
    json[std::to_string(channels)] = figure_of_programs(records, "pipeline", pipeline_name(channels), 16384, "samples_per_s");
  return json;
}

}  // namespace

std::string to_json(const Records& records, const Machine& machine, bool full) {
  const auto at_16k = figure(records, "ring", "chappe", 16384, "", "bytes_per_s");
  Json json = {{"machine", machine.cpu},
               {"commit", rt::kCommit},
               {"round_trip_ns", trip_of(records)},
               {"ring_vs_bare", ring_vs_bare(records)},
               {"ring_samples_per_s", at_16k ? Json(*at_16k / 4) : Json(nullptr)},
               {"pipeline_samples_per_s", pipeline(records)},
               {"rivals", rivals(records)},
               {"cpu_percent_100k", figure_of_programs(records, "cpu", cpu_name(100'000), 0, "cpu_percent")}};
  if (full) {
    json["kernel"] = machine.kernel;
    json["load"] = machine.load;
    json["cpus"] = machine.processors;
    json["host"] = machine.host;
    json["records"] = Json::array();
    for (const Record& record : records) json["records"].push_back(to_json(record));
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace chappe::bench

#include "control/top.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "control/tables.hpp"

namespace chappe::control {
namespace {

double figure(const TopRow& row, Loudness by) {
  const double value = by == Loudness::rms ? row.rms : by == Loudness::crest ? row.crest : row.deviation;
  return std::isnan(value) ? -1 : value;
}

}  // namespace

std::vector<TopRow> loudest(const shm::Snapshot& snapshot, Loudness by, std::size_t most) {
  std::vector<TopRow> rows;
  for (const shm::StreamView& stream : snapshot.streams) {
    if (stream.windows.empty()) continue;
    for (const shm::ChannelFigures& f : stream.windows[0].channels)
      rows.push_back({stream.stream, f.channel, f.unit, f.rms, f.crest, std::sqrt(f.variance)});
  }
  std::vector<std::pair<double, std::size_t>> order;  // of equals the first stands first
  for (std::size_t i = 0; i < rows.size(); ++i) order.emplace_back(-figure(rows[i], by), i);
  std::ranges::sort(order);
  std::vector<TopRow> chosen;
  for (std::size_t i = 0; i < std::min(order.size(), most); ++i) chosen.push_back(std::move(rows[order[i].second]));
  return chosen;
}

std::string top_text(const std::vector<TopRow>& rows) {
  std::vector<std::vector<std::string>> lines{{"stream", "channel", "unit", "rms", "crest", "deviation"}};
  for (const TopRow& r : rows) lines.push_back({r.stream, r.channel, r.unit, number(r.rms), number(r.crest), number(r.deviation)});
  return table(lines, 3);
}

std::string top_json(const shm::Snapshot& snapshot, const std::string& by, const std::vector<TopRow>& rows) {
  using Json = nlohmann::ordered_json;
  const auto value = [](double v) { return std::isfinite(v) ? Json(v) : Json(nullptr); };
  Json channels = Json::array();
  for (const TopRow& r : rows) {
    channels.push_back({{"stream", r.stream},
                        {"channel", r.channel},
                        {"unit", r.unit},
                        {"rms", value(r.rms)},
                        {"crest", value(r.crest)},
                        {"deviation", value(r.deviation)}});
  }
  const Json all{{"instance", snapshot.instance}, {"by", by}, {"channels", std::move(channels)}};
  return all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace chappe::control

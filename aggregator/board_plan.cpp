#include "aggregator/board_plan.hpp"

#include <algorithm>
#include <span>

namespace chappe::aggregator {
namespace {

std::vector<std::string> names_of(std::span<const shm::ChannelEntry> channels) {
  std::vector<std::string> names;
  for (const auto& channel : channels) names.emplace_back(channel.name);
  return names;
}

/// The stream's channels as the board has them.
std::vector<shm::ChannelEntry> shown(std::span<const shm::ChannelEntry> channels, const config::Stream& stream,
                                     const CalibrationPlan& plan) {
  std::vector<shm::ChannelEntry> out(channels.begin(), channels.end());
  for (const auto& entry : plan.entries) {
    if (entry.values.unit.empty()) continue;
    for (const std::uint32_t c : entry.channels) shm::put_name(out[c].unit, entry.values.unit);
  }
  for (const config::Derived& d : stream.derived) {
    shm::put_name(out.emplace_back().name, d.name);
    shm::put_name(out.back().unit, d.unit);
  }
  return out;
}

/// What the board keeps of the specification that needs most.
std::uint32_t panes_for(const std::vector<config::Window>& windows) {
  std::uint64_t most = 0;
  for (const auto& w : windows) most = std::max(most, w.hops() - 1);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(most, shm::kMostPanes));
}

/// `room`: channels that the board still takes beside the ring's own.
CalibrationPlan plan_for(const config::Stream& stream, std::span<const shm::ChannelEntry> channels, std::size_t room,
                         std::vector<std::string>& refusals) {
  auto plan = plan_calibration(stream, names_of(channels));
  if (plan && plan->derived.size() > room)
    plan = rt::Error{EX_CONFIG, "stream " + stream.name + ": its derived channels find no room on the board"};
  if (plan) return std::move(*plan);
  refusals.push_back(plan.error().text + ": its values are taken as they come, and no channel is derived");
  return {.entries = {}, .derived = {}, .hash = 0, .refused = true};
}

}  // namespace

BoardPlan board_plan(const shm::RingTables& ring, const config::Config& config) {
  BoardPlan plan{.tables = ring, .calibrations = {}, .refusals = {}};
  plan.tables.channels.clear();
  std::size_t room = shm::kMaxChannels - std::min<std::size_t>(ring.channels.size(), shm::kMaxChannels);
  for (shm::StreamEntry& stream : plan.tables.streams) {
    const auto channels = std::span(ring.channels).subspan(stream.first_channel, stream.channels);
    const auto found = std::ranges::find(config.streams, std::string(stream.name), &config::Stream::name);
    std::vector<shm::ChannelEntry> on_board(channels.begin(), channels.end());
    CalibrationPlan calibration;
    if (found != config.streams.end()) {
      calibration = plan_for(*found, channels, room, plan.refusals);
      if (!calibration.refused) on_board = shown(channels, *found, calibration);
    }
    room -= calibration.derived.size();
    stream.first_channel = static_cast<std::uint32_t>(plan.tables.channels.size());
    stream.channels = static_cast<std::uint32_t>(on_board.size());
    stream.panes = panes_for(found != config.streams.end() && !found->windows.empty() ? found->windows : config.default_windows);
    plan.tables.channels.insert(plan.tables.channels.end(), on_board.begin(), on_board.end());
    plan.calibrations.push_back(std::move(calibration));
  }
  return plan;
}

}  // namespace chappe::aggregator

// The proof of a campaign's window log: each row is that of its frames, no frame stands in two rows of a channel, and all rows together
// hold as many frames as the ledger says were aggregated.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <utility>

#include "campaign.hpp"
#include "window_rows.hpp"

namespace chappe::whole {
namespace {

/// A row that lacks frames: its values lie among those of the frames that it spans.
std::string out_of_range(const Row& row, double channel) {
  const bool fits = row.count == 0 || (row.min >= channel && row.max <= 65535 + channel && row.mean >= row.min && row.mean <= row.max);
  return fits ? "" : "row of window " + std::to_string(row.window) + " lies outside its waveform";
}

std::string prove_channel(std::vector<Row>& rows, double channel) {
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return std::pair(a.first, a.count) < std::pair(b.first, b.count); });
  std::uint64_t next = 0;  // the least that the next row may begin with
  for (const Row& row : rows) {
    if (row.first < next) return "frame " + std::to_string(row.first) + " stands in two rows, of window " + std::to_string(row.window);
    next = row.first + row.count;
    const std::string wrong = row.missing == 0 ? not_of_index(row, channel) : out_of_range(row, channel);
    if (!wrong.empty()) return wrong;
  }
  return {};
}

/// The rows of the second specification, which is in force now and then.
std::vector<Row> take_second(std::vector<Row>& rows, std::uint64_t longest) {
  const auto is_second = [&](const Row& row) { return row.window == 0 && row.first + row.count + row.missing > longest; };
  std::vector<Row> second;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(second), is_second);
  std::erase_if(rows, is_second);
  return second;
}

}  // namespace

bool Campaign::prove_rows() {
  const Json closing = Json::parse(std::ifstream(instance_.path("closing.json")), nullptr, false);
  if (const auto wrong = Instance::does_not_close(closing); !wrong.empty()) return fail("the closing ledger does not close: " + wrong);
  ledger_ = {};
  for (const auto& stream : closing["streams"]) {
    shm::Account a;
    a.stream = stream["stream"];
    a.acquired = stream["acquired"];
    a.aggregated = stream["aggregated"];
    a.overrun = stream["overrun"];
    const Json& d = stream["dropped"];
    a.dropped = {d["full"], d["pool"], d["source"], d["paused"], d["crash"]};
    a.in_flight = stream["in_flight"];
    ledger_.streams.push_back(a);
    if (a.in_flight != 0 || stream["overrun_pending"] != 0) return fail("frames are in flight after the end: " + stream.dump());
    std::map<std::string, std::vector<Row>> channels;
    for (Row& row : rows_of(instance_.path("windows.csv"), a.stream)) channels[row.channel].push_back(std::move(row));
    for (auto& [channel, rows] : channels) {
      const std::string where = a.stream + "." + channel + ": ";
      std::vector<Row> second = take_second(rows, kLongestWindow);
      if (const auto wrong = prove_channel(second, channel[0] - 'a'); !wrong.empty()) return fail(where + "second window: " + wrong);
      if (const auto wrong = prove_channel(rows, channel[0] - 'a'); !wrong.empty()) return fail(where + wrong);
      std::uint64_t frames = 0;
      for (const Row& row : rows) frames += row.count + row.nan;
      rows_ += rows.size();
      if (frames == a.aggregated || (frames < a.aggregated && rows_lost_ > 0)) continue;
      return fail(where + "the rows hold " + std::to_string(frames) + " frames, the ledger says " + std::to_string(a.aggregated));
    }
  }
  ledger_.settled = true;
  return true;
}

}  // namespace chappe::whole

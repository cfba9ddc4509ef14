// The proof of a campaign's window log: every channel has rows, each row is that of its frames, no frame stands in two rows of a channel,
// and all rows together hold as many frames as the ledger says were aggregated; what they lack, the rows that were counted as lost held.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <utility>

#include "campaign.hpp"
#include "window_rows.hpp"

namespace chappe::whole {
namespace {

std::string prove_channel(std::vector<Row>& rows, double channel) {
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return std::pair(a.first, a.count) < std::pair(b.first, b.count); });
  std::uint64_t next = 0;  // the least that the next row may begin with
  for (const Row& row : rows) {
    if (row.first < next) return "frame " + std::to_string(row.first) + " stands in two rows, of window " + std::to_string(row.window);
    next = row.first + row.count;
    if (const auto wrong = not_of_span(row, channel); !wrong.empty()) return wrong;
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

bool Campaign::prove_rows(const shm::Account& a, char channel, std::vector<Row>& rows, Shortage& shortage) {
  const std::string where = a.stream + "." + channel + ": ";
  if (rows.empty() && a.aggregated > 0) return fail(where + "no rows");
  std::vector<Row> second = take_second(rows, kLongestWindow);
  if (const auto wrong = prove_channel(second, channel - 'a'); !wrong.empty()) return fail(where + "second window: " + wrong);
  if (const auto wrong = prove_channel(rows, channel - 'a'); !wrong.empty()) return fail(where + wrong);
  std::uint64_t frames = 0;
  for (const Row& row : rows) {
    frames += row.count;
    shortage.longest_window = std::max(shortage.longest_window, row.count + row.missing);
  }
  rows_ += rows.size() + second.size();
  if (frames > a.aggregated)
    return fail(where + "the rows hold " + std::to_string(frames) + " frames, the ledger says " + std::to_string(a.aggregated));
  shortage.frames += a.aggregated - frames;
  return true;
}

bool Campaign::prove_rows() {
  const Json closing = Json::parse(std::ifstream(instance_.path("closing.json")), nullptr, false);
  if (const auto wrong = Instance::does_not_close(closing); !wrong.empty()) return fail("the closing ledger does not close: " + wrong);
  ledger_ = {};
  Shortage shortage;
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
    const auto shape = std::find_if(std::begin(kStreams), std::end(kStreams), [&](const Shape& s) { return s.stream == a.stream; });
    if (shape == std::end(kStreams)) return fail("the ledger has a stream of its own: " + a.stream);
    for (char c = 'a'; c < 'a' + shape->channels; ++c) {
      if (!prove_rows(a, c, channels[std::string(1, c)], shortage)) return false;
    }
    if (channels.size() != static_cast<std::size_t>(shape->channels)) return fail(a.stream + ": rows of channels that it does not have");
  }
  if (ledger_.streams.size() != std::size(kStreams)) return fail("the closing ledger lacks a stream: " + closing.dump());
  ledger_.settled = true;
  const std::uint64_t excused = rows_lost_ * shortage.longest_window;
  return shortage.frames <= excused || fail("the rows lack " + std::to_string(shortage.frames) + " frames, and the " +
                                            std::to_string(rows_lost_) + " that were lost held at most " + std::to_string(excused));
}

}  // namespace chappe::whole

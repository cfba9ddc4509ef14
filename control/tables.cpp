#include "control/tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <utility>

#include "rt/clock.hpp"
#include "shm/alarm_view.hpp"
#include "shm/process_page.hpp"

namespace chappe::control {
namespace {

using Rows = std::vector<std::vector<std::string>>;

/// Characters, not bytes: names may be UTF-8.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string moment(std::int64_t realtime_ns) {
  const auto seconds = static_cast<std::time_t>(realtime_ns / rt::kSecond);
  std::tm utc{};
  char text[32] = "";
  gmtime_r(&seconds, &utc);
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string age(std::int64_t ms) { return ms < 10'000 ? fmt::format("{} ms", ms) : fmt::format("{} s", ms / 1000); }

std::string last_reload(const shm::ProcessReport& process) {
  if (process.reload_ns == 0) return "none";
  if (process.reload_ok) return "applied " + moment(process.reload_ns);
  std::string reason = process.reload_error;
  for (auto at = reason.find('\n'); at != std::string::npos; at = reason.find('\n')) reason.replace(at, 1, "; ");
  return "refused " + moment(process.reload_ns) + ": " + reason;
}

std::vector<std::string> process_row(const char* name, const shm::ProcessReport& process) {
  if (!process.known) return {name, "not seen"};
  return {name,
          process.ended   ? process.alive ? "ending" : "ended"
          : process.alive ? "alive"
                          : "dead",
          std::to_string(process.pid),
          moment(process.since_ns),
          age(process.age_ms),
          std::to_string(process.config_generation),
          last_reload(process)};
}

/// What was asked of the kernel beside what it granted, and the memory lock.
void add_realtime(Rows& rows, const char* name, const shm::ProcessReport& process) {
  for (const shm::ThreadReport& thread : process.threads) {
    rows.push_back({name, thread.name, shm::schedule_text(thread.asked_fifo, thread.asked_priority, thread.asked_cpus),
                    shm::schedule_text(thread.granted_fifo, thread.granted_priority, thread.granted_cpus)});
  }
  if (process.known) {
    rows.push_back(
        {name, "(memory)", process.lock_asked ? "locked" : "not locked", fmt::format("{} KiB locked", process.locked_bytes / 1024)});
  }
}

/// Who holds which gate, how far behind it is and for how long it has stood.
std::string gates(const shm::Snapshot& snapshot) {
  Rows rows{{"gate", "state", "pid", "behind", "stands for"}};
  for (const shm::GateView& gate : snapshot.gates) {
    rows.push_back({std::to_string(gate.gate), gate.state, gate.pid != 0 ? std::to_string(gate.pid) : "-",
                    gate.state == "free" ? "-" : fmt::format("{} blocks", gate.lag), gate.standing_ms != 0 ? age(gate.standing_ms) : "-"});
  }
  std::string text = rows.size() > 1 ? "\n" + table(rows, 5) : "";
  if (snapshot.stalls != 0) text += fmt::format("stalled {} times, evicted {} times\n", snapshot.stalls, snapshot.evictions);
  return text;
}

std::string refusals(const shm::Snapshot& snapshot) {
  std::string text;
  if (!snapshot.producer.realtime_refused.empty()) text += "producer: no real time: " + snapshot.producer.realtime_refused + "\n";
  if (!snapshot.aggregator.realtime_refused.empty()) text += "aggregator: no real time: " + snapshot.aggregator.realtime_refused + "\n";
  if (snapshot.producer_waiting_for_gate) text += "producer: waits, because nobody holds the gate\n";
  if (!snapshot.trouble.empty()) text += "trouble: " + snapshot.trouble + "\n";
  return text;
}

}  // namespace

std::string table(const std::vector<std::vector<std::string>>& rows, std::size_t left) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - width_of(row[i]), ' ');
      if (i != 0) line.append("  ");
      line.append(i < left ? row[i] : padding).append(i < left ? padding : row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text.append(line).append("\n");
  }
  return text;
}

std::string number(double value) { return std::isnan(value) ? "-" : fmt::format("{:.6g}", value); }

std::string status_text(const shm::Snapshot& snapshot) {
  std::string text = fmt::format("instance {}", snapshot.instance);
  if (snapshot.ring_present) {
    text += fmt::format(": ring {}, {} blocks of {} bytes, {:.1f} % full, epoch {}", snapshot.state, snapshot.blocks, snapshot.block_bytes,
                        snapshot.fill * 100, snapshot.epoch);
  } else {
    text += ": no ring";
  }
  text += snapshot.board_present ? "\n\n" : "; no board\n\n";
  text += table({{"process", "state", "pid", "since", "last sign", "generation", "last reload"},
                 process_row("producer", snapshot.producer),
                 process_row("aggregator", snapshot.aggregator)},
                7);
  text += gates(snapshot);
  Rows realtime{{"process", "thread", "asked", "granted"}};
  add_realtime(realtime, "producer", snapshot.producer);
  add_realtime(realtime, "aggregator", snapshot.aggregator);
  if (realtime.size() > 1) text += "\n" + table(realtime, 4);
  const std::string more = refusals(snapshot);
  return more.empty() ? text : text + "\n" + more;
}

std::string streams_text(const shm::Snapshot& snapshot) {
  Rows streams{{"stream", "declared Hz", "seen Hz", "windows", "missing", "age"}};
  Rows channels{{"stream", "channel", "unit", "last", "mean", "min", "max", "rms", "nan"}};
  for (const shm::StreamView& view : snapshot.streams) {
    streams.push_back({view.stream, view.nominal_hz > 0 ? number(view.nominal_hz) : "-", number(view.rate_hz),
                       std::to_string(view.windows_closed), std::to_string(view.missing), view.ended ? "ended" : age(view.age_ms)});
    for (const shm::ChannelView& channel : view.channels) {
      channels.push_back({view.stream, channel.channel, channel.unit, number(channel.last), number(channel.mean), number(channel.min),
                          number(channel.max), number(channel.rms), std::to_string(channel.nan)});
    }
  }
  return table(streams, 1) + "\n" + table(channels, 3);
}

std::string alarms_text(const shm::Snapshot& snapshot) {
  if (snapshot.alarms.empty()) return "no alarms are configured\n";
  std::vector<const shm::AlarmView*> sorted;
  for (const shm::AlarmView& alarm : snapshot.alarms) sorted.push_back(&alarm);
  // The address keeps the order of the rest: what std::stable_sort of libstdc++ 12 calls is deprecated, and clang says so.
  std::ranges::sort(sorted, {}, [](const auto* alarm) { return std::pair(alarm->level == 0, alarm); });
  Rows rows{{"stream", "channel", "alarm", "state", "since", "about", ""}};
  for (const shm::AlarmView* alarm : sorted) {
    std::string mark = alarm->level != 0 && alarm->acknowledged ? "acknowledged" : "";
    if (alarm->shelved_until_ns != 0) mark = "shelved until " + moment(alarm->shelved_until_ns);
    rows.push_back({alarm->stream, alarm->channel.empty() ? "-" : alarm->channel, alarm->alarm, alarm->state,
                    alarm->since_ns != 0 ? moment(alarm->since_ns) : "-", shm::reason_of(*alarm), mark});
  }
  return table(rows, 7);
}

bool closes(const shm::Ledger& ledger) {
  return !ledger.streams.empty() &&
         std::all_of(ledger.streams.begin(), ledger.streams.end(), [](const shm::Account& account) { return account.unexplained == 0; });
}

std::string ledger_text(const shm::Snapshot& snapshot) {
  Rows rows{{"stream", "acquired", "committed", "aggregated", "overrun", "pending", "full", "pool", "source", "paused", "crash",
             "in flight", "unexplained"}};
  std::string unexplained;
  for (const shm::Account& a : snapshot.ledger.streams) {
    std::vector<std::string> row{a.stream};
    for (const std::uint64_t n : {a.acquired, a.committed, a.aggregated, a.overrun, a.overrun_pending, a.dropped.full, a.dropped.pool,
                                  a.dropped.source, a.dropped.paused, a.dropped.crash, a.in_flight}) {
      row.push_back(std::to_string(n));
    }
    row.push_back(std::to_string(a.unexplained));
    rows.push_back(std::move(row));
    if (a.unexplained != 0) unexplained += fmt::format("{}{} of {}", unexplained.empty() ? "" : ", ", a.unexplained, a.stream);
  }
  if (snapshot.ledger.streams.empty()) return "no stream has an account yet\n";
  std::string closing = unexplained.empty() ? "the ledger closes" : "unexplained: " + unexplained;
  if (!snapshot.ledger.settled) closing = "not settled: objects changed while they were read, or could not be read; ask again";
  return table(rows, 1) + closing + "\n";
}

}  // namespace chappe::control

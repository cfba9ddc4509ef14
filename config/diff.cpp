#include "config/config.hpp"

namespace chappe::config {
namespace {

using Refused = std::vector<std::string>;

constexpr const char* kRing = "the ring is laid out for it; restart the producer";
constexpr const char* kObjects = "the objects in shared memory carry it; restart the three processes";
constexpr const char* kThreads = "the threads run already; restart the processes";

void refuse(Refused& out, bool differs, const std::string& key, const std::string& why) {
  if (differs) out.push_back(key + ": " + why);
}

/// Tables by name, whose names do not change.
template <class Table>
void compare_tables(const std::map<std::string, Table>& now, const std::map<std::string, Table>& next, const std::string& path,
                    const std::string& why, Refused& out) {
  for (const auto& [name, table] : now) {
    const auto other = next.find(name);
    refuse(out, other == next.end() || table != other->second, path + "." + name, why);
  }
}

void compare_channels(const Stream& now, const Stream& next, const std::string& path, Refused& out) {
  if (now.channels.size() != next.channels.size()) return refuse(out, true, path + ".channels", kRing);
  for (std::size_t i = 0; i < now.channels.size(); ++i) {
    const std::string here = path + ".channels[" + std::to_string(i) + "]";
    refuse(out, now.channels[i].name != next.channels[i].name, here + ".name", kRing);
    refuse(out, now.channels[i].unit != next.channels[i].unit, here + ".unit", kRing);
  }
}

void compare_streams(const Stream& now, const Stream& next, const std::string& path, Refused& out) {
  if (now.name != next.name) return refuse(out, true, path + ".name", kRing);
  if (now.source != next.source) return refuse(out, true, path + ".source", kRing);
  refuse(out, now.type != next.type, path + ".type", kRing);
  compare_channels(now, next, path, out);
  refuse(out, now.seed != next.seed, path + ".seed", "the simulation has begun with it; restart the producer");
  if (now.source == SourceKind::simulator) return;
  refuse(out, now.rate_hz != next.rate_hz, path + ".rate", "the source keeps the rate it was opened with; restart the producer");
  refuse(out, now.replay != next.replay, path + ".file and what belongs to it", "the recording is open; restart the producer");
}

}  // namespace

Refused refused_live(const Config& now, const Config& next) {
  Refused out;
  refuse(out, now.instance != next.instance, "instance.name", kObjects);
  refuse(out, now.permissions.readers != next.permissions.readers, "permissions.readers", kObjects);
  refuse(out, now.permissions.consumers != next.permissions.consumers, "permissions.consumers", kObjects);
  refuse(out, now.permissions.operators != next.permissions.operators, "permissions.operators", kObjects);
  refuse(out, now.ring.blocks != next.ring.blocks, "ring.blocks", kRing);
  refuse(out, now.ring.block_bytes != next.ring.block_bytes, "ring.block_bytes", kRing);
  refuse(out, now.ring.max_delay_ns != next.ring.max_delay_ns, "ring.max_delay",
         "the sources' pools are sized by it; restart the producer");
  refuse(out, now.on_full != next.on_full, "producer.on_full", kRing);
  refuse(out, now.window_log != next.window_log, "window_log.path", "the log is open; restart the aggregator");
  refuse(out, now.window_log_all != next.window_log_all, "window_log.columns", "the log is open; restart the aggregator");
  compare_tables(now.metrics, next.metrics, "metrics", "the endpoint is open; restart the process", out);
  refuse(out, now.realtime.lock_memory != next.realtime.lock_memory, "realtime.lock_memory", kThreads);
  compare_tables(now.realtime.threads, next.realtime.threads, "realtime", kThreads, out);
  if (now.streams.size() != next.streams.size()) {
    refuse(out, true, "stream", kRing);
    return out;
  }
  for (std::size_t i = 0; i < now.streams.size(); ++i) {
    compare_streams(now.streams[i], next.streams[i], "stream[" + std::to_string(i) + "]", out);
  }
  return out;
}

}  // namespace chappe::config

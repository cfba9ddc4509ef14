#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <set>

#include "config/checker.hpp"
#include "config/names.hpp"
#include "rt/instance.hpp"
#include "rt/log.hpp"

namespace chappe::config {
namespace {

constexpr std::size_t kGroupBytes = 32;

bool is_group(const std::string& text) {
  return text.size() <= kGroupBytes && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("_.-$").find(c) != std::string_view::npos;
         });
}

void check_instance(Checker& check, const Config& config) {
  check.expect(rt::is_instance_name(config.instance), "instance.name", quoted_short(config.instance) + ": " + rt::kInstanceRule);
  const Permissions& p = config.permissions;
  for (const auto& [key, group] :
       {std::pair{"readers", &p.readers}, std::pair{"consumers", &p.consumers}, std::pair{"operators", &p.operators}}) {
    check.expect(is_group(*group), std::string("permissions.") + key,
                 quoted_short(*group) + ": expected a group's name or number, or nothing for the process's own");
  }
}

/// Evicted is who stands; a producer that waits would overwrite the very blocks that it waits for.
void check_stall_timeout(Checker& check, const Config& config) {
  const std::int64_t timeout = config.ring.stall_timeout_ns;
  const std::string key = "ring.stall_timeout";
  if (timeout == 0) return;
  check.expect(timeout >= 100'000'000 && timeout <= 3'600'000'000'000, key,
               duration_text(timeout) + ": expected 100ms to 3600s, or \"0s\" for never");
  check.expect(config.on_full != OnFull::wait, key,
               duration_text(timeout) +
                   ": contradicts [producer] on_full = \"wait\": who waits for the aggregator loses nothing, and an "
                   "eviction overwrites what it has not read; leave out one of the two");
}

void check_ring(Checker& check, const Ring& ring) {
  const bool blocks_good = ring.blocks == kAutomatic || (std::has_single_bit(ring.blocks) && ring.blocks >= 8 && ring.blocks <= 65536);
  std::string near;
  if (ring.blocks <= 65536) near = "; nearest: " + std::to_string(std::max<std::uint64_t>(8, std::bit_ceil(ring.blocks)));
  check.expect(blocks_good, "ring.blocks", std::to_string(ring.blocks) + ": expected \"auto\", or a power of two from 8 to 65536" + near);
  constexpr std::uint64_t kMostBytes = 1 << 24;
  const bool bytes_good =
      ring.block_bytes == kAutomatic || (ring.block_bytes >= kPage && ring.block_bytes % kPage == 0 && ring.block_bytes <= kMostBytes);
  check.expect(bytes_good, "ring.block_bytes",
               std::to_string(ring.block_bytes) + ": expected \"auto\", or a multiple of 4096 from 4096 to 16777216");
  check.duration_within("ring.max_delay", ring.max_delay_ns, 100'000, 10'000'000'000);
}

bool is_loopback(const std::string& address) { return address == "localhost" || address.starts_with("127."); }

void check_metrics(Checker& check, const Config& config) {
  std::vector<std::pair<in_addr_t, int>> taken;
  for (const auto& [process, endpoint] : config.metrics) {
    const std::string path = "metrics." + process;
    in_addr address{};
    const bool good = endpoint.address == "localhost" || ::inet_pton(AF_INET, endpoint.address.c_str(), &address) == 1;
    check.expect(good, path + ".address",
                 quoted_short(endpoint.address) + ": expected an IPv4 address such as \"127.0.0.1\", or \"localhost\"");
    check.within(path + ".port", endpoint.port, 0, 65535, ", 0 for no endpoint");
    if (endpoint.port == 0 || !good) continue;
    if (!is_loopback(endpoint.address)) {
      check.warning(path + ".address", endpoint.address + ": the metrics are plain HTTP without a password, and this is not loopback");
    }
    const in_addr_t mine = endpoint.address == "localhost" ? htonl(INADDR_LOOPBACK) : address.s_addr;
    const bool is_taken = std::any_of(taken.begin(), taken.end(), [&](const auto& other) {
      const bool meets = other.first == mine || other.first == INADDR_ANY || mine == INADDR_ANY;
      return meets && other.second == endpoint.port;
    });
    check.expect(!is_taken, path + ".port", std::to_string(endpoint.port) + ": another process has the same address and port");
    taken.emplace_back(mine, endpoint.port);
  }
}

void check_thread(Checker& check, const rt::ThreadPlan& plan, const std::string& path) {
  constexpr int kMostCpus = 1024;  // what cpu_set_t holds
  if (plan.policy == rt::Policy::fifo)
    check.within(path + ".priority", plan.priority, 1, 99, " with policy = \"fifo\"");
  else
    check.expect(plan.priority == 0, path + ".priority", std::to_string(plan.priority) + ": stands only with policy = \"fifo\"");
  std::set<int> seen;
  for (const int cpu : plan.cpus) {
    const bool good = cpu >= 0 && cpu < kMostCpus;
    check.expect(good, path + ".cpus",
                 (good || cpu >= kMostCpus ? std::to_string(cpu) : "out of range") + ": expected numbers of processors from 0 to 1023");
    check.expect(!good || seen.insert(cpu).second, path + ".cpus", std::to_string(cpu) + ": named twice");
  }
  constexpr std::size_t kLeast = 64 << 10, kMost = 64 << 20;
  const bool stack_good = plan.stack_bytes >= kLeast && plan.stack_bytes <= kMost && plan.stack_bytes % kPage == 0;
  check.expect(stack_good, path + ".stack",
               std::to_string(plan.stack_bytes) + ": expected bytes, a multiple of 4096 from 65536 to 67108864");
}

void check_words(Checker& check, const Config& config) {
  const std::vector<std::string> levels = log_levels();
  if (!rt::log_level_named(config.log_level)) {
    const auto near = nearest(config.log_level, levels);
    check.fault("log.level", quoted_short(config.log_level) + ": expected " + listed(levels) + (near ? "; nearest: " + *near : ""));
  }
  check.number_within("display.refresh", config.refresh_hz, 0.1, 50, " Hz");
  const bool printable =
      std::none_of(config.window_log.begin(), config.window_log.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  check.expect(printable && config.window_log.size() < 4096, "window_log.path",
               quoted_short(config.window_log) + ": expected a path, or nothing for no log");
}

}  // namespace

void validate(const Config& config, const std::string& file, std::vector<Fault>& faults, std::vector<std::string>& warnings) {
  Checker check(file, faults, warnings);
  check_instance(check, config);
  check_ring(check, config.ring);
  check_stall_timeout(check, config);
  check_words(check, config);
  check_metrics(check, config);
  for (const auto& [name, plan] : config.realtime.threads) check_thread(check, plan, "realtime." + name);
  check_windows(check, config.default_windows, "window");
  check_analysis(check, config.default_analysis, "analysis");
  check_streams(check, config);
  check_alarm_count(check, config);
  check_channel_metrics(check, config);
  check_ring_depth(check, config);
}

}  // namespace chappe::config

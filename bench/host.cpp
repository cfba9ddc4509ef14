#include "bench/host.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <new>

#include "bench/placement.hpp"
#include "rt/clock.hpp"

namespace chappe::bench {
namespace {

constexpr std::int64_t kGap = 5'000, kLookFor = 300 * rt::kMillisecond;

struct Gaps {
  std::int64_t lost_ns = 0, longest_ns = 0, whole_ns = 0;
};

bool look_for_gaps(Gaps& gaps) noexcept {
  const std::int64_t begin = rt::monotonic_ns();
  std::int64_t last = begin;
  while (last - begin < kLookFor) {
    const std::int64_t now = rt::monotonic_ns(), gap = now - last;
    if (gap > kGap) gaps.lost_ns += gap;
    gaps.longest_ns = std::max(gaps.longest_ns, gap);
    last = now;
  }
  gaps.whole_ns = last - begin;
  return true;
}

void add(std::vector<HostReading>& to, const std::string& where, const Gaps& gaps) {
  if (gaps.whole_ns == 0) return;
  to.push_back({where,
                {{"lost_share", static_cast<double>(gaps.lost_ns) / static_cast<double>(gaps.whole_ns)},
                 {"longest_gap_ns", static_cast<double>(gaps.longest_ns)}}});
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

}  // namespace

std::vector<HostReading> host_gaps() {
  const SharedMemory memory(4096);
  auto* gaps = new (memory.data()) Gaps[4];
  std::vector<HostReading> readings;
  for (const int cpu : {0, 1}) {
    Neighbour alone(cpu, [&] { return look_for_gaps(gaps[cpu]); });
    alone.ended_well();
    add(readings, "cpu" + std::to_string(cpu), gaps[cpu]);
  }
  {
    Neighbour one(0, [&] { return look_for_gaps(gaps[2]); }), other(1, [&] { return look_for_gaps(gaps[3]); });
    one.ended_well();
    other.ended_well();
  }
  add(readings, "both_cpu0", gaps[2]);
  add(readings, "both_cpu1", gaps[3]);
  return readings;
}

double clock_read_ns() {
  constexpr int kReadings = 200'000;
  const std::int64_t begin = rt::monotonic_ns();
  std::int64_t last = begin;
  for (int i = 0; i < kReadings; ++i) last = rt::monotonic_ns();
  return static_cast<double>(last - begin) / kReadings;
}

Machine machine() {
  Machine m;
  utsname name{};
  uname(&name);
  m.cpu = cpu_model();
  m.kernel = std::string(name.sysname) + " " + name.release + " " + name.machine;
  m.host = name.nodename;
  getloadavg(&m.load, 1);
  m.processors = sysconf(_SC_NPROCESSORS_ONLN);
  return m;
}

}  // namespace chappe::bench

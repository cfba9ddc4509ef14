// What the machine itself does, without any transport: the floor under every figure.
#pragma once
#include <string>
#include <vector>

#include "bench/measure.hpp"

namespace chappe::bench {

struct HostReading {
  std::string where;
  std::vector<Value> values;
};

/// Of a loop that only reads the clock, on each processor alone and on both together (cpu0, cpu1, both_cpu0, both_cpu1): lost_share, the
/// time in gaps of more than 5 us, and longest_gap_ns.
std::vector<HostReading> host_gaps();
/// ns that one reading of CLOCK_MONOTONIC takes.
double clock_read_ns();
/// {"cpu": model, "processors": n, "kernel": release, "load": at the start} of this machine, for the report.
struct Machine {
  std::string cpu, kernel, host;
  double load = 0;
  long processors = 0;
};
Machine machine();

}  // namespace chappe::bench

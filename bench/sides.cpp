#include "bench/sides.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>

#include "bench/placement.hpp"
#include "bench/words.hpp"
#include "rt/clock.hpp"

namespace chappe::bench {
namespace {

constexpr std::int64_t kMeetWithin = 30 * rt::kSecond;
constexpr int kProducerPriority = 80, kConsumerPriority = 81;

double cpu_s() noexcept {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// This process's share of the memory it maps.
std::int64_t share_bytes() {
  std::ifstream file("/proc/self/smaps_rollup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Pss:")) return std::stoll(line.substr(4)) * 1024;
  }
  return 0;
}

bool wait_for(const std::atomic<std::uint32_t>& word, std::uint32_t value) {
  return rt::wait_until(rt::monotonic_ns() + kMeetWithin, [&] { return word.load(std::memory_order_acquire) >= value; });
}

bool tell(SideSheet& side, const std::string& trouble) noexcept {
  std::snprintf(side.trouble.data(), side.trouble.size(), "%s", trouble.c_str());
  return false;
}

/// Threads that the transport has started stay as they are: they run where they like, and in the ordinary policy.
void take_place(int cpu, rt::Policy policy, int priority, SideSheet& side) noexcept {
  if (!pin(cpu)) tell(side, "not pinned to processor " + std::to_string(cpu));
  const sched_param parameters{.sched_priority = priority};
  if (policy == rt::Policy::fifo && sched_setscheduler(0, SCHED_FIFO, &parameters) != 0) side.fifo_refused = 1;
}
void leave_place() noexcept {
  const sched_param ordinary{.sched_priority = 0};
  sched_setscheduler(0, SCHED_OTHER, &ordinary);
}

bool produce(const Sides& s) {
  SideSheet& own = s.sheet.producer;
  s.transport.settle(Role::producer);
  const std::int64_t before_bytes = s.weighs ? share_bytes() : 0;
  if (auto connected = s.transport.connect(); !connected) return tell(own, connected.error().text);
  s.sheet.connected.store(1, std::memory_order_release);
  if (!wait_for(s.sheet.attached, 1)) return tell(own, "the consumer does not attach");
  if (auto begun = s.transport.begin(); !begun) return tell(own, begun.error().text);
  take_place(0, s.policy, kProducerPriority, own);
  const double before_s = cpu_s();
  if (!s.transport.fill(s.work, s.sheet)) return tell(own, "the way broke");
  own.cpu_s = cpu_s() - before_s;
  leave_place();
  while (!wait_for(s.sheet.drained, 1)) {
  }
  if (s.weighs) own.memory_bytes = share_bytes() - before_bytes;
  s.sheet.connected.store(2, std::memory_order_release);
  wait_for(s.sheet.drained, 2);
  s.transport.close(Role::producer);
  return true;
}

bool consume(const Sides& s) {
  SideSheet& own = s.sheet.consumer;
  s.transport.settle(Role::consumer);
  if (!wait_for(s.sheet.connected, 1)) return tell(own, "the producer does not connect");
  const std::int64_t before_bytes = s.weighs ? share_bytes() : 0;
  if (auto attached = s.transport.attach(); !attached) return tell(own, attached.error().text);
  take_place(1, s.policy, kConsumerPriority, own);
  const double before_s = cpu_s();
  s.sheet.attached.store(1, std::memory_order_release);
  if (!s.transport.drain(s.work, s.sheet, s.latencies_ns)) return tell(own, "the way broke");
  own.cpu_s = cpu_s() - before_s;
  leave_place();
  if (s.weighs) own.memory_bytes = share_bytes() - before_bytes;
  s.sheet.drained.store(1, std::memory_order_release);
  wait_for(s.sheet.connected, 2);
  s.transport.close(Role::consumer);
  s.sheet.drained.store(2, std::memory_order_release);
  return true;
}

}  // namespace

std::string run(const Sides& sides, std::int64_t seconds) {
  std::string what =
      run_pair([&] { return produce(sides); }, [&] { return consume(sides); }, [&] { sides.transport.settle(Role::parent); }, seconds);
  sides.transport.clean();
  if (!what.empty()) {
    for (const SideSheet* side : {&sides.sheet.producer, &sides.sheet.consumer}) {
      if (side->trouble[0] != 0) what += std::string(": ") + side->trouble.data();
    }
    return what;
  }
  const bool right = sides.sheet.sum == right_sum(sides.work.bytes, sides.work.messages, sides.work.stamped ? 1 : 0);
  return right ? "" : "the sum of what arrived is wrong";
}

}  // namespace chappe::bench

#include "bench/measure.hpp"

#include <algorithm>
#include <new>
#include <optional>

#include "bench/placement.hpp"
#include "bench/sides.hpp"
#include "rt/clock.hpp"

namespace chappe::bench {
namespace {

constexpr std::uint64_t kFrameBytes = 32, kFramesPerTick = 100;
constexpr std::int64_t kFramePeriod = 10'000;  // ns: 100,000/s
constexpr std::int64_t kWatchdogSeconds = 60;  // beside other work 2 GiB have taken 14 s

struct Run {
  explicit Run(const Work& asked) : work(asked), page(sizeof(Sheet)), sheet(*new (page.data()) Sheet) {
    if (work.stamped) latencies.emplace(work.messages * sizeof(std::int64_t));
  }
  Work work;
  SharedMemory page;
  Sheet& sheet;
  std::optional<SharedMemory> latencies;
  std::uint64_t kernel_bytes = 0;

  [[nodiscard]] std::int64_t* latencies_ns() const { return latencies ? reinterpret_cast<std::int64_t*>(latencies->data()) : nullptr; }
};

Measurement carry(const Kind& kind, Run& run, rt::Policy policy = rt::Policy::other, bool weighs = false) {
  using End = Measurement::End;
  if (!kind.is_there()) return {.end = End::skipped, .trouble = std::string(kind.why_not)};
  auto made = kind.make(run.work);
  if (!made) return {.end = made.error().exit_code == EX_UNAVAILABLE ? End::skipped : End::failed, .trouble = made.error().text};
  run.kernel_bytes = (*made)->kernel_bytes();
  const std::int64_t paced_s = run.work.pace.period_ns * static_cast<std::int64_t>(run.work.messages / run.work.pace.burst) / rt::kSecond;
  std::string what = bench::run(
      {.transport = **made, .work = run.work, .policy = policy, .weighs = weighs, .sheet = run.sheet, .latencies_ns = run.latencies_ns()},
      kWatchdogSeconds + 3 * paced_s);
  if (!what.empty()) return {.end = End::failed, .trouble = std::string(kind.name) + ": " + what};
  if (run.sheet.producer.fifo_refused + run.sheet.consumer.fifo_refused != 0) return {.trouble = "the kernel refused SCHED_FIFO"};
  for (const SideSheet* side : {&run.sheet.producer, &run.sheet.consumer}) {
    if (side->trouble[0] != 0) return {.trouble = side->trouble.data()};
  }
  return {};
}

void add_percentiles(Measurement& to, const Run& run) {
  const std::int64_t* all = run.latencies_ns();
  std::vector<std::int64_t> kept(all + run.work.messages / 10, all + run.work.messages);
  std::ranges::sort(kept);
  const auto at = [&](double share) {
    return static_cast<double>(kept[static_cast<std::size_t>(share * static_cast<double>(kept.size() - 1))]);
  };
  to.values = {{"p50_ns", at(0.5)},     {"p90_ns", at(0.9)}, {"p99_ns", at(0.99)},
               {"p99_9_ns", at(0.999)}, {"max_ns", at(1)},   {"messages", static_cast<double>(kept.size())}};
  if (!run.work.pace.sleeps)
    to.values.push_back({"late_share", static_cast<double>(run.sheet.late) / static_cast<double>(run.work.messages)});
}

Measurement delays(const Kind& kind, const Work& work, rt::Policy policy) {
  Run run(work);
  Measurement result = carry(kind, run, policy);
  if (result.end == Measurement::End::good) add_percentiles(result, run);
  return result;
}

}  // namespace

Measurement throughput(const Kind& kind, std::uint64_t bytes, std::uint64_t messages) {
  const bool is_ring = kind.group == "limit" || kind.group == "ours";
  const std::uint64_t untimed = is_ring ? kRingBytes / bytes : messages / 10;
  Run run({.bytes = bytes, .messages = messages + untimed, .untimed = untimed, .ring_bytes = kRingBytes, .wait = kind.when_full_speed});
  Measurement result = carry(kind, run);
  if (result.end != Measurement::End::good) return result;
  const double seconds = static_cast<double>(run.sheet.end_ns - run.sheet.begin_ns) / 1e9;
  const double timed = static_cast<double>(run.sheet.timed);
  result.values = {{"bytes_per_s", timed * static_cast<double>(bytes) / seconds}, {"messages_per_s", timed / seconds}, {"messages", timed}};
  return result;
}

Measurement latency(const Kind& kind, Wait wait, rt::Policy policy, std::uint64_t messages) {
  return delays(kind, {.bytes = kFrameBytes, .messages = messages, .wait = wait, .pace = {.period_ns = kFramePeriod}, .stamped = true},
                policy);
}

Measurement wake(const Kind& kind, std::uint64_t messages) {
  return delays(kind,
                {.bytes = kFrameBytes,
                 .messages = messages,
                 .wait = Wait::sleep,
                 .pace = {.period_ns = rt::kMillisecond, .sleeps = true},
                 .stamped = true},
                rt::Policy::other);
}

Measurement cost(const Kind& kind, std::uint64_t milliseconds) {
  Run run({.bytes = kFrameBytes,
           .messages = milliseconds * kFramesPerTick,
           .wait = Wait::sleep,
           .pace = {.period_ns = rt::kMillisecond, .burst = kFramesPerTick, .sleeps = true}});
  Measurement result = carry(kind, run, rt::Policy::other, true);
  if (result.end != Measurement::End::good) return result;
  const SideSheet &producer = run.sheet.producer, &consumer = run.sheet.consumer;
  const double millions = static_cast<double>(run.work.messages) / 1e6;
  const std::int64_t mapped = std::max<std::int64_t>(producer.memory_bytes + consumer.memory_bytes, 0);
  result.values = {{"cpu_s_per_million", (producer.cpu_s + consumer.cpu_s) / millions},
                   {"producer_cpu_s_per_million", producer.cpu_s / millions},
                   {"consumer_cpu_s_per_million", consumer.cpu_s / millions},
                   {"memory_bytes", static_cast<double>(mapped) + static_cast<double>(run.kernel_bytes)},
                   {"messages", static_cast<double>(run.work.messages)}};
  return result;
}

}  // namespace chappe::bench

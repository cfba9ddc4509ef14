#include "metrics/collect.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <utility>

#include "rt/histogram.hpp"
#include "shm/process_page.hpp"

namespace chappe::metrics {
namespace {

using shm::Account;
using shm::Snapshot;

constexpr double kNanoseconds = 1e-9;  // of a second

double as_double(std::uint64_t n) { return static_cast<double>(n); }
double as_double(std::int64_t n) { return static_cast<double>(n); }

Sample sample(double value, std::vector<Label> labels = {}) { return {std::move(labels), value, {}}; }
Family gauge(const char* name, const char* help, double value) { return {name, help, Type::gauge, {sample(value)}}; }
Family counter(const char* name, const char* help, std::uint64_t value) { return {name, help, Type::counter, {sample(as_double(value))}}; }
Family histogram(const char* name, const char* help, const shm::LatencyView& view) {
  return {name, help, Type::histogram, {Sample{{}, 0, buckets_of(view)}}};
}

/// One sample per stream of the ledger.
template <class Value>
Family of_accounts(const Snapshot& snapshot, Type type, const char* name, const char* help, Value value) {
  Family family{name, help, type, {}};
  for (const Account& account : snapshot.ledger.streams)
    family.samples.push_back(sample(as_double(value(account)), {{"stream", account.stream}}));
  return family;
}

/// Frames times channels, for the streams whose channels are known.
template <class Frames>
Family of_samples(const Snapshot& snapshot, const char* name, const char* help, Frames frames) {
  Family family{name, help, Type::counter, {}};
  for (const Account& account : snapshot.ledger.streams) {
    const auto same_name = [&](const shm::StreamView& view) { return view.stream == account.stream; };
    const auto view = std::find_if(snapshot.streams.begin(), snapshot.streams.end(), same_name);
    if (view == snapshot.streams.end()) continue;
    family.samples.push_back(sample(as_double(frames(account)) * static_cast<double>(view->sampled()), {{"stream", account.stream}}));
  }
  return family;
}

Family drops(const Snapshot& snapshot) {
  static constexpr std::pair<const char*, std::uint64_t shm::Dropped::*> kCauses[] = {{"full", &shm::Dropped::full},
                                                                                      {"pool", &shm::Dropped::pool},
                                                                                      {"source", &shm::Dropped::source},
                                                                                      {"paused", &shm::Dropped::paused},
                                                                                      {"crash", &shm::Dropped::crash}};
  Family family{"chappe_dropped_frames_total", "Frames that were acquired and not committed, by cause.", Type::counter, {}};
  for (const Account& account : snapshot.ledger.streams) {
    for (const auto& [cause, member] : kCauses) {
      family.samples.push_back(sample(as_double(account.dropped.*member), {{"stream", account.stream}, {"cause", cause}}));
    }
  }
  return family;
}

/// One gauge per gate.
template <class Value>
Family of_gates(const Snapshot& snapshot, const char* name, const char* help, Value value) {
  Family family{name, help, Type::gauge, {}};
  for (const shm::GateView& gate : snapshot.gates) family.samples.push_back(sample(value(gate), {{"gate", std::to_string(gate.gate)}}));
  return family;
}

std::vector<Family> producer_families(const Snapshot& s) {
  return {
      of_accounts(s, Type::counter, "chappe_acquired_frames_total", "Frames read from the source.",
                  [](const Account& a) { return a.acquired; }),
      of_samples(s, "chappe_acquired_samples_total", "Values read from the source: frames times channels.",
                 [](const Account& a) { return a.acquired; }),
      of_accounts(s, Type::counter, "chappe_filled_frames_total", "Frames put into buffers of the pool.",
                  [](const Account& a) { return a.filled; }),
      of_accounts(s, Type::counter, "chappe_handed_frames_total", "Frames that reached the feed.",
                  [](const Account& a) { return a.handed; }),
      of_accounts(s, Type::counter, "chappe_committed_frames_total", "Frames committed to the ring.",
                  [](const Account& a) { return a.committed; }),
      drops(s),
      gauge("chappe_ring_fill_ratio", "Blocks committed and not yet released by the aggregator, of all blocks.", s.fill),
      gauge("chappe_ring_blocks", "Blocks of the ring.", as_double(s.blocks)),
      of_gates(s, "chappe_gate_lag_blocks", "Blocks from the gate's cursor to the newest.",
               [](const shm::GateView& gate) { return as_double(gate.lag); }),
      of_gates(s, "chappe_gate_stalled", "1 if the consumer lives and lets blocks wait: stalled, or evicted for it.",
               [](const shm::GateView& gate) { return gate.stands() ? 1.0 : 0.0; }),
      of_gates(s, "chappe_gate_standing_seconds", "Time since the gate's cursor moved although blocks wait; 0: it moves, or none wait.",
               [](const shm::GateView& gate) { return as_double(gate.standing_ms) * 1e-3; }),
      counter("chappe_gate_stalls_total", "Times a consumer was found stalled.", s.stalls),
      counter("chappe_gate_evictions_total", "Times a stalled consumer lost the full ring to the newest blocks (stall_timeout).",
              s.evictions),
      gauge("chappe_ring_epoch", "How often a new producer adopted the ring.", as_double(s.epoch)),
      histogram("chappe_feed_cycle_seconds", "Working time of one cycle of the feed that did something.", s.feed_cycle),
  };
}

Family windows_closed(const Snapshot& snapshot) {
  Family family{"chappe_windows_closed_total", "Windows closed.", Type::counter, {}};
  for (const shm::StreamView& view : snapshot.streams)
    family.samples.push_back(sample(as_double(view.windows_closed), {{"stream", view.stream}}));
  return family;
}

Family missing_frames(const Snapshot& snapshot) {
  Family family{"chappe_window_missing_frames", "Frames of the last window that never came.", Type::gauge, {}};
  for (const shm::StreamView& view : snapshot.streams) family.samples.push_back(sample(as_double(view.missing), {{"stream", view.stream}}));
  return family;
}

Family calibrations_refused(const Snapshot& snapshot) {
  Family family{"chappe_calibration_refused", "1 if the configured calibration names what the stream does not have.", Type::gauge, {}};
  for (const shm::StreamView& view : snapshot.streams)
    family.samples.push_back(sample(view.calibration_refused ? 1 : 0, {{"stream", view.stream}}));
  return family;
}

std::vector<Family> ledger_families(const Snapshot& s) {
  return {
      of_accounts(s, Type::counter, "chappe_aggregated_frames_total", "Frames merged into windows.",
                  [](const Account& a) { return a.aggregated; }),
      of_samples(s, "chappe_aggregated_samples_total", "Values merged into windows: frames times channels.",
                 [](const Account& a) { return a.aggregated; }),
      of_accounts(s, Type::counter, "chappe_overrun_frames_total", "Frames committed and overwritten before they were read.",
                  [](const Account& a) { return a.overrun; }),
      of_accounts(s, Type::gauge, "chappe_overrun_pending_frames", "Overwritten frames that are seen in the ring and not on the board yet.",
                  [](const Account& a) { return a.overrun_pending; }),
      of_accounts(s, Type::gauge, "chappe_in_flight_frames", "Frames between source and board.",
                  [](const Account& a) { return a.in_flight; }),
      of_accounts(s, Type::gauge, "chappe_ledger_unexplained_frames", "What the laws of the ledger leave over; 0 means that it closes.",
                  [](const Account& a) { return a.unexplained; }),
      gauge("chappe_ledger_settled", "1 if the ledger was read at one instant; else its gauges are approximate.", s.ledger.settled ? 1 : 0),
  };
}

/// One gauge or counter per alarm and channel.
template <class Value>
Family of_alarms(const Snapshot& snapshot, Type type, const char* name, const char* help, Value value) {
  Family family{name, help, type, {}};
  for (const shm::AlarmView& a : snapshot.alarms)
    family.samples.push_back(sample(value(a), {{"stream", a.stream}, {"channel", a.channel}, {"alarm", a.alarm}}));
  return family;
}

std::vector<Family> alarm_families(const Snapshot& s) {
  if (s.alarms.empty()) return {};
  return {
      of_alarms(s, Type::gauge, "chappe_alarm_state", "0 ok, 1 warning, 2 alarm, 3 stale.",
                [](const shm::AlarmView& a) { return static_cast<double>(a.level); }),
      of_alarms(s, Type::gauge, "chappe_alarm_acknowledged", "1 if an operator has seen the state.",
                [](const shm::AlarmView& a) { return a.acknowledged ? 1.0 : 0.0; }),
      of_alarms(s, Type::gauge, "chappe_alarm_shelved", "1 if an operator has shelved the alarm.",
                [](const shm::AlarmView& a) { return a.shelved_until_ns != 0 ? 1.0 : 0.0; }),
      of_alarms(s, Type::counter, "chappe_alarm_raised_total", "Times that the alarm left ok.",
                [](const shm::AlarmView& a) { return as_double(a.raised); }),
      of_alarms(s, Type::counter, "chappe_alarm_missed_windows_total", "Windows that were closed and never judged.",
                [](const shm::AlarmView& a) { return as_double(a.missed); }),
  };
}

std::vector<Family> aggregator_families(const Snapshot& s) {
  std::vector<Family> families = ledger_families(s);
  std::vector<Family> rest{
      windows_closed(s),
      missing_frames(s),
      calibrations_refused(s),
      histogram("chappe_frame_to_board_seconds", "From a frame's acquisition to the publication of the board that holds it.", s.latency),
      histogram("chappe_drain_cycle_seconds", "Working time of one cycle of the drain that did something.", s.drain_cycle),
      counter("chappe_doorbell_timeouts_with_data_total", "Times the drain woke by time and found blocks.", s.doorbell_timeouts_with_data),
      counter("chappe_window_log_lost_rows_total", "Rows that are not in the window log.", s.log_rows_lost),
      counter("chappe_window_log_errors_total", "Failed writes of the window log; what a write left is tried again.", s.log_errors),
      counter("chappe_torn_blocks_total", "Blocks refused because they changed while they were read.", s.torn),
      counter("chappe_windows_analysed_total", "Windows whose quantiles, spectra and covariance were computed.", s.analysis.windows),
      counter("chappe_windows_skipped_total", "Windows not analysed, because the thread could not keep up.", s.analysis.windows_skipped),
      counter("chappe_reattachments_total", "Times the aggregator was thrown out of its gate and attached again.", s.resyncs),
      counter("chappe_board_publications_total", "Publications of the board.", s.publications),
  };
  std::move(rest.begin(), rest.end(), std::back_inserter(families));
  std::vector<Family> alarms = alarm_families(s);
  std::move(alarms.begin(), alarms.end(), std::back_inserter(families));
  return families;
}

std::vector<Family> liveness_families(const Snapshot& s) {
  Family up{"chappe_process_up", "1 if the kernel says that the process lives.", Type::gauge, {}};
  Family age{"chappe_process_age_seconds", "Time since the process's last sign of life.", Type::gauge, {}};
  const std::pair<const char*, const shm::ProcessReport*> processes[] = {{"producer", &s.producer}, {"aggregator", &s.aggregator}};
  for (const auto& [name, process] : processes) {
    up.samples.push_back(sample(process->alive ? 1 : 0, {{"process", name}}));
    if (process->known) age.samples.push_back(sample(as_double(process->age_ms) * 1e-3, {{"process", name}}));
  }
  return {std::move(up), std::move(age)};
}

Family build_family(const BuildInfo& build) {
  const std::vector<Label> labels{{"version", build.version}, {"commit", build.commit}, {"compiler", build.compiler}};
  return {"chappe_build_info", "Always 1; the labels say what was built.", Type::gauge, {sample(1, labels)}};
}

std::vector<Family> schedules(const shm::ProcessReport& process) {
  Family priorities{"chappe_thread_realtime_priority", "SCHED_FIFO priority, asked and granted; 0: ordinary.", Type::gauge, {}};
  Family processors{"chappe_thread_processors", "Processors that the thread may run on.", Type::gauge, {}};
  std::map<std::string, int> seen;  // threads of one name are numbered: a label set stands for one sample
  for (const shm::ThreadReport& thread : process.threads) {
    const std::string number = std::to_string(seen[thread.name]++);
    const auto priority = [&](const char* kind, bool fifo, int value) {
      priorities.samples.push_back(sample(fifo ? value : 0, {{"thread", thread.name}, {"number", number}, {"kind", kind}}));
    };
    priority("asked", thread.asked_fifo, thread.asked_priority);
    priority("granted", thread.granted_fifo, thread.granted_priority);
    processors.samples.push_back(
        sample(std::popcount(thread.granted_cpus),
               {{"thread", thread.name}, {"number", number}, {"processors", shm::processors_text(thread.granted_cpus)}}));
  }
  return {std::move(priorities), std::move(processors)};
}

}  // namespace

Buckets buckets_of(const shm::LatencyView& view) {
  Buckets buckets;
  for (int k = 0; k < rt::Histogram::kBuckets; ++k) {
    const auto index = static_cast<std::size_t>(k);
    if (index < view.counts.size()) buckets.count += view.counts[index];
    if (k == rt::Histogram::kBuckets - 1) break;  // it has no bound: everything beyond
    buckets.upper_bounds.push_back(as_double(rt::Histogram::upper_bound_ns(k)) * kNanoseconds);
    buckets.cumulative.push_back(buckets.count);
  }
  buckets.sum = as_double(view.sum_ns) * kNanoseconds;
  return buckets;
}

std::vector<Family> config_families(const shm::ProcessReport& process) {
  std::vector<Family> families{
      gauge("chappe_config_generation", "Number of the configuration in force.", process.config_generation),
      gauge("chappe_config_last_reload_successful", "1 unless the last reload was refused.", process.reload_ok ? 1 : 0),
      {"chappe_config_reloads_total",
       "Reloads asked for, by outcome.",
       Type::counter,
       {sample(as_double(process.reloads - process.reloads_failed), {{"outcome", "applied"}}),
        sample(as_double(process.reloads_failed), {{"outcome", "refused"}})}},
  };
  if (process.reload_ok && process.reload_ns != 0) {
    families.push_back(gauge("chappe_config_last_reload_success_timestamp_seconds", "When the last reload was applied.",
                             as_double(process.reload_ns) * kNanoseconds));
  }
  return families;
}

std::vector<Family> realtime_families(const shm::ProcessReport& process) {
  std::vector<Family> families = schedules(process);
  families.push_back(
      gauge("chappe_realtime_refused", "1 if the kernel refused a wish for real time.", process.realtime_refused.empty() ? 0 : 1));
  families.push_back(gauge("chappe_locked_memory_bytes", "Memory locked by mlockall.", as_double(process.locked_bytes)));
  return families;
}

std::vector<Family> display_families(const DisplayCounts& counts) {
  return {counter("chappe_display_looks_total", "Snapshots taken of the instance.", counts.looks),
          counter("chappe_display_troubled_looks_total", "Snapshots in which an object was refused.", counts.troubled)};
}

std::vector<Family> families_of(const Snapshot& snapshot, Role role, const BuildInfo& build) {
  std::vector<Family> families{build_family(build)};
  const auto append = [&](std::vector<Family> more) { std::move(more.begin(), more.end(), std::back_inserter(families)); };
  switch (role) {
    case Role::producer:
      append(producer_families(snapshot));
      append(config_families(snapshot.producer));
      append(realtime_families(snapshot.producer));
      break;
    case Role::aggregator:
      append(aggregator_families(snapshot));
      append(config_families(snapshot.aggregator));
      append(realtime_families(snapshot.aggregator));
      break;
    case Role::display:
      append(liveness_families(snapshot));
      break;
  }
  return families;
}

}  // namespace chappe::metrics

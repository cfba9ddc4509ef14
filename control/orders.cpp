#include "control/orders.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "control/mailbox.hpp"
#include "rt/clock.hpp"
#include "rt/descriptor.hpp"
#include "shm/viewer.hpp"

namespace chappe::control {
namespace {

struct Process {
  const char* name;
  const char* queue;
  const shm::ProcessReport shm::Snapshot::*report;
};
constexpr Process kProducer{"producer", "producer", &shm::Snapshot::producer};
constexpr Process kAggregator{"aggregator", "control", &shm::Snapshot::aggregator};

bool is_meant(const Orders& orders, const Process& process) { return orders.only.empty() || orders.only == process.name; }

/// A process that lives, with a handle that holds for it even if its pid is reused.
struct Living {
  std::int32_t pid = 0;
  rt::Descriptor handle;  ///< empty: it is dead, or its pid cannot be read
};

Living living(const Orders& orders, const Process& process) {
  const shm::Snapshot snapshot = shm::Viewer(orders.instance).look();
  const shm::ProcessReport& report = snapshot.*process.report;
  if (!report.known || !report.alive) return {};
  return {report.pid, rt::Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, report.pid, 0)))};
}

/// A handle becomes readable when its process ends.
bool ended(const rt::Descriptor& handle, int timeout_ms) {
  const std::int64_t deadline_ns = rt::monotonic_ns() + timeout_ms * rt::kMillisecond;
  pollfd wanted{handle.get(), POLLIN, 0};
  for (;;) {
    const std::int64_t left_ms = std::max<std::int64_t>(0, (deadline_ns - rt::monotonic_ns()) / rt::kMillisecond);
    const int ready = ::poll(&wanted, 1, static_cast<int>(left_ms));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

/// Nobody serves the queue. One that lives on all the same could not make its queue, or lost it; one that is about to end gets a moment.
Obeyed unserved(const Orders& orders, const Process& process, const Living& one, std::string_view what, const std::string& why) {
  constexpr int kMoment = 1000;
  if (!one.handle || ended(one.handle, std::min(orders.timeout_ms, kMoment))) return {process.name, EX_UNAVAILABLE, why};
  const std::string pid = std::to_string(one.pid);
  const std::string fault = "runs as pid " + pid + " but serves no queue";
  if (what != verb::kReload && what != verb::kStop) return {process.name, EX_TEMPFAIL, fault};
  return {process.name, EX_TEMPFAIL, fault + "; use kill " + (what == verb::kReload ? "-USR1 " : "-TERM ") + pid};
}

Obeyed give(const Orders& orders, const Process& process, const Living& one, std::string_view what, int refusal) {
  const auto reply = ask(orders.instance, process.queue, what, orders.argument, orders.timeout_ms);
  if (!reply && reply.error().exit_code == EX_UNAVAILABLE) return unserved(orders, process, one, what, reply.error().text);
  if (!reply) return {process.name, reply.error().exit_code, reply.error().text};
  if (!reply->ok) return {process.name, refusal, "refused: " + reply->text};
  return {process.name, EX_OK, reply->text};
}

Obeyed stop_one(const Orders& orders, const Process& process) {
  const Living one = living(orders, process);
  Obeyed obeyed = give(orders, process, one, verb::kStop, EX_TEMPFAIL);
  if (obeyed.exit_code != EX_OK) return obeyed;
  if (!one.handle) {
    obeyed.text += " (its end was not awaited: its pid cannot be read)";
  } else if (!ended(one.handle, orders.timeout_ms)) {
    obeyed = {process.name, EX_TEMPFAIL, "did not end within " + std::to_string(orders.timeout_ms) + " ms; wait longer with --timeout"};
  }
  return obeyed;
}

}  // namespace

std::vector<Obeyed> reload(const Orders& orders) {
  std::vector<Obeyed> all;
  for (const Process& process : {kProducer, kAggregator}) {
    if (is_meant(orders, process)) all.push_back(give(orders, process, living(orders, process), verb::kReload, EX_CONFIG));
  }
  return all;
}

std::vector<Obeyed> acknowledge(const Orders& orders) {
  return {give(orders, kAggregator, living(orders, kAggregator), verb::kAcknowledge, EX_USAGE)};
}

std::vector<Obeyed> shelve(const Orders& orders) {
  return {give(orders, kAggregator, living(orders, kAggregator), verb::kShelve, EX_USAGE)};
}

std::vector<Obeyed> stop(const Orders& orders) {
  std::vector<Obeyed> all;
  if (is_meant(orders, kProducer)) all.push_back(stop_one(orders, kProducer));
  if (!is_meant(orders, kAggregator)) return all;
  const bool producer_stays = !all.empty() && all[0].exit_code != EX_OK && all[0].exit_code != EX_UNAVAILABLE;
  if (producer_stays) {
    all.push_back({kAggregator.name, EX_TEMPFAIL, "not asked, because the producer still runs; --process aggregator stops it alone"});
  } else {
    all.push_back(stop_one(orders, kAggregator));
  }
  return all;
}

}  // namespace chappe::control

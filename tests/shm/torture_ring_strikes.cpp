// How a campaign treats its victims: orders, stops, orderly ends, kills.
#include <csignal>
#include <utility>

#include "torture_ring_campaign.hpp"

namespace chappe::shm::torture {
namespace {

constexpr std::int64_t kAtWork = rt::kSecond / 4;

}  // namespace

void Campaign::aim(Role& role) {
  if (role.plan.early_ns >= 0) role.due_ns = in(role.plan.early_ns);
  role.seat->order.store(role.plan.order);
}

/// Takes the order back. False: too late, it died by it.
bool Campaign::disarm(Role& role) {
  if (role.seat->order.exchange(0) != Seat::kFollows) return true;
  reap(role);
  return false;
}

void Campaign::stop_a_while(Role& role) {
  if (&role == &producer_) shared_.stopped.store(1, std::memory_order_seq_cst);
  if (!disarm(role)) return;
  kill(role.pid, SIGSTOP);
  ++role.tally->stops;
  rt::sleep_until(in(role.plan.stop_ns));
  if (role.plan.looks_while_stopped) looks_.look();
  if (role.plan.dies_stopped) {
    kill_it(role);
    return;
  }
  kill(role.pid, SIGCONT);
  rt::sleep_until(in(role.plan.go_on_ns));
  if (&role == &producer_) shared_.stopped.store(0, std::memory_order_seq_cst);
}

/// Told to end; half of the time killed on its way, by an order or at any time.
void Campaign::end_in_order(Role& role) {
  role.seat->order.store(role.plan.end_order);
  role.due_ns = in(role.plan.haste_ns >= 0 ? role.plan.haste_ns : kHang);
  role.seat->told.store(1);
}

void Campaign::strike(Role& role) {
  const bool told = role.seat->told.load() != 0;
  if (rt::monotonic_ns() - static_cast<std::int64_t>(role.seat->forked_ns.load()) > kHang && (told || role.seat->data_ns.load() == 0))
    fail(std::string("the ") + role.name + (told ? " was told to end and did not" : " came to no data") + ", and stands in " +
         kPhaseNames[role.seat->phase.load()]);
  if (told) {
    kill_it(role);
    return;
  }
  role.was_late = role.was_late || is_late(role);
  if (std::exchange(role.plan.stops, false))
    stop_a_while(role);
  else if (role.plan.ends)
    end_in_order(role);
  else
    kill_it(role);
}

/// Slow to its first data: struck where it is, but for the patient ones, whose time shows how slow it can be.
bool Campaign::is_late(const Role& role) {
  return !role.plan.is_patient && role.seat->told.load() == 0 && role.seat->data_ns.load() == 0 &&
         rt::monotonic_ns() > static_cast<std::int64_t>(role.seat->forked_ns.load()) + kAtWork;
}

bool Campaign::is_due(const Role& role) {
  const std::int64_t now = rt::monotonic_ns();
  const auto data = static_cast<std::int64_t>(role.seat->data_ns.load());
  return now > role.due_ns || (data != 0 && role.seat->told.load() == 0 && now > data + role.plan.after_data_ns) || is_late(role);
}

/// Sees who died at its instant, strikes who is due, starts who is gone.
void Campaign::event(Role& role) {
  if (role.pid != 0 && has_ended(role.pid))
    reap(role);
  else if (role.pid != 0 && is_due(role))
    strike(role);
  if (role.pid != 0 || failed()) return;
  if (role.tally->starts % 8 == 0) looks_.look();
  start(role);
  aim(role);
}

}  // namespace chappe::shm::torture

// What may befall the three processes. Each event ends with all of them at work again.
#include <csignal>

#include "campaign.hpp"
#include "rt/clock.hpp"

namespace chappe::whole {

const std::vector<Campaign::Kind>& Campaign::kinds() {
  static const std::vector<Kind> all = {
      {"kill one", 30, &Campaign::kill_one},
      {"kill both", 8, &Campaign::kill_both},
      {"kill in start", 12, &Campaign::kill_in_start},
      {"stop and continue", 8, &Campaign::stop_and_continue},
      {"kill while stopped", 6, &Campaign::kill_while_stopped},
      {"stand until evicted", 3, &Campaign::stand_until_evicted},
      {"end in order", 6, &Campaign::end_in_order},
      {"reload, good", 8, &Campaign::reload_good},
      {"reload, bad", 4, &Campaign::reload_bad},
      {"other geometry", 8, &Campaign::change_geometry},
      {"viewer", 10, &Campaign::viewer},
  };
  return all;
}

bool Campaign::strike_down(Role role) {
  if (aim_.kills_at_work(role, process_[role], random_)) return true;
  return kill_now(role);
}

/// Started, and killed at a step of the start, or at any time of it.
bool Campaign::kill_starting(Role role, std::int64_t most_ms) {
  const bool aimed = aim_.arm_start(role, random_);
  launch(role);
  const bool there = aimed && process_[role].wait_for(rt::kSecond / 10) == -SIGKILL;
  if (!aimed) pause(most_ms);
  aim_.disarm(role);
  return there || kill_now(role);
}

bool Campaign::kill_one() {
  const Role role = either();
  if (!strike_down(role)) return false;
  if (random_() % 3 == 0) {
    pause(100);
    if (!goes_on(other(role)) || !account_closes()) return false;
  }
  return recover({role});
}

bool Campaign::kill_both() {
  const Role first = either(), second = other(first);
  if (!strike_down(first) || !kill_now(second) || !account_closes()) return false;
  return random_() % 2 == 0 ? recover({first, second}) : recover({second, first});
}

/// Killed again and again before it has come up.
bool Campaign::kill_in_start() {
  const Role role = either();
  if (!kill_now(role)) return false;
  for (std::uint64_t n = 1 + random_() % 4; n > 0; --n) {
    if (!kill_starting(role, 25)) return false;
  }
  return recover({role});
}

bool Campaign::stop_and_continue() {
  const Role role = either();
  producer_struck_ = role == kProducer;
  process_[role].signal(SIGSTOP);
  pause(300);
  const bool holds = goes_on(other(role)) && account_closes();
  process_[role].signal(SIGCONT);
  if (!holds) return false;
  const std::uint64_t before = sum_of(look(), &shm::Account::aggregated);
  return until("no data after SIGCONT", [&](const shm::Snapshot& s) { return sum_of(s, &shm::Account::aggregated) > before; });
}

bool Campaign::kill_while_stopped() {
  const Role role = either();
  process_[role].signal(SIGSTOP);
  pause(100);
  return kill_now(role) && recover({role});
}

/// It lives, and holds the full ring: the feed runs free after `stall_timeout`, and it attaches anew when it wakes. Who still merges a
/// retired ring holds no gate, and nobody waits for it.
bool Campaign::stand_until_evicted() {
  const pid_t pid = process_[kAggregator].pid();
  if (!until("the aggregator takes no gate",
             [&](const shm::Snapshot& s) { return !s.gates.empty() && s.gates[0].pid == pid && s.gates[0].state == "live"; }))
    return false;
  const std::uint64_t resyncs = look().resyncs, evictions = evictions_;
  process_[kAggregator].signal(SIGSTOP);
  std::uint64_t head = 0;
  const bool held = until("who stands is not evicted",
                          [&](const shm::Snapshot& s) {
                            head = s.head + s.blocks / 4;
                            return evictions_ > evictions;
                          }) &&
                    until("the ring does not turn after an eviction", [&](const shm::Snapshot& s) { return s.head > head; }) &&
                    account_closes();
  process_[kAggregator].signal(SIGCONT);
  if (!held) return false;
  const std::uint64_t before = sum_of(look(), &shm::Account::aggregated);
  return until("who was evicted does not go on",
               [&](const shm::Snapshot& s) { return s.resyncs > resyncs && sum_of(s, &shm::Account::aggregated) > before; });
}

bool Campaign::end_in_order() {
  const Role role = either();
  return end(role) && recover({role});
}

/// Both are told, by signal or by command; each applies it exactly if it may.
bool Campaign::reload(bool good, bool by_command) {
  const shm::Snapshot before = look();
  const std::uint64_t counts[] = {before.producer.reloads, before.aggregator.reloads};
  const bool applies[] = {good && file_.same_geometry(in_force_[kProducer]), good && file_.same_geometry(in_force_[kAggregator])};
  if (by_command) {
    const Output said = run("chappectl", {"reload", "--instance", instance_.name()});
    if ((said.exit_code == 0) != (applies[0] && applies[1]))
      return fail("chappectl reload: exit " + std::to_string(said.exit_code) + said.err);
  } else {
    for (const Role role : {kProducer, kAggregator}) process_[role].signal(SIGUSR1);
  }
  const auto judged = [](const shm::ProcessReport& now, std::uint64_t then) { return now.reloads > then; };
  if (!until("a reload is not judged",
             [&](const shm::Snapshot& s) { return judged(s.producer, counts[0]) && judged(s.aggregator, counts[1]); }))
    return false;
  const shm::Snapshot after = look();
  if (after.producer.reload_ok != applies[0]) return fail("the producer's reload: " + after.producer.reload_error);
  if (after.aggregator.reload_ok != applies[1]) return fail("the aggregator's reload: " + after.aggregator.reload_error);
  return true;
}

/// The rows of a second window are known by their number, 0, and their frames, which the first window 0 does not have.
void Campaign::vary_windows() {
  file_.window = kLongestWindow - static_cast<int>(random_() % 5) * 1000;
  file_.second_window = random_() % 2 == 0 && sum_of(look(), &shm::Account::aggregated) > 20 * std::uint64_t{kLongestWindow};
}

bool Campaign::reload_good() {
  vary_windows();
  configure();
  return reload(true, random_() % 2 == 0);
}

bool Campaign::reload_bad() {
  configure("[unknown]\n");
  const bool refused = reload(false, random_() % 2 == 0);
  configure();
  return refused;
}

/// The ring is superseded, and windows change for an aggregator that starts anew; in one case of two its aggregator dies at the same time,
/// in one of two the new producer is killed in its start.
bool Campaign::change_geometry() {
  file_.blocks = 128 << random_() % 3;
  file_.block_bytes = 4096 << random_() % 3;
  vary_windows();
  configure();
  const bool aggregator_too = random_() % 2 == 0;
  if (aggregator_too && !kill_now(kAggregator)) return false;
  if (!kill_now(kProducer)) return false;
  if (random_() % 2 == 0 && !kill_starting(kProducer, 20)) return false;
  return aggregator_too ? recover({kProducer, kAggregator}) : recover({kProducer});
}

bool Campaign::viewer() {
  if (!kill_now(kDisplay) || !launch_display()) return false;
  const Json seen = instance_.display();
  if (!seen.is_object() || seen["instance"].get<std::string>() != instance_.name()) return fail("chappe-display --once: " + seen.dump());
  return true;
}

}  // namespace chappe::whole

#include "torture_ring_campaign.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <utility>

#include "rt/clock.hpp"

namespace chappe::shm::torture {

bool has_ended(pid_t pid) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

Campaign::Campaign(std::uint64_t kills, std::uint64_t seed, std::string instance, Shared& shared, Outcome& outcome)
    : kills_(kills),
      seed_(seed),
      instance_(std::move(instance)),
      shared_(shared),
      outcome_(outcome),
      producer_{"producer", Part::producer, &shared.producer, &outcome_.producer},
      consumer_{"consumer", Part::consumer, &shared.consumer, &outcome_.consumer},
      viewers_{Role{"viewer", Part::viewers, &shared.viewer[0], &outcome_.viewer},
               Role{"viewer", Part::viewers, &shared.viewer[1], &outcome_.viewer}},
      looks_(instance_, shared) {}

void Campaign::fail(const std::string& what) {
  if (!failed()) std::snprintf(outcome_.failure, sizeof outcome_.failure, "%s", what.c_str());
}

/// Its pid; 0: there is none, and the campaign has failed. Never below 0, which kill() takes for everybody.
pid_t Campaign::fork_into(Role& role, void (*body)(const Start&, Shared&), const Start& start) {
  role.seat->order.store(0);
  role.seat->begin(Phase::starting);
  role.seat->told.store(0);
  role.seat->data_ns.store(0);
  role.seat->owes_bell.store(0);
  role.seat->forked_ns.store(static_cast<std::uint64_t>(rt::monotonic_ns()));
  role.due_ns = in(kHang);
  role.was_late = false;
  ++role.tally->starts;
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // a campaign that is itself killed leaves nobody running
    prctl(PR_SET_NAME, role.name);
    body(start, shared_);
  }
  if (pid > 0) return pid;
  fail(std::string("fork failed: ") + std::strerror(errno));
  return 0;
}

/// What is there for this start: its predecessor is dead, so that stays what it is. No two geometries have the same number of blocks.
void Campaign::see_ring(Start& start) {
  const auto ring = RingReader::open(instance_);
  if (!ring) fail(ring.error().text);
  start.finds_ring = ring && *ring;
  start.supersedes = start.finds_ring && (*ring)->tables().geometry.blocks != spec_of(start).blocks;
}

/// At first all wait for room, in one geometry: then nothing that was committed may be lost.
void Campaign::start_producer() {
  Dice dice(seed_, Part::producer, producer_.tally->starts);
  const bool lossless = producer_.tally->starts < kills_ / 16;
  if (dice.one_in(8) && !lossless) shape_ = static_cast<std::uint32_t>(dice.draw(kShapes));
  Start start{.instance = instance_, .shape = shape_};
  start.waits = dice.one_in(4) || lossless;
  start.paced = !dice.one_in(16);
  start.seed = dice.seed();
  see_ring(start);
  producer_.plan = plan_of(dice, Part::producer, start.supersedes);
  outcome_.superseding_starts += start.supersedes ? 1 : 0;
  shared_.lossless.store(lossless ? 1 : 0, std::memory_order_seq_cst);
  shared_.adopting.store(1, std::memory_order_seq_cst);
  shared_.starts.fetch_add(1, std::memory_order_seq_cst);
  producer_.pid = fork_into(producer_, &produce, start);
  shared_.stopped.store(0, std::memory_order_seq_cst);
}

void Campaign::start_consumer() {
  Dice dice(seed_, Part::consumer, consumer_.tally->starts);
  consumer_.plan = plan_of(dice, Part::consumer, false);
  consumer_.pid = fork_into(consumer_, &consume, Start{.instance = instance_});
}

void Campaign::start_viewer(std::size_t which) {
  const auto body = which == 0 ? [](const Start& s, Shared& shared) { watch(s, shared, shared.viewer[0]); }
                               : [](const Start& s, Shared& shared) { watch(s, shared, shared.viewer[1]); };
  viewers_[which].pid = fork_into(viewers_[which], body, Start{.instance = instance_, .seed = seed_ + teases_});
}

void Campaign::start(Role& role) {
  if (&role == &producer_)
    start_producer();
  else
    start_consumer();
}

void Campaign::note_data(Role& role) {
  const std::uint64_t data = role.seat->data_ns.load();
  if (data != 0)
    role.tally->restarts.note((data - role.seat->forked_ns.load()) / 1000);
  else
    role.tally->late += role.was_late ? 1 : 0;
}

/// Collects a victim, killed by the campaign or at its order; one that was not must have ended well.
void Campaign::reap(Role& role) {
  int status = 0;
  waitpid(role.pid, &status, 0);
  role.pid = 0;
  if (&role == &producer_) shared_.stopped.store(1, std::memory_order_seq_cst);
  note_data(role);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
    ++role.tally->kills;
    ++role.tally->landed[static_cast<std::size_t>(role.seat->now())];
    shared_.kills.store(outcome_.kills(), std::memory_order_relaxed);
  } else if (WIFSIGNALED(status)) {
    fail(std::string("the ") + role.name + " died of signal " + std::to_string(WTERMSIG(status)));
  } else if (WEXITSTATUS(status) != 0) {
    fail(std::string("the ") + role.name + " ended by itself: exit " + std::to_string(WEXITSTATUS(status)));
  } else {
    ++role.tally->orderly_ends;
  }
}

void Campaign::kill_it(Role& role) {
  if (&role == &producer_) shared_.stopped.store(1, std::memory_order_seq_cst);
  kill(role.pid, SIGKILL);
  reap(role);
}

bool Campaign::wait_for_end(Role& role, std::int64_t patience_ns) {
  const std::int64_t deadline = in(patience_ns);
  while (!has_ended(role.pid)) {
    if (rt::monotonic_ns() > deadline) return false;
    rt::sleep_until(in(rt::kMillisecond / 5));
  }
  reap(role);
  return true;
}

void Campaign::tease_viewers() {
  const std::size_t which = Dice(seed_, Part::viewers, ++teases_).draw(viewers_.size());
  if (viewers_[which].pid == 0)
    start_viewer(which);
  else
    kill_it(viewers_[which]);
}

/// Left alone, both sides must get on with their work, and the ledger must close.
void Campaign::calm() {
  for (Role* role : {&producer_, &consumer_}) {
    if (role->pid != 0 && disarm(*role) && role->seat->told.load() != 0 && !wait_for_end(*role, kHang))
      fail(std::string("the ") + role->name + " does not end");
    if (role->pid == 0 && !failed()) start(*role);
  }
  const std::int64_t deadline = in(kHang);
  const std::uint64_t published = shared_.producer.done.load(), merged = shared_.consumer.done.load();
  while (shared_.producer.done.load() < published + 100 || shared_.consumer.done.load() < merged + 100) {
    if (rt::monotonic_ns() > deadline) {
      fail("nothing moves: the producer stands in " + std::string(kPhaseNames[shared_.producer.phase.load()]) + ", the consumer in " +
           kPhaseNames[shared_.consumer.phase.load()]);
      return;
    }
    rt::sleep_until(in(rt::kMillisecond / 5));
  }
  ++outcome_.calms;
  settled_look();
}

/// Looks until one settles and was checked: an account that nobody can check proves nothing.
Snapshot Campaign::settled_look() {
  for (const std::int64_t deadline = in(kHang);; rt::sleep_until(in(rt::kMillisecond / 5))) {
    Snapshot s = looks_.look();
    shared_.found.calm_looks.fetch_add(1, std::memory_order_relaxed);
    if (s.ledger.settled) return s;
    if (rt::monotonic_ns() < deadline) continue;
    fail("no look settles");
    return s;
  }
}

/// What the account after the orderly end says. Nothing may be under way in it.
void Campaign::note_streams(const Ledger& ledger) {
  if (ledger.streams.size() != kStreams) fail("the last look does not show every stream");
  for (const Account& a : ledger.streams) {
    if (a.unexplained != 0 || a.in_flight != 0 || a.overrun_pending != 0 || a.acquired != a.aggregated + a.dropped.sum() + a.overrun)
      fail("the closing ledger of " + a.stream + " does not close");
    outcome_.streams[kind_named(a.stream.c_str())] = {a.acquired,       a.aggregated,    a.dropped.full, a.dropped.pool,
                                                      a.dropped.source, a.dropped.crash, a.overrun,      a.unexplained};
  }
}

/// An orderly end of all: the producer first, acknowledged; then the consumer, which unlinks its board.
void Campaign::finish() {
  shared_.last.store(1);
  for (Role& viewer : viewers_) {
    viewer.seat->told.store(1);
    if (viewer.pid != 0 && !wait_for_end(viewer, kHang)) fail("a viewer does not end");
  }
  shared_.producer.told.store(1);
  if (!wait_for_end(producer_, 2 * kHang)) fail("the producer does not end");
  const Snapshot s = settled_look();
  if (s.ring_present) fail("the last end was not acknowledged");
  note_streams(s.ledger);
  shared_.consumer.told.store(1);
  if (!wait_for_end(consumer_, kHang)) fail("the consumer does not end");
}

/// Until somebody dies, or for a moment: who got to its data, or is due, is seen by looking.
void Campaign::doze() {
  sigset_t death;
  sigemptyset(&death);
  sigaddset(&death, SIGCHLD);
  const timespec moment{.tv_sec = 0, .tv_nsec = 150'000};
  sigtimedwait(&death, nullptr, &moment);
}

void Campaign::run() {
  sigset_t death;
  sigemptyset(&death);
  sigaddset(&death, SIGCHLD);
  sigprocmask(SIG_BLOCK, &death, nullptr);
  start_producer();
  start_consumer();
  start_viewer(0);
  std::uint64_t teased = 0, calmed = 0;
  while (outcome_.kills() < kills_ && !failed() && shared_.has_message.load() == 0 && shared_.give_up.load() == 0) {
    event(producer_);
    if (!failed()) event(consumer_);
    if (outcome_.kills() / 32 > teased) tease_viewers();
    if (outcome_.kills() / 1024 > calmed && !failed()) calm();
    teased = outcome_.kills() / 32;
    calmed = outcome_.kills() / 1024;
    doze();
  }
  if (!failed()) calm();
  if (!failed()) finish();
  clean_up();
}

void Campaign::clean_up() {
  for (Role* role : {&producer_, &consumer_, viewers_.data(), viewers_.data() + 1}) {
    if (role->pid <= 0) continue;
    kill(role->pid, SIGKILL);
    waitpid(role->pid, nullptr, 0);
  }
  const std::string mine = "chappe." + instance_ + ".";
  for (const auto& file : std::filesystem::directory_iterator("/dev/shm")) {
    if (!file.path().filename().string().starts_with(mine)) continue;
    ++outcome_.leftovers;
    fail("left behind: " + file.path().string());
    ::unlink(file.path().c_str());
  }
}

}  // namespace chappe::shm::torture

#include "torture_ring_campaign.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "rt/clock.hpp"

namespace chappe::shm::torture {
namespace {

constexpr std::int64_t kHang = 20 * rt::kSecond;
constexpr std::int64_t kAtWork = rt::kSecond / 4;
constexpr std::int64_t kMicrosecond = 1'000;

bool has_ended(pid_t pid) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

std::int64_t in(std::int64_t ns) { return rt::monotonic_ns() + ns; }

}  // namespace

Campaign::Campaign(const Options& options, std::string instance, Shared& shared)
    : options_(options),
      instance_(std::move(instance)),
      shared_(shared),
      random_(options.seed),
      producer_{"producer", &shared.producer, &outcome_.producer},
      consumer_{"consumer", &shared.consumer, &outcome_.consumer},
      viewers_{Role{"viewer", &shared.viewer[0], &outcome_.viewer}, Role{"viewer", &shared.viewer[1], &outcome_.viewer}},
      looks_(instance_, shared) {}

pid_t Campaign::fork_into(Role& role, void (*body)(const Start&, Shared&), const Start& start) {
  role.seat->enter(Phase::starting);
  role.seat->told.store(0);
  role.seat->order.store(0);
  role.seat->data_ns.store(0);
  role.seat->forked_ns.store(static_cast<std::uint64_t>(rt::monotonic_ns()));
  ++role.tally->starts;
  const pid_t pid = fork();
  if (pid == 0) body(start, shared_);
  if (pid < 0) outcome_.failure = "fork failed";
  return pid;
}

void Campaign::start_producer() {
  Start start{.instance = instance_, .shape = shape_};
  if (draw(12) == 0) start.shape = static_cast<std::uint32_t>(draw(kShapes));
  start.supersedes = start.shape != shape_;
  outcome_.superseding_starts += start.supersedes ? 1 : 0;
  shape_ = start.shape;
  start.waits = draw(4) == 0;
  start.paced = draw(3) != 0;
  start.seed = random_();
  shared_.adopting.store(1, std::memory_order_seq_cst);
  shared_.starts.fetch_add(1, std::memory_order_seq_cst);
  producer_.pid = fork_into(producer_, &produce, start);
  shared_.stopped.store(0, std::memory_order_seq_cst);
}

void Campaign::start_consumer() { consumer_.pid = fork_into(consumer_, &consume, Start{.instance = instance_}); }

void Campaign::start_viewer(std::size_t which) {
  const auto body = which == 0 ? [](const Start& s, Shared& shared) { watch(s, shared, shared.viewer[0]); }
                               : [](const Start& s, Shared& shared) { watch(s, shared, shared.viewer[1]); };
  viewers_[which].pid = fork_into(viewers_[which], body, Start{.instance = instance_, .seed = random_()});
}

void Campaign::start(Role& role) {
  if (&role == &producer_)
    start_producer();
  else
    start_consumer();
}

/// Tells the victim an instant at which to die, and waits, not for long, until it has. What does not come there is killed where it is.
void Campaign::aim(const Role& role) {
  static constexpr std::array kProducer{Phase::publish, Phase::publish,   Phase::publish, Phase::bell, Phase::bell,
                                        Phase::open,    Phase::supersede, Phase::repair,  Phase::end,  Phase::unlink};
  static constexpr std::array kConsumer{Phase::merge, Phase::merge, Phase::merge,  Phase::board,  Phase::board,
                                        Phase::board, Phase::board, Phase::attach, Phase::asleep, Phase::end};
  const Phase target = &role == &producer_ ? kProducer[draw(kProducer.size())] : kConsumer[draw(kConsumer.size())];
  role.seat->order.store((static_cast<std::uint64_t>(target) + 1) << 8 | draw(draw(2) == 0 ? 8 : 50));
  const std::int64_t until = in(10 * rt::kMillisecond);
  while (!has_ended(role.pid) && rt::monotonic_ns() < until) rt::sleep_until(in(20 * kMicrosecond));
}

void Campaign::note_data(Role& role) {
  const std::uint64_t data = role.seat->data_ns.load();
  if (data != 0) role.tally->restart_us.push_back(static_cast<std::uint32_t>((data - role.seat->forked_ns.load()) / 1000));
}

/// Collects a victim, killed by the campaign or at its order; one that was not must have ended well.
void Campaign::reap(Role& role) {
  int status = 0;
  waitpid(role.pid, &status, 0);
  role.pid = 0;
  note_data(role);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
    ++role.tally->kills;
    ++role.tally->landed[static_cast<std::size_t>(role.seat->now())];
  } else if (WIFSIGNALED(status)) {
    outcome_.failure = std::string("the ") + role.name + " died of signal " + std::to_string(WTERMSIG(status));
  } else if (WEXITSTATUS(status) != 0) {
    outcome_.failure = std::string("the ") + role.name + " ended by itself: exit " + std::to_string(WEXITSTATUS(status));
  }
}

void Campaign::kill_it(Role& role) {
  if (&role == &producer_) shared_.stopped.store(1, std::memory_order_seq_cst);
  kill(role.pid, SIGKILL);
  reap(role);
}

void Campaign::stop_a_while(Role& role) {
  if (&role == &producer_) shared_.stopped.store(1, std::memory_order_seq_cst);
  kill(role.pid, SIGSTOP);
  ++role.tally->stops;
  rt::sleep_until(in(draw(50) == 0 ? 40 * rt::kMillisecond : kMicrosecond * static_cast<std::int64_t>(draw(3000))));
  if (draw(4) == 0) looks_.look();
  if (draw(2) == 0) {
    kill_it(role);
    return;
  }
  kill(role.pid, SIGCONT);
  rt::sleep_until(in(kMicrosecond * static_cast<std::int64_t>(draw(500))));
  if (&role == &producer_) shared_.stopped.store(0, std::memory_order_seq_cst);
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

/// Told to end; half of the time killed on its way.
void Campaign::end_in_order(Role& role) {
  role.seat->told.store(1);
  if (draw(4) == 0) aim(role);
  const bool hasty = draw(2) == 0;
  if (wait_for_end(role, hasty ? kMicrosecond * static_cast<std::int64_t>(draw(3000)) : kHang)) {
    ++role.tally->orderly_ends;
    if (&role == &producer_) shared_.stopped.store(1, std::memory_order_seq_cst);
  } else if (hasty) {
    kill_it(role);
  } else {
    outcome_.failure = std::string("the ") + role.name + " was told to end and did not";
  }
}

void Campaign::strike(Role& role) {
  const std::uint64_t what = draw(100);
  if (what < 6) {
    stop_a_while(role);
  } else if (what < 9) {
    end_in_order(role);
  } else {
    if (draw(3) != 0) aim(role);
    kill_it(role);
  }
}

/// One event in four strikes while its victim starts; the others wait, not for long, until it is at work.
void Campaign::event() {
  static constexpr std::array<std::uint64_t, 3> kLongest{300, 1000, 3000};
  const std::uint64_t who = draw(20);
  const Seat& victim = who < 11 ? shared_.producer : shared_.consumer;
  const std::int64_t until = in(kAtWork);
  const bool early = draw(4) == 0;
  while (!early && victim.data_ns.load(std::memory_order_relaxed) == 0 && rt::monotonic_ns() < until)
    rt::sleep_until(in(50 * kMicrosecond));
  rt::sleep_until(in(kMicrosecond * static_cast<std::int64_t>(draw(kLongest[draw(kLongest.size())]))));
  if (who < 11) strike(producer_);
  if (who > 8) strike(consumer_);
  if (failed()) return;
  if (draw(4) == 0) looks_.look();
  if (draw(2) == 0 && consumer_.pid == 0) start(consumer_);
  if (producer_.pid == 0) start(producer_);
  if (consumer_.pid == 0) start(consumer_);
}

void Campaign::tease_viewers() {
  const std::size_t which = draw(viewers_.size());
  if (viewers_[which].pid == 0)
    start_viewer(which);
  else
    kill_it(viewers_[which]);
}

/// Left alone, both sides must get on with their work, and the ledger must close.
void Campaign::calm() {
  const std::int64_t deadline = in(kHang);
  const std::uint64_t published = shared_.producer.done.load(), merged = shared_.consumer.done.load();
  while (shared_.producer.done.load() < published + 100 || shared_.consumer.done.load() < merged + 100) {
    if (rt::monotonic_ns() > deadline) {
      outcome_.failure = "nothing moves: the producer stands in " + std::string(kPhaseNames[shared_.producer.phase.load()]) +
                         ", the consumer in " + kPhaseNames[shared_.consumer.phase.load()];
      return;
    }
    rt::sleep_until(in(rt::kMillisecond / 5));
  }
  ++outcome_.calms;
  looks_.look();
}

/// An orderly end of all: the producer first, acknowledged; then the consumer, which unlinks its board.
void Campaign::finish() {
  shared_.last.store(1);
  for (Role& viewer : viewers_) {
    viewer.seat->told.store(1);
    if (viewer.pid != 0 && !wait_for_end(viewer, kHang)) outcome_.failure = "a viewer does not end";
  }
  shared_.producer.told.store(1);
  if (!wait_for_end(producer_, 2 * kHang)) outcome_.failure = "the producer does not end";
  const Snapshot s = looks_.look();
  outcome_.streams = s.ledger.streams;
  if (s.ring_present && !failed()) outcome_.failure = "the last end was not acknowledged";
  shared_.consumer.told.store(1);
  if (!wait_for_end(consumer_, kHang)) outcome_.failure = "the consumer does not end";
}

Outcome Campaign::run() {
  const std::int64_t begin = rt::monotonic_ns();
  start_producer();
  start_consumer();
  start_viewer(0);
  const auto kills = [&] { return outcome_.producer.kills + outcome_.consumer.kills; };
  for (std::uint64_t events = 1; kills() < options_.kills && !failed() && shared_.has_message.load() == 0; ++events) {
    event();
    if (events % 16 == 0) tease_viewers();
    if (events % 1024 == 0 && !failed()) calm();
  }
  outcome_.seconds = static_cast<double>(rt::monotonic_ns() - begin) * 1e-9;
  if (!failed()) calm();
  if (!failed()) finish();
  for (Role* role : {&producer_, &consumer_, viewers_.data(), viewers_.data() + 1}) {
    if (role->pid == 0) continue;
    kill(role->pid, SIGKILL);
    waitpid(role->pid, nullptr, 0);
  }
  const std::string mine = "chappe." + instance_ + ".";
  for (const auto& file : std::filesystem::directory_iterator("/dev/shm")) {
    if (file.path().filename().string().starts_with(mine)) outcome_.leftover.push_back(file.path().string());
  }
  for (const auto& path : outcome_.leftover) ::unlink(path.c_str());
  return outcome_;
}

}  // namespace chappe::shm::torture

#include "campaign.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "rt/clock.hpp"

namespace chappe::whole {
namespace {

constexpr std::int64_t kPatience = 30 * rt::kSecond;  // what takes longer hangs
constexpr const char* kPrograms[] = {"chappe-producer", "chappe-aggregator", "chappe-display"};

}  // namespace

std::uint64_t Campaign::sum_of(const shm::Snapshot& s, std::uint64_t shm::Account::*count) {
  std::uint64_t sum = 0;
  for (const auto& a : s.ledger.streams) sum += a.*count;
  return sum;
}

Campaign::Campaign(const CampaignOptions& options) : options_(options), aim_(instance_), random_(options.seed), viewer_(instance_.name()) {}
Campaign::~Campaign() = default;

bool Campaign::fail(const std::string& what) {
  if (failure_.empty()) failure_ = (current_.empty() ? "" : current_ + ": ") + what;
  return false;
}

/// `proof` and `wide` are functions of the frame index, so that each row can be proved; `slow` is a stream that is silent most of the time.
void Campaign::configure(const std::string& more) {
  const std::uint64_t half = options_.samples_per_s / 2, rates[] = {half / 4, half / 8, 40};
  const std::string types[] = {"f32", "f64", "f64"};
  const std::string windows[] = {
      "frames = " + std::to_string(file_.window) + (file_.second_window ? "\n[[stream.window]]\nframes = 1000000000" : ""),
      "duration = \"100ms\"", "frames = 20"};
  std::string text = "[ring]\nblocks = " + std::to_string(file_.blocks) + "\nblock_bytes = " + std::to_string(file_.block_bytes) +
                     "\nstall_timeout = \"150ms\"\n[realtime]\nlock_memory = false\n";
  for (std::size_t i = 0; i < std::size(kStreams); ++i) {
    text += "[[stream]]\nname = \"" + std::string(kStreams[i].stream) + "\"\ntype = \"" + types[i] +
            "\"\nrate = " + std::to_string(rates[i]) + "\nchannels = [";
    for (char c = 'a'; c < 'a' + kStreams[i].channels; ++c) text += std::string("{name = \"") + c + "\", waveform = \"index\"}, ";
    text += "]\n[[stream.window]]\n" + windows[i] + "\n";
  }
  instance_.configure(text + more);
}

void Campaign::launch(Role role) {
  static const std::vector<std::string> none;
  const std::vector<std::string> arguments[] = {
      none,
      {"--window-log", instance_.path("windows.csv"), "--closing-ledger", instance_.path("closing.json")},
      {"--plain", "--refresh", "20"}};
  aim_.prepare(role);
  process_[role] = instance_.start(kPrograms[role], arguments[role]);
  if (role != kDisplay) in_force_[role] = file_;
  if (role == kProducer) producer_struck_ = true;
}

/// What it shows tells that it has read its configuration: an event that spoils the file must not meet its start.
bool Campaign::launch_display() {
  const std::string file = instance_.path(std::string(kPrograms[kDisplay]) + ".log");
  std::error_code none;
  const auto size = [&] { return std::filesystem::exists(file, none) ? std::filesystem::file_size(file, none) : 0; };
  const auto before = size();
  launch(kDisplay);
  return until("the display shows nothing", [&](const shm::Snapshot&) { return size() > before; });
}

void Campaign::pause(std::int64_t most_ms) {  // the random instant
  rt::sleep_until(rt::monotonic_ns() + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(most_ms * rt::kMillisecond)));
}

/// Law by law. What changes while it is looked at says nothing; with no process ever there, there is nothing to say.
void Campaign::judge(const shm::Ledger& ledger) {
  if (!ledger.settled) ++unsettled_;
  if (!ledger.settled || ledger.streams.empty()) return;
  ++looks_;
  ledger_ = ledger;
  for (const auto& a : ledger.streams) {
    if (a.unexplained == 0) continue;
    unexplained_ += static_cast<std::uint64_t>(std::abs(a.unexplained));
    fail(a.stream + ": unexplained " + std::to_string(a.unexplained) + ": " + instance_.ledger().dump(2));
  }
}

shm::Snapshot Campaign::look() {
  looked_ns_ = rt::monotonic_ns();
  shm::Snapshot s = viewer_.look();
  judge(s.ledger);
  // Both counters begin anew with a board of other streams.
  rows_lost_ += s.log_rows_lost - (s.log_rows_lost >= last_rows_lost_ ? last_rows_lost_ : 0);
  last_rows_lost_ = s.log_rows_lost;
  const std::uint64_t timeouts = s.doorbell_timeouts_with_data;
  new_timeouts_ += timeouts - (timeouts >= last_timeouts_ ? last_timeouts_ : 0);
  last_timeouts_ = timeouts;
  if (s.ring_present) {  // counted by each ring for itself
    evictions_ += s.evictions - (s.incarnation == last_incarnation_ ? last_evictions_ : 0);
    last_evictions_ = s.evictions;
    last_incarnation_ = s.incarnation;
  }
  return s;
}

/// A producer that dies or stands between cursor and bell leaves its aggregator asleep on data; one that works may not.
bool Campaign::nobody_slept_on_data() {
  (producer_struck_ ? excused_timeouts_ : timeouts_with_data_) += std::exchange(new_timeouts_, 0);
  producer_struck_ = false;
  return timeouts_with_data_ == 0 || fail("the aggregator slept although data was there");
}

/// Or was killed by us.
bool Campaign::lives(Role role) {
  const auto code = process_[role].poll();
  return !code || fail(std::string(kPrograms[role]) + " ended by itself: " + std::to_string(*code) + "\n" + instance_.log(kPrograms[role]));
}

std::string Campaign::state_of(Role role) {
  const shm::Snapshot s = look();
  const pid_t pid = process_[role].pid();
  if (role == kDisplay) return "display";
  if (role == kProducer) {
    if (s.producer.pid != pid || !s.ring_present) return "producer, starting";
    return s.producer_waiting_for_gate ? "producer, waiting for the gate" : "producer, " + s.state;
  }
  if (s.aggregator.pid != pid) return "aggregator, starting";
  return s.gates.empty() || s.gates[0].pid != pid ? "aggregator, before its gate" : "aggregator, " + s.gates[0].state;
}

std::map<std::string, std::uint64_t> Campaign::landed() const {
  auto all = killed_in_;
  all.merge(aim_.landed());
  return all;
}

bool Campaign::kill_now(Role role) {
  ++killed_in_[state_of(role)];
  const auto code = process_[role].kill_it();
  return code == -SIGKILL || fail(std::string(kPrograms[role]) +
                                  " was to be killed, and had ended by itself: " + (code ? std::to_string(*code) : "seen before"));
}

bool Campaign::goes_on(Role role) {
  const shm::Snapshot before = look();
  const std::int64_t start = rt::monotonic_ns();
  if (role == kProducer) {  // some 50 ms more of frames pass its feed
    const auto passed = [](const shm::Snapshot& s) {
      std::uint64_t frames = 0;
      for (const auto& a : s.ledger.streams) frames += a.committed + a.dropped.full;
      return frames;
    };
    const std::uint64_t goal = passed(before) + options_.samples_per_s / 100;
    return until("the producer does not go on without its aggregator", [&](const shm::Snapshot& s) { return passed(s) > goal; });
  }
  return until("the aggregator does not go on without its producer", [&](const shm::Snapshot& s) {
    return s.aggregator.known && looked_ns_ - (s.aggregator.age_ms + 1) * rt::kMillisecond > start;
  });
}

bool Campaign::until(const std::string& what, const std::function<bool(const shm::Snapshot&)>& holds) {
  const std::int64_t deadline = rt::monotonic_ns() + kPatience;
  for (shm::Snapshot s = look(); !holds(s); s = look()) {
    if (!failure_.empty()) return false;
    if (rt::monotonic_ns() > deadline)
      return fail("hangs: " + what + "; " + s.trouble + "\n" + instance_.status().dump(2) + instance_.ledger().dump(2));
    if (!lives(kProducer) || !lives(kAggregator) || !lives(kDisplay)) return false;
    rt::sleep_until(rt::monotonic_ns() + rt::kMillisecond / 4);
  }
  return failure_.empty();
}

bool Campaign::recover(std::initializer_list<Role> roles) {
  const shm::Snapshot before = look();
  const std::int64_t start = rt::monotonic_ns();
  for (const Role role : roles) launch(role);
  const std::uint64_t acquired = sum_of(before, &shm::Account::acquired), aggregated = sum_of(before, &shm::Account::aggregated);
  std::uint64_t then = 0;  // aggregated when the first frame behind the start was acquired
  const bool flows = until("no data after a restart", [&](const shm::Snapshot& s) {
    const std::uint64_t now = sum_of(s, &shm::Account::aggregated);
    if (then == 0 && sum_of(s, &shm::Account::acquired) > acquired) then = std::max(now, aggregated);
    return then != 0 && now > then;
  });
  if (flows) tallies_[current_].recovery_ms.push_back(static_cast<double>(rt::monotonic_ns() - start) / 1e6);
  return flows;
}

bool Campaign::account_closes() {
  return until("the ledger does not settle", [](const shm::Snapshot& s) { return s.ledger.settled && !s.ledger.streams.empty(); });
}

bool Campaign::start() {
  current_ = "first start";
  configure();
  return launch_display() && recover({kAggregator, kProducer}) && account_closes() && nobody_slept_on_data();
}

bool Campaign::strike() {
  unsigned all = 0;
  for (const Kind& kind : kinds()) all += kind.weight;
  auto drawn = static_cast<unsigned>(random_() % all);
  for (const Kind& kind : kinds()) {
    if (drawn < kind.weight) return strike(kind.name);
    drawn -= kind.weight;
  }
  return false;
}

bool Campaign::strike(const std::string& event) {
  const auto kind = std::find_if(kinds().begin(), kinds().end(), [&](const Kind& k) { return event == k.name; });
  if (kind == kinds().end()) return fail("no such event: " + event);
  current_ = event;
  ++tallies_[event].events;
  if (!nobody_slept_on_data()) return false;  // since the last event
  pause(60);
  return (this->*kind->body)() && account_closes() && nobody_slept_on_data();
}

bool Campaign::end(Role role) {
  process_[role].signal(SIGTERM);
  const auto code = process_[role].wait_for(kPatience);
  if (code == 0) return true;
  return fail(std::string(kPrograms[role]) + " did not end in order: " + (code ? std::to_string(*code) : "it hangs") + "\n" +
              instance_.log(kPrograms[role]));
}

bool Campaign::finish() {
  current_ = "end";
  for (const Role role : {kProducer, kAggregator, kDisplay}) {
    if (!end(role)) return false;
  }
  const auto objects = instance_.objects(), queues = instance_.queues();
  left_over_ = objects.size() + queues.size();
  if (!objects.empty()) return fail("left in /dev/shm: " + objects.front());
  if (!queues.empty()) return fail("left as a queue: " + queues.front());
  return prove_rows();
}

}  // namespace chappe::whole

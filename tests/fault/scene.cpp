#include "tests/fault/scene.hpp"

#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "shm/board.hpp"
#include "shm/ring.hpp"
#include "tests/whole/window_rows.hpp"

namespace chappe::fault {
namespace {

using whole::Instance;

/// Where the kernel shows the queues by name; mounted by this test where nobody else has, if it may.
std::string queue_folder() {
  struct Mounted {
    std::string path = "/dev/mqueue";
    bool ours = false;
    Mounted() {
      if (std::filesystem::is_directory(path)) return;
      path = "/tmp/chappe-test-queues-" + std::to_string(getpid());
      std::filesystem::create_directory(path);
      ours = mount("none", path.c_str(), "mqueue", 0, nullptr) == 0;
    }
    ~Mounted() {
      if (ours) umount(path.c_str());
      if (path.starts_with("/tmp/")) rmdir(path.c_str());
    }
  };
  static const Mounted mounted;
  return mounted.path;
}

std::uint64_t heartbeat_of_feed(const std::string& instance) {
  auto ring = shm::RingReader::open(instance);
  return ring && *ring ? (*ring)->status().heartbeat_ns.load(std::memory_order_relaxed) : 0;
}

}  // namespace

const char* name_of(Role role) {
  constexpr const char* kNames[] = {"producer", "aggregator", "chappectl"};
  return kNames[static_cast<std::size_t>(role)];
}

Scene::Scene() : viewer_(instance_.name()) {
  for (const Role role : {Role::producer, Role::aggregator, Role::chappectl})
    pages_[static_cast<std::size_t>(role)].emplace(instance_.path(std::string(name_of(role)) + ".faults"));
  static_cast<void>(queue_folder());
  configure({});
}

Scene::~Scene() {
  for (auto& child : children_) child.kill_it();
  for (const auto& queue : queues()) std::filesystem::remove(queue_folder() + "/" + queue);
}

/// `proof` is a function of the frame index; `noise` is there because one stream is not two.
void Scene::configure(const Settings& settings) const {
  instance_.configure(
      "[ring]\nblocks = " + std::to_string(settings.blocks) + "\nblock_bytes = 4096\nmax_delay = \"5ms\"\n" + settings.ring +
      "[realtime]\nlock_memory = false\n"
      "[[stream]]\nname = \"proof\"\nrate = 20000\nchannels = [{name = \"a\", waveform = \"index\"}, {name = \"b\", "
      "waveform = \"index\"}]\n[[stream.window]]\nframes = " +
      std::to_string(settings.window) +
      "\n[[stream]]\nname = \"noise\"\nrate = 1000\nchannels = 8\n[[stream.window]]\nduration = \"100ms\"\n" + settings.more);
}

void Scene::start(Role role, const std::vector<std::string>& more) {
  told_to_end_[static_cast<std::size_t>(role)] = false;
  setenv(FaultControl::kVariable, page(role).path().c_str(), 1);
  std::vector<std::string> arguments = more;
  if (role == Role::aggregator) {
    for (const auto& word : {std::string("--window-log"), window_log(), std::string("--closing-ledger"), instance_.path("closing.json")})
      arguments.push_back(word);
  }
  if (role == Role::chappectl) {
    arguments.insert(arguments.end(), {"--instance", instance_.name()});
    child(role) = whole::Child("chappectl", arguments, instance_.path("chappectl.log"));
  } else {
    child(role) = instance_.start(std::string("chappe-") + name_of(role), arguments);
  }
  unsetenv(FaultControl::kVariable);
}

void Scene::start_both_and_flow() {
  start(Role::aggregator);
  start(Role::producer);
  if (const auto wrong = flow(1500); !wrong.empty()) std::fprintf(stderr, "%s\n", wrong.c_str());
}

void Scene::tell_to_end(Role role) {
  told_to_end_[static_cast<std::size_t>(role)] = true;
  child(role).signal(SIGTERM);
}

bool Scene::runs(Role role) {
  const pid_t pid = child(role).pid();
  siginfo_t info{};
  return pid > 0 && waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

bool Scene::is_stopped(Role role) {
  std::ifstream file("/proc/" + std::to_string(child(role).pid()) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = text.rfind(')');
  return name_end != std::string::npos && name_end + 2 < text.size() && text[name_end + 2] == 'T';
}

shm::Account Scene::account() {
  for (const auto& stream : look().ledger.streams) {
    if (stream.stream == "proof") return stream;
  }
  return {};
}

std::string Scene::flow(std::uint64_t frames) {
  const std::uint64_t before = account().aggregated;
  return until([&] { return account().aggregated > before + frames; }) ? "" : "no data flows; " + logs();
}

std::string Scene::others_go_on(Role stopped) {
  if (stopped != Role::producer && runs(Role::producer) && !is_told_to_end(Role::producer)) {
    const bool waits = look().producer_waits;  // for the aggregator, perhaps: then it lives, and acquires nothing
    const auto how_far = [&] { return waits ? heartbeat_of_feed(instance_.name()) : account().acquired; };
    const std::uint64_t before = how_far();
    if (!until([&] { return how_far() > before + 100; })) return "the producer does not go on; " + logs();
  }
  if (stopped != Role::aggregator && runs(Role::aggregator)) {
    const auto heartbeat = [&]() -> std::uint64_t {
      auto board = shm::BoardReader::open(instance_.name());
      return board && *board ? (*board)->control().heartbeat_ns.load(std::memory_order_relaxed) : 0;
    };
    const std::uint64_t before = heartbeat();
    if (!until([&] { return heartbeat() > before; })) return "the aggregator does not go on; " + logs();
  }
  return {};
}

std::string Scene::closes() {
  shm::Ledger ledger;
  const bool settled = until([&] { return (ledger = look().ledger).settled; });
  if (!settled || ledger.streams.empty()) return "the ledger is not settled; " + logs();
  std::string wrong;
  for (const auto& stream : ledger.streams) {
    if (stream.unexplained != 0) wrong += "stream " + stream.stream + ": unexplained " + std::to_string(stream.unexplained) + "; ";
  }
  return wrong;
}

std::string Scene::end_in_order() {
  tell_to_end(Role::producer);
  if (const auto code = child(Role::producer).wait_for(kPatience); code != 0)
    return "the producer's end: " + std::to_string(code.value_or(-99)) + "; " + logs();
  std::string wrong = closes();
  note_totals();
  tell_to_end(Role::aggregator);
  if (const auto code = child(Role::aggregator).wait_for(kPatience); code != 0)
    return wrong + "the aggregator's end: " + std::to_string(code.value_or(-99)) + "; " + logs();
  const auto closing = whole::Json::parse(std::ifstream(instance_.path("closing.json")), nullptr, false);
  if (!closing.is_object() || !closing.value("settled", false)) wrong += "the closing ledger is not settled; ";
  wrong += Instance::does_not_close(closing);
  for (const auto& object : instance_.objects()) wrong += "left in /dev/shm: " + object + "; ";
  static_cast<void>(until([&] { return queues().empty(); }));  // a killed asker's guardian removes its queue, after it
  for (const auto& queue : queues()) wrong += "queue left: " + queue + "; ";
  wrong += judge_rows();
  return wrong.empty() ? wrong : wrong + logs();
}

void Scene::note_totals() {
  aggregated_ = account().aggregated;
  rows_lost_ = look().log_rows_lost;
}

std::string Scene::close_books() {
  if (runs(Role::aggregator) || runs(Role::producer) || !instance_.objects().empty()) return {};
  const std::string wrong = judge_rows();
  std::filesystem::remove(window_log());
  return wrong;
}

/// Row by row against the closed form; what a gap leaves open is bounded. Then each frame at most once.
std::string Scene::judge_rows() const {
  auto rows = whole::rows_of(window_log(), "proof");
  std::string wrong;
  std::uint64_t frames[2] = {0, 0}, next[2] = {0, 0};
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& row : rows) {
    const std::size_t channel = row.channel == "b" ? 1 : 0;
    wrong += whole::not_of_span(row, static_cast<double>(channel));
    if (row.first < next[channel]) wrong += "frame " + std::to_string(row.first) + " is in two windows; ";
    next[channel] = row.first + row.count;
    frames[channel] += row.count;
  }
  for (const std::uint64_t sum : frames) {
    const bool as_it_should = rows_lost_ == 0 ? sum == aggregated_ : sum <= aggregated_;
    if (!as_it_should)
      wrong += "the rows hold " + std::to_string(sum) + " frames, the ledger " + std::to_string(aggregated_) +
               " (rows lost: " + std::to_string(rows_lost_) + "); ";
  }
  return wrong;
}

std::vector<std::string> Scene::queues() const {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(queue_folder(), ignored)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("chappe." + instance_.name() + ".")) found.push_back(name);
  }
  return found;
}

std::string Scene::logs() const {
  return "\nlog of the producer:\n" + instance_.log("chappe-producer") + "log of the aggregator:\n" + instance_.log("chappe-aggregator") +
         "log of chappectl:\n" + instance_.log("chappectl");
}

}  // namespace chappe::fault

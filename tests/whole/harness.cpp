#include "harness.hpp"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "rt/clock.hpp"

namespace chappe::whole {
namespace {

/// `program` becomes the whole command line, as it is run.
std::vector<std::string> command_of(const std::string& program, const std::vector<std::string>& arguments, const User* user) {
  std::vector<std::string> command;
  if (user != nullptr) {
    const std::string id = std::to_string(user->id);
    std::string groups;
    for (const gid_t group : user->groups) groups += (groups.empty() ? "--groups=" : ",") + std::to_string(group);
    command = {"/usr/bin/setpriv", "--reuid=" + id, "--regid=" + id, groups.empty() ? "--clear-groups" : groups};
    if (user->realtime) command.insert(command.end(), {"--inh-caps=+sys_nice,+ipc_lock", "--ambient-caps=+sys_nice,+ipc_lock"});
  }
  command.push_back(program.find('/') == std::string::npos ? std::string(CHAPPE_BIN_DIR) + "/" + program : program);
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

[[noreturn]] void become(std::vector<std::string> command) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves none behind (but for those of other users)
  signal(SIGUSR1, SIG_IGN);          // until the program has set its mask
  signal(SIGHUP, SIG_IGN);
  std::vector<char*> argv;
  for (auto& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  _exit(127);
}

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status); }

/// Where the kernel shows the queues by name, if somebody has mounted it.
bool shows_queues(const char* folder) {
  constexpr auto kMqueueMagic = 0x19800202;  // MQUEUE_MAGIC of ipc/mqueue.c, in no header
  struct statfs fs {};
  return statfs(folder, &fs) == 0 && fs.f_type == kMqueueMagic;
}

}  // namespace

Child::Child(const std::string& program, const std::vector<std::string>& arguments, const std::string& log_file, const User* user) {
  pid_ = fork();
  if (pid_ != 0) return;
  const int log = open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(log, 1);
  dup2(log, 2);
  become(command_of(program, arguments, user));
}
Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    kill_it();
    pid_ = std::exchange(other.pid_, -1);
  }
  return *this;
}
Child::~Child() { kill_it(); }

void Child::signal(int number) const {
  if (pid_ > 0) kill(pid_, number);  // -1 would be every process there is
}

std::optional<int> Child::kill_it() {
  if (pid_ <= 0) return std::nullopt;
  int status = 0;
  kill(pid_, SIGKILL);
  waitpid(std::exchange(pid_, -1), &status, 0);
  return code_of(status);
}

std::optional<int> Child::wait_for(std::int64_t limit_ns) {
  if (pid_ <= 0) return std::nullopt;  // -1 would be any child
  const std::int64_t deadline = rt::monotonic_ns() + limit_ns;
  int status = 0;
  while (waitpid(pid_, &status, WNOHANG) == 0) {
    if (rt::monotonic_ns() > deadline) return std::nullopt;
    rt::sleep_until(rt::monotonic_ns() + rt::kMillisecond);
  }
  pid_ = -1;
  return code_of(status);
}

int Child::own_kib() const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  for (std::string field; status >> field;) {
    int value = 0;
    if (field == "RssAnon:" && status >> value) return value;
  }
  return 0;
}

Output run(const std::string& program, const std::vector<std::string>& arguments, const User* user) {
  int ends[2];
  const int errors = memfd_create("stderr", MFD_CLOEXEC);
  if (errors < 0 || pipe2(ends, O_CLOEXEC) != 0) return {-1, "", "pipe"};
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], 1);
    dup2(errors, 2);
    become(command_of(program, arguments, user));
  }
  close(ends[1]);
  Output result;
  char bytes[4096];
  for (ssize_t n = 0; (n = read(ends[0], bytes, sizeof bytes)) > 0;) result.out.append(bytes, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  result.exit_code = code_of(status);
  lseek(errors, 0, SEEK_SET);
  for (ssize_t n = 0; (n = read(errors, bytes, sizeof bytes)) > 0;) result.err.append(bytes, static_cast<std::size_t>(n));
  close(errors);
  return result;
}

Instance::Instance() {
  static std::atomic<int> count{0};
  name_ = "w" + std::to_string(getpid()) + "-" + std::to_string(count++);
  folder_ = "/tmp/chappe-test-" + name_;
  std::filesystem::create_directory(folder_);
}

Instance::~Instance() {
  std::error_code ignored;
  for (const auto& object : objects()) std::filesystem::remove("/dev/shm/" + object, ignored);
  for (const auto& queue : queues()) mq_unlink(queue.c_str());
  std::filesystem::remove_all(folder_, ignored);
}

void Instance::configure(const std::string& toml, const Ports& ports) const {
  std::ofstream file(path("next.toml"));
  file << "[instance]\nname = \"" << name_ << "\"\n[metrics.producer]\nport = " << ports.producer
       << "\n[metrics.aggregator]\nport = " << ports.aggregator << "\n[metrics.display]\nport = " << ports.display << "\n"
       << toml;
  file.close();
  std::filesystem::rename(path("next.toml"), path("chappe.toml"));
}

void Instance::share_folder() const { std::filesystem::permissions(folder_, std::filesystem::perms::all); }

Child Instance::start(const std::string& program, const std::vector<std::string>& more, const User* user) const {
  std::vector<std::string> arguments = {"--config", path("chappe.toml"), "--instance", name_};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Child(program, arguments, path(program + ".log"), user);
}

Json Instance::ask(const std::string& what, const User* user) const {
  return Json::parse(run("chappectl", {what, "--json", "--instance", name_}, user).out, nullptr, false);
}

Json Instance::display(const User* user) const {
  return Json::parse(run("chappe-display", {"--once", "--format", "json", "--instance", name_}, user).out, nullptr, false);
}

std::string Instance::log(const std::string& program) const {
  std::ostringstream text;
  text << std::ifstream(path(program + ".log")).rdbuf();
  return text.str();
}

std::vector<std::string> Instance::objects() const {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
    const std::string file = entry.path().filename();
    if (file.rfind("chappe." + name_ + ".", 0) == 0) found.push_back(file);
  }
  return found;
}

std::vector<std::string> Instance::queues() const {
  std::vector<std::string> found;
  if (shows_queues("/dev/mqueue")) {
    for (const auto& entry : std::filesystem::directory_iterator("/dev/mqueue")) {
      const std::string file = entry.path().filename();
      if (file.starts_with("chappe." + name_ + ".")) found.push_back("/" + file);
    }
    return found;
  }
  for (const char* role : {"control", "producer"}) {
    const std::string queue = "/chappe." + name_ + "." + role;
    const mqd_t opened = mq_open(queue.c_str(), O_RDONLY);
    if (opened == static_cast<mqd_t>(-1) && errno == ENOENT) continue;
    if (opened != static_cast<mqd_t>(-1)) mq_close(opened);
    found.push_back(queue);
  }
  return found;
}

std::string Instance::does_not_close(const Json& ledger) {
  if (!ledger.is_object() || !ledger.contains("streams") || ledger["streams"].empty()) return "no ledger: " + ledger.dump();
  if (!ledger.value("settled", false)) return "not settled: " + ledger.dump();
  std::string wrong;
  for (const auto& stream : ledger["streams"]) {
    if (stream["unexplained"].get<std::int64_t>() != 0) wrong += stream.dump() + "\n";
  }
  return wrong;
}

std::string Instance::losses(const Json& ledger) {
  if (!ledger.is_object() || !ledger.contains("streams") || ledger["streams"].empty()) return "no ledger: " + ledger.dump();
  std::string lost;
  for (const auto& stream : ledger["streams"]) {
    std::uint64_t frames = stream["overrun"].get<std::uint64_t>() + stream["overrun_pending"].get<std::uint64_t>();
    for (const auto& cause : stream["dropped"]) frames += cause.get<std::uint64_t>();
    if (frames != 0) lost += stream.dump() + "\n";
  }
  return lost;
}

void Instance::pause() { rt::sleep_until(rt::monotonic_ns() + 50 * rt::kMillisecond); }

}  // namespace chappe::whole

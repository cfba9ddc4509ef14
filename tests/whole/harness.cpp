#include "harness.hpp"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "rt/clock.hpp"

namespace chappe::whole {
namespace {

std::string binary(const std::string& program) { return std::string(CHAPPE_BIN_DIR) + "/" + program; }

[[noreturn]] void become(const std::string& program, const std::vector<std::string>& arguments) {
  signal(SIGUSR1, SIG_IGN);  // until the program has set its mask
  signal(SIGHUP, SIG_IGN);
  std::vector<char*> argv;
  std::string path = binary(program);
  argv.push_back(path.data());
  std::vector<std::string> copies = arguments;
  for (auto& argument : copies) argv.push_back(argument.data());
  argv.push_back(nullptr);
  execv(path.c_str(), argv.data());
  _exit(127);
}

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status); }

}  // namespace

Child::Child(const std::string& program, const std::vector<std::string>& arguments, const std::string& log_file) {
  pid_ = fork();
  if (pid_ != 0) return;
  const int log = open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(log, 1);
  dup2(log, 2);
  become(program, arguments);
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

void Child::signal(int number) const { kill(pid_, number); }

void Child::kill_it() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::optional<int> Child::wait_for(std::int64_t limit_ns) {
  const std::int64_t deadline = rt::monotonic_ns() + limit_ns;
  int status = 0;
  while (waitpid(pid_, &status, WNOHANG) == 0) {
    if (rt::monotonic_ns() > deadline) return std::nullopt;
    rt::sleep_until(rt::monotonic_ns() + rt::kMillisecond);
  }
  pid_ = -1;
  return code_of(status);
}

Output run(const std::string& program, const std::vector<std::string>& arguments) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {-1, "pipe"};
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], 1);
    become(program, arguments);
  }
  close(ends[1]);
  Output result;
  char bytes[4096];
  for (ssize_t n = 0; (n = read(ends[0], bytes, sizeof bytes)) > 0;) result.out.append(bytes, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  result.exit_code = code_of(status);
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
  mq_unlink(("/chappe." + name_ + ".control").c_str());
  mq_unlink(("/chappe." + name_ + ".producer").c_str());
  std::filesystem::remove_all(folder_, ignored);
}

void Instance::configure(const std::string& toml) const {
  std::ofstream file(path("next.toml"));
  file << "[instance]\nname = \"" << name_
       << "\"\n[metrics.producer]\nport = 0\n[metrics.aggregator]\nport = 0\n[metrics.display]\nport = 0\n"
       << toml;
  file.close();
  std::filesystem::rename(path("next.toml"), path("chappe.toml"));
}

Child Instance::start(const std::string& program, const std::vector<std::string>& more) const {
  std::vector<std::string> arguments = {"--config", path("chappe.toml"), "--instance", name_};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Child(program, arguments, path(program + ".log"));
}

Json Instance::ask(const std::string& what) const {
  const Output answer = run("chappectl", {what, "--json", "--instance", name_});
  return Json::parse(answer.out, nullptr, false);
}

Json Instance::display() const {
  return Json::parse(run("chappe-display", {"--once", "--format", "json", "--instance", name_}).out, nullptr, false);
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

std::string Instance::does_not_close(const Json& ledger) {
  if (!ledger.is_object() || !ledger.contains("streams")) return "no ledger: " + ledger.dump();
  std::string wrong;
  for (const auto& stream : ledger["streams"]) {
    if (stream["unexplained"].get<std::int64_t>() != 0) wrong += stream.dump() + "\n";
  }
  return wrong;
}

void Instance::pause() { rt::sleep_until(rt::monotonic_ns() + 50 * rt::kMillisecond); }

}  // namespace chappe::whole

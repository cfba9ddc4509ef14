#include "bench/program.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <utility>

#include "bench/pair.hpp"
#include "rt/clock.hpp"

namespace chappe::bench {
namespace {

constexpr std::int64_t kPatience = 3 * rt::kSecond;

[[noreturn]] void become(std::vector<char*>& argv, const char* log, int terminal) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGUSR1, SIG_IGN);  // until the program has set its mask
  signal(SIGHUP, SIG_IGN);
  release_interrupts();
  const int said = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (said < 0) _exit(EX_CANTCREAT);
  if (terminal >= 0) {
    setsid();
    ioctl(terminal, TIOCSCTTY, 0);
    dup2(terminal, 0);
    setenv("TERM", "xterm-256color", 1);
  }
  dup2(terminal >= 0 ? terminal : said, 1);
  dup2(said, 2);
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  execvp(argv[0], argv.data());
  _exit(127);
}

}  // namespace

double cpu_s_of(pid_t pid) noexcept {
  clockid_t clock{};
  timespec spent{};
  if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &spent) != 0) return 0;
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

Memory memory_of(pid_t pid) {
  Memory memory;
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps");
  bool in_ring = false;
  for (std::string line; std::getline(file, line);) {
    if (const std::size_t at = line.find("/dev/shm/chappe."); at != std::string::npos) {
      in_ring = line.find(".ring", at) != std::string::npos;
    } else if (line.find(':') > line.find(' ')) {  // another mapping begins: no field
      in_ring = false;
    } else if (line.starts_with("Pss:")) {
      const double bytes = 1024 * std::stod(line.substr(4));
      memory.all += bytes;
      if (in_ring) memory.ring += bytes;
    }
  }
  return memory;
}

Program::Program(std::vector<std::string> command, const std::string& log, int terminal) {
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::fflush(nullptr);
  pid_ = fork();
  if (pid_ == 0) become(argv, log.c_str(), terminal);
}

Program::Program(Program&& other) noexcept : pid_(std::exchange(other.pid_, -1)), status_(other.status_) {}

Program& Program::operator=(Program&& other) noexcept {
  if (this != &other) {
    end(kPatience);
    pid_ = std::exchange(other.pid_, -1);
    status_ = other.status_;
  }
  return *this;
}

Program::~Program() { end(kPatience); }

bool Program::lives() noexcept { return pid_ > 0 && !wait_until(0); }

bool Program::wait_until(std::int64_t deadline_ns) noexcept {
  while (waitpid(pid_, &status_, WNOHANG) == 0) {
    if (rt::monotonic_ns() >= deadline_ns) return false;
    rt::sleep_until(rt::monotonic_ns() + rt::kMillisecond);
  }
  pid_ = -1;
  return true;
}

bool Program::end(std::int64_t patience_ns) noexcept {
  if (pid_ <= 0) return false;
  kill(pid_, SIGTERM);
  if (wait_until(rt::monotonic_ns() + patience_ns)) return status_ == 0;
  kill(pid_, SIGKILL);
  waitpid(std::exchange(pid_, -1), &status_, 0);
  return false;
}

bool Program::end_traced(std::int64_t patience_ns) {
  if (pid_ <= 0) return false;
  pid_t traced = -1;
  std::ifstream("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) + "/children") >> traced;
  if (traced > 0) kill(traced, SIGTERM);
  if (wait_until(rt::monotonic_ns() + patience_ns)) return status_ == 0;
  if (traced > 0) kill(traced, SIGKILL);
  return end(kPatience);
}

}  // namespace chappe::bench

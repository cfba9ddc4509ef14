#include "bench/roudi.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <utility>

#include "bench/pair.hpp"
#include "rt/clock.hpp"
#include "rt/descriptor.hpp"

namespace chappe::bench {
namespace {

constexpr const char* kSocketPath = "/tmp/roudi";  // where applications find it, iceoryx 2.0
constexpr std::int64_t kStartWithin = 10 * rt::kSecond, kStopWithin = 5 * rt::kSecond;

/// A queue holds 256 chunks, and each side some.
std::string pools() {
  std::string text = "[general]\nversion = 1\n[[segment]]\n";
  for (const int bytes : {32, 64, 256, 1024, 4096, 16384, 65536})
    text += "[[segment.mempool]]\nsize = " + std::to_string(bytes + 64) + "\ncount = 512\n";
  return text;
}

/// Somebody listens there.
bool answers() noexcept {
  const rt::Descriptor probe(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", kSocketPath);
  return probe && connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

[[noreturn]] void become_roudi(int config_fd) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  release_interrupts();
  const std::string config = "/dev/fd/" + std::to_string(config_fd);
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nowhere < 0) _exit(EX_OSFILE);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nowhere, fd);
  execlp("iox-roudi", "iox-roudi", "-m", "off", "-l", "off", "-k", "1", "-c", config.c_str(), nullptr);
  _exit(EX_UNAVAILABLE);
}

}  // namespace

rt::Done Roudi::start() {
  if (answers()) return rt::Error{EX_UNAVAILABLE, std::string("another RouDi runs here: ") + kSocketPath + " answers; stop it"};
  const rt::Descriptor config(memfd_create("roudi.toml", 0));
  const std::string text = pools();
  if (!config || write(config.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return rt::errno_error("memfd_create");
  lseek(config.get(), 0, SEEK_SET);
  pid_ = fork();
  if (pid_ < 0) return rt::errno_error("fork");
  if (pid_ == 0) become_roudi(config.get());
  bool gone = false;
  const bool up = rt::wait_until(rt::monotonic_ns() + kStartWithin, [&] {
    gone = waitpid(pid_, nullptr, WNOHANG) == pid_;
    return gone || answers();
  });
  if (gone) pid_ = 0;
  if (up && !gone) return rt::done();
  stop();
  return rt::Error{EX_UNAVAILABLE, "iox-roudi did not start: is the package iceoryx installed, or does another RouDi run?"};
}

void Roudi::stop() noexcept {
  const pid_t pid = std::exchange(pid_, 0);
  if (pid == 0) return;
  kill(pid, SIGTERM);
  if (rt::wait_until(rt::monotonic_ns() + kStopWithin, [pid] { return waitpid(pid, nullptr, WNOHANG) == pid; })) return;
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

}  // namespace chappe::bench

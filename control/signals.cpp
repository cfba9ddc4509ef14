#include "control/signals.hpp"

#include <sys/signalfd.h>

#include <csignal>

namespace chappe::control {
namespace {

sigset_t handled() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGUSR1, SIGHUP, SIGTERM, SIGINT}) sigaddset(&set, number);
  return set;
}

}  // namespace

void Signals::block() {
  const sigset_t set = handled();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

rt::Result<Signals> Signals::open() {
  const sigset_t set = handled();
  rt::Descriptor fd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) return rt::errno_error("signalfd for USR1, HUP, TERM, INT");
  return Signals(std::move(fd));
}

Signals::Event Signals::drain() noexcept {
  Event event;
  signalfd_siginfo info;
  while (true) {
    const ssize_t n = read(fd_.get(), &info, sizeof info);  // success: the whole size; EAGAIN: no more; EINTR: again
    if (n < 0 && errno == EINTR) continue;
    if (n != static_cast<ssize_t>(sizeof info)) return event;
    const bool reload = info.ssi_signo == SIGUSR1 || info.ssi_signo == SIGHUP;
    (reload ? event.reload : event.stop) = true;
  }
}

}  // namespace chappe::control

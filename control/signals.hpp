// Signals as events of a descriptor: SIGUSR1 and SIGHUP reload, SIGTERM and SIGINT stop. No handler of ours ever runs.
// Order in main: block() before any thread; open(); then read the configuration, so that a signal in between asks for a newer reading.
// Signals coalesce: a thousand before one drain() are one event, which is right, because a reload means "be as the file is now".
// A signal before the first instruction of main kills: launchers block or ignore them for the child (`trap '' USR1 HUP`).
#pragma once
#include "rt/descriptor.hpp"
#include "rt/result.hpp"

namespace chappe::control {

class Signals {
 public:
  struct Event {
    bool reload = false;
    bool stop = false;
  };

  /// Blocks the four in the calling thread and in those it makes later; SIGPIPE is ignored. An ignored signal that is blocked still
  /// arrives.
  static void block();
  static rt::Result<Signals> open();

  /// For poll: readable while a signal waits.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  /// Takes all that waits; never blocks. One thread.
  Event drain() noexcept;

 private:
  explicit Signals(rt::Descriptor fd) noexcept : fd_(std::move(fd)) {}
  rt::Descriptor fd_;
};

}  // namespace chappe::control

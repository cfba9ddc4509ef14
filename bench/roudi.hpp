// iceoryx's daemon, one for each run, with pools that do for every message here. The parent's; dies with it.
#pragma once
#include <sys/types.h>

#include "rt/result.hpp"

namespace chappe::bench {

class Roudi {
 public:
  Roudi() = default;
  Roudi(const Roudi&) = delete;
  Roudi& operator=(const Roudi&) = delete;
  ~Roudi() { stop(); }
  /// Returns once it takes applications. EX_UNAVAILABLE: it could not be started, or another one runs already.
  rt::Done start();
  void stop() noexcept;

 private:
  pid_t pid_ = 0;
};

}  // namespace chappe::bench

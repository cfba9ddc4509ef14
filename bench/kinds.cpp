#include "bench/kinds.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace chappe::bench {
namespace {

#ifdef CHAPPE_HAS_BOOST
constexpr const char* kNoBoost = "";
#else
constexpr const char* kNoBoost = "not installed: apt install libboost-dev, and configure anew";
#endif
#ifdef CHAPPE_HAS_ZMQ
constexpr const char* kNoZmq = "";
#else
constexpr const char* kNoZmq = "not installed: apt install libzmq3-dev, and configure anew";
#endif
#ifdef CHAPPE_HAS_IOX
constexpr const char* kNoIceoryx = "";
#else
constexpr const char* kNoIceoryx = "not installed: apt install libiceoryx-posh-dev iceoryx, and configure anew";
#endif

constexpr std::array<Kind, 10> kKinds{{
    {"bare", "limit", "release/acquire cursors, checks nothing", "", Wait::spin, make_bare},
    {"chappe", "ours", "this project's ring: gate, marks, sequences, headers, ledger, bell", "", Wait::spin, make_chappe},
    {"pipe", "kernel", "pipe of the default size", "", Wait::sleep, make_pipe},
    {"pipe-1M", "kernel", "pipe of 1 MiB", "", Wait::sleep, make_large_pipe},
    {"mq", "kernel", "POSIX message queue", "", Wait::sleep, make_mq},
    {"unix", "kernel", "stream socket pair", "", Wait::sleep, make_unix},
    {"tcp", "kernel", "loopback, no delay", "", Wait::sleep, make_tcp},
    {"boost", "middleware", "Boost.Interprocess message_queue", kNoBoost, Wait::sleep, make_boost},
    {"zeromq", "middleware", "ZeroMQ PUSH/PULL over ipc", kNoZmq, Wait::sleep, make_zeromq},
    {"iceoryx", "middleware", "iceoryx, untyped, blocking policy, its RouDi beside it", kNoIceoryx, Wait::spin, make_iceoryx},
}};

}  // namespace

#ifndef CHAPPE_HAS_BOOST
Made make_boost(const Work&) { return rt::Error{EX_UNAVAILABLE, kNoBoost}; }
#endif
#ifndef CHAPPE_HAS_ZMQ
Made make_zeromq(const Work&) { return rt::Error{EX_UNAVAILABLE, kNoZmq}; }
#endif
#ifndef CHAPPE_HAS_IOX
Made make_iceoryx(const Work&) { return rt::Error{EX_UNAVAILABLE, kNoIceoryx}; }
#endif

std::string fresh_name() {
  static int made = 0;
  return "chappe-bench-" + std::to_string(getpid()) + "-" + std::to_string(++made);
}

std::span<const Kind> kinds() noexcept { return kKinds; }

const Kind* find_kind(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(kKinds, name, &Kind::name);
  return found != kKinds.end() ? found : nullptr;
}

const char* name_of(Wait wait) noexcept { return wait == Wait::spin ? "spin" : wait == Wait::sleep ? "sleep" : "spin_then_sleep"; }

}  // namespace chappe::bench

#include "bench/kinds.hpp"

#include <algorithm>
#include <array>

namespace chappe::bench {
namespace {

#ifdef CHAPPE_HAS_BOOST
constexpr std::string_view kNoBoost;
#else
constexpr std::string_view kNoBoost = "not installed: apt install libboost-dev, and configure anew";
Made make_boost_or_not(const Work&) { return rt::Error{EX_UNAVAILABLE, std::string(kNoBoost)}; }
#define make_boost make_boost_or_not
#endif
#ifdef CHAPPE_HAS_ZMQ
constexpr std::string_view kNoZmq;
#else
constexpr std::string_view kNoZmq = "not installed: apt install libzmq3-dev, and configure anew";
Made make_zeromq_or_not(const Work&) { return rt::Error{EX_UNAVAILABLE, std::string(kNoZmq)}; }
#define make_zeromq make_zeromq_or_not
#endif
#ifdef CHAPPE_HAS_ICEORYX
constexpr std::string_view kNoIceoryx;
#else
constexpr std::string_view kNoIceoryx = "not installed: apt install libiceoryx-posh-dev iceoryx, and configure anew";
Made make_iceoryx_or_not(const Work&) { return rt::Error{EX_UNAVAILABLE, std::string(kNoIceoryx)}; }
#define make_iceoryx make_iceoryx_or_not
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

std::span<const Kind> kinds() noexcept { return kKinds; }

const Kind* find_kind(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(kKinds, name, &Kind::name);
  return found != kKinds.end() ? found : nullptr;
}

const char* name_of(Wait wait) noexcept { return wait == Wait::spin ? "spin" : wait == Wait::sleep ? "sleep" : "spin_then_sleep"; }

}  // namespace chappe::bench

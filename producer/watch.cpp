#include "producer/watch.hpp"

#include <fmt/format.h>

#include "rt/clock.hpp"
#include "rt/log.hpp"

namespace chappe::producer {
namespace {

constexpr int kLookEvery = 50;  // ms

}  // namespace

void watch_gate(shm::GateKeeper& gate, const rt::Flag& stop) {
  while (!stop.is_up()) {
    const shm::GateNews news = gate.watch(kLookEvery);
    if (news == shm::GateNews::none) continue;
    const std::string who = fmt::format("the aggregator (process {}) ", gate.holder());
    const std::string stood = fmt::format("{:.1f} s", static_cast<double>(gate.stands_for()) / static_cast<double>(rt::kSecond));
    if (news == shm::GateNews::stalled)
      rt::log(rt::LogLevel::warn, who + "is stalled: it lives, and has taken none of the blocks that wait for " + stood);
    else if (news == shm::GateNews::evicted)
      rt::log(rt::LogLevel::warn, who + "is evicted: it has stood for " + stood + " with the ring full; new blocks overwrite what it left");
    else
      rt::log(rt::LogLevel::info, who + "moves again");
  }
}

}  // namespace chappe::producer

// The two children of one measurement.
#pragma once
#include <span>

#include "bench/transport.hpp"
#include "rt/thread.hpp"

namespace chappe::bench {

struct Sides {
  Transport& transport;
  Work work;
  rt::Policy policy = rt::Policy::other;
  bool weighs = false;  ///< how much memory came with the transport
  Sheet& sheet;
  std::int64_t* latencies_ns = nullptr;  ///< shared; a place for each message, or null
};

/// Runs both to the end. Empty: good, and the sum is right; else what happened.
std::string run(const Sides& sides, std::int64_t seconds);

}  // namespace chappe::bench

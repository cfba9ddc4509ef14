// The command line of chappe-bench.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rt/result.hpp"

namespace chappe::bench {

inline constexpr const char* kTests[] = {"ring",     "throughput", "latency", "cost",    "wake", "host",
                                         "pipeline", "cpu",        "kernel",  "scaling", "hops", "viewers"};
inline constexpr const char* kTestsOfFull[] = {"cost",    "host", "kernel",
                                               "scaling", "hops", "viewers"};  ///< the short form has none of them

struct Options {
  bool quick = false, full = false, json = false, list = false, check = false;
  std::uint64_t rounds = 0;         ///< 0: as many as the form has
  std::uint64_t megabytes = 0;      ///< carried in each run of ring and throughput; 0: as the form has it
  std::vector<std::string> only{};  ///< tests; empty: all of the form
};

/// Nothing: --help or --version was asked for and has been printed. A wrong command line: EX_USAGE.
rt::Result<std::optional<Options>> parse_options(int argc, const char* const* argv);

}  // namespace chappe::bench

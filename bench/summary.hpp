// What chappe-bench prints: one JSON object, or tables for people.
#pragma once
#include <string>

#include "bench/host.hpp"
#include "bench/records.hpp"

namespace chappe::bench {

/// One line. `full`: machine and each single run too. A figure that was not measured is null.
std::string to_json(const Records& records, const Machine& machine, bool full);
/// A line for each cell and placement; the ring's targets and whether they are met below.
std::string to_table(const Records& records, const Machine& machine);
/// The ways, and why one is not there.
std::string list_of_kinds();

}  // namespace chappe::bench

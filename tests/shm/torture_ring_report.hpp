// The table of a torture run, as text or JSON, and its verdict.
#pragma once
#include "torture_ring_campaign.hpp"

namespace chappe::shm::torture {

/// What does not hold, a line each; empty: everything holds.
std::vector<std::string> broken(const Outcome& outcome, const Shared& shared);
void print_table(const Options& options, const Outcome& outcome, const Shared& shared);
void print_json(const Options& options, const Outcome& outcome, const Shared& shared);

}  // namespace chappe::shm::torture

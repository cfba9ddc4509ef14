// Snapshots as JSON, for programs: the schemas are in docs/interfaces.md. Shared by chappectl, the display and the closing ledger. Pure;
// ordinary threads. A number that is not one (NaN, infinity) is null; times are ISO 8601, UTC.
#pragma once
#include <string>

#include "shm/snapshot.hpp"

namespace chappe::shm {

std::string ledger_json(const Snapshot& snapshot);
std::string status_json(const Snapshot& snapshot);
std::string streams_json(const Snapshot& snapshot);
/// All that is known of one stream's last windows. What its windows do not have, and what the analysis has not computed, is null.
std::string describe_json(const StreamView& stream);
std::string alarms_json(const Snapshot& snapshot);
/// Producer, aggregator, streams with their channels, ledger: what the display shows.
std::string display_json(const Snapshot& snapshot);
/// Reads back what ledger_json wrote. False: it is not that.
bool ledger_from_json(const std::string& text, std::string& instance, Ledger& ledger);

}  // namespace chappe::shm

// What chappectl prints for people: a snapshot as aligned text. Pure functions, any thread. Part of the program chappectl alone.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "shm/snapshot.hpp"

namespace chappe::control {

/// Rows with columns aligned: the first `left` to the left, the others to the right. Short rows are allowed; no space at a line's end.
std::string table(const std::vector<std::vector<std::string>>& rows, std::size_t left);

/// Six digits; "-" where there is none.
std::string number(double value);

std::string status_text(const shm::Snapshot& snapshot);
std::string streams_text(const shm::Snapshot& snapshot);
/// A line for each alarm on each channel, what is raised first.
std::string alarms_text(const shm::Snapshot& snapshot);
/// The accounts, and one closing line: the ledger closes, or what is unexplained, or that it was not settled.
std::string ledger_text(const shm::Snapshot& snapshot);

/// There are streams, and no frame of any is unexplained.
bool closes(const shm::Ledger& ledger);

}  // namespace chappe::control

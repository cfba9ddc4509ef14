// One [[stream.alarm]] of the file. Used inside config/parse* only.
#pragma once
#include "config/parse_reader.hpp"

namespace chappe::config {

/// Faults: a key that does not belong to the kind, or lacks.
Alarm read_alarm(Reader& in);

}  // namespace chappe::config

// What was built, for --version and the metrics. Constant.
#pragma once

namespace chappe::rt {

extern const char* const kVersion;
extern const char* const kCommit;  ///< that was checked out when this was built, "unknown" outside git; changes on top are not told

}  // namespace chappe::rt

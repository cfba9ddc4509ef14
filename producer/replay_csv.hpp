// Recordings as text: comma, semicolon or tab, a header or none, LF or CRLF, a time column or none. The text is parsed row by row as it
// plays, so the file may be of any length. A row that has another number of cells than the first, or a cell that is no number, is skipped
// and counted (once, also when the recording loops); the first of them is kept for complaints(). A quoted cell ends with its line. Lines of
// blanks are no rows.
#pragma once
#include "producer/replay.hpp"

namespace chappe::producer {

/// Errors name the file and the line: no data row, an unknown time column, channels that do not match.
rt::Result<std::unique_ptr<Recording>> open_csv(const config::Stream& stream);

}  // namespace chappe::producer

// What main does with the window log while no drain runs: after a kill the board may hold windows that the log does not, and windows of
// streams that change or go are closed here, because nobody else will.
#pragma once
#include <string>
#include <vector>

#include "aggregator/window_log.hpp"
#include "shm/board.hpp"
#include "shm/ring.hpp"

namespace chappe::aggregator {

LogNames log_names(const shm::StreamEntry& stream, const std::vector<shm::ChannelEntry>& channels, bool all_columns);

/// Once after a start: writes rows that the board holds and the log lacks, and counts those that neither has. A crash in between repeats
/// it.
void rewrite_log(shm::BoardWriter& board, WindowLog& log, std::vector<std::string>& notes);

/// Closes the open windows of all streams that `next` (null: nobody) does not go on with, their channels unchanged, and writes their rows.
/// `log` may be null. A crash in between leaves them on the board, for rewrite_log.
void close_windows_that_end(shm::BoardWriter& board, const shm::RingTables* next, WindowLog* log);

}  // namespace chappe::aggregator

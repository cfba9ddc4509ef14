// The thread that writes the window log: takes closed windows from the drain, makes lines of them, and gives the rows back. Ordinary
// priority: a slow disk costs rows of a live stream (counted), or time of a replay, never a block.
#pragma once
#include <string>
#include <vector>

#include "aggregator/rows.hpp"
#include "aggregator/window_log.hpp"
#include "rt/counter.hpp"
#include "rt/thread.hpp"

namespace chappe::aggregator {

class LogWriter {
 public:
  LogWriter(WindowLog& file, Rows& rows, std::vector<LogNames> names, rt::Counter& errors);
  ~LogWriter();
  /// Writes what is there, and ends. The drain must have stopped.
  void finish();

 private:
  void run();
  void write(const std::string& text);
  WindowLog* file_;
  Rows* rows_;
  std::vector<LogNames> names_;
  std::vector<WindowCounts> taken_;  ///< windows ever taken, by stream
  rt::Counter* errors_;
  std::uint64_t lost_before_;  ///< rows that the file had lost before this writer
  bool failing_ = false;
  rt::Flag stop_;
  rt::Thread thread_;
};

}  // namespace chappe::aggregator

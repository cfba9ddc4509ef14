// The thread that writes the window log: takes closed windows from the drain, makes lines of them, and gives the rows back. Ordinary
// priority: a slow disk costs rows of a live stream (counted), or time of a replay, never a block.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "aggregator/rows.hpp"
#include "aggregator/window_log.hpp"
#include "rt/counter.hpp"
#include "rt/thread.hpp"

namespace chappe::aggregator {

/// Writes what came and what waits. A failure, and the rows given up, are counted at once, so that no later row is in the file before. One
/// thread.
rt::Done write_counted(WindowLog& file, const std::string& text, shm::BoardControl& counts);

class LogWriter {
 public:
  /// `waiting`: windows of each stream and specification that wait in `file` for the disk, or found no room there.
  static rt::Result<std::unique_ptr<LogWriter>> start(WindowLog& file, Rows& rows, std::vector<LogNames> names,
                                                      std::vector<WindowCounts> waiting, shm::BoardControl& counts);
  ~LogWriter();
  /// Writes what is there, and ends. The drain must have stopped.
  void finish();

 private:
  LogWriter(WindowLog& file, Rows& rows, std::vector<LogNames> names, std::vector<WindowCounts> waiting, shm::BoardControl& counts);
  void run();
  void write(const std::string& text);
  WindowLog* file_;
  Rows* rows_;
  std::vector<LogNames> names_;
  std::vector<WindowCounts> taken_;  ///< windows that waited at the start and those taken since, by stream
  shm::BoardControl* counts_;
  bool failing_ = false;
  rt::Flag stop_;
  rt::Thread thread_;
};

}  // namespace chappe::aggregator

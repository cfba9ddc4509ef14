// The thread that judges: takes closed windows from the drain, brings them to the alarms, and gives the rows back; looks ten times a second
// for what has fallen silent. Ordinary priority: if it cannot keep up, a live stream's windows are passed over (counted), a replay waits.
#pragma once
#include <memory>

#include "aggregator/alarms.hpp"
#include "aggregator/rows.hpp"
#include "rt/counter.hpp"
#include "rt/thread.hpp"

namespace chappe::aggregator {

class AlarmWatch {
 public:
  /// newest_ns(i): see Alarms::judge_silence; empty: of this ring nothing more is to come, and nobody is silent.
  static rt::Result<std::unique_ptr<AlarmWatch>> start(Alarms& alarms, Rows& rows, Alarms::Newest newest_ns);
  ~AlarmWatch();
  /// Judges what is there, and ends. The drain must have stopped.
  void finish();

 private:
  AlarmWatch(Alarms& alarms, Rows& rows, Alarms::Newest newest_ns);
  void run();
  Alarms* alarms_;
  Rows* rows_;
  Alarms::Newest newest_ns_;
  std::int64_t attached_ns_;
  rt::Flag stop_;
  rt::Thread thread_;
};

}  // namespace chappe::aggregator

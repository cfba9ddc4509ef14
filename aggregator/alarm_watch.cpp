#include "aggregator/alarm_watch.hpp"

#include "rt/clock.hpp"

namespace chappe::aggregator {
namespace {

constexpr int kBatch = 256;
constexpr std::int64_t kLook = 100 * rt::kMillisecond;

}  // namespace

AlarmWatch::AlarmWatch(Alarms& alarms, Rows& rows, Alarms::Newest newest_ns)
    : alarms_(&alarms), rows_(&rows), newest_ns_(std::move(newest_ns)), attached_ns_(rt::monotonic_ns()) {}

rt::Result<std::unique_ptr<AlarmWatch>> AlarmWatch::start(Alarms& alarms, Rows& rows, Alarms::Newest newest_ns) {
  std::unique_ptr<AlarmWatch> watch(new AlarmWatch(alarms, rows, std::move(newest_ns)));
  rt::ThreadPlan plan;
  plan.name = "chappe-alarms";
  auto thread = rt::Thread::start(plan, [w = watch.get()] { w->run(); });
  if (!thread) return rt::Error{thread.error().exit_code, "alarms: " + thread.error().text};
  watch->thread_ = std::move(*thread);
  return watch;
}

AlarmWatch::~AlarmWatch() { finish(); }

void AlarmWatch::finish() {
  stop_.raise();
  rows_->wake();
  thread_.join();
}

void AlarmWatch::run() {
  for (;;) {
    const bool last_round = stop_.is_up();
    int judged = 0;
    while (Row* row = judged < kBatch ? rows_->try_full() : nullptr) {
      alarms_->judge(*row);
      rows_->put_empty(row);
      ++judged;
    }
    if (newest_ns_ && !last_round) alarms_->judge_silence(newest_ns_, attached_ns_, rt::monotonic_ns());
    alarms_->publish();
    if (judged > 0) continue;
    if (last_round) return;
    rows_->wait_full(rt::monotonic_ns() + kLook);
  }
}

}  // namespace chappe::aggregator

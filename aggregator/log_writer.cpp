#include "aggregator/log_writer.hpp"

#include "rt/clock.hpp"
#include "rt/fault.hpp"
#include "rt/log.hpp"

namespace chappe::aggregator {
namespace {

constexpr std::size_t kBatchBytes = 64 * 1024;

}  // namespace

LogWriter::LogWriter(WindowLog& file, Rows& rows, std::vector<LogNames> names, rt::Counter& errors)
    : file_(&file), rows_(&rows), names_(std::move(names)), taken_(names_.size()), errors_(&errors), lost_before_(file.rows_lost()) {
  rt::ThreadPlan plan;
  plan.name = "chappe-log";
  auto thread = rt::Thread::start(plan, [this] { run(); });
  if (thread)
    thread_ = std::move(*thread);
  else
    rt::log(rt::LogLevel::error, "window log: " + thread.error().text);
}

LogWriter::~LogWriter() { finish(); }

void LogWriter::finish() {
  stop_.raise();
  rows_->wake();
  thread_.join();
}

/// A window counts as written once nothing before it waits for the disk. A disk that refuses is told when it begins and when it is over.
void LogWriter::write(const std::string& text) {
  auto written = file_->write(text);
  rows_->set_lost(file_->rows_lost() - lost_before_);
  if (written) {
    rows_->set_written(taken_);
    CHAPPE_FAULT(log_told);
    if (failing_)
      rt::log(rt::LogLevel::warn, "window log: the disk takes rows again; " + std::to_string(file_->rows_lost()) + " were lost");
  } else {
    errors_->add();
    if (!failing_) rt::log(rt::LogLevel::error, written.error().text);
  }
  failing_ = !written;
}

void LogWriter::run() {
  std::string text;
  for (;;) {
    const bool last_round = stop_.is_up();
    while (Row* row = rows_->try_full()) {
      append_rows(text, names_[row->head.stream], row->head, row->channels);
      ++taken_[row->head.stream][row->head.which];
      rows_->put_empty(row);
      if (text.size() >= kBatchBytes) break;
    }
    const bool idle = text.empty();
    write(text);  // also when idle: what a full disk kept back is tried again
    text.clear();
    if (!idle) continue;
    if (last_round) return;
    rows_->wait_full(rt::monotonic_ns() + rt::kSecond);
  }
}

}  // namespace chappe::aggregator

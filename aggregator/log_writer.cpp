#include "aggregator/log_writer.hpp"

#include "rt/clock.hpp"
#include "rt/fault.hpp"
#include "rt/log.hpp"

namespace chappe::aggregator {
namespace {

constexpr std::size_t kBatchBytes = 64 * 1024;

}  // namespace

rt::Done write_counted(WindowLog& file, const std::string& text, shm::BoardControl& counts) {
  const std::uint64_t lost_before = file.rows_lost();
  auto written = file.write(text);
  counts.log_rows_given_up.add(file.rows_lost() - lost_before);
  if (!written) counts.log_errors.add();
  return written;
}

LogWriter::LogWriter(WindowLog& file, Rows& rows, std::vector<LogNames> names, std::vector<WindowCounts> waiting, shm::BoardControl& counts)
    : file_(&file), rows_(&rows), names_(std::move(names)), taken_(std::move(waiting)), counts_(&counts) {}

rt::Result<std::unique_ptr<LogWriter>> LogWriter::start(WindowLog& file, Rows& rows, std::vector<LogNames> names,
                                                        std::vector<WindowCounts> waiting, shm::BoardControl& counts) {
  CHAPPE_EXPECTS(names.size() == waiting.size());
  std::unique_ptr<LogWriter> writer(new LogWriter(file, rows, std::move(names), std::move(waiting), counts));
  rt::ThreadPlan plan;
  plan.name = "chappe-log";
  auto thread = rt::Thread::start(plan, [w = writer.get()] { w->run(); });
  if (!thread) return rt::Error{thread.error().exit_code, "window log: " + thread.error().text};
  writer->thread_ = std::move(*thread);
  return writer;
}

LogWriter::~LogWriter() { finish(); }

void LogWriter::finish() {
  stop_.raise();
  rows_->wake();
  thread_.join();
}

/// A window counts as written once nothing before it waits for the disk. A disk that refuses is told when it begins and when it is over.
void LogWriter::write(const std::string& text) {
  auto written = write_counted(*file_, text, *counts_);
  if (written) {
    rows_->set_written(taken_);
    CHAPPE_FAULT(log_told);
    if (failing_)
      rt::log(rt::LogLevel::warn, "window log: the disk takes rows again; " + std::to_string(file_->rows_lost()) + " were lost");
  } else if (!failing_) {
    rt::log(rt::LogLevel::error, written.error().text);
  }
  failing_ = !written;
}

void LogWriter::run() {
  std::string text;
  for (;;) {
    const bool last_round = stop_.is_up();
    while (Row* row = rows_->try_full()) {
      append_rows(text, names_[row->head.stream], row->head, row->channels, row->shapes);
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

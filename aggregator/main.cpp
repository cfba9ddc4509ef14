// chappe-aggregator: ring in, board out. Main looks for rings, listens to signals and commands, and leaves the data to the drain.
#include <unistd.h>

#include <fstream>
#include <optional>

#include "aggregator/aggregator.hpp"
#include "aggregator/scrape.hpp"
#include "config/options.hpp"
#include "control/listener.hpp"
#include "metrics/exporter.hpp"
#include "rt/clock.hpp"
#include "rt/fault.hpp"
#include "rt/log.hpp"
#include "shm/process_page.hpp"
#include "shm/snapshot_json.hpp"
#include "shm/viewer.hpp"

namespace chappe::aggregator {
namespace {

using rt::log;
using rt::LogLevel;

constexpr std::int64_t kTick = rt::kSecond;
constexpr std::int64_t kEffect = rt::kSecond;        // a reload is answered when it is in force, and after this long in any case
constexpr std::int64_t kPatience = 8 * rt::kSecond;  // of an orderly end: longer than the producer's, less than the 10 s of chappectl
constexpr int kLookForRing = 20;                     // ms between two looks while there is no ring, or while one is being merged

int give_up(const rt::Error& error) {
  log(LogLevel::error, error.text);
  return error.exit_code;
}

class Service {
 public:
  Service(config::Options options, config::Loaded loaded, control::Signals& signals)
      : options_(std::move(options)),
        loaded_(std::move(loaded)),
        listener_(signals, {.process = "aggregator",
                            .queue = control::queue_name(loaded_.config.instance, "control"),
                            .heard = {control::verb::kAttach, control::verb::kSupersede, control::verb::kEnd},
                            .on_reload = [this] { return reload(); },
                            .on_command = {{control::verb::kAcknowledge, [this](const auto& order) { return acknowledge(order); }},
                                           {control::verb::kShelve, [this](const auto& order) { return shelve(order); }}}}) {}
  int run();

 private:
  rt::Done open();
  rt::Result<std::string> reload();
  rt::Result<std::string> acknowledge(const std::string& argument);
  rt::Result<std::string> shelve(const std::string& argument);
  rt::Done look_after();
  int finish();
  int leave(const rt::Error& error);
  bool write_closing_ledger() const;
  rt::Done judge_realtime();
  void say(std::vector<std::string>& notes) const {
    for (const auto& note : notes) log(LogLevel::info, note);
    notes.clear();
  }

  config::Options options_;
  config::Loaded loaded_;
  shm::ProcessReport report_;
  std::unique_ptr<Aggregator> aggregator_;
  control::Listener listener_;
  std::optional<Scrape> scrape_;  // before the exporter, whose threads use it
  std::unique_ptr<metrics::Exporter> exporter_;
  std::int64_t next_tick_ = 0;
  std::string lock_refusal_, last_refusal_;
};

rt::Done Service::open() {
  const config::Config& config = loaded_.config;
  auto operators = shm::find_group(config.permissions.operators);
  if (!operators) return operators.error();
  if (auto served = listener_.serve(operators->value_or(control::kOwnGroup)); !served)
    return rt::Error{EX_TEMPFAIL, "instance " + config.instance + ": an aggregator is already running (" + served.error().text + ")"};
  std::vector<std::string> notes;
  auto opened = Aggregator::open(config, loaded_.hash, notes);
  if (!opened) return opened.error();
  aggregator_ = std::move(*opened);
  say(notes);
  report_.since_ns = rt::realtime_ns();
  report_.config_generation = aggregator_->generation();
  report_.config_hash = loaded_.hash;
  report_.lock_asked = config.realtime.lock_memory;
  if (config.realtime.lock_memory) lock_refusal_ = rt::lock_memory();
  const config::Endpoint endpoint = config::endpoint(config, "aggregator");
  scrape_.emplace(
      config, [viewer = std::make_shared<shm::Viewer>(config.instance)] { return viewer->look(); }, rt::log);
  exporter_ = metrics::Exporter::start(
      endpoint.address, endpoint.port, [this] { return scrape_->families(); }, rt::log);
  aggregator_->publish_report(report_);
  return judge_realtime();
}

/// What was asked beside what was granted: in the log and the report. An Error: it was required and refused.
rt::Done Service::judge_realtime() {
  report_.realtime_refused = rt::locked_bytes() == 0 ? lock_refusal_ : "";
  aggregator_->report_realtime(report_);
  aggregator_->publish_report(report_);
  if (!report_.threads.empty()) log(LogLevel::info, "real time: " + shm::realtime_text(report_));
  if (report_.realtime_refused == last_refusal_) return rt::done();
  last_refusal_ = report_.realtime_refused;
  if (options_.require_realtime && !last_refusal_.empty())
    return rt::Error{EX_NOPERM, "real time was required and refused: " + last_refusal_};
  log(LogLevel::warn, last_refusal_.empty() ? "real time is granted now" : "REAL TIME REFUSED, running on without it: " + last_refusal_);
  return rt::done();
}

/// Parse, validate, diff; then all of it is in force at the next block boundary, or none.
rt::Result<std::string> Service::reload() {
  auto next = config::reload(options_, loaded_.config);
  if (!next) {
    CHAPPE_FAULT(reload_refused);
    shm::note_reload(report_, next.error().text, 0, 0);
    log(LogLevel::error, "reload refused, nothing changed: " + next.error().text);
    aggregator_->publish_report(report_);
    CHAPPE_FAULT(reload_reported);
    return next.error();
  }
  CHAPPE_FAULT(reload_parsed);
  loaded_ = std::move(*next);
  const std::uint32_t generation = aggregator_->reconfigure(loaded_.config);
  scrape_->choose(loaded_.config);
  CHAPPE_FAULT(reload_offered);
  if (auto level = rt::log_level_named(loaded_.config.log_level)) rt::set_log_level(*level);
  const bool applied = rt::wait_until(rt::monotonic_ns() + kEffect, [&] { return aggregator_->has_applied(); });
  const std::string now = "generation " + std::to_string(generation) + (applied ? "" : "; the drain has not come to it yet");
  shm::note_reload(report_, {}, generation, loaded_.hash);
  log(LogLevel::info, "reloaded: configuration " + now);
  aggregator_->publish_report(report_);
  CHAPPE_FAULT(reload_reported);
  return now;
}

rt::Result<std::string> Service::acknowledge(const std::string& argument) {
  const auto order = control::decode_alarm_order(argument);
  if (!order) return order.error();
  return aggregator_->acknowledge({order->alarm, order->stream, order->channel});
}

rt::Result<std::string> Service::shelve(const std::string& argument) {
  const auto order = control::decode_alarm_order(argument);
  if (!order) return order.error();
  return aggregator_->shelve({order->alarm, order->stream, order->channel}, order->for_ms * rt::kMillisecond);
}

rt::Done Service::look_after() {
  std::vector<std::string> notes;
  const bool was_attached = aggregator_->is_attached();
  auto ticked = aggregator_->tick(notes);
  say(notes);
  if (!ticked) return ticked;
  const bool attached_now = !was_attached && aggregator_->is_attached();
  if (!attached_now && rt::monotonic_ns() < next_tick_) return rt::done();
  next_tick_ = rt::monotonic_ns() + kTick;
  listener_.keep_serving();
  if (attached_now) return judge_realtime();
  report_.realtime_refused = rt::locked_bytes() == 0 ? lock_refusal_ : "";
  aggregator_->report_realtime(report_);
  aggregator_->publish_report(report_);
  return rt::done();
}

bool Service::write_closing_ledger() const {
  if (options_.closing_ledger.empty()) return true;
  std::ofstream file(options_.closing_ledger);
  file << shm::ledger_json(shm::Viewer(loaded_.config.instance).look()) << '\n';
  const bool written = static_cast<bool>(file.flush());
  CHAPPE_FAULT(end_4_closing_ledger);
  if (written) return true;
  log(LogLevel::error, options_.closing_ledger + ": the closing ledger cannot be written");
  return false;
}

int Service::finish() {
  std::vector<std::string> notes;
  bool ledger_written = true;
  const auto finished = aggregator_->finish(
      kPatience, [&] { ledger_written = write_closing_ledger(); }, notes);
  say(notes);
  if (!finished) log(LogLevel::error, finished.error().text);
  listener_.end(true, "stopped");
  log(LogLevel::info, "stopped");
  return finished && ledger_written ? EX_OK : EX_IOERR;
}

/// An end by an error leaves no queue behind; objects in shared memory stay for the next start.
int Service::leave(const rt::Error& error) {
  listener_.end(false, error.text);
  return give_up(error);
}

int Service::run() {
  if (auto opened = open(); !opened) return leave(opened.error());
  do {
    if (auto looked = look_after(); !looked) return leave(looked.error());
  } while (listener_.listen(kLookForRing));
  return finish();
}

}  // namespace
}  // namespace chappe::aggregator

int main(int argc, char** argv) {
  using namespace chappe;
  control::Signals::block();
  rt::log_init("chappe-aggregator");
  auto signals = control::Signals::open();
  if (!signals) return aggregator::give_up(signals.error());
  auto start = config::start(config::Program::aggregator, argc, argv);
  if (!start) return aggregator::give_up(start.error());
  if (!*start) return EX_OK;  // --help or --version
  return aggregator::Service(std::move((*start)->options), std::move((*start)->loaded), *signals).run();
}

// chappe-producer: sources in, ring out. Main opens everything, starts the threads, then only listens: signals, commands, the clock.
#include <unistd.h>

#include "config/options.hpp"
#include "control/listener.hpp"
#include "metrics/exporter.hpp"
#include "producer/producer.hpp"
#include "rt/build_info.hpp"
#include "rt/clock.hpp"
#include "rt/fault.hpp"
#include "rt/log.hpp"
#include "shm/process_page.hpp"
#include "shm/viewer.hpp"

namespace chappe::producer {
namespace {

using rt::log;
using rt::LogLevel;

constexpr std::int64_t kTick = rt::kSecond;
constexpr int kLookAtSources = 100;                  // ms
constexpr std::int64_t kEffect = rt::kSecond;        // a reload is answered when it is in force, and after this long in any case
constexpr std::int64_t kPatience = 5 * rt::kSecond;  // of an orderly end in all: chappectl waits 10 s

int give_up(const rt::Error& error) {
  log(LogLevel::error, error.text);
  return error.exit_code;
}

class Service {
 public:
  Service(config::Options options, config::Loaded loaded, control::Signals& signals)
      : options_(std::move(options)),
        loaded_(std::move(loaded)),
        listener_(signals, {.process = "producer",
                            .queue = control::queue_name(loaded_.config.instance, "producer"),
                            .heard = {},
                            .on_reload = [this] { return reload(); }}) {}
  int run();

 private:
  rt::Done open();
  rt::Result<std::string> reload();
  void tick();
  int finish();
  int leave(const rt::Error& error);

  config::Options options_;
  config::Loaded loaded_;
  shm::ProcessReport report_;
  std::unique_ptr<Producer> producer_;
  control::Listener listener_;
  std::unique_ptr<metrics::Exporter> exporter_;
  std::string last_warning_, lock_refusal_;
};

rt::Done Service::open() {
  const config::Config& config = loaded_.config;
  std::vector<std::string> notes;
  auto opened = Producer::open(config, notes);
  if (!opened) return opened.error();
  producer_ = std::move(*opened);
  for (const auto& note : notes) log(LogLevel::info, note);
  auto operators = shm::find_group(config.permissions.operators);
  if (!operators) return operators.error();
  static_cast<void>(listener_.serve(operators->value_or(control::kOwnGroup)));  // the ring says who is the producer, not the queue
  report_.since_ns = rt::realtime_ns();
  report_.config_generation = 1;
  report_.config_hash = loaded_.hash;
  report_.lock_asked = config.realtime.lock_memory;
  if (config.realtime.lock_memory) report_.realtime_refused = lock_refusal_ = rt::lock_memory();
  const config::Endpoint endpoint = config::endpoint(config, "producer");
  exporter_ = metrics::Exporter::start(
      endpoint.address, endpoint.port,
      [viewer = std::make_shared<shm::Viewer>(config.instance)] {
        return metrics::families_of(viewer->look(), metrics::Role::producer, {rt::kVersion, rt::kCommit});
      },
      rt::log);
  if (auto started = producer_->start(config); !started) return started.error();
  producer_->report_realtime(report_);
  producer_->publish_report(report_);
  log(LogLevel::info, "real time: " + shm::realtime_text(report_));
  const bool refused = !report_.realtime_refused.empty();
  if (refused && options_.require_realtime) return rt::Error{EX_NOPERM, "real time was required and refused: " + report_.realtime_refused};
  if (refused) log(LogLevel::warn, "REAL TIME REFUSED, running on without it: " + report_.realtime_refused);
  producer_->begin();
  return rt::done();
}

/// Parse, validate, diff; then all of it is in force at the next block boundary, or none.
rt::Result<std::string> Service::reload() {
  auto next = config::reload(options_, loaded_.config);
  if (!next) {
    CHAPPE_FAULT(reload_refused);
    shm::note_reload(report_, next.error().text, 0, 0);
    log(LogLevel::error, "reload refused, nothing changed: " + next.error().text);
    producer_->publish_report(report_);
    CHAPPE_FAULT(reload_reported);
    return next.error();
  }
  CHAPPE_FAULT(reload_parsed);
  loaded_ = std::move(*next);
  const std::uint32_t generation = report_.config_generation + 1;
  for (const auto& note : producer_->reconfigure(loaded_.config, generation)) log(LogLevel::warn, note);
  CHAPPE_FAULT(reload_offered);
  if (auto level = rt::log_level_named(loaded_.config.log_level)) rt::set_log_level(*level);
  const bool applied = rt::wait_until(rt::monotonic_ns() + kEffect, [&] { return producer_->has_applied(generation); });
  const std::string now = "generation " + std::to_string(generation) + (applied ? "" : "; not every source has come to it yet");
  shm::note_reload(report_, {}, generation, loaded_.hash);
  log(LogLevel::info, "reloaded: configuration " + now);
  producer_->publish_report(report_);
  CHAPPE_FAULT(reload_reported);
  return now;
}

void Service::tick() {
  std::string warning = producer_->tick();
  if (!warning.empty() && warning != last_warning_) log(LogLevel::error, warning);
  last_warning_ = std::move(warning);
  for (const auto& text : producer_->new_complaints()) log(LogLevel::warn, text);
  listener_.keep_serving();
  report_.realtime_refused = rt::locked_bytes() == 0 ? lock_refusal_ : "";
  producer_->report_realtime(report_);
  producer_->publish_report(report_);
}

int Service::finish() {
  log(LogLevel::info, "stopping: the sources first, then what they left in hand");
  const std::uint64_t dropped_before = producer_->dropped_full();
  const std::int64_t deadline = rt::monotonic_ns() + kPatience;
  producer_->finish(deadline);
  if (const std::uint64_t dropped = producer_->dropped_full() - dropped_before; dropped > 0)
    log(LogLevel::warn, std::to_string(dropped) + " frames at the end found the ring full; they are counted as dropped.full");
  for (const auto& text : producer_->complaints()) log(LogLevel::warn, text);
  static_cast<void>(control::announce(loaded_.config.instance, control::verb::kEnd, ""));
  bool acknowledged = producer_->is_acknowledged();
  while (!acknowledged && rt::monotonic_ns() < deadline) {
    rt::sleep_until(rt::monotonic_ns() + 5 * rt::kMillisecond);
    acknowledged = producer_->is_acknowledged();
  }
  if (acknowledged) {
    producer_->unlink();
    log(LogLevel::info, "everything was aggregated; the ring is gone");
  } else {
    log(LogLevel::warn, "no aggregator took what is left: " + std::to_string(producer_->undelivered_blocks()) +
                            " blocks stay in the ring of instance " + loaded_.config.instance +
                            " and are delivered when chappe-aggregator runs; a next producer adopts it");
  }
  listener_.end(true, acknowledged ? "stopped" : "stopped; undelivered data stays");
  return EX_OK;
}

/// An end by an error leaves no queue behind, and no ring that nothing was ever written to.
int Service::leave(const rt::Error& error) {
  if (producer_) {
    producer_->finish(0);
    if (producer_->is_unused()) producer_->unlink();
  }
  listener_.end(false, error.text);
  return give_up(error);
}

int Service::run() {
  if (auto opened = open(); !opened) return leave(opened.error());
  static_cast<void>(
      control::announce(loaded_.config.instance, producer_->has_superseded() ? control::verb::kSupersede : control::verb::kAttach, ""));
  std::int64_t next_tick = rt::monotonic_ns() + kTick;
  while (listener_.listen(kLookAtSources) && !producer_->sources_ended()) {
    if (rt::monotonic_ns() < next_tick) continue;
    next_tick += kTick;
    tick();
  }
  return finish();
}

}  // namespace
}  // namespace chappe::producer

int main(int argc, char** argv) {
  using namespace chappe;
  control::Signals::block();
  rt::log_init("chappe-producer");
  auto signals = control::Signals::open();
  if (!signals) return producer::give_up(signals.error());
  auto start = config::start(config::Program::producer, argc, argv);
  if (!start) return producer::give_up(start.error());
  if (!*start) return EX_OK;  // --help or --version
  return producer::Service(std::move((*start)->options), std::move((*start)->loaded), *signals).run();
}

// chappe-display: looks at an instance, read-only, and shows it. Owns nothing and can harm nobody.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <mutex>
#include <optional>

#include "config/options.hpp"
#include "control/signals.hpp"
#include "display/terminal.hpp"
#include "display/view.hpp"
#include "metrics/exporter.hpp"
#include "rt/build_info.hpp"
#include "rt/clock.hpp"
#include "rt/log.hpp"
#include "shm/process_page.hpp"
#include "shm/snapshot_json.hpp"
#include "shm/viewer.hpp"

namespace chappe::display {
namespace {

using rt::log;
using rt::LogLevel;

int give_up(const rt::Error& error) {
  log(LogLevel::error, error.text);
  return error.exit_code;
}

int show_once(const config::Options& options, const config::Config& config) {
  const shm::Snapshot s = shm::Viewer(config.instance).look();
  if (!s.ring_present && !s.board_present) {
    if (s.trouble_code == EX_NOPERM) return give_up({EX_NOPERM, s.trouble + "; this user is not in the group of [permissions] readers"});
    return give_up({EX_UNAVAILABLE, "no instance " + config.instance +
                                        ": neither ring nor board can be opened; start chappe-producer and chappe-aggregator" +
                                        (s.trouble.empty() ? "" : " (" + s.trouble + ")")});
  }
  std::string text = to_text(s, locale_is_unicode());
  if (options.format == config::DisplayFormat::json) text = shm::display_json(s) + "\n";
  if (options.format == config::DisplayFormat::csv) text = to_csv(s);
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return written ? EX_OK : EX_IOERR;
}

class Live {
 public:
  Live(config::Options options, config::Loaded loaded)
      : options_(std::move(options)), loaded_(std::move(loaded)), viewer_(loaded_.config.instance) {}
  int run(control::Signals& signals);

 private:
  enum class Wish { none, redraw, quit };
  void reload(bool asked);
  bool others_reloaded();
  bool show();
  void draw();
  Wish keys();

  config::Options options_;
  config::Loaded loaded_;
  shm::Viewer viewer_;
  shm::Snapshot last_;                                                             ///< the look that is shown
  std::array<std::optional<std::pair<std::uint64_t, std::uint64_t>>, 2> applied_;  ///< by producer, aggregator: hash, reloads applied
  History history_;
  std::mutex report_mutex_;  ///< a scrape reads the report too
  shm::ProcessReport report_;
  rt::Counter looks_, troubled_;
  std::unique_ptr<Terminal> terminal_;
  std::unique_ptr<metrics::Exporter> exporter_;
  std::size_t first_row_ = 0;
};

/// Not asked: where the others took what is in force here already, nothing is to be told.
void Live::reload(bool asked) {
  auto next = config::reload(options_, loaded_.config);
  const std::string error = next ? "" : next.error().text;
  if (next && !asked && next->hash == loaded_.hash) return;
  if (next) {
    loaded_ = std::move(*next);
    if (auto level = rt::log_level_named(loaded_.config.log_level)) rt::set_log_level(*level);
  }
  const std::lock_guard lock(report_mutex_);
  shm::note_reload(report_, error, report_.config_generation + 1, loaded_.hash);
  if (terminal_) return;  // the picture tells
  if (next)
    log(LogLevel::info, "reloaded: configuration generation " + std::to_string(report_.config_generation));
  else
    log(LogLevel::error, "reload refused, nothing changed: " + error);
}

/// `chappectl reload` cannot reach a viewer, which has no queue: that the other two took another file is how it hears of one.
bool Live::others_reloaded() {
  bool changed = false;
  const shm::ProcessReport* const others[] = {&last_.producer, &last_.aggregator};
  for (std::size_t i = 0; i < applied_.size(); ++i) {
    if (!others[i]->known) continue;
    const std::pair now{others[i]->config_hash, others[i]->reloads - others[i]->reloads_failed};
    changed = changed || (applied_[i] && *applied_[i] != now);
    applied_[i] = now;
  }
  return changed;
}

/// False: nobody takes the lines any more.
bool Live::show() {
  last_ = viewer_.look();
  looks_.add();
  if (!last_.trouble.empty()) troubled_.add();
  if (others_reloaded()) reload(false);
  if (!terminal_) return std::puts(plain_line(last_).c_str()) >= 0 && std::fflush(stdout) == 0;
  history_.feed(last_);
  draw();
  return true;
}

void Live::draw() {
  shm::Snapshot s = last_;
  if (!report_.reload_ok) s.trouble += (s.trouble.empty() ? "" : "; ") + ("the display's reload was refused: " + report_.reload_error);
  Look look = terminal_->look();
  first_row_ = std::min(first_row_, last_first_row(s, look));  // no key is dead after too many
  look.first_row = first_row_;
  terminal_->draw(render(s, history_, look));
}

Live::Wish Live::keys() {
  for (Wish wish = Wish::none;; wish = Wish::redraw) {
    switch (terminal_->key()) {
      case Terminal::Key::quit:
        return Wish::quit;
      case Terminal::Key::up:
        first_row_ -= std::min<std::size_t>(first_row_, 1);
        break;
      case Terminal::Key::page_up:
        first_row_ -= std::min<std::size_t>(first_row_, 10);
        break;
      case Terminal::Key::down:
        ++first_row_;
        break;
      case Terminal::Key::page_down:
        first_row_ += 10;
        break;
      case Terminal::Key::resized:
      case Terminal::Key::other:
        break;
      case Terminal::Key::none:
        return wish;
    }
  }
}

int Live::run(control::Signals& signals) {
  report_.known = true;
  report_.config_generation = 1;
  report_.config_hash = loaded_.hash;
  if (!options_.plain) terminal_ = Terminal::open();
  const config::Endpoint endpoint = config::endpoint(loaded_.config, "display");
  exporter_ = metrics::Exporter::start(
      endpoint.address, endpoint.port,
      [this, viewer = std::make_shared<shm::Viewer>(loaded_.config.instance)] {
        auto families = metrics::families_of(viewer->look(), metrics::Role::display, {rt::kVersion, rt::kCommit});
        const std::lock_guard lock(report_mutex_);
        for (auto& family : metrics::config_families(report_)) families.push_back(std::move(family));
        for (auto& family : metrics::display_families({looks_.get(), troubled_.get()})) families.push_back(std::move(family));
        return families;
      },
      [silent = terminal_ != nullptr](rt::LogLevel level, const std::string& text) {
        if (!silent) log(level, text);  // the terminal is the picture's
      });
  if (!options_.plain && !terminal_)
    log(LogLevel::warn, "no terminal that can be drawn on (TERM, or output to a file): a line a second instead");
  const std::int64_t end = options_.seconds > 0 ? rt::monotonic_ns() + static_cast<std::int64_t>(options_.seconds * 1e9) : INT64_MAX;
  std::int64_t next = rt::monotonic_ns();
  for (;;) {
    const std::int64_t now = rt::monotonic_ns();
    if (now >= end) return EX_OK;
    if (now >= next) {
      if (!show()) return EX_IOERR;
      // Lines for people are one a second unless they ask otherwise; the picture follows the configuration.
      const double hz = terminal_ || options_.refresh_hz ? loaded_.config.refresh_hz : 1;
      next = std::max(next + static_cast<std::int64_t>(1e9 / hz), now);
    }
    pollfd waits[2] = {{signals.fd(), POLLIN, 0}, {terminal_ ? 0 : -1, POLLIN, 0}};
    poll(waits, 2, static_cast<int>(std::clamp<std::int64_t>((std::min(next, end) - rt::monotonic_ns()) / rt::kMillisecond + 1, 1, 1000)));
    const control::Signals::Event event = signals.drain();
    if (event.stop) return EX_OK;
    if ((waits[1].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) return EX_OK;  // the terminal is gone; SIGHUP alone would mean reload
    if (event.reload) {
      reload(true);
      next = rt::monotonic_ns();  // another refresh holds at once
    }
    const Wish wish = terminal_ ? keys() : Wish::none;
    if (wish == Wish::quit) return EX_OK;
    if (wish == Wish::redraw) draw();  // keys and sizes do not wait for the next look
  }
}

}  // namespace
}  // namespace chappe::display

int main(int argc, char** argv) {
  using namespace chappe;
  control::Signals::block();
  rt::log_init("chappe-display");
  auto signals = control::Signals::open();
  if (!signals) return display::give_up(signals.error());
  auto start = config::start(config::Program::display, argc, argv);
  if (!start) return display::give_up(start.error());
  if (!*start) return EX_OK;  // --help or --version
  auto& [options, loaded] = **start;
  if (options.once) return display::show_once(options, loaded.config);
  return display::Live(std::move(options), std::move(loaded)).run(*signals);
}

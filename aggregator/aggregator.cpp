#include "aggregator/aggregator.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "aggregator/alarm_watch.hpp"
#include "aggregator/log_writer.hpp"
#include "aggregator/settle_log.hpp"
#include "rt/clock.hpp"
#include "rt/fault.hpp"
#include "rt/log.hpp"
#include "shm/account.hpp"
#include "shm/ledger.hpp"
#include "shm/process_page.hpp"
#include "shm/retired.hpp"
#include "shm/tables.hpp"

namespace chappe::aggregator {
namespace {

/// Beside the lock of the control queue, which may be missing: nobody who lives writes the board.
rt::Done board_is_free(const std::string& instance) {
  const auto board = shm::BoardReader::open(instance);
  if (!board && shm::is_unknown(board.error())) return board.error();
  if (!board || !*board) return rt::done();  // one that is damaged is replaced
  const auto pid = static_cast<std::int32_t>((*board)->control().writer_pid.load(std::memory_order_relaxed));
  if (pid == getpid() || !shm::process_lives(pid, (*board)->control().writer_start.load(std::memory_order_relaxed))) return rt::done();
  return rt::Error{EX_TEMPFAIL, "instance " + instance + ": an aggregator is already running (process " + std::to_string(pid) + ")"};
}

/// The producer unlinks its ring once the board has acknowledged; it is waited for, so that the board can go last. Of a dead one, and of
/// one that runs on, nothing is to be expected.
bool will_be_unlinked(const std::string& instance) {
  auto ring = shm::RingReader::open(instance);
  if (!ring || !*ring) return false;
  const shm::StatusPage& status = (*ring)->status();
  return status.state.load(std::memory_order_acquire) == static_cast<std::uint64_t>(shm::RingState::ended) &&
         shm::process_lives(static_cast<std::int32_t>(status.owner_pid.load(std::memory_order_relaxed)),
                            status.owner_start.load(std::memory_order_relaxed));
}

void warn_of(const std::vector<std::string>& refusals) {
  for (const auto& refusal : refusals) rt::log(rt::LogLevel::warn, refusal);
}
/// As many for each stream as any windows of it can ask for.
std::unique_ptr<Rows> rows_of(const shm::RingTables& tables) {
  std::vector<std::uint32_t> channels;
  std::size_t most = 0;
  for (const shm::StreamEntry& s : tables.streams) {
    channels.push_back(s.channels);
    most += Drain::most_rows(s);
  }
  return std::make_unique<Rows>(channels, most);
}

constexpr const char* kNoAlarms = "no alarms are configured: [[stream.alarm]]";

bool has_name(const std::string& instance, const char* kind) { return access(shm::object_path(instance, kind).c_str(), F_OK) == 0; }

}  // namespace

/// One ring from attaching to its end.
struct Aggregator::Session {
  shm::RingReader ring;
  std::optional<shm::GateHolder> gate;
  std::unique_ptr<Rows> rows, watched_rows;  ///< of the log, of the alarms
  std::unique_ptr<Blocks> blocks;
  std::unique_ptr<Analyst> analyst;
  std::unique_ptr<Drain> drain;
  std::unique_ptr<LogWriter> log;
  std::unique_ptr<AlarmWatch> watch;
  rt::Thread thread;
};

rt::Result<std::unique_ptr<Aggregator>> Aggregator::open(const config::Config& config, std::uint64_t config_hash,
                                                         std::vector<std::string>& notes) {
  std::unique_ptr<Aggregator> a(new Aggregator);
  a->config_ = config;
  auto readers = shm::find_group(config.permissions.readers);
  if (!readers) return readers.error();
  a->readers_ = *readers;
  if (auto free = board_is_free(config.instance); !free) return free.error();
  if (!config.window_log.empty()) {
    auto log = WindowLog::open(config.window_log, config.window_log_all);
    if (!log) return log.error();
    a->log_ = std::make_unique<WindowLog>(std::move(*log));
  }
  if (auto opened = a->open_board(nullptr); !opened) return opened.error();
  if (a->log_) {
    std::uint64_t& began = a->board_->image().head().log_began;
    began = a->log_->leave_out(began);
    rewrite_log(*a->board_, *a->log_, notes);
  }
  a->take_generation(config_hash, notes);
  if (auto alarms = a->open_alarms(); !alarms) return alarms.error();
  if (a->alarms_) a->alarms_->watch(config, a->generation_, a->board_->tables());
  return a;
}

/// Goes on with the newest generation that the board knows, if that is this very configuration, else behind it: rows may be newer than the
/// page (killed in a reload), and the page newer than the rows (no ring was there).
void Aggregator::take_generation(std::uint64_t config_hash, std::vector<std::string>& notes) {
  shm::ProcessReport page;
  const bool told = shm::read_process_page(board_->process_page(), page);
  const auto of_rows = static_cast<std::uint32_t>(board_->image().head().generation);
  const std::uint32_t newest = std::max(of_rows, told ? page.config_generation : 0);
  if (newest == 0) return;
  const bool same = told && page.config_generation == newest && page.config_hash == config_hash;
  generation_ = same ? newest : newest + 1;
  notes.push_back("adopted the board of instance " + config_.instance + ", configuration generation " + std::to_string(generation_));
}

Aggregator::~Aggregator() {
  std::vector<std::string> notes;
  if (session_) end_session(notes);
}

/// A board for the streams of `ring`, those that it had before behind them; without a ring, for whatever the board of a predecessor holds.
rt::Done Aggregator::open_board(const shm::RingTables* ring) {
  shm::BoardSpec spec{.instance = config_.instance, .streams = {}, .channels = {}, .readers = readers_};
  if (ring != nullptr) {
    spec.streams = ring->streams;
    spec.channels = ring->channels;
    if (const std::size_t left_out = shm::keep_dormant(spec, board_->tables()); left_out > 0)
      rt::log(rt::LogLevel::warn,
              "the board has no room for the account of " + std::to_string(left_out) +
                  " streams that the ring no longer has: should they return, what was merged of them counts as overrun");
  } else if (board_ != nullptr) {
    spec.streams = board_->tables().streams;
    spec.channels = board_->tables().channels;
  } else {
    auto old = shm::BoardReader::open(config_.instance);
    if (!old && shm::is_unknown(old.error())) return old.error();
    if (old && *old) {
      spec.streams = (*old)->tables().streams;
      spec.channels = (*old)->tables().channels;
    }
  }
  shm::ProcessReport report;
  const bool reported = board_ != nullptr && shm::read_process_page(board_->process_page(), report);
  auto board = shm::BoardWriter::open(spec, board_.get());
  if (!board) return board.error();
  board_ = std::make_unique<shm::BoardWriter>(std::move(*board));
  if (reported) shm::write_process_page(board_->process_page(), report);
  return rt::done();
}

WindowPlan Aggregator::window_plan(const BoardPlan& board, Rows* watched_rows) const {
  WindowPlan plan{.generation = generation_, .windows = {}, .calibrations = board.calibrations, .shape = {}, .alarms = watched_rows};
  if (watched_rows != nullptr) plan.watched = alarms_->watched(board.tables.streams.size());
  for (const auto& stream : board.tables.streams) {
    const auto found = std::find_if(config_.streams.begin(), config_.streams.end(), [&](const auto& s) { return s.name == stream.name; });
    plan.windows.push_back(found != config_.streams.end() && !found->windows.empty() ? found->windows : config_.default_windows);
    plan.shape.push_back(found != config_.streams.end() ? found->shape : config_.shape);
  }
  return plan;
}

AnalysisPlan Aggregator::analysis_plan(const BoardPlan& board) const {
  AnalysisPlan plan{.generation = generation_, .streams = {}, .channels = board.tables.channels};
  const WindowPlan windows = window_plan(board, nullptr);
  for (std::size_t i = 0; i < board.tables.streams.size(); ++i) {
    AnalysedStream stream{
        .entry = board.tables.streams[i], .windows = windows.windows[i], .calibration = board.calibrations[i].hash, .analysis = {}};
    if (board.calibrations[i].has_work()) {  // frames as Calibration::apply makes them
      stream.entry.value_bytes = sizeof(double);
      stream.entry.stride = static_cast<std::uint32_t>(config::frame_stride(stream.entry.channels, config::SampleType::f64));
    }
    const auto found = std::ranges::find(config_.streams, std::string(stream.entry.name), &config::Stream::name);
    stream.analysis = found != config_.streams.end() ? found->analysis : config_.default_analysis;
    plan.streams.push_back(std::move(stream));
  }
  return plan;
}

/// What fails here fails alone: windows go on without it, and the next reload tries again.
void Aggregator::plan_analysis(Session& session, const BoardPlan& board, WindowPlan& plan) {
  AnalysisPlan analysis = analysis_plan(board);
  for (const AnalysedStream& stream : analysis.streams) plan.analysed.push_back(stream.analysis.is_on());
  if (!session.analyst && !analysis.is_on()) return shm::unlink_analysis(config_.instance);  // of one that was killed
  if (session.analyst) {
    session.analyst->follow(std::move(analysis));
  } else {
    if (!session.blocks)
      session.blocks =
          std::make_unique<Blocks>(board.tables.streams.size(), session.ring.tables().geometry.blocks / 2, analysis.block_bytes());
    Analysed judge;
    if (alarms_)
      judge = [alarms = alarms_.get()](const WindowHead& head, shm::AnalysisImage& image, std::size_t index) {
        alarms->judge_bands(head, image, index);
      };
    auto started = Analyst::start(config_.instance, readers_, *session.blocks, std::move(analysis), std::move(judge));
    if (!started) {
      rt::log(rt::LogLevel::error, "windows are not analysed: " + started.error().text);
      return;
    }
    session.analyst = std::move(*started);
  }
  plan.blocks = session.blocks.get();
}

bool Aggregator::wants_alarms() const {
  return std::any_of(config_.streams.begin(), config_.streams.end(), [](const config::Stream& s) { return !s.alarms.empty(); });
}

/// With an object that a predecessor left also where nothing is watched any more, so that it is not left behind.
rt::Done Aggregator::open_alarms() {
  if (alarms_ || (!wants_alarms() && !has_name(config_.instance, "alarms"))) return rt::done();
  auto alarms = Alarms::open(config_.instance, readers_);
  if (!alarms) return alarms.error();
  alarms_ = std::move(*alarms);
  return rt::done();
}

void Aggregator::make_watched_rows(Session& session, const shm::RingTables& tables) const {
  if (session.watched_rows || !alarms_ || alarms_->is_empty()) return;
  session.watched_rows = rows_of(tables);
}

/// Of a retired ring nothing new comes: it says nothing about silence.
rt::Done Aggregator::start_watch(Session& session) {
  if (session.watch || !session.watched_rows) return rt::done();
  const Drain* drain = session.drain.get();
  Alarms::Newest newest;
  if (session.gate) {
    newest = [drain, streams = session.ring.tables().streams.size()](std::size_t i) {
      return i < streams ? std::optional(drain->newest_ns(i)) : std::nullopt;
    };
  }
  auto watch = AlarmWatch::start(*alarms_, *session.watched_rows, std::move(newest));
  if (!watch) return watch.error();
  session.watch = std::move(*watch);
  return rt::done();
}

rt::ThreadPlan Aggregator::drain_plan() const {
  const auto found = config_.realtime.threads.find("drain");
  rt::ThreadPlan plan = found != config_.realtime.threads.end() ? found->second : rt::ThreadPlan{};
  if (plan.name.empty()) plan.name = "chappe-drain";
  return plan;
}

rt::Done Aggregator::tick(std::vector<std::string>& notes) {
  if (session_ && session_->drain->has_ended()) end_session(notes);
  if (!board_->still_named()) {
    if (session_) end_session(notes);
    if (auto opened = open_board(nullptr); !opened) return opened.error().exit_code == EX_IOERR ? trouble(opened.error(), notes) : opened;
    notes.push_back("the board of instance " + config_.instance + " had lost its name in /dev/shm, or its pages: it is made anew");
  }
  if (alarms_) {
    if (auto named = alarms_->keep_named(); !named) return trouble(named.error(), notes);
  }
  if (session_) {
    if (!session_->ring.is_whole() || (session_->gate && !session_->gate->is_whole())) {
      notes.push_back("the ring or the gates of instance " + config_.instance + " were truncated by somebody: what was in them is lost");
      end_session(notes);
      return rt::done();
    }
    const bool gone = !session_->ring.is_named(shm::object_path(config_.instance, "ring")) && session_->gate.has_value();
    const auto state = static_cast<shm::RingState>(session_->ring.status().state.load(std::memory_order_acquire));
    // A ring that lost its name without a word is nobody's any more: what it holds is merged, then it is left.
    if (gone && state == shm::RingState::running && session_->ring.head() == session_->drain->upto()) session_->drain->stop();
    return rt::done();
  }
  board_->control().heartbeat_ns.store(static_cast<std::uint64_t>(rt::monotonic_ns()), std::memory_order_relaxed);
  return try_attach(notes);
}

/// What others may mend is told once, and tried again at the next tick.
rt::Done Aggregator::trouble(const rt::Error& error, std::vector<std::string>& notes) {
  if (error.text != last_trouble_) notes.push_back(error.text);
  last_trouble_ = error.text;
  return rt::done();
}

/// What is retired first, then the ring itself.
rt::Done Aggregator::try_attach(std::vector<std::string>& notes) {
  auto draining = shm::RingReader::open(config_.instance, "ring.draining");
  if (!draining && shm::is_unknown(draining.error())) return trouble(draining.error(), notes);  // what is in it comes first
  auto ring = shm::RingReader::open(config_.instance);
  const shm::RingReader* const current = ring && *ring ? &**ring : nullptr;
  if (draining && *draining && shm::is_to_drain(**draining, current, board_->tables(), board_->image()))
    return begin_session(std::move(**draining), true, notes);
  if (!ring) return trouble(ring.error(), notes);
  if (!*ring) return rt::done();
  const auto state = static_cast<shm::RingState>((*ring)->status().state.load(std::memory_order_acquire));
  const bool finished = state == shm::RingState::ended && board_->image().head().incarnation == (*ring)->tables().incarnation &&
                        board_->image().head().upto == (*ring)->head() && has_totals((*ring)->tables());
  if (finished || (*ring)->status().epoch.load(std::memory_order_acquire) == 0) return rt::done();
  auto begun = begin_session(std::move(**ring), false, notes);
  if (!begun && begun.error().exit_code == EX_DATAERR) return trouble(begun.error(), notes);  // until its producer has made it anew
  return begun;
}

/// The totals of this end are on the board, for all streams of the ring; those of an earlier run are not.
bool Aggregator::has_totals(const shm::RingTables& ring) const {
  const auto ledger = shm::LedgerReader::open(config_.instance);
  const auto& streams = board_->tables().streams;
  return std::all_of(ring.streams.begin(), ring.streams.end(), [&](const shm::StreamEntry& mine) {
    const shm::LedgerEntry* entry = ledger && *ledger ? (*ledger)->find(mine.name) : nullptr;
    const auto at = shm::find_stream(streams, mine.name);
    if (!at) return false;
    const shm::BoardStream& b = board_->image().stream(*at);
    return entry != nullptr ? shm::has_totals(b, shm::totals_of(*entry)) : b.ended != 0;
  });
}

rt::Done Aggregator::begin_session(shm::RingReader ring, bool retired, std::vector<std::string>& notes) {
  auto session = std::make_unique<Session>(Session{.ring = std::move(ring),
                                                   .gate = {},
                                                   .rows = {},
                                                   .watched_rows = {},
                                                   .blocks = {},
                                                   .analyst = {},
                                                   .drain = {},
                                                   .log = {},
                                                   .watch = {},
                                                   .thread = {}});
  if (!retired) {
    auto gate = shm::GateHolder::open(config_.instance, session->ring, shm::kAggregatorGate);
    if (!gate && shm::is_unknown(gate.error())) return trouble(gate.error(), notes);  // what it waits for is there: once it can be opened
    if (!gate) return gate.error();
    if (!*gate) return rt::done();  // between two objects of one making; the next tick sees both
    session->gate = std::move(**gate);
  }
  const BoardPlan board = board_plan(session->ring.tables(), config_);
  const shm::RingTables& tables = board.tables;
  close_windows_that_end(*board_, &tables, log_.get());
  if (auto opened = open_board(&tables); !opened) return opened.error().exit_code == EX_IOERR ? trouble(opened.error(), notes) : opened;
  if (alarms_) {
    alarms_->watch(config_, generation_, board_->tables());
    alarms_->catch_up(*board_);
  }
  make_watched_rows(*session, tables);
  WindowPlan plan = window_plan(board, session->watched_rows.get());
  plan_analysis(*session, board, plan);
  if (log_) {
    if (auto started = start_log(*session, tables); !started) return started;
  }
  session->drain = std::make_unique<Drain>(session->ring, session->gate ? &*session->gate : nullptr, *board_, session->rows.get(), plan);
  const shm::BoardSlot& head = board_->image().head();
  const std::uint64_t upto = head.incarnation == tables.incarnation ? head.upto : 0;  // the drain's from here on
  Drain* drain = session->drain.get();
  auto thread = rt::Thread::start(drain_plan(), [drain] { drain->run(); });
  if (!thread) return thread.error();
  session->thread = std::move(*thread);
  if (auto watching = start_watch(*session); !watching) {
    drain->stop();
    return watching;
  }
  session_ = std::move(session);
  last_trouble_.clear();
  warn_of(board.refusals);
  notes.push_back(std::string("attached to ") + (retired ? "the retired ring" : "the ring") + " of instance " + config_.instance + ": " +
                  std::to_string(tables.streams.size()) + " streams, from block " + std::to_string(upto));
  return rt::done();
}

rt::Done Aggregator::start_log(Session& session, const shm::RingTables& tables) {
  std::vector<LogNames> names;
  std::vector<WindowCounts> waiting(tables.streams.size());
  for (std::size_t i = 0; i < tables.streams.size(); ++i) {
    const shm::StreamEntry& s = tables.streams[i];
    const shm::BoardStream& b = board_->image().stream(i);  // the ring's streams come first on the board
    names.push_back(log_names(s, tables.channels, log_->has_all_columns()));
    for (std::size_t w = 0; w < shm::kWindowsPerStream; ++w) waiting[i][w] = b.closed[w] - b.logged[w];
  }
  session.rows = rows_of(tables);
  auto log = LogWriter::start(*log_, *session.rows, std::move(names), std::move(waiting), board_->control());
  if (!log) return log.error();
  session.log = std::move(*log);
  return rt::done();
}

void Aggregator::end_session(std::vector<std::string>& notes) {
  session_->drain->stop();
  session_->thread.join();
  if (session_->analyst) session_->analyst->finish();  // before the watch, which publishes what it judged
  if (session_->watch) session_->watch->finish();
  if (session_->log) {
    session_->log->finish();
    session_->drain->publish_logged();
  }
  const bool finished = session_->drain->end() == Drain::End::finished;
  const bool ended = session_->ring.status().state.load(std::memory_order_acquire) == static_cast<std::uint64_t>(shm::RingState::ended);
  CHAPPE_FAULT(end_2_merged);
  if (finished && ended) hand_over_totals();
  notes.push_back(finished ? (ended ? "the producer ended in order; everything of it is merged" : "the retired ring is merged")
                           : "detached from the ring");
  session_.reset();
}

/// STEP end 2: the board keeps the producer's totals, so that the ledger closes after its objects are gone. What was overwritten at the
/// very end is overrun now: no later block tells. The totals are read first; then the ring must still be at its end, or they are another
/// start's.
void Aggregator::hand_over_totals() {
  auto ledger = shm::LedgerReader::open(config_.instance);
  std::vector<std::optional<shm::BoardTotals>> totals;
  for (const auto& stream : board_->tables().streams) {
    const shm::LedgerEntry* entry = ledger && *ledger ? (*ledger)->find(stream.name) : nullptr;
    totals.push_back(entry != nullptr ? std::optional(shm::totals_of(*entry)) : std::nullopt);
  }
  const shm::RingReader& ring = session_->ring;
  const auto state = static_cast<shm::RingState>(ring.status().state.load(std::memory_order_acquire));
  if (state != shm::RingState::ended || ring.head() != board_->image().head().upto ||
      !ring.is_named(shm::object_path(config_.instance, "ring")))
    return;
  for (std::size_t i = 0; i < board_->tables().streams.size(); ++i) {
    shm::BoardStream& b = board_->image().stream(i);
    b.ended = 1;
    if (totals[i]) shm::enter_totals(b, *totals[i]);  // else somebody removed the ledger: what was known stays, and does not close
  }
  board_->publish();
  CHAPPE_FAULT(end_2_totals);
}

std::uint32_t Aggregator::reconfigure(const config::Config& config) {
  config_ = config;
  ++generation_;
  const bool had_alarms = alarms_ != nullptr;
  if (auto opened = open_alarms(); !opened) rt::log(rt::LogLevel::error, opened.error().text);
  const bool first_alarms = alarms_ && !had_alarms;  // who analyses hears of them at its start
  const std::optional<BoardPlan> next = session_ ? std::optional(board_plan(session_->ring.tables(), config_)) : std::nullopt;
  // A calibration makes frames of f32 twice as wide.
  const auto has_room = [&] { return !session_->blocks || analysis_plan(*next).block_bytes() <= session_->blocks->block_bytes(); };
  if (next && (!board_has(next->tables) || !has_room() || first_alarms)) {
    attach_anew();
    return generation_;
  }
  if (alarms_) alarms_->watch(config_, generation_, board_->tables());
  if (!next) return generation_;
  warn_of(next->refusals);
  make_watched_rows(*session_, next->tables);
  WindowPlan plan = window_plan(*next, session_->watched_rows.get());
  plan_analysis(*session_, *next, plan);
  session_->drain->reconfigure(plan);
  if (auto watching = start_watch(*session_); !watching) rt::log(rt::LogLevel::error, watching.error().text);
  return generation_;
}

/// Those of a ring come first on the board, and those that are away behind them.
bool Aggregator::board_has(const shm::RingTables& tables) const {
  const shm::BoardTables& board = board_->tables();
  if (board.streams.size() < tables.streams.size() || board.channels.size() < tables.channels.size()) return false;
  return shm::same_tables(std::span(board.streams).first(tables.streams.size()), tables.streams,
                          std::span(board.channels).first(tables.channels.size()), tables.channels);
}

/// The ring keeps what comes meanwhile, and the next drain begins at the board's `upto`. What fails is told by the next tick, which tries
/// again.
void Aggregator::attach_anew() {
  std::vector<std::string> notes;
  end_session(notes);
  [[maybe_unused]] const auto begun = try_attach(notes);
  for (const auto& note : notes) rt::log(rt::LogLevel::info, note);
}

rt::Result<std::string> Aggregator::acknowledge(const AlarmChoice& choice) {
  return alarms_ ? alarms_->acknowledge(choice) : rt::Error{EX_USAGE, kNoAlarms};
}

rt::Result<std::string> Aggregator::shelve(const AlarmChoice& choice, std::int64_t for_ns) {
  return alarms_ ? alarms_->shelve(choice, for_ns) : rt::Error{EX_USAGE, kNoAlarms};
}

bool Aggregator::has_applied() const noexcept {
  return !session_ || session_->drain->generation() == generation_ || session_->drain->has_ended();
}

/// STEP end 4.
rt::Done Aggregator::finish(std::int64_t patience_ns, const std::function<void()>& before_unlink, std::vector<std::string>& notes) {
  const std::int64_t deadline = rt::monotonic_ns() + patience_ns;
  // A producer that has ended is followed to its end; one that runs keeps its ring, and the next aggregator goes on from here.
  while (rt::monotonic_ns() < deadline) {
    if (auto ticked = tick(notes); !ticked) break;
    if (!session_) break;
    const auto state = static_cast<shm::RingState>(session_->ring.status().state.load(std::memory_order_acquire));
    if (state == shm::RingState::running) break;
    rt::sleep_until(rt::monotonic_ns() + 5 * rt::kMillisecond);
  }
  if (session_) end_session(notes);
  while (rt::monotonic_ns() < deadline && will_be_unlinked(config_.instance)) rt::sleep_until(rt::monotonic_ns() + 5 * rt::kMillisecond);
  if (!has_name(config_.instance, "ring")) close_windows_that_end(*board_, nullptr, log_.get());
  before_unlink();
  if (!has_name(config_.instance, "ring")) {  // looked at last: a producer that starts meanwhile goes on from the board
    if (alarms_) alarms_->unlink();
    shm::unlink_analysis(config_.instance);
    board_->unlink();
    CHAPPE_FAULT(end_4_board);
  } else {
    notes.push_back("the board stays: a ring is still there, and the next aggregator goes on from block " +
                    std::to_string(board_->image().head().upto));
  }
  if (!log_ || log_->rows_lost() + log_->rows_waiting() == 0) return rt::done();
  return rt::Error{EX_IOERR, "window log " + config_.window_log + ": " + std::to_string(log_->rows_lost() + log_->rows_waiting()) +
                                 " lines are not in it, because the disk did not take them"};
}

void Aggregator::report_realtime(shm::ProcessReport& report) const {
  report.threads.clear();
  if (session_ && !session_->drain->has_ended()) report.threads.push_back(shm::report_of(session_->thread, report.realtime_refused));
  report.locked_bytes = rt::locked_bytes();
}

void Aggregator::publish_report(const shm::ProcessReport& report) { shm::write_process_page(board_->process_page(), report); }

}  // namespace chappe::aggregator

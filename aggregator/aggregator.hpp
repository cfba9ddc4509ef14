// The aggregator put together: looks for a ring, attaches, runs the drain on its real-time thread and the window log on an ordinary one,
// and goes on to the next ring when one is finished. Made and driven by main's thread (tick). A crash leaves the board, which the next
// open() adopts.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aggregator/alarms.hpp"
#include "aggregator/analyst.hpp"
#include "aggregator/board_plan.hpp"
#include "aggregator/drain.hpp"
#include "config/config.hpp"
#include "rt/thread.hpp"
#include "shm/snapshot.hpp"

namespace chappe::aggregator {

class Aggregator {
 public:
  static rt::Result<std::unique_ptr<Aggregator>> open(const config::Config& config, std::uint64_t config_hash,
                                                      std::vector<std::string>& notes);
  ~Aggregator();

  /// Looks after everything; call at each announcement and at least ten times a second. New lines for the log are appended to `notes`.
  /// An Error: another aggregator holds the gate, or an object is foreign.
  rt::Done tick(std::vector<std::string>& notes);
  /// Puts another configuration in force at a block boundary; where it changes the channels of the board, or makes frames that are wider
  /// than the analysis has room for, by attaching anew. Returns its generation.
  std::uint32_t reconfigure(const config::Config& config);
  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }
  /// The drain works under generation(), or there is none.
  [[nodiscard]] bool has_applied() const noexcept;
  [[nodiscard]] bool is_attached() const noexcept { return session_ != nullptr; }
  /// An operator's orders to the alarms. EX_USAGE: nothing is meant by it.
  rt::Result<std::string> acknowledge(const AlarmChoice& choice);
  rt::Result<std::string> shelve(const AlarmChoice& choice, std::int64_t for_ns);
  /// Stops in order: what is there is drained as far as `patience_ns` allows, the log is written, and the board is unlinked when no ring is
  /// left. `before_unlink` is called once everything is done, while the board still has its name. EX_IOERR: rows of the window log are
  /// lost.
  rt::Done finish(std::int64_t patience_ns, const std::function<void()>& before_unlink, std::vector<std::string>& notes);
  void report_realtime(shm::ProcessReport& report) const;
  void publish_report(const shm::ProcessReport& report);

 private:
  struct Session;
  Aggregator() = default;
  void take_generation(std::uint64_t config_hash, std::vector<std::string>& notes);
  rt::Done open_board(const shm::RingTables* ring);
  rt::Done trouble(const rt::Error& error, std::vector<std::string>& notes);
  rt::Done try_attach(std::vector<std::string>& notes);
  rt::Done begin_session(shm::RingReader ring, bool retired, std::vector<std::string>& notes);
  rt::Done start_log(Session& session, const shm::RingTables& tables);
  [[nodiscard]] bool wants_alarms() const;
  rt::Done open_alarms();
  void make_watched_rows(Session& session, const shm::RingTables& tables) const;
  rt::Done start_watch(Session& session);
  void end_session(std::vector<std::string>& notes);
  void hand_over_totals();
  [[nodiscard]] bool has_totals(const shm::RingTables& ring) const;
  [[nodiscard]] WindowPlan window_plan(const BoardPlan& board, Rows* watched_rows) const;
  [[nodiscard]] bool board_has(const shm::RingTables& tables) const;
  void attach_anew();
  [[nodiscard]] AnalysisPlan analysis_plan(const BoardPlan& board) const;
  /// Before the drain hears of the plan: what it analyses, and where its blocks go.
  void plan_analysis(Session& session, const BoardPlan& board, WindowPlan& plan);
  [[nodiscard]] rt::ThreadPlan drain_plan() const;

  config::Config config_;
  std::uint32_t generation_ = 1;
  std::optional<gid_t> readers_;
  std::unique_ptr<shm::BoardWriter> board_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<WindowLog> log_;
  std::unique_ptr<Alarms> alarms_;  ///< null: none was ever asked for
  std::string last_trouble_;
};

}  // namespace chappe::aggregator

// The aggregator's real-time loop: reads blocks in place, checks them, merges them into windows, publishes the board, and only then gives
// the blocks back. Windows are exactly once: a restart begins at the board's `upto`.
// One Drain serves one ring from attaching to its end; an ordinary thread makes it, runs it on a thread, and takes it apart.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "aggregator/blocks.hpp"
#include "aggregator/calibration.hpp"
#include "aggregator/rows.hpp"
#include "aggregator/statistics.hpp"
#include "rt/counter.hpp"
#include "shm/board.hpp"
#include "shm/gate.hpp"
#include "shm/ring.hpp"

namespace chappe::aggregator {

/// Windows by stream of the ring, what their values are calibrated with (none at all: nothing), and the generation that both belong to.
struct WindowPlan {
  std::uint32_t generation = 1;
  std::vector<std::vector<config::Window>> windows;
  std::vector<CalibrationPlan> calibrations = {};
  Blocks* blocks = nullptr;        ///< the way to the analysis; null: there is none
  std::vector<bool> analysed{};    ///< by stream: its blocks go that way
  std::vector<bool> shape = {};    ///< by stream: its windows have shapes; none has where this is shorter
  Rows* alarms = nullptr;          ///< where closed windows go beside the log, of the streams that are watched; null: nowhere
  std::vector<bool> watched = {};  ///< by stream of the ring; as many as windows, where there are `alarms`
};

class Drain final : private ClosedSink {
 public:
  /// Why run() came back.
  enum class End {
    stopped,   ///< stop() was called; open windows stay on the board
    finished,  ///< the ring is retired or its producer ended in order, and everything of it is merged
  };
  /// `gate` is empty for a retired ring, which nobody writes. `rows` may be null: no window log.
  Drain(shm::RingReader& ring, shm::GateHolder* gate, shm::BoardWriter& board, Rows* rows, const WindowPlan& plan);
  ~Drain() override;
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;

  /// The thread's body: while running, idle(do_work()).
  void run() noexcept;
  void stop() noexcept { stop_.raise(); }
  [[nodiscard]] bool has_ended() const noexcept { return ended_.is_up(); }
  [[nodiscard]] End end() const noexcept { return end_; }  ///< after has_ended()
  /// An ordinary thread: other windows and calibrations from the next block boundary on, of the channels that the board has.
  void reconfigure(const WindowPlan& plan);
  /// After run() came back and the log's thread has ended: the board learns what that one still wrote.
  void publish_logged() noexcept;
  /// The generation in force, as the drain sees it.
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_.get(); }
  /// Any thread: blocks that the board holds. The board's image is the drain's alone until run() has come back.
  [[nodiscard]] std::uint64_t upto() const noexcept { return upto_.get(); }
  /// Any thread: CLOCK_MONOTONIC at which the newest frame of a stream on the board was acquired; 0: none was.
  [[nodiscard]] std::int64_t newest_ns(std::size_t stream) const noexcept { return static_cast<std::int64_t>(newest_ns_[stream].get()); }
  /// Rows of a stream that any windows can ask for.
  static std::size_t most_rows(const shm::StreamEntry& stream);

 private:
  /// How the values of a stream come into its windows.
  struct Values {
    std::unique_ptr<Calibration> calibration;  ///< null: as they lie in the ring
    std::uint64_t hash = 0, derived = 0;
    bool refused = false;
    [[nodiscard]] bool same_as(const Values& other) const noexcept { return hash == other.hash && refused == other.refused; }
  };
  /// A closed window that the board does not hold yet, and where it goes then.
  struct Pending {
    Rows* rows = nullptr;
    Row* row = nullptr;
  };
  struct Change {
    std::vector<std::unique_ptr<StreamStatistics>> statistics;
    std::vector<Values> values;
    std::vector<std::size_t> rows_needed;  ///< windows that one block may close, at most
    std::vector<Pending> pending;          ///< with room for all rows
    Rows* alarms = nullptr;
    std::vector<bool> watched;
    std::uint32_t generation = 0;
    Blocks* blocks = nullptr;
    std::vector<bool> analysed;
    std::unique_ptr<Change> older;  ///< done with before this one: freed together, by the ordinary thread
  };
  Change prepare(const WindowPlan& plan) const;
  static Values values_of(const shm::StreamEntry& stream, const CalibrationPlan& plan);
  static std::size_t rows_needed(const shm::StreamEntry& stream, const std::vector<config::Window>& windows);
  void restore_open_windows(const WindowPlan& plan);
  void apply_change() noexcept;
  std::uint32_t do_work() noexcept;
  bool take_block(std::uint64_t number) noexcept;
  void note_skip() noexcept;
  void refuse() noexcept;
  bool must_wait_for_rows(std::uint32_t stream) noexcept;
  void merge_block(const shm::BlockHead& block) noexcept;
  [[nodiscard]] bool is_analysed(std::uint32_t stream) const noexcept { return current_.blocks != nullptr && current_.analysed[stream]; }
  void finish_stream(std::size_t stream) noexcept;
  void publish() noexcept;
  void show_open_windows(std::size_t stream) noexcept;
  void show_panes(std::size_t at, std::size_t which, Panes& panes) noexcept;
  bool show_logged(std::size_t stream) noexcept;
  [[nodiscard]] bool log_went_on() const noexcept;
  void measure_rate(std::size_t stream, std::int64_t now_ns) noexcept;
  void note_newest(std::size_t stream) noexcept;
  bool reached_the_end() noexcept;
  void finish_streams() noexcept;
  void idle() noexcept;
  void attach() noexcept;
  void closed(const WindowHead& head, std::span<const Moments> channels, std::span<const Shape> shapes) noexcept override;
  [[nodiscard]] bool is_watched(std::size_t stream) const noexcept { return current_.alarms != nullptr && current_.watched[stream]; }
  bool hand_out(Rows& rows, std::uint64_t number, const WindowHead& head, std::span<const Moments> channels,
                std::span<const Shape> shapes) noexcept;

  shm::RingReader* ring_;
  shm::GateHolder* gate_;
  shm::BoardWriter* board_;
  Rows* rows_;
  std::vector<std::size_t> board_stream_;  ///< of each stream of the ring
  Change current_;
  std::uint64_t next_ = 0;        ///< number of the next block to read
  std::uint64_t read_ahead_ = 0;  ///< blocks/8
  bool starved_ = false;          ///< data is there, but the window log has no room
  std::int64_t first_unpublished_ns_ = 0;
  std::vector<std::int64_t> acquired_ns_;  ///< of the unpublished blocks
  std::vector<WindowCounts> settled_;      ///< windows that the log has from before, or will never have, by stream
  std::vector<bool> dirty_;                ///< streams merged into since the last publication
  struct Rate {
    std::int64_t since_ns = 0;
    std::uint64_t frames = 0;
  };
  std::vector<Rate> rate_;
  std::uint32_t closing_ = 0;  ///< stream whose windows are being closed
  bool restored_ = false;      ///< what closes from here on is the drain's own
  rt::Mailslot<Change> change_, done_with_;
  rt::Counter generation_, upto_;
  std::unique_ptr<rt::Counter[]> newest_ns_;  ///< by stream
  rt::Flag stop_, ended_;
  End end_ = End::stopped;
};

}  // namespace chappe::aggregator

// All alarms of an instance: which channels are watched, their states on the board of alarms, and what is told of them. The judging thread
// brings closed windows and the time, the analysing thread the power in bands, main's thread configurations and an operator's orders; a
// lock of ordinary threads is between them, and the drain never comes here. What changed is published first and told in the log then: a
// crash in between loses a line of the log, and never raises anything twice.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "aggregator/alarm.hpp"
#include "aggregator/rows.hpp"
#include "config/config.hpp"
#include "shm/alarms.hpp"
#include "shm/analysis.hpp"
#include "shm/board.hpp"

namespace chappe::aggregator {

/// What an operator means: every alarm of that name, or of these of one stream or channel.
struct AlarmChoice {
  std::string alarm, stream, channel;  ///< empty stream or channel: any
};

class Alarms {
 public:
  /// Makes the object, or adopts the states that a predecessor left.
  static rt::Result<std::unique_ptr<Alarms>> open(const std::string& instance, std::optional<gid_t> readers);

  /// Main. What is watched from now on, as far as `board` knows the streams; of the others the states stand. An alarm whose kind and figure
  /// stay the same goes on, its limits may be others.
  void watch(const config::Config& config, std::uint32_t generation, const shm::BoardTables& board);
  /// Main, while no drain runs: judges what the board has closed and nobody has judged. What it no longer holds counts as missed.
  void catch_up(shm::BoardWriter& board);
  /// For WindowPlan::watched, by stream of the board.
  [[nodiscard]] std::vector<bool> watched(std::size_t streams) const;
  [[nodiscard]] bool is_empty() const;

  /// The judging thread. Windows that were judged before are passed over.
  void judge(const Row& row);
  /// The analysing thread: a window of stream `index` of the image was analysed.
  void judge_bands(const WindowHead& head, shm::AnalysisImage& image, std::size_t index);
  /// CLOCK_MONOTONIC of the newest frame of the board's stream, 0: there was none. Nothing: it is not listened to.
  using Newest = std::function<std::optional<std::int64_t>(std::size_t)>;
  /// The judging thread, now and then. An alarm that is not raised counts from `attached_ns` at the earliest: before, nobody listened.
  void judge_silence(const Newest& newest_ns, std::int64_t attached_ns, std::int64_t now_ns);
  /// Publishes what has changed since the last time, and tells it.
  void publish();

  /// Main. EX_USAGE: nothing is meant by it. The text says what was done; both may be repeated.
  rt::Result<std::string> acknowledge(const AlarmChoice& choice);
  /// Nothing is told or shown as raised of a shelved alarm for `for_ns`; it is judged all the same. 0: it is no longer shelved.
  rt::Result<std::string> shelve(const AlarmChoice& choice, std::int64_t for_ns);

  /// Main. An object that somebody removed is made anew.
  rt::Done keep_named();
  void unlink();

 private:
  /// What belongs to the entry of the same index.
  struct Watched {
    static constexpr std::size_t kNowhere = ~std::size_t{0};
    config::Alarm spec;
    config::Window window = {};     ///< that it judges
    std::size_t stream = kNowhere;  ///< of the board; kNowhere: it is not on it, and nothing is judged
    std::size_t channel = 0;
    std::size_t band = 0;  ///< of the stream's spectrum
  };
  Alarms(std::string instance, std::optional<gid_t> readers) : instance_(std::move(instance)), readers_(readers) {}
  void watch_stream(const config::Stream& stream, const std::vector<config::Window>& windows, const shm::BoardTables& board,
                    std::vector<shm::AlarmEntry>& entries, std::vector<Watched>& watched);
  void judge_window(std::size_t i, std::uint64_t number, const WindowHead& head, const Moments& moments);
  bool take(std::size_t i, std::uint64_t number);
  void enter(std::size_t i, const Verdict& verdict, std::int64_t window);
  void tell(std::size_t i, std::int64_t since_before_ns);
  void publish_locked();
  rt::Result<std::vector<std::size_t>> chosen(const AlarmChoice& choice) const;

  std::string instance_;
  std::optional<gid_t> readers_;
  mutable std::mutex mutex_;
  std::optional<shm::AlarmWriter> object_;
  std::vector<shm::AlarmEntry> entries_;
  std::vector<Watched> watched_;
  std::uint32_t generation_ = 0;
  bool changed_ = false;
  std::int64_t published_ns_ = 0;
  struct Line {
    bool raised = false;
    std::string text;
  };
  std::vector<Line> lines_;  ///< for the log, once published
};

}  // namespace chappe::aggregator

// The three real programs of the build `faults`, each with a page of fault points of its own, and what must hold once the dust has settled:
// the ledger, the window rows, the names in /dev/shm and of queues.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "rt/clock.hpp"
#include "shm/viewer.hpp"
#include "tests/fault/fault_control.hpp"
#include "tests/whole/harness.hpp"

namespace chappe::fault {

enum class Role { producer, aggregator, chappectl };
const char* name_of(Role role);

inline constexpr std::int64_t kPatience = 20 * rt::kSecond;

class Scene {
 public:
  struct Settings {
    int blocks = 512, window = 500;
    std::string ring{};  ///< lines of [ring]
    std::string more;
  };

  Scene();
  ~Scene();
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  void configure(const Settings& settings) const;
  void start(Role role, const std::vector<std::string>& more = {});
  void start_both_and_flow();
  void tell_to_end(Role role);  ///< SIGTERM
  [[nodiscard]] bool is_told_to_end(Role role) const { return told_to_end_[static_cast<std::size_t>(role)]; }
  [[nodiscard]] whole::Child& child(Role role) { return children_[static_cast<std::size_t>(role)]; }
  [[nodiscard]] FaultControl& page(Role role) { return *pages_[static_cast<std::size_t>(role)]; }
  [[nodiscard]] bool runs(Role role);  ///< also while it is stopped
  [[nodiscard]] bool is_stopped(Role role);
  /// Asks every millisecond; false after kPatience.
  template <class Is>
  static bool until(Is is) {
    for (const std::int64_t deadline = rt::monotonic_ns() + kPatience; rt::monotonic_ns() < deadline;) {
      if (is()) return true;
      rt::sleep_until(rt::monotonic_ns() + rt::kMillisecond);
    }
    return false;
  }
  shm::Snapshot look() { return viewer_.look(); }
  /// Of the stream whose every value is known.
  [[nodiscard]] shm::Account account();
  /// More frames of it reach the board. Empty, or what is wrong.
  std::string flow(std::uint64_t frames = 300);
  /// Whoever runs beside `stopped` goes on meanwhile. Empty, or who does not.
  std::string others_go_on(Role stopped);
  /// Nothing unexplained, in every stream. Empty, or what is.
  std::string closes();
  /// The producer, then the aggregator; then nothing is left and all is accounted for. Empty, or what is wrong.
  std::string end_in_order();
  /// The producer has ended: what the rows will have to add up to.
  void note_totals();
  /// After an end in which the board went, too: its rows are judged, and the next run begins a log of its own.
  std::string close_books();

  [[nodiscard]] const whole::Instance& instance() const { return instance_; }
  [[nodiscard]] std::string window_log() const { return instance_.path("windows.csv"); }
  [[nodiscard]] std::string logs() const;

 private:
  [[nodiscard]] std::vector<std::string> queues() const;
  std::string judge_rows() const;
  whole::Instance instance_;
  std::optional<FaultControl> pages_[3];
  whole::Child children_[3];
  bool told_to_end_[3] = {};  ///< since its start
  shm::Viewer viewer_;
  std::uint64_t aggregated_ = 0, rows_lost_ = 0;  ///< when the producer had ended
};

}  // namespace chappe::fault

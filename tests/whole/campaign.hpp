// A campaign against the product: the three real processes under load, and events that befall them. Each event leaves the instance at work;
// after each the ledger is looked at, and at the end every window row is proved. One thread.
#pragma once
#include <array>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "campaign_aim.hpp"
#include "harness.hpp"
#include "shm/viewer.hpp"
#include "window_rows.hpp"

namespace chappe::whole {

struct CampaignOptions {
  std::uint64_t seed = 1;
  std::uint64_t samples_per_s = 500'000;
};

/// Of one kind of event.
struct Tally {
  std::uint64_t events = 0;
  std::vector<double> recovery_ms;  ///< of those that restart somebody: from the start of the new process to its first data on the board
};

class Campaign {
 public:
  explicit Campaign(const CampaignOptions& options);
  ~Campaign();
  Campaign(const Campaign&) = delete;
  Campaign& operator=(const Campaign&) = delete;

  /// Starts the instance and waits for data. All that returns bool: false, and failure() says why, once anything is wrong.
  bool start();
  /// One event, drawn at random; or the named one.
  bool strike();
  bool strike(const std::string& event);
  /// At whatever instant this is: the ledger settles, and closes.
  bool account_closes();
  /// Orderly end of all, then the proof of every row.
  bool finish();

  [[nodiscard]] const std::string& failure() const { return failure_; }
  [[nodiscard]] const std::map<std::string, Tally>& tallies() const { return tallies_; }
  [[nodiscard]] const shm::Ledger& ledger() const { return ledger_; }  ///< as last settled; after finish(): the closing one
  [[nodiscard]] std::uint64_t rows() const { return rows_; }
  [[nodiscard]] std::uint64_t rows_lost() const { return rows_lost_; }
  [[nodiscard]] std::uint64_t looks() const { return looks_; }              ///< at a settled ledger: each was judged
  [[nodiscard]] std::uint64_t unsettled() const { return unsettled_; }      ///< looks that could not be judged
  [[nodiscard]] std::uint64_t unexplained() const { return unexplained_; }  ///< frames, over all looks that were judged
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }
  /// Kills by where they landed: the point that was aimed at, or what a viewer saw of the victim just before.
  [[nodiscard]] std::map<std::string, std::uint64_t> landed() const;
  /// Names of objects and queues after the orderly end of all; nothing if it did not come to that.
  [[nodiscard]] std::optional<std::size_t> left_over() const { return left_over_; }
  [[nodiscard]] std::uint64_t timeouts_with_data() const { return timeouts_with_data_; }
  /// In events that killed or stopped the producer, which may have stood before its bell.
  [[nodiscard]] std::uint64_t excused_timeouts() const { return excused_timeouts_; }
  [[nodiscard]] const Instance& instance() const { return instance_; }
  [[nodiscard]] const std::array<Child, 3>& processes() const { return process_; }  ///< by Role; the last is the display

  enum Role : std::size_t { kProducer, kAggregator, kDisplay };

 private:
  struct Settings {
    int window = 5000, blocks = 512, block_bytes = 16384;
    bool second_window = false;  ///< of `proof`, over more frames than there will be
    bool operator==(const Settings&) const = default;
    [[nodiscard]] bool same_geometry(const Settings& o) const { return blocks == o.blocks && block_bytes == o.block_bytes; }
  };
  using Event = bool (Campaign::*)();
  struct Kind {
    const char* name;
    unsigned weight;
    Event body;
  };
  static const std::vector<Kind>& kinds();

  struct Shape {
    const char* stream;
    int channels;  ///< a, b, ...
  };
  static constexpr Shape kStreams[] = {{"proof", 4}, {"wide", 8}, {"slow", 1}};
  static constexpr int kLongestWindow = 7000;  ///< of the first specification of `proof`
  /// Over all streams.
  static std::uint64_t sum_of(const shm::Snapshot& s, std::uint64_t shm::Account::*count);
  bool fail(const std::string& what);
  void configure(const std::string& more = "");
  void launch(Role role);
  bool launch_display();
  void pause(std::int64_t most_ms);
  Role either() { return random_() % 2 == 0 ? kProducer : kAggregator; }
  static Role other(Role role) { return role == kProducer ? kAggregator : kProducer; }
  /// Starts `roles` anew, and waits until what they do is on the board.
  bool recover(std::initializer_list<Role> roles);
  bool end(Role role);
  bool until(const std::string& what, const std::function<bool(const shm::Snapshot&)>& holds);
  shm::Snapshot look();
  void judge(const shm::Ledger& ledger);
  bool nobody_slept_on_data();
  bool reload(bool good, bool by_command);
  void vary_windows();

  bool lives(Role role);
  /// As a viewer sees it.
  std::string state_of(Role role);
  /// Kills who works; false if it had ended by itself.
  bool kill_now(Role role);
  /// Kills it: at a step of its work where that can be had, else now.
  bool strike_down(Role role);
  bool kill_starting(Role role, std::int64_t most_ms);
  /// While the other of the two is dead or stands.
  bool goes_on(Role role);

  bool kill_one();
  bool kill_both();
  bool kill_in_start();
  bool stop_and_continue();
  bool kill_while_stopped();
  bool stand_until_evicted();
  bool end_in_order();
  bool reload_good();
  bool reload_bad();
  bool change_geometry();
  bool viewer();

  /// What the rows of all channels lack.
  struct Shortage {
    std::uint64_t frames = 0, longest_window = kLongestWindow;
  };
  bool prove_rows();
  bool prove_rows(const shm::Account& a, char channel, std::vector<Row>& rows, Shortage& shortage);

  CampaignOptions options_;
  Instance instance_;
  Aim aim_;
  std::mt19937_64 random_;
  shm::Viewer viewer_;
  std::array<Child, 3> process_;
  std::array<Settings, 2> in_force_;  ///< of producer and aggregator, as they started
  Settings file_;
  std::map<std::string, Tally> tallies_;
  std::map<std::string, std::uint64_t> killed_in_;  ///< state, of those not aimed at
  std::optional<std::size_t> left_over_;
  std::string current_, failure_;
  shm::Ledger ledger_;
  std::uint64_t rows_ = 0, rows_lost_ = 0, last_rows_lost_ = 0, looks_ = 0, unsettled_ = 0, unexplained_ = 0, timeouts_with_data_ = 0,
                last_timeouts_ = 0, new_timeouts_ = 0, excused_timeouts_ = 0;
  bool producer_struck_ = false;  ///< in this event
  std::int64_t looked_ns_ = 0;    ///< when the last look began
  std::uint64_t evictions_ = 0, last_evictions_ = 0, last_incarnation_ = 0;
};

}  // namespace chappe::whole

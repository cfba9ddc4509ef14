// The campaign of a torture run: starts, stops and kills its processes, looks at what is left each time, and counts where the kills landed.
#pragma once
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>

#include "rt/clock.hpp"
#include "torture_ring_looks.hpp"
#include "torture_ring_outcome.hpp"
#include "torture_ring_plan.hpp"

namespace chappe::shm::torture {

inline constexpr std::int64_t kHang = 20 * rt::kSecond;
inline std::int64_t in(std::int64_t ns) { return rt::monotonic_ns() + ns; }
/// A child that nobody has collected yet.
bool has_ended(pid_t pid);

class Campaign {
 public:
  Campaign(std::uint64_t kills, std::uint64_t seed, std::string instance, Shared& shared, Outcome& outcome);
  void run();

 private:
  struct Role {
    const char* name;
    Part part;
    Seat* seat;
    Tally* tally;
    pid_t pid = 0;
    Plan plan{};
    std::int64_t due_ns = 0;  ///< to be struck, at the latest
    bool was_late = false;    ///< it was struck for being slow
  };
  void start_producer();
  void start_consumer();
  void start_viewer(std::size_t which);
  void start(Role& role);
  void see_ring(Start& start);
  pid_t fork_into(Role& role, void (*body)(const Start&, Shared&), const Start& start);
  void event(Role& role);
  void strike(Role& role);
  static bool is_late(const Role& role);
  static bool is_due(const Role& role);
  void doze();
  bool disarm(Role& role);
  static void aim(Role& role);
  void stop_a_while(Role& role);
  void kill_it(Role& role);
  void reap(Role& role);
  void end_in_order(Role& role);
  bool wait_for_end(Role& role, std::int64_t patience_ns);
  void tease_viewers();
  void calm();
  Snapshot settled_look();
  void finish();
  void note_streams(const Ledger& ledger);
  void clean_up();
  void fail(const std::string& what);
  void note_data(Role& role);
  [[nodiscard]] bool failed() const { return outcome_.failure[0] != 0; }

  std::uint64_t kills_, seed_;
  std::string instance_;
  Shared& shared_;
  Outcome& outcome_;
  Role producer_, consumer_;
  std::array<Role, 2> viewers_;
  Looks looks_;
  std::uint32_t shape_ = 0;  ///< of the producer's last start
  std::uint64_t teases_ = 0;
};

}  // namespace chappe::shm::torture

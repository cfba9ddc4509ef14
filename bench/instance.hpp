// An instance of the real programs, those beside chappe-bench, under a name of its own; nothing of it stays behind. One thread.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "bench/flow.hpp"
#include "bench/program.hpp"
#include "rt/descriptor.hpp"
#include "shm/snapshot.hpp"

namespace chappe::bench {

class Instance {
 public:
  explicit Instance(const Flow& flow);
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  ~Instance();

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::string path(const std::string& file) const { return folder_ + "/" + file; }
  /// Starts aggregator and producer, that one under `tracer` if there is one; waits until every stream has frames on the board. Empty: they
  /// flow.
  std::string start(std::vector<std::string> tracer = {});
  /// The live display, in a terminal of 120 columns and 40 lines of its own.
  std::string start_display();
  /// Sleeps, and takes what the display writes. Empty; or what has happened meanwhile.
  std::string pass(std::int64_t ns);
  /// Producer, then display and aggregator, in order. `closing`: the account after the last frame. Empty: all ended well, and the ledger
  /// closes.
  std::string stop(shm::Snapshot& closing);

  Program producer, aggregator, display;

 private:
  [[nodiscard]] std::vector<std::string> command(const std::string& program) const;
  [[nodiscard]] std::string last_words(const std::string& program) const;
  std::string find_dead();
  bool traced_ = false;
  std::uint64_t streams_;
  std::string name_, folder_;
  rt::Descriptor terminal_, inner_;
};

/// For its configuration and logs: in /tmp, or what TMPDIR says.
std::string folder_for(const std::string& instance);
/// Removes what the programs of an instance have left: objects, queues, folder.
void remove_instance(const std::string& instance) noexcept;
/// frames dropped or overrun, of all streams.
std::uint64_t lost_frames(const shm::Snapshot& closing) noexcept;

}  // namespace chappe::bench

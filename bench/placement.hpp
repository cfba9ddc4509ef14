// Where two virtual processors stand to each other: the round trip of one cache line. A host moves them between physical cores, and that
// alone changes what a ring carries by a factor of ten; so only figures of one placement are compared.
#pragma once
#include <sched.h>
#include <sys/types.h>

#include <cstddef>
#include <functional>

namespace chappe::bench {

/// False: the machine has no such processor, or does not let us.
bool pin(int cpu) noexcept;
/// The calling thread on one processor for a while, then where it might run before.
class Pinned {
 public:
  explicit Pinned(int cpu) noexcept;
  ~Pinned();
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

 private:
  cpu_set_t before_{};
  bool was_known_ = false;
};

/// Median round trip in ns between this process, on CPU 0 for so long, and a child on CPU 1. 0: the child did not live to the end.
double round_trip_ns();
/// Both are of one placement: they differ by less than a third.
bool same_placement(double before_ns, double after_ns) noexcept;

/// A child on a processor of its own, which runs `body` and dies with its parent.
class Neighbour {
 public:
  Neighbour(int cpu, const std::function<bool()>& body);
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;
  ~Neighbour();
  /// Asks the kernel: for loops that wait for it, now and then.
  [[nodiscard]] bool lives_now() const noexcept;
  /// Waits for it. False: `body` said so, or it was killed.
  bool ended_well() noexcept;
  void kill() noexcept;

 private:
  pid_t pid_;  ///< 0: waited for
};

/// Zeroed memory that children share, all of it there.
class SharedMemory {
 public:
  explicit SharedMemory(std::size_t bytes);
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  ~SharedMemory();
  [[nodiscard]] std::byte* data() const noexcept { return data_; }

 private:
  std::byte* data_;
  std::size_t bytes_;
};

}  // namespace chappe::bench

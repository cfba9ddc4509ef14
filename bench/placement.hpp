// Where two virtual processors stand to each other: the round trip of one cache line. A host moves them between physical cores, and that
// alone changes what a ring carries by a factor of ten; so only figures of one placement are compared.
#pragma once
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>

namespace chappe::bench {

/// False: the machine has no such processor, or does not let us.
bool pin(int cpu) noexcept;
/// Median round trip in ns between this process, on CPU 0, and a child on CPU 1.
double round_trip_ns();
/// Both are of one placement: they differ by less than a third.
bool same_placement(double before_ns, double after_ns) noexcept;
/// A child on a processor of its own, which runs `body`.
class Neighbour {
 public:
  Neighbour(int cpu, const std::function<bool()>& body);
  /// For loops that wait for it: asks the kernel one time in many.
  bool lives() noexcept;
  /// Waits for it. False: `body` said so, or it was killed.
  [[nodiscard]] bool ended_well() const noexcept;

 private:
  pid_t pid_;
  std::uint32_t asked_ = 0;
  bool lives_ = true;
};
/// Zeroed memory that children share; for the life of the process.
void* shared_memory(std::size_t bytes);

}  // namespace chappe::bench

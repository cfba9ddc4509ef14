// Where two virtual processors stand to each other: the round trip of one cache line. A host moves them between physical cores, and that
// alone changes what a ring carries by a factor of ten; so only figures of one placement are compared.
#pragma once
#include <cstddef>
#include <functional>

namespace chappe::bench {

/// False: the machine has no such processor, or does not let us.
bool pin(int cpu) noexcept;
/// Median round trip in ns between this process, on CPU 0, and a child on CPU 1.
double round_trip_ns();
/// Both are of one placement: they differ by less than a third.
bool same_placement(double before_ns, double after_ns) noexcept;
/// Runs `body` in a child on `cpu`; the returned function waits for it, and says whether it ended well.
std::function<bool()> beside(int cpu, const std::function<bool()>& body);
/// Zeroed memory that children share; for the life of the process.
void* shared_memory(std::size_t bytes);

}  // namespace chappe::bench

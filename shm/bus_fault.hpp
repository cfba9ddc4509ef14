// When pages vanish under a mapping: whoever may write an object may also truncate it, and the next touch is a SIGBUS. The handler puts a
// private page of zeros there, and the process lives: a sequence of 0 is no block and no publication, so nothing of it is taken for data,
// and whoever looks at the object's size next (Segment::is_named, is_whole) lets go of it.
// The handler is installed with the first mapping. It is async-signal-safe; a SIGBUS anywhere else still kills.
#pragma once
#include <cstddef>
#include <cstdint>

namespace chappe::shm {

/// Ordinary threads. At most 64 mappings at once; further ones go without.
void guard_mapping(const std::byte* data, std::size_t bytes, bool writable) noexcept;
void forget_mapping(const std::byte* data) noexcept;
/// Pages replaced in this process so far.
std::uint64_t bus_faults() noexcept;

}  // namespace chappe::shm

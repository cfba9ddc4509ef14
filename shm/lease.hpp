// A lease: an OFD write lock on one byte of an object. The kernel drops it with its holder, so it alone says who lives. Held by the
// descriptor: whoever holds a lease never forks with it.
// The gates have one for the producer and one for each consumer; no viewer can open them, so none can hold or test a lease there.
// A producer holds byte 0 of its ring and its ledger too: whatever names somebody removes while it lives, nobody else writes to what it
// writes to. Viewers can open these, and put read locks on them, which count for nothing.
#pragma once
#include <fcntl.h>

#include "rt/clock.hpp"
#include "shm/layout.hpp"

namespace chappe::shm {

inline constexpr off_t kProducerLease = 0;
inline constexpr off_t gate_lease(std::uint32_t gate) { return 1 + static_cast<off_t>(gate); }

inline struct flock one_byte(short type, off_t byte) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return lock;
}

/// Takes the lease of `byte` for this descriptor; never waits. False: another holds it.
inline bool try_lease(int fd, off_t byte) noexcept {
  struct flock lock = one_byte(F_WRLCK, byte);
  return fcntl(fd, F_OFD_SETLK, &lock) == 0;  // success: 0; EAGAIN: held; not interruptible
}

/// Takes the producer's lease of an object that viewers can open. False: another producer holds it. Waits a moment: the descriptors of a
/// killed process are closed one by one, and where one of its leases is free, the others will be.
inline bool claim_object(int fd) noexcept {
  const std::int64_t deadline = rt::monotonic_ns() + rt::kSecond;
  while (!try_lease(fd, kProducerLease)) {
    struct flock held = one_byte(F_WRLCK, kProducerLease);
    if (fcntl(fd, F_OFD_GETLK, &held) == 0 && held.l_type == F_RDLCK) return true;  // a viewer's, and no producer's
    if (rt::monotonic_ns() > deadline) return false;
    rt::sleep_until(rt::monotonic_ns() + rt::kMillisecond / 10);
  }
  return true;
}

/// Nobody but this descriptor holds the lease: the kernel's verdict "dead".
inline bool lease_is_free(int fd, off_t byte) noexcept {
  struct flock lock = one_byte(F_WRLCK, byte);
  return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
}

}  // namespace chappe::shm

// A lease: an OFD write lock on one byte of an object. The kernel drops it with its holder, so it alone says who lives. Only those who may
// open the object for writing can hold or test one; no viewer can. Held by the descriptor: whoever holds a lease never forks with it.
// The gates have one for the producer and one for each consumer. A producer holds byte 0 of its ring and its ledger too: whatever names
// somebody removes while it lives, nobody else writes to what it writes to.
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
inline bool try_lease(int gates_fd, off_t byte) noexcept {
  struct flock lock = one_byte(F_WRLCK, byte);
  return fcntl(gates_fd, F_OFD_SETLK, &lock) == 0;  // success: 0; EAGAIN: held; not interruptible
}

/// The descriptors of a killed process are closed one by one: where one of its leases is free, the others are a moment later.
inline bool wait_for_lease(int fd, off_t byte) noexcept {
  const std::int64_t deadline = rt::monotonic_ns() + rt::kSecond;
  while (!try_lease(fd, byte)) {
    if (rt::monotonic_ns() > deadline) return false;
    rt::sleep_until(rt::monotonic_ns() + rt::kMillisecond / 10);
  }
  return true;
}

/// Nobody but this descriptor holds the lease: the kernel's verdict "dead".
inline bool lease_is_free(int gates_fd, off_t byte) noexcept {
  struct flock lock = one_byte(F_WRLCK, byte);
  return fcntl(gates_fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
}

}  // namespace chappe::shm

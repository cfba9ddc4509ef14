// A lease: an OFD write lock on one byte of the gates object. The kernel drops it with its holder, so it alone says who lives. Only those
// who may open the gates for writing can hold or test one; no viewer can. Held by the descriptor: whoever holds a lease never forks with
// it.
#pragma once
#include <fcntl.h>

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

inline void give_up_lease(int gates_fd, off_t byte) noexcept {
  struct flock lock = one_byte(F_UNLCK, byte);
  fcntl(gates_fd, F_OFD_SETLK, &lock);
}

/// Nobody but this descriptor holds the lease: the kernel's verdict "dead".
inline bool lease_is_free(int gates_fd, off_t byte) noexcept {
  struct flock lock = one_byte(F_WRLCK, byte);
  return fcntl(gates_fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
}

}  // namespace chappe::shm

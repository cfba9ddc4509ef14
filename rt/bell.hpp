// A doorbell between threads of one process: it says "look again", never how much. What there is to see stands elsewhere, in a queue or a
// counter, and is written before ring() and looked at again after wait_until(). Rings while one is unheard are one.
// ring(): any thread, real-time ones too, a system call only if the other side sleeps. wait_until(): one thread.
#pragma once
#include <semaphore.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "rt/clock.hpp"

namespace chappe::rt {

class Bell {
 public:
  Bell() noexcept { sem_init(&semaphore_, 0, 0); }  // cannot fail: private, value 0
  ~Bell() { sem_destroy(&semaphore_); }
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  /// The fence orders what the caller wrote before against the value read here; without it a wake-up is lost now and then, on x86 too.
  void ring() noexcept {
    std::atomic_thread_fence(std::memory_order_seq_cst);  // SYNC(thread-bell)
    int value = 0;
    sem_getvalue(&semaphore_, &value);
    if (value == 0) sem_post(&semaphore_);
  }

  /// Sleeps until rung (true), or until CLOCK_MONOTONIC reads `deadline_ns` (false). A signal does not shorten it. Look again in both
  /// cases.
  bool wait_until(std::int64_t deadline_ns) noexcept {
    const timespec deadline = to_timespec(deadline_ns);
    int result = 0;
    do {
      result = sem_clockwait(&semaphore_, CLOCK_MONOTONIC, &deadline);
    } while (result != 0 && errno == EINTR);
    std::atomic_thread_fence(std::memory_order_seq_cst);  // SYNC(thread-bell): the sleeper's half, which Arm needs
    return result == 0;
  }

 private:
  sem_t semaphore_;
};

}  // namespace chappe::rt

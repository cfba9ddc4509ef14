// A count with one writer and any number of readers, in private or in shared memory. Relaxed: a count orders nothing.
// A crash leaves the last stored value.
#pragma once
#include <atomic>
#include <cstdint>

namespace chappe::rt {

class Counter {
 public:
  void add(std::uint64_t n = 1) noexcept { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
  void raise_to(std::uint64_t n) noexcept {
    if (n > get()) set(n);
  }
  [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};
static_assert(sizeof(Counter) == 8 && std::atomic<std::uint64_t>::is_always_lock_free);

/// A flag that one thread raises and others look at. Release/acquire: what was written before raising is seen after.
class Flag {
 public:
  void raise() noexcept { value_.store(true, std::memory_order_release); }
  void lower() noexcept { value_.store(false, std::memory_order_release); }
  [[nodiscard]] bool is_up() const noexcept { return value_.load(std::memory_order_acquire); }

 private:
  std::atomic<bool> value_{false};
};

/// Hands a pointer from one thread to another, the newest wins. take() gives what was offered since the last take, else null.
/// One offering thread, one taking thread; offer() returns an untaken older pointer, so that its owner can free it.
template <class T>
class Mailslot {
 public:
  T* offer(T* value) noexcept { return slot_.exchange(value, std::memory_order_acq_rel); }
  T* take() noexcept {
    return slot_.load(std::memory_order_relaxed) == nullptr ? nullptr : slot_.exchange(nullptr, std::memory_order_acquire);
  }

 private:
  std::atomic<T*> slot_{nullptr};
};

}  // namespace chappe::rt

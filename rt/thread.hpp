// Threads with a plan: name, policy, priority, processors, stack. What was asked stands beside what the kernel granted, read back from
// it. Made by an ordinary thread; the body runs with every signal blocked
// but those that a fault of its own raises (SIGBUS, SIGSEGV ...: blocked, they would kill the process past its handler).
// A refused wish is never fatal here: the thread runs on without it and `grant()` names the cause.
#pragma once
#include <pthread.h>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "rt/result.hpp"

namespace chappe::rt {

enum class Policy { other, fifo };

/// What the operator asks for one thread.
struct ThreadPlan {
  std::string name;  ///< up to 15 bytes
  Policy policy = Policy::other;
  int priority = 0;                      ///< 1 to 99 with fifo, else 0
  std::vector<int> cpus{};               ///< empty: any
  std::size_t stack_bytes = 256 * 1024;  ///< fixed and prefaulted
  bool operator==(const ThreadPlan&) const = default;
};

/// What the kernel says (sched_getattr, sched_getaffinity), and why a wish was refused.
struct ThreadGrant {
  Policy policy = Policy::other;
  int priority = 0;
  std::vector<int> cpus;
  std::string refused;  ///< empty, or the cause with its mend, one line
};

class Thread {
 public:
  Thread() = default;
  Thread(Thread&&) noexcept;
  Thread& operator=(Thread&&) noexcept;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  ~Thread();  ///< joins

  /// Starts `body` under the plan; returns once the plan has been applied and the stack is prefaulted, just before body runs.
  static Result<Thread> start(const ThreadPlan& plan, std::function<void()> body);
  [[nodiscard]] const ThreadPlan& plan() const;
  /// Read from the kernel at each call; `refused` is remembered from the start.
  [[nodiscard]] ThreadGrant grant() const;
  void join();

 private:
  struct Running;
  Running* running_ = nullptr;
};

/// Locks the process's present and future pages (mlockall), and keeps the heap from giving pages back. Empty text: done; else the cause and
/// its mend. Under a finite RLIMIT_MEMLOCK without CAP_IPC_LOCK a later mapping beyond it fails (EAGAIN): map first, lock after.
std::string lock_memory();
/// VmLck of /proc/self/status, in bytes.
std::size_t locked_bytes();

}  // namespace chappe::rt

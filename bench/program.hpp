// A real program as a child of its own: it dies with us, and ends in order when its handle goes. One thread.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace chappe::bench {

/// As the kernel has counted it until now, of all threads. 0: there is no such process any more.
double cpu_s_of(pid_t pid) noexcept;

/// Proportional share of the memory of a process.
struct Memory {
  double all = 0;   ///< bytes
  double ring = 0;  ///< of these, in rings
  [[nodiscard]] double without_ring() const noexcept { return all - ring; }
};
Memory memory_of(pid_t pid);

class Program {
 public:
  Program() = default;
  /// The first word is a path, or else a program of the system. Output goes to the end of the log, or to `terminal`, which is its input
  /// too.
  Program(std::vector<std::string> command, const std::string& log, int terminal = -1);
  Program(Program&& other) noexcept;
  Program& operator=(Program&& other) noexcept;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }  ///< -1: there is none, or it was seen to have ended
  [[nodiscard]] bool lives() noexcept;
  /// SIGTERM, and SIGKILL if it has not ended then. True: it ended by itself, with 0.
  bool end(std::int64_t patience_ns) noexcept;
  /// The same of one that a tracer runs: the signal is for the tracer's child.
  bool end_traced(std::int64_t patience_ns);

 private:
  bool wait_until(std::int64_t deadline_ns) noexcept;
  pid_t pid_ = -1;
  int status_ = 0;
};

}  // namespace chappe::bench

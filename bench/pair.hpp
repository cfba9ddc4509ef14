// Two children, each on a processor of its own, that run against each other. Nothing hangs: when one ends badly or is killed, or time is
// up, or Chappe's user says stop, the parent kills the other.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

namespace chappe::bench {

/// What one side tells of itself.
struct SideSheet {
  double cpu_s = 0;                ///< user and system time of the process, all its threads, from begin to end
  std::int64_t memory_bytes = 0;   ///< proportional share of memory that came with the transport
  std::uint64_t fifo_refused = 0;  ///< 1: the kernel did not give the real-time policy that was asked for
  std::array<char, 240> trouble{};
};

/// What the sides tell each other and the parent; stands in shared memory.
struct Sheet {
  std::atomic<std::uint32_t> connected{0}, attached{0}, drained{0};
  // The consumer's.
  std::int64_t begin_ns = 0, end_ns = 0;  ///< of what is timed
  std::uint64_t timed = 0;                ///< messages between the two
  std::uint64_t sum = 0;
  // The producer's.
  std::uint64_t late = 0;  ///< sends more than 10 us after they were due
  SideSheet producer, consumer;
};

/// Runs both, each in a child; a false result or an exception of one ends the run. Empty: both ended well; else what happened.
std::string run_pair(const std::function<bool()>& producer, const std::function<bool()>& consumer, const std::function<void()>& forked,
                     std::int64_t seconds);

/// From now on SIGINT and SIGTERM no longer kill this process: they are looked for.
void catch_interrupts();
/// One of them has come.
bool interrupted() noexcept;
/// For a child that becomes another program: gives it the signals back.
void release_interrupts() noexcept;

}  // namespace chappe::bench

// One way to carry messages from a process to another. The parent makes it and forks the two sides: the producer connects, the consumer
// attaches, the producer begins; then one fills and the other drains. Each side is one thread. A side that waits for a dead one is killed
// by the parent (bench/pair.hpp), so that no call here needs a deadline. What a killed side leaves behind, the parent cleans up.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "bench/pair.hpp"
#include "rt/result.hpp"

namespace chappe::bench {

/// How the consumer waits for a message: looks on; looks for kSpin and then sleeps; sleeps at once.
enum class Wait { spin, spin_then_sleep, sleep };
inline constexpr std::int64_t kSpinNs = 20'000;
const char* name_of(Wait wait) noexcept;

/// When messages are sent. Period 0: as fast as it goes.
struct Pace {
  std::int64_t period_ns = 0;
  std::uint64_t burst = 1;  ///< messages each period
  bool sleeps = false;      ///< between periods; else the producer looks at the clock
};

/// What is carried.
struct Work {
  std::uint64_t bytes = 32;  ///< of a message: a power of two, 32 at least
  std::uint64_t messages = 0;
  std::uint64_t untimed = 0;             ///< at the beginning
  std::uint64_t ring_bytes = 8U << 20U;  ///< that may wait on the way, where the transport lets one choose
  Wait wait = Wait::spin;
  Pace pace{};           ///< each burst is flushed at once
  bool stamped = false;  ///< paced ones: the first word of each is the time at which its sending began
  [[nodiscard]] bool is_paced() const noexcept { return pace.period_ns > 0; }
};

enum class Role { parent, producer, consumer };

class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  /// After the fork, in each of the three: closes what the others hold.
  virtual void settle(Role) {}
  /// The producer's side, in its process; may start threads of its own.
  virtual rt::Done connect() { return rt::done(); }
  /// The consumer's side, once the producer has connected.
  virtual rt::Done attach() { return rt::done(); }
  /// The producer again, once the consumer has attached.
  virtual rt::Done begin() { return rt::done(); }
  /// Each side, at its end; the consumer first.
  virtual void close(Role) {}
  /// The parent, once both are gone, however they ended.
  virtual void clean() {}

  /// False: the way broke.
  virtual bool fill(const Work& work, Sheet& sheet) = 0;
  /// latencies_ns: a place for each message, where they are stamped; else null.
  virtual bool drain(const Work& work, Sheet& sheet, std::int64_t* latencies_ns) = 0;

  /// Buffers that the kernel holds, and no process maps.
  [[nodiscard]] virtual std::uint64_t kernel_bytes() const { return 0; }
};

using Made = rt::Result<std::unique_ptr<Transport>>;

}  // namespace chappe::bench

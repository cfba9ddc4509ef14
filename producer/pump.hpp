// Runs one source on a thread of its own: fills a buffer from the pool and hands it on when it is full or its oldest frame is `max_delay`
// old. Keeps the source's line of the ledger. With the pool exhausted a live source's frames are read and dropped (dropped.pool);
// a producer that waits (on_full = "wait") waits for a buffer instead.
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "producer/intake.hpp"
#include "producer/source.hpp"
#include "rt/counter.hpp"
#include "shm/layout.hpp"

namespace chappe::producer {

class Pump {
 public:
  struct Setup {
    std::uint32_t stream = 0;
    FrameLayout layout;
    std::size_t block_bytes = 0;
    std::int64_t max_delay_ns = 0;
    bool waits = false;
  };
  Pump(const Setup& setup, std::unique_ptr<Source> source, Intake& intake, shm::LedgerEntry& ledger);
  ~Pump();
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;

  /// The thread's body: until stop() or the source's end. Hands on what it holds before it returns.
  void run() noexcept;
  void stop() noexcept { stop_.raise(); }
  [[nodiscard]] bool has_ended() const noexcept { return ended_.is_up(); }
  /// An ordinary thread: this stream's configuration from the next read on, under this generation.
  void reconfigure(const config::Stream& stream, std::uint32_t generation);
  /// Frames are read under this generation, or no more are read.
  [[nodiscard]] bool has_applied(std::uint32_t generation) const noexcept { return generation_.get() == generation || has_ended(); }
  [[nodiscard]] const Source& source() const noexcept { return *source_; }

 private:
  struct Change {
    config::Stream stream;
    std::uint32_t generation;
    std::unique_ptr<Change> older;  ///< done with before this one: freed together, by the ordinary thread
  };
  void apply_change() noexcept;
  void read_into(Buffer& buffer) noexcept;
  void begin(Buffer& buffer, std::int64_t asked_ns) noexcept;
  void account(const Read& read) noexcept;
  void split(Buffer& buffer, const Read& read, std::int64_t asked_ns, std::int64_t t_first_ns, double period_ns) noexcept;
  [[nodiscard]] bool is_full(const Buffer& buffer) const noexcept { return buffer.frames == setup_.layout.capacity; }
  void hand_on(Buffer* buffer, bool more = false) noexcept;
  void put_full(Buffer* buffer, bool more) noexcept;
  void drop_one_read() noexcept;

  Setup setup_;
  std::unique_ptr<Source> source_;
  bool in_bursts_;  ///< full buffers follow each other at once: the bell may wait for the rest of a burst
  Intake* intake_;
  shm::LedgerEntry* ledger_;
  std::vector<std::byte> scratch_;  ///< where frames are read that no buffer is there for
  Buffer* in_hand_ = nullptr;
  rt::Counter generation_;  ///< in force; the thread's own
  rt::Mailslot<Change> change_, applied_;
  rt::Flag stop_, ended_;
};

}  // namespace chappe::producer

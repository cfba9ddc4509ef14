// The producer put together: sources on their pumps, intake, feed, ring, gate, ledger. Made and driven by main's thread; the threads it
// starts are its own. A crash at any point leaves what the next open() adopts.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "producer/feed.hpp"
#include "producer/pump.hpp"
#include "rt/thread.hpp"
#include "shm/snapshot.hpp"

namespace chappe::producer {

class Producer {
 public:
  /// Opens the sources, then creates, adopts or supersedes the ring. `notes`: what an operator should read in the log.
  static rt::Result<std::unique_ptr<Producer>> open(const config::Config& config, std::vector<std::string>& notes);
  ~Producer();

  /// Starts every thread; the sources stand until begin(). An Error only if the system cannot make threads.
  rt::Done start(const config::Config& config);
  /// From here on sources are read.
  void begin() noexcept { begun_.raise(); }
  /// Every source has come to its end.
  [[nodiscard]] bool sources_ended() const;
  /// Hands live-changeable keys to the watcher and, under this generation, to the sources. Returns what an operator should read in the log.
  std::vector<std::string> reconfigure(const config::Config& config, std::uint32_t generation);
  /// Every source works under it.
  [[nodiscard]] bool has_applied(std::uint32_t generation) const;
  /// Once a second: the predecessor that is drained, the names that should still be ours. A text for the log, or empty.
  std::string tick();
  /// Stops the sources, delivers what is in hand, tells the ring that it ended. Bounded by the monotonic `deadline_ns`.
  void finish(std::int64_t deadline_ns);
  /// True once the board holds everything and the totals. Then unlink() leaves nothing behind.
  [[nodiscard]] bool is_acknowledged() const;
  void unlink();
  /// Blocks in the ring that the board does not hold.
  [[nodiscard]] std::uint64_t undelivered_blocks() const;
  /// Frames dropped so far because the ring was full.
  [[nodiscard]] std::uint64_t dropped_full() const noexcept;
  /// Made by this process, and nothing was ever committed to it.
  [[nodiscard]] bool is_unused() const noexcept { return ring_->made() == shm::RingWriter::Made::created && ring_->head() == 0; }
  [[nodiscard]] bool has_superseded() const noexcept { return ring_->made() == shm::RingWriter::Made::superseded; }
  /// Threads, grants and refusals into `report`.
  void report_realtime(shm::ProcessReport& report) const;
  void publish_report(const shm::ProcessReport& report) noexcept;
  /// What went wrong in the sources so far and did not stop them, a text for each that has something to say.
  [[nodiscard]] std::vector<std::string> complaints() const;
  /// Of those that had nothing to say before.
  std::vector<std::string> new_complaints();

 private:
  Producer() = default;
  rt::Done open_sources(const config::Config& config, shm::RingSpec& spec);
  rt::Done open_memory(const config::Config& config, const shm::RingSpec& spec, std::vector<std::string>& notes);
  rt::Done claim_entry(std::size_t stream, const config::Stream& config);
  void resume_source(std::size_t stream) noexcept;
  void open_loops(const config::Config& config);
  [[nodiscard]] std::string how_opened(const config::Config& config) const;

  std::string instance_;
  std::vector<std::unique_ptr<Source>> opened_;
  std::vector<std::unique_ptr<Pump>> pumps_;
  std::vector<FrameLayout> layouts_;
  std::unique_ptr<shm::RingWriter> ring_;
  std::unique_ptr<shm::LedgerWriter> ledger_;
  std::unique_ptr<shm::GateKeeper> gate_;
  std::unique_ptr<Intake> intake_;
  std::unique_ptr<Feed> feed_;
  rt::Thread feed_thread_, watch_thread_;
  std::vector<rt::Thread> source_threads_;
  std::vector<bool> complained_;  ///< by pump
  rt::Flag watch_stop_, begun_;
  bool finished_ = false;
};

}  // namespace chappe::producer

// The producer's ledger: cumulative counts by stream name, apart from any incarnation of the ring. Each counter has one writing thread.
// A kill leaves gaps between hops; the next start closes them by assignment, so that a kill during the repair repeats it harmlessly.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "rt/result.hpp"
#include "shm/layout.hpp"
#include "shm/ring.hpp"
#include "shm/segment.hpp"

namespace chappe::shm {

class LedgerWriter {
 public:
  /// Adopts or creates, with an entry for each stream of `ring`; entry(i) is that of its stream i. Only the holder of the producer's lease
  /// may call it; the ledger has a lease of its own, so that two producers never write to one, whatever became of the gates.
  /// EX_TEMPFAIL: another holds it.
  static rt::Result<LedgerWriter> open(const std::string& instance, const RingWriter& ring, std::optional<gid_t> readers);
  [[nodiscard]] LedgerEntry& entry(std::size_t stream) const noexcept { return *entries_[stream]; }
  /// True when the entry was made by this open. It counts for others once it is repaired.
  [[nodiscard]] bool is_new(std::size_t stream) const noexcept { return new_[stream]; }
  /// Entries made by this open go on from the totals that the board was handed at an orderly end, so that a restart does not forget. A
  /// stream without totals that ring or board know of lost its entry: indices run on behind its last frame, and what it dropped, of unknown
  /// causes now, is dropped.crash. False: the board is there and cannot be opened now (is_unknown): nothing was restored, and a start that
  /// went on would forget.
  bool restore(const std::string& instance, const RingWriter& ring);
  /// STEP adopt 4, for every entry, also of streams that are no longer configured: committed from the slots, then filled, handed and
  /// dropped.crash by assignment, in this order; a new entry is used from now.
  void repair(const RingWriter& ring);
  /// STEP end 3: the board holds all blocks of the ring, and these totals.
  [[nodiscard]] bool is_acknowledged(const std::string& instance, const RingWriter& ring) const;
  void unlink();
  [[nodiscard]] bool still_named() const;

 private:
  Segment segment_;
  std::string path_;
  std::vector<LedgerEntry*> entries_;
  std::vector<bool> new_;
};

/// Reads entries. One thread.
class LedgerReader {
 public:
  static rt::Result<std::optional<LedgerReader>> open(const std::string& instance);
  /// The entry of that name, or null.
  [[nodiscard]] const LedgerEntry* find(const std::string& name) const noexcept;
  /// Odd: an adopter repairs the counts. They are of one instant only if it is even, and the same before and after.
  [[nodiscard]] std::uint64_t repairs() const noexcept { return segment_.at<const Word>(kRepairsAt)->load(std::memory_order_acquire); }
  [[nodiscard]] bool is_named(const std::string& path) const { return segment_.is_named(path); }

 private:
  Segment segment_;
};

/// Frames of the stream that will never come to the feed, as a source stamps them into a block.
inline std::uint64_t drops_before_feed(const LedgerEntry& e) noexcept {
  return e.dropped_pool.get() + e.dropped_source.get() + e.dropped_paused.get() + e.dropped_crash.get() + e.unaccounted.get();
}

/// A consistent copy: read twice until both agree (counters only grow).
BoardTotals totals_of(const LedgerEntry& entry) noexcept;

}  // namespace chappe::shm

// The producer's ledger: cumulative counts by stream name, apart from any incarnation of the ring. Each counter has one writing thread.
// A kill leaves gaps between hops; the next start closes them by assignment, so that a kill during the repair repeats it harmlessly.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "rt/result.hpp"
#include "shm/layout.hpp"
#include "shm/segment.hpp"

namespace chappe::shm {

class LedgerWriter {
 public:
  /// Adopts or creates. Only the holder of the producer's lease may call it. `names` become entries; entry(i) is names[i]'s.
  static rt::Result<LedgerWriter> open(const std::string& instance, const std::vector<std::string>& names, std::optional<gid_t> readers);
  [[nodiscard]] LedgerEntry& entry(std::size_t stream) const noexcept { return *entries_[stream]; }
  /// True when the entry was made by this open, so that totals of an ended run can be put back. It counts for others once it is repaired.
  [[nodiscard]] bool is_new(std::size_t stream) const noexcept { return new_[stream]; }
  /// A run that ended in order handed its totals to the board: entries made by this open go on from there, so that a restart does not
  /// forget. An Error only if the board cannot be trusted; without one there is nothing to restore.
  rt::Done restore_ended(const std::string& instance);
  /// STEP adopt 4: committed from the slots, then filled, handed and dropped.crash by assignment, in this order; a new entry is used from
  /// now.
  void repair(std::size_t stream, std::uint64_t committed_in_slots) noexcept;
  void unlink();

 private:
  void restore(std::size_t stream, const BoardTotals& totals) noexcept;

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
  [[nodiscard]] bool is_named(const std::string& path) const { return segment_.is_named(path); }

 private:
  Segment segment_;
};

/// A consistent copy: read twice until both agree (counters only grow).
BoardTotals totals_of(const LedgerEntry& entry) noexcept;

}  // namespace chappe::shm

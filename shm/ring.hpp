// The ring: slots in shared memory, a producer's side and a consumer's. Cursors and sequences are the truth: `head` is the producer's, a
// gate's `tail` its consumer's, and each slot says itself which block it holds. A sequence number once stored is never stored again, but 0,
// the mark of a slot being written. docs/protocol.md numbers the steps that the code names.
// A crash of the producer leaves at most one slot marked 0; of a consumer, nothing.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rt/result.hpp"
#include "shm/layout.hpp"
#include "shm/segment.hpp"

namespace chappe::shm {

/// A copied and validated geometry; offsets and counts come from here only, never from the mapping.
struct RingTables {
  RingGeometry geometry{};
  std::vector<StreamEntry> streams;
  std::vector<ChannelEntry> channels;
  std::uint64_t incarnation = 0;
};
/// Reads the tables of an opened or built ring; an Error names what does not fit.
rt::Result<RingTables> read_ring_tables(const Segment& ring);

/// What a producer wants.
struct RingSpec {
  std::string instance;
  std::uint64_t blocks = 512, block_bytes = 16384;
  bool waits = false;                ///< on_full = "wait"
  std::vector<StreamEntry> streams;  ///< layout fields filled in by the caller
  std::vector<ChannelEntry> channels;
  std::optional<gid_t> readers, consumers;
};

/// What a slot says of its block.
struct BlockHead {
  std::uint32_t stream = 0, frames = 0, generation = 0;
  std::uint64_t first_frame = 0, drops = 0, committed = 0;
  std::int64_t t_first_ns = 0, acquired_ns = 0;
  double period_ns = 0;
};

/// The producer's side. One process holds it (the lease), one thread writes (the feed).
class RingWriter {
 public:
  enum class Made { created, adopted, superseded };

  /// Creates, adopts or supersedes; see docs/protocol.md. EX_TEMPFAIL: another producer holds the lease; EX_NOPERM: the objects are another
  /// user's. After it the caller repairs the ledger, then calls open_for_business.
  static rt::Result<RingWriter> open(const RingSpec& spec);
  [[nodiscard]] Made made() const noexcept { return made_; }
  /// STEP adopt 6: owner, epoch and state stand, the consumer is rung.
  void open_for_business() noexcept;
  /// The offset between the clocks, for readers that want calendar time: now and then, since the one of them is set.
  void note_clocks() noexcept;

  [[nodiscard]] const RingTables& tables() const noexcept { return tables_; }
  [[nodiscard]] StatusPage& status() const noexcept { return *ring_.at<StatusPage>(tables_.geometry.status_at); }
  [[nodiscard]] ProcessPage& process_page() const noexcept { return *ring_.at<ProcessPage>(tables_.geometry.process_at); }
  [[nodiscard]] Gate& gate(std::uint32_t index) const noexcept { return gates_.at<Gate>(kPage)[index]; }
  [[nodiscard]] int gates_fd() const noexcept { return gates_.fd(); }
  [[nodiscard]] std::uint64_t head() const noexcept { return head_; }
  [[nodiscard]] const std::byte* base() const noexcept { return ring_.data(); }
  [[nodiscard]] std::byte* gates_base() const noexcept { return gates_.data(); }
  /// How far a stream had come: cumulative, in frames.
  struct Reached {
    std::uint64_t committed = 0, next_frame = 0;
  };
  /// The furthest that whole slots named when the ring was opened, those of a predecessor included; 0: none.
  [[nodiscard]] Reached reached(const std::string& stream) const;

  /// STEP publish 1-2: marks the next slot as being written. Its payload; the caller must be let through by the gate first.
  std::byte* begin() noexcept;
  /// STEP publish 4-5: the header, the sequence, the cursor. Without it the slot stays marked and the next begin takes it again.
  void commit(const BlockHead& block) noexcept;

  /// STEP end 3: unlinks ring, gates and a drained predecessor, if they are still ours.
  void unlink();
  /// Unlinks a drained predecessor once the board speaks of this incarnation.
  void forget_predecessor();
  [[nodiscard]] bool has_predecessor() const noexcept { return has_predecessor_; }
  [[nodiscard]] bool still_named() const;

 private:
  rt::Done create_or_adopt(const RingSpec& spec, bool& again);
  rt::Done replace(const RingSpec& spec, bool have_gates, bool& again);
  static rt::Result<Segment> build(const RingSpec& spec, Segment& gates);
  rt::Done keep_as_predecessor();
  void take(Segment ring, RingTables tables);
  void note_reached(const Segment& ring, const RingTables& tables);

  Segment ring_, gates_;
  RingTables tables_;
  std::string instance_;
  SlotHeader* slots_ = nullptr;
  std::byte* payloads_ = nullptr;
  std::uint64_t head_ = 0, mask_ = 0;
  std::map<std::string, Reached> reached_;
  Made made_ = Made::created;
  bool has_predecessor_ = false;
};

/// A consumer's or viewer's side: read-only. One thread.
class RingReader {
 public:
  /// nullopt: there is no such object. kind: "ring" or "ring.draining".
  static rt::Result<std::optional<RingReader>> open(const std::string& instance, const std::string& kind = "ring");
  /// The same ring through the writer's own mapping, for threads of one process: a race detector sees only what is one address.
  static RingReader on(const RingWriter& writer);
  [[nodiscard]] const RingTables& tables() const noexcept { return tables_; }
  [[nodiscard]] const StatusPage& status() const noexcept {
    return *reinterpret_cast<const StatusPage*>(base_ + tables_.geometry.status_at);
  }
  [[nodiscard]] const ProcessPage& process_page() const noexcept {
    return *reinterpret_cast<const ProcessPage*>(base_ + tables_.geometry.process_at);
  }
  [[nodiscard]] bool is_named(const std::string& path) const { return ring_.is_named(path); }
  [[nodiscard]] bool is_whole() const { return ring_.is_whole(); }
  [[nodiscard]] const Segment& segment() const noexcept { return ring_; }
  [[nodiscard]] uid_t owner() const noexcept { return ring_.owner(); }
  /// SYNC(commit), acquire side.
  [[nodiscard]] std::uint64_t head() const noexcept { return status().head.load(std::memory_order_acquire); }

  /// STEP consume 2: the block with number `n` (from 0), if its slot holds it whole; its header is copied and checked. A real-time thread
  /// may call it.
  bool look(std::uint64_t n, BlockHead& block, const std::byte*& payload) const noexcept;
  /// STEP consume 4: true if the slot still holds block n: what was read in between is whole.
  [[nodiscard]] bool still(std::uint64_t n) const noexcept;

 private:
  RingReader(RingTables tables, const std::byte* base);
  Segment ring_;  ///< empty when it is on the writer's mapping
  RingTables tables_;
  const std::byte* base_ = nullptr;
  const SlotHeader* slots_ = nullptr;
  const std::byte* payloads_ = nullptr;
  std::uint64_t mask_ = 0;
};

}  // namespace chappe::shm

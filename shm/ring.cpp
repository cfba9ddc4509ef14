#include "shm/ring.hpp"

#include <bit>
#include <cstring>
#include <utility>

#include "shm/tables.hpp"

namespace chappe::shm {
namespace {

/// Empty, or what of a stream entry contradicts the geometry.
std::string stream_fault(const StreamEntry& s, const RingGeometry& g) {
  if (s.name[kNameBytes - 1] != 0 || (s.value_bytes != 4 && s.value_bytes != 8)) return "a stream's name or type";
  if (s.channels == 0 || s.first_channel > g.channels || s.channels > g.channels - s.first_channel) return "a stream's channels";
  if (s.stride < std::uint64_t{s.channels} * s.value_bytes || s.capacity == 0) return "a stream's frame";
  const std::uint64_t per_frame = s.stride + (s.explicit_times != 0 ? 8U : 0U);
  if (per_frame * s.capacity > g.block_bytes || (s.explicit_times != 0 && std::uint64_t{s.capacity} * s.stride % 8 != 0))
    return "a stream's capacity";
  return {};
}

std::string geometry_fault(const RingGeometry& g, std::uint64_t object_bytes, std::uint64_t tables) {
  if (g.streams == 0 || g.streams > kMaxStreams || g.channels == 0 || g.channels > kMaxChannels) return "the number of streams or channels";
  if (!std::has_single_bit(g.blocks) || g.blocks < 8 || g.blocks > 65536) return "the number of blocks";
  if (g.block_bytes == 0 || g.block_bytes % kPage != 0 || g.block_bytes > (1U << 24)) return "the size of a block";
  if (kRingTablesAt + table_bytes(g.streams, g.channels) != tables) return "the size of its tables";
  if (g.status_at != round_up(tables, kPage) || g.process_at != g.status_at + kPage || g.slots_at != g.process_at + kPage ||
      g.payloads_at != round_up(g.slots_at + g.blocks * sizeof(SlotHeader), kPage) ||
      object_bytes != g.payloads_at + g.blocks * g.block_bytes) {
    return "the place of its parts";
  }
  return {};
}

}  // namespace

rt::Result<RingTables> read_ring_tables(const Segment& ring) {
  RingTables t;
  const std::byte* bytes = ring.table();
  const ObjectHeader& header = ring.header();
  if (header.table_bytes < kRingTablesAt) return rt::Error{EX_DATAERR, "ring refused: its table is too short"};
  std::memcpy(&t.geometry, bytes + sizeof(ObjectHeader), sizeof t.geometry);
  if (auto fault = geometry_fault(t.geometry, ring.bytes(), header.table_bytes); !fault.empty()) {
    return rt::Error{EX_DATAERR, "ring refused: " + fault + " is out of range"};
  }
  t.streams.resize(t.geometry.streams);
  t.channels.resize(t.geometry.channels);
  read_tables(bytes + kRingTablesAt, t.streams, t.channels);
  for (const auto& s : t.streams) {
    if (auto fault = stream_fault(s, t.geometry); !fault.empty())
      return rt::Error{EX_DATAERR, "ring refused: " + fault + " is out of range"};
  }
  for (const auto& c : t.channels) {
    if (c.name[kNameBytes - 1] != 0 || c.unit[kUnitBytes - 1] != 0)
      return rt::Error{EX_DATAERR, "ring refused: a channel's name is not terminated"};
  }
  if (!have_names(t.streams)) return rt::Error{EX_DATAERR, "ring refused: two of its streams have one name, or one has none"};
  t.incarnation = header.incarnation;
  return t;
}

rt::Result<std::optional<RingReader>> RingReader::open(const std::string& instance, const std::string& kind) {
  auto ring = Segment::open(object_path(instance, kind), kRingMagic, false);
  if (!ring) return ring.error();
  if (!*ring) return std::optional<RingReader>{};
  auto tables = read_ring_tables(**ring);
  if (!tables) return tables.error();
  RingReader reader(std::move(*tables), (*ring)->data());
  reader.ring_ = std::move(**ring);
  return std::optional<RingReader>{std::move(reader)};
}

RingReader RingReader::on(const RingWriter& writer) { return {writer.tables(), writer.base()}; }

RingReader::RingReader(RingTables tables, const std::byte* base)
    : tables_(std::move(tables)),
      base_(base),
      slots_(reinterpret_cast<const SlotHeader*>(base + tables_.geometry.slots_at)),
      payloads_(base + tables_.geometry.payloads_at),
      mask_(tables_.geometry.blocks - 1) {}

// A reader without a gate races with the writer by design: whatever it copied counts only if the sequence is the same before and after, and
// everything is checked before use. A sanitizer that knows no such check is told not to look here.
#if defined(__clang__) || defined(__GNUC__)
__attribute__((no_sanitize("thread")))
#endif
bool RingReader::look(std::uint64_t n, BlockHead& block, const std::byte*& payload) const noexcept {
  const SlotHeader& slot = slots_[n & mask_];
  if (slot.sequence.load(std::memory_order_acquire) != n + 1) return false;  // SYNC(commit)
  block.stream = slot.stream;
  block.frames = slot.frames;
  block.generation = slot.generation;
  block.first_frame = slot.first_frame;
  block.drops = slot.drops;
  block.committed = slot.committed;
  block.t_first_ns = slot.t_first_ns;
  block.acquired_ns = slot.acquired_ns;
  block.period_ns = slot.period_ns;
  payload = payloads_ + (n & mask_) * tables_.geometry.block_bytes;
  if (!still(n) || block.stream >= tables_.streams.size()) return false;
  return block.frames > 0 && block.frames <= tables_.streams[block.stream].capacity;
}

bool RingReader::still(std::uint64_t n) const noexcept {
  std::atomic_thread_fence(std::memory_order_acquire);  // SYNC(mark), reader's side: the words before the second look at the sequence
  return slots_[n & mask_].sequence.load(std::memory_order_relaxed) == n + 1;
}

}  // namespace chappe::shm

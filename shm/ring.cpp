#include "shm/ring.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "shm/bell.hpp"
#include "shm/lease.hpp"
#include "shm/tables.hpp"

namespace chappe::shm {
namespace {

constexpr std::size_t kTablesAt = sizeof(ObjectHeader) + sizeof(RingGeometry);

RingGeometry geometry_of(const RingSpec& spec) {
  RingGeometry g{};
  g.blocks = spec.blocks;
  g.block_bytes = spec.block_bytes;
  g.streams = static_cast<std::uint32_t>(spec.streams.size());
  g.channels = static_cast<std::uint32_t>(spec.channels.size());
  g.status_at = round_up(kTablesAt + table_bytes(g.streams, g.channels), kPage);
  g.process_at = g.status_at + kPage;
  g.slots_at = g.process_at + kPage;
  g.payloads_at = round_up(g.slots_at + g.blocks * sizeof(SlotHeader), kPage);
  return g;
}

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
  if (kTablesAt + table_bytes(g.streams, g.channels) != tables) return "the size of its tables";
  if (g.status_at != round_up(tables, kPage) || g.process_at != g.status_at + kPage || g.slots_at != g.process_at + kPage ||
      g.payloads_at != round_up(g.slots_at + g.blocks * sizeof(SlotHeader), kPage) ||
      object_bytes != g.payloads_at + g.blocks * g.block_bytes) {
    return "the place of its parts";
  }
  return {};
}

bool same_geometry(const RingTables& t, const RingSpec& spec) {
  const RingGeometry wanted = geometry_of(spec);
  return std::memcmp(&t.geometry, &wanted, sizeof wanted) == 0 && same_tables(t.streams, spec.streams, t.channels, spec.channels);
}

rt::Error foreign(const std::string& path, uid_t owner) {
  return {EX_NOPERM, path + ": belongs to user " + std::to_string(owner) + ", this process is user " + std::to_string(geteuid()) +
                         "; what is not its own is never touched: run as that user, or choose another --instance"};
}

/// Opens an object of our own for adoption. Damaged or stale ones of ours count as absent: they are replaced.
rt::Result<std::optional<Segment>> open_own(const std::string& path, std::uint64_t magic) {
  struct stat st {};
  if (lstat(path.c_str(), &st) == 0 && st.st_uid != geteuid()) return foreign(path, st.st_uid);
  auto opened = Segment::open(path, magic, true);
  if (!opened && opened.error().exit_code == EX_DATAERR) return std::optional<Segment>{};
  return opened;
}

}  // namespace

rt::Result<RingTables> read_ring_tables(const Segment& ring) {
  RingTables t;
  const std::byte* bytes = ring.table();
  const ObjectHeader& header = ring.header();
  if (header.table_bytes < kTablesAt) return rt::Error{EX_DATAERR, "ring refused: its table is too short"};
  std::memcpy(&t.geometry, bytes + sizeof(ObjectHeader), sizeof t.geometry);
  if (auto fault = geometry_fault(t.geometry, ring.bytes(), header.table_bytes); !fault.empty()) {
    return rt::Error{EX_DATAERR, "ring refused: " + fault + " is out of range"};
  }
  t.streams.resize(t.geometry.streams);
  t.channels.resize(t.geometry.channels);
  read_tables(bytes + kTablesAt, t.streams, t.channels);
  for (const auto& s : t.streams) {
    if (auto fault = stream_fault(s, t.geometry); !fault.empty())
      return rt::Error{EX_DATAERR, "ring refused: " + fault + " is out of range"};
  }
  for (const auto& c : t.channels) {
    if (c.name[kNameBytes - 1] != 0 || c.unit[kUnitBytes - 1] != 0)
      return rt::Error{EX_DATAERR, "ring refused: a channel's name is not terminated"};
  }
  t.incarnation = header.incarnation;
  return t;
}

rt::Result<RingWriter> RingWriter::open(const RingSpec& spec) {
  for (int attempt = 0; attempt < 16; ++attempt) {
    RingWriter writer;
    writer.instance_ = spec.instance;
    const std::string gates_path = object_path(spec.instance, "gates");
    auto gates = open_own(gates_path, kGatesMagic);
    if (!gates) return gates.error();
    bool again = false;
    rt::Done made = rt::done();
    if (!*gates) {
      made = writer.create(spec, false);
      again = !made && made.error().exit_code == EX_TEMPFAIL;
    } else {
      writer.gates_ = std::move(**gates);
      made = writer.adopt(spec, again);
    }
    if (again) continue;
    if (!made) return made.error();
    return writer;
  }
  return rt::Error{EX_TEMPFAIL, "instance " + spec.instance + ": other producers start and stop at the same moment; try again"};
}

rt::Done RingWriter::create(const RingSpec& spec, bool replace) {
  const RingGeometry g = geometry_of(spec);
  auto ring = Segment::build(g.payloads_at + g.blocks * g.block_bytes);
  if (!ring) return ring.error();
  auto gates = Segment::build(2 * kPage);
  if (!gates) return gates.error();
  std::memcpy(ring->data() + sizeof(ObjectHeader), &g, sizeof g);
  write_tables(ring->data() + kTablesAt, spec.streams, spec.channels);
  const std::uint64_t incarnation = random_id();
  ring->seal(kRingMagic, kTablesAt + table_bytes(g.streams, g.channels), incarnation);
  for (std::uint32_t i = 0; i < kGates; ++i) {
    Gate& gate = gates->at<Gate>(kPage)[i];
    if (sem_init(&gate.filled, 1, 0) != 0 || sem_init(&gate.free, 1, 0) != 0) return rt::errno_error("sem_init");
  }
  gates->seal(kGatesMagic, sizeof(ObjectHeader), incarnation);
  // STEP create 3: the lease is held before the gates have a name, so that a rival finds it taken.
  if (!try_lease(gates->fd(), kProducerLease)) return rt::errno_error("lease");
  // STEP create 4: the gates first, the ring second; gates without their ring are a start that was killed here.
  if (auto linked = gates->link(object_path(instance_, "gates"), 0660, spec.consumers, replace); !linked) return linked;
  if (auto linked = ring->link(object_path(instance_, "ring"), 0640, spec.readers, true); !linked) return linked;
  auto tables = read_ring_tables(*ring);
  if (!tables) return tables.error();
  gates_ = std::move(*gates);
  ring_ = std::move(*ring);
  tables_ = std::move(*tables);
  slots_ = ring_.at<SlotHeader>(g.slots_at);
  payloads_ = ring_.at<std::byte>(g.payloads_at);
  mask_ = g.blocks - 1;
  status().waits.store(spec.waits ? 1 : 0, std::memory_order_relaxed);
  return rt::done();
}

rt::Done RingWriter::adopt(const RingSpec& spec, bool& again) {
  const std::string gates_path = object_path(instance_, "gates");
  // STEP adopt 1: lock first; then the locked file must still be the named one.
  if (!try_lease(gates_.fd(), kProducerLease)) {
    return rt::Error{EX_TEMPFAIL, "instance " + instance_ + ": a producer is already running; stop it, or choose another --instance"};
  }
  if (!gates_.is_named(gates_path)) {
    again = true;
    return rt::done();
  }
  auto ring = open_own(object_path(instance_, "ring"), kRingMagic);
  if (!ring) return ring.error();
  std::optional<RingTables> tables;
  if (*ring) {
    if (auto read = read_ring_tables(**ring)) tables = std::move(*read);
  }
  // STEP adopt 2: gates without their ring are a creation that was killed halfway: nothing was ever written.
  if (!tables || tables->incarnation != gates_.header().incarnation) return create(spec, true);
  if (!same_geometry(*tables, spec)) {
    if (auto kept = keep_as_predecessor(**ring, gates_); !kept) return kept;
    made_ = Made::superseded;
    auto created = create(spec, true);
    // STEP supersede 3: told last; a consumer that sees it finishes this ring and looks for the next.
    if (created)
      (*ring)
          ->at<StatusPage>(tables->geometry.status_at)
          ->state.store(static_cast<std::uint64_t>(RingState::retired), std::memory_order_release);
    return created;
  }
  ring_ = std::move(**ring);
  tables_ = std::move(*tables);
  made_ = Made::adopted;
  slots_ = ring_.at<SlotHeader>(tables_.geometry.slots_at);
  payloads_ = ring_.at<std::byte>(tables_.geometry.payloads_at);
  mask_ = tables_.geometry.blocks - 1;
  // STEP adopt 3: roll head over a slot that is whole already: its frames are committed, and its number must not be stored again.
  head_ = status().head.load(std::memory_order_acquire);
  if (slots_[head_ & mask_].sequence.load(std::memory_order_acquire) == head_ + 1) status().head.store(++head_, std::memory_order_release);
  status().waits.store(spec.waits ? 1 : 0, std::memory_order_relaxed);
  return rt::done();
}

rt::Done RingWriter::keep_as_predecessor(const Segment& old_ring, const Segment& old_gates) {
  // STEP supersede 1: two names, never more. A predecessor that is still there gives way; what it held is overrun by header arithmetic.
  for (const auto& [segment, kind] : {std::pair{&old_gates, "gates"}, std::pair{&old_ring, "ring"}}) {
    const std::string draining = object_path(instance_, kind) + ".draining";
    const std::string self = "/proc/self/fd/" + std::to_string(segment->fd());
    const std::string fresh = draining + ".new";
    ::unlink(fresh.c_str());  // of a start that was killed here
    if (linkat(AT_FDCWD, self.c_str(), AT_FDCWD, fresh.c_str(), AT_SYMLINK_FOLLOW) != 0)
      return rt::errno_error(draining + ": cannot keep the old ring");
    if (rename(fresh.c_str(), draining.c_str()) != 0) return rt::errno_error(draining + ": cannot keep the old ring");
    ::unlink(fresh.c_str());  // rename of two names of one file does nothing and succeeds
  }
  return rt::done();
}

void RingWriter::open_for_business() noexcept {
  StatusPage& s = status();
  const auto pid = static_cast<std::int32_t>(getpid());
  s.owner_pid.store(static_cast<std::uint64_t>(pid), std::memory_order_relaxed);
  s.owner_start.store(process_start(pid), std::memory_order_relaxed);
  s.heartbeat_ns.store(static_cast<std::uint64_t>(rt::monotonic_ns()), std::memory_order_relaxed);
  s.realtime_offset_ns.store(static_cast<std::uint64_t>(rt::realtime_ns() - rt::monotonic_ns()), std::memory_order_relaxed);
  s.state.store(static_cast<std::uint64_t>(RingState::running), std::memory_order_relaxed);
  s.epoch.store(s.epoch.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  has_predecessor_ = access(object_path(instance_, "ring.draining").c_str(), F_OK) == 0;
  for (std::uint32_t i = 0; i < kGates; ++i) ring_bell_anew(gate(i).filled, s.failed_posts);
}

std::vector<std::uint64_t> RingWriter::committed_in_slots() const {
  std::vector<std::uint64_t> highest(tables_.streams.size(), 0);
  for (std::uint64_t i = 0; i <= mask_; ++i) {
    const SlotHeader& slot = slots_[i];
    const std::uint64_t sequence = slot.sequence.load(std::memory_order_acquire);
    if (sequence == 0 || sequence > head_ || slot.stream >= highest.size()) continue;
    highest[slot.stream] = std::max(highest[slot.stream], slot.committed);
  }
  return highest;
}

std::byte* RingWriter::begin() noexcept {
  SlotHeader& slot = slots_[head_ & mask_];
  // STEP publish 1: marked before any word changes; SYNC(mark): the fence keeps the words behind the mark, for readers without a gate.
  slot.sequence.store(0, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  return payloads_ + (head_ & mask_) * tables_.geometry.block_bytes;
}

void RingWriter::commit(const BlockHead& block) noexcept {
  SlotHeader& slot = slots_[head_ & mask_];
  slot.stream = block.stream;
  slot.frames = block.frames;
  slot.generation = block.generation;
  slot.first_frame = block.first_frame;
  slot.drops = block.drops;
  slot.committed = block.committed;
  slot.t_first_ns = block.t_first_ns;
  slot.acquired_ns = block.acquired_ns;
  slot.period_ns = block.period_ns;
  slot.sequence.store(head_ + 1, std::memory_order_release);  // STEP publish 4, SYNC(commit)
  ++head_;
  status().head.store(head_, std::memory_order_release);  // STEP publish 5, SYNC(commit)
}

void RingWriter::unlink() {
  forget_predecessor();
  ring_.unlink(object_path(instance_, "ring"));
  gates_.unlink(object_path(instance_, "gates"));
}

void RingWriter::forget_predecessor() {
  for (const char* kind : {"ring.draining", "gates.draining", "ring.draining.new", "gates.draining.new"}) {
    struct stat st {};
    const std::string path = object_path(instance_, kind);
    if (lstat(path.c_str(), &st) == 0 && st.st_uid == geteuid()) ::unlink(path.c_str());
  }
  has_predecessor_ = false;
}

bool RingWriter::still_named() const {
  return ring_.is_named(object_path(instance_, "ring")) && gates_.is_named(object_path(instance_, "gates"));
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

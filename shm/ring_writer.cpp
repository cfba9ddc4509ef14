// The producer's side of the ring: create, adopt, supersede, publish.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "rt/fault.hpp"
#include "shm/bell.hpp"
#include "shm/lease.hpp"
#include "shm/ring.hpp"
#include "shm/tables.hpp"

namespace chappe::shm {
namespace {

/// Takes the lines of a header over from the consumer's core while another block is being filled: where the mark of `begin` has to fetch
/// them, the stores of the block queue up behind it. Of __builtin_prefetch(at, 1) the baseline of x86-64 makes a prefetch for reading;
/// every 64-bit processor decodes this one, those without it as no operation.
void own_early(const SlotHeader& slot) noexcept {
  const auto* const line = reinterpret_cast<const std::byte*>(&slot);
  for (std::size_t at = 0; at < sizeof slot; at += kLine) {
#if defined(__x86_64__)
    asm volatile("prefetchw %0" : : "m"(line[at]));
#else
    __builtin_prefetch(line + at, 1);
#endif
  }
}

RingGeometry geometry_of(const RingSpec& spec) {
  RingGeometry g{};
  g.blocks = spec.blocks;
  g.block_bytes = spec.block_bytes;
  g.streams = static_cast<std::uint32_t>(spec.streams.size());
  g.channels = static_cast<std::uint32_t>(spec.channels.size());
  g.status_at = round_up(kRingTablesAt + table_bytes(g.streams, g.channels), kPage);
  g.process_at = g.status_at + kPage;
  g.slots_at = g.process_at + kPage;
  g.payloads_at = round_up(g.slots_at + g.blocks * sizeof(SlotHeader), kPage);
  return g;
}

bool same_geometry(const RingTables& t, const RingSpec& spec) {
  const RingGeometry wanted = geometry_of(spec);
  return std::memcmp(&t.geometry, &wanted, sizeof wanted) == 0 && same_tables(t.streams, spec.streams, t.channels, spec.channels);
}

StatusPage& status_of(const Segment& ring, const RingTables& tables) { return *ring.at<StatusPage>(tables.geometry.status_at); }

rt::Error already_running(const std::string& instance) {
  return {EX_TEMPFAIL, "instance " + instance + ": a producer is already running; stop it, or choose another --instance"};
}

}  // namespace

rt::Result<RingWriter> RingWriter::open(const RingSpec& spec) {
  for (int attempt = 0; attempt < 16; ++attempt) {
    RingWriter writer;
    writer.instance_ = spec.instance;
    bool again = false;
    if (auto made = writer.create_or_adopt(spec, again); !made) return made.error();
    if (!again) return writer;
  }
  return rt::Error{EX_TEMPFAIL, "instance " + spec.instance + ": other producers start and stop at the same moment; try again"};
}

/// STEP adopt 1 and 2: locks first; then the locked file must still be the named one.
rt::Done RingWriter::create_or_adopt(const RingSpec& spec, bool& again) {
  const std::string path = object_path(instance_, "gates");
  auto gates = find_own(path, kGatesMagic);
  if (!gates) return gates.error();
  rt::Descriptor untrusted;  // keeps the lease until other gates have the name; the byte of the lease is the same in all versions
  if (gates->whole) {
    gates_ = std::move(*gates->whole);
    if (!try_lease(gates_.fd(), kProducerLease)) return already_running(instance_);
    CHAPPE_FAULT(adopt_1_lease);
    again = !gates_.is_named(path);
  } else if (gates->damaged) {
    untrusted = rt::Descriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (untrusted && !try_lease(untrusted.get(), kProducerLease)) return already_running(instance_);
    CHAPPE_FAULT(adopt_1_untrusted);
    again = !untrusted || !is_name_of(path, untrusted.get());
  }
  if (again) return rt::done();
  auto ring = find_own(object_path(instance_, "ring"), kRingMagic);
  if (!ring) return ring.error();
  if (ring->whole && !claim_object(ring->whole->fd())) return already_running(instance_);
  if (ring->whole) {
    if (auto tables = read_ring_tables(*ring->whole)) take(std::move(*ring->whole), std::move(*tables));
  }
  // A start that was killed while it superseded may have left the last word on a stream in the predecessor alone.
  auto draining = find_own(object_path(instance_, "ring.draining"), kRingMagic);
  if (!draining && is_unknown(draining.error())) return draining.error();
  if (draining && draining->whole) {
    if (auto tables = read_ring_tables(*draining->whole)) note_reached(*draining->whole, *tables);
  }
  made_ = Made::adopted;
  const bool ours = ring_ && gates_ && tables_.incarnation == gates_.header().incarnation;
  if (!ours || !same_geometry(tables_, spec)) return replace(spec, gates_ || untrusted, again);
  status().waits.store(spec.waits ? 1 : 0, std::memory_order_relaxed);
  return rt::done();
}

/// Makes a pair, and keeps a ring that is there as its predecessor: whatever the gates are, its blocks are data.
rt::Done RingWriter::replace(const RingSpec& spec, bool have_gates, bool& again) {
  Segment gates;
  auto ring = build(spec, gates);
  if (!ring) return ring.error();
  auto tables = read_ring_tables(*ring);
  if (!tables) return tables.error();
  const std::string gates_path = object_path(instance_, "gates"), ring_path = object_path(instance_, "ring");
  if (auto permitted = gates.permit(gates_path, 0660, spec.consumers); !permitted) return permitted;
  if (auto permitted = ring->permit(ring_path, 0640, spec.readers); !permitted) return permitted;
  // One that never was in business holds nothing; its own predecessor, of which the ledger may not know yet (adopt 4), stays.
  if (ring_ && status().epoch.load(std::memory_order_acquire) != 0) {
    if (auto kept = keep_as_predecessor(); !kept) return kept;
  }
  // STEP create 4: the gates first, the ring second; gates without their ring are a start that was killed here.
  if (auto linked = gates.link(gates_path, have_gates); !linked) {
    again = linked.error().exit_code == EX_TEMPFAIL;
    return again ? rt::done() : linked;
  }
  CHAPPE_FAULT(create_4_gates);
  if (auto linked = ring->link(ring_path, true); !linked) return linked;
  CHAPPE_FAULT(create_4_ring);
  const Segment old_gates = std::exchange(gates_, std::move(gates)), old_ring = std::move(ring_);
  if (old_ring) {
    made_ = Made::superseded;
    CHAPPE_FAULT(supersede_2_named);
    // STEP supersede 3: told last; a consumer that sees it finishes this ring and looks for the next.
    status_of(old_ring, tables_).state.store(static_cast<std::uint64_t>(RingState::retired), std::memory_order_release);
    CHAPPE_FAULT(supersede_3_retired);
  } else {
    made_ = Made::created;
  }
  take(std::move(*ring), std::move(*tables));
  status().waits.store(spec.waits ? 1 : 0, std::memory_order_relaxed);
  return rt::done();
}

/// STEP create 1 to 3: both complete, and without a name. The leases are held before that, so that a rival finds them taken.
rt::Result<Segment> RingWriter::build(const RingSpec& spec, Segment& gates) {
  const RingGeometry g = geometry_of(spec);
  auto ring = Segment::build(g.payloads_at + g.blocks * g.block_bytes);
  if (!ring) return ring.error();
  CHAPPE_FAULT(create_1_ring);
  auto built = Segment::build(2 * kPage);
  if (!built) return built.error();
  std::memcpy(ring->data() + sizeof(ObjectHeader), &g, sizeof g);
  write_tables(ring->data() + kRingTablesAt, spec.streams, spec.channels);
  const std::uint64_t incarnation = random_id();
  ring->seal(kRingMagic, kRingTablesAt + table_bytes(g.streams, g.channels), incarnation);
  for (std::uint32_t i = 0; i < kGates; ++i) {
    Gate& gate = built->at<Gate>(kPage)[i];
    if (sem_init(&gate.filled, 1, 0) != 0 || sem_init(&gate.free, 1, 0) != 0) return rt::errno_error("sem_init");
  }
  built->seal(kGatesMagic, sizeof(ObjectHeader), incarnation);
  CHAPPE_FAULT(create_2_gates);
  if (!try_lease(built->fd(), kProducerLease) || !try_lease(ring->fd(), kProducerLease)) return rt::errno_error("lease");
  CHAPPE_FAULT(create_3_lease);
  gates = std::move(*built);
  return ring;
}

/// STEP adopt 3: roll head over a slot that is whole already: its frames are committed, and its number must not be stored again.
void RingWriter::take(Segment ring, RingTables tables) {
  ring_ = std::move(ring);
  tables_ = std::move(tables);
  slots_ = ring_.at<SlotHeader>(tables_.geometry.slots_at);
  payloads_ = ring_.at<std::byte>(tables_.geometry.payloads_at);
  mask_ = tables_.geometry.blocks - 1;
  head_ = status().head.load(std::memory_order_acquire);
  if (slots_[head_ & mask_].sequence.load(std::memory_order_acquire) == head_ + 1) {
    status().head.store(++head_, std::memory_order_release);
    CHAPPE_FAULT(adopt_3_head);
  }
  note_reached(ring_, tables_);
}

void RingWriter::note_reached(const Segment& ring, const RingTables& tables) {
  const std::uint64_t head = status_of(ring, tables).head.load(std::memory_order_acquire);
  for (std::uint64_t i = 0; i < tables.geometry.blocks; ++i) {
    const SlotHeader& slot = ring.at<const SlotHeader>(tables.geometry.slots_at)[i];
    const std::uint64_t sequence = slot.sequence.load(std::memory_order_acquire);
    if (sequence == 0 || sequence > head || slot.stream >= tables.streams.size()) continue;
    Reached& furthest = reached_[tables.streams[slot.stream].name];
    if (slot.committed >= furthest.committed) furthest = {slot.committed, slot.first_frame + slot.frames};
  }
}

rt::Done RingWriter::keep_as_predecessor() {
  // STEP supersede 1: two names, never more. A predecessor that is still there gives way; what it held is overrun by header arithmetic.
  const std::string draining = object_path(instance_, "ring.draining");
  const std::string self = "/proc/self/fd/" + std::to_string(ring_.fd());
  const std::string fresh = draining + ".new";
  ::unlink(fresh.c_str());  // of a start that was killed here
  if (CHAPPE_FAULT_ERRNO(supersede_1_to_link) || linkat(AT_FDCWD, self.c_str(), AT_FDCWD, fresh.c_str(), AT_SYMLINK_FOLLOW) != 0)
    return rt::errno_error(draining + ": cannot keep the old ring");
  CHAPPE_FAULT(supersede_1_linked);
  if (rename(fresh.c_str(), draining.c_str()) != 0) return rt::errno_error(draining + ": cannot keep the old ring");
  ::unlink(fresh.c_str());  // rename of two names of one file does nothing and succeeds
  CHAPPE_FAULT(supersede_1_kept);
  return rt::done();
}

void RingWriter::open_for_business() noexcept {
  StatusPage& s = status();
  const auto pid = static_cast<std::int32_t>(getpid());
  s.owner_pid.store(static_cast<std::uint64_t>(pid), std::memory_order_relaxed);
  s.owner_start.store(process_start(pid), std::memory_order_relaxed);
  s.heartbeat_ns.store(static_cast<std::uint64_t>(rt::monotonic_ns()), std::memory_order_relaxed);
  note_clocks();
  s.state.store(static_cast<std::uint64_t>(RingState::running), std::memory_order_relaxed);
  CHAPPE_FAULT(adopt_6_owner);
  s.epoch.store(s.epoch.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  CHAPPE_FAULT(adopt_6_epoch);
  has_predecessor_ = access(object_path(instance_, "ring.draining").c_str(), F_OK) == 0;
  for (std::uint32_t i = 0; i < kGates; ++i) ring_bell_anew(gate(i).filled, s.failed_posts);
  CHAPPE_FAULT(adopt_6_rung);
}

void RingWriter::note_clocks() noexcept {
  status().realtime_offset_ns.store(static_cast<std::uint64_t>(rt::realtime_ns() - rt::monotonic_ns()), std::memory_order_relaxed);
}

RingWriter::Reached RingWriter::reached(const std::string& stream) const {
  const auto found = reached_.find(stream);
  return found == reached_.end() ? Reached{} : found->second;
}

std::byte* RingWriter::begin() noexcept {
  SlotHeader& slot = slots_[head_ & mask_];
  // STEP publish 1: marked before any word changes; SYNC(mark): the fence keeps the words behind the mark, for readers without a gate.
  slot.sequence.store(0, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  CHAPPE_FAULT(publish_1);
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
  CHAPPE_FAULT(publish_4);
  ++head_;
  status().head.store(head_, std::memory_order_release);  // STEP publish 5, SYNC(commit)
  CHAPPE_FAULT(publish_5);
  own_early(slots_[(head_ + 1) & mask_]);
}

void RingWriter::unlink() {
  forget_predecessor();
  CHAPPE_FAULT(end_3_predecessor);
  ring_.unlink(object_path(instance_, "ring"));
  CHAPPE_FAULT(end_3_ring);
  gates_.unlink(object_path(instance_, "gates"));
  CHAPPE_FAULT(end_3_gates);
}

/// STEP supersede 4.
void RingWriter::forget_predecessor() {
  for (const char* kind : {"ring.draining", "ring.draining.new"}) {
    struct stat st {};
    const std::string path = object_path(instance_, kind);
    if (lstat(path.c_str(), &st) != 0 || st.st_uid != geteuid()) continue;
    ::unlink(path.c_str());
    CHAPPE_FAULT(supersede_4_forgotten);
  }
  has_predecessor_ = false;
}

bool RingWriter::still_named() const {
  return ring_.is_named(object_path(instance_, "ring")) && gates_.is_named(object_path(instance_, "gates"));
}

}  // namespace chappe::shm

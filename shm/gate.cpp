#include "shm/gate.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "rt/fault.hpp"
#include "shm/bell.hpp"
#include "shm/lease.hpp"

namespace chappe::shm {
namespace {

constexpr int kLookForNewcomer = 5;  // ms
constexpr std::int64_t kStalled = rt::kSecond;
constexpr std::int64_t kLate = 200 * rt::kMillisecond;

// A fence and a look at the bell cost as much as a block of some KiB. More than so much unrung would keep a sleeper from what it could
// read.
constexpr std::uint64_t kMostUnrung = 8, kMostUnrungBytes = 128 << 10;

}  // namespace

/// One that waits fills a slot less: attach 4 leaves one to a feed that may have run free, and would give up a block that nobody overwrote.
GateKeeper::GateKeeper(RingWriter& ring, std::uint32_t gate) noexcept : ring_(&ring), index_(gate) {
  const RingGeometry& g = ring.tables().geometry;
  room_ = g.blocks - (ring.status().waits.load(std::memory_order_relaxed) != 0 ? 1 : 0);
  const std::uint64_t most = std::min({kMostUnrung, g.blocks / 8, kMostUnrungBytes / g.block_bytes});
  most_unrung_ = static_cast<std::uint32_t>(std::max<std::uint64_t>(most, 1));
}

void GateKeeper::take_over() noexcept {
  GateMirror& m = mirror();
  Gate& gate = ring_->gate(index_);
  // A new process has no verdict yet; what the dead one thought is forgotten.
  m.detached.store(0, std::memory_order_relaxed);
  m.evicted.store(0, std::memory_order_relaxed);  // one evicted before is out of range by now, or holds the ring rightfully
  m.verdict.store(0, std::memory_order_seq_cst);
  CHAPPE_FAULT(adopt_5_mirror);
  const std::uint64_t epoch = gate.owner_epoch.load(std::memory_order_seq_cst);
  const std::uint64_t live = gate.live.load(std::memory_order_acquire);
  const std::uint64_t lag = ring_->head() - gate.tail.load(std::memory_order_acquire);  // wraps to huge when tail > head
  const bool lost = live == epoch && lag > ring_->tables().geometry.blocks;
  if (lost || lease_is_free(ring_->gates_fd(), gate_lease(index_))) m.verdict.store(epoch + 1, std::memory_order_seq_cst);
  CHAPPE_FAULT(adopt_5_verdict);
}

void GateKeeper::ring() noexcept {
  if (unrung_ == 0) return;
  unrung_ = 0;
  ring_bell(ring_->gate(index_).filled, ring_->status().failed_posts);
  CHAPPE_FAULT(publish_bell);
}

/// Asked behind the bell's fence it says unheld of a gate that nobody has taken since: SYNC(attach).
Passage GateKeeper::may_pass() noexcept {
  const Passage passage = judge();
  if (passage == Passage::open || !owes_bell()) return passage;
  ring();
  return judge();
}

Passage GateKeeper::judge() noexcept {
  GateMirror& m = mirror();
  const Gate& gate = ring_->gate(index_);
  const std::uint64_t verdict = m.verdict.load(std::memory_order_acquire);
  const std::uint64_t epoch = gate.owner_epoch.load(std::memory_order_acquire);
  // STEP evict 4. The tail of an evicted owner is not looked at: it may store one late, on waking. Its next words here are a new
  // owner_epoch, a tail and then live, in this order and by the same thread, so that a tail counts again only as the new owner's.
  const bool evicted = m.evicted.load(std::memory_order_acquire) == epoch + 1;
  if (verdict == epoch + 1 || evicted || m.detached.load(std::memory_order_relaxed) == epoch + 1) return Passage::unheld;
  // Attaching: the tail is not judged until live says that it is this owner's.
  if (gate.live.load(std::memory_order_acquire) != epoch) return Passage::full;
  const std::uint64_t tail = gate.tail.load(std::memory_order_acquire);
  const std::uint64_t lag = ring_->head() - tail;
  if (lag > ring_->tables().geometry.blocks) {  // a cursor that lies: never trusted, never waited for
    m.detached.store(epoch + 1, std::memory_order_release);
    ring_->status().detached_gates.add();
    CHAPPE_FAULT(gate_detached);
    return Passage::unheld;
  }
  m.tail_seen.store(tail, std::memory_order_relaxed);
  m.live.store(epoch, std::memory_order_relaxed);
  return lag >= room_ ? Passage::full : Passage::open;
}

bool GateKeeper::has_room_unheld() const noexcept {
  return ring_->head() - ring_->gate(index_).tail.load(std::memory_order_acquire) < ring_->tables().geometry.blocks - 1;  // see attach 4
}

GateNews GateKeeper::watch(int wait_ms) noexcept {
  const auto pid = static_cast<pid_t>(ring_->gate(index_).pid.load(std::memory_order_relaxed));
  const bool dead = state_ == GateState::dead;  // nothing to wait for, and its zombie would wake us for ever
  const int pidfd = pid > 0 && !dead ? static_cast<int>(syscall(SYS_pidfd_open, pid, 0)) : -1;
  pollfd wake{.fd = pidfd, .events = POLLIN, .revents = 0};  // a pidfd only wakes; the lease is the verdict
  // With nobody to watch, a newcomer must be noticed before it can die unseen.
  if (poll(&wake, 1, pidfd >= 0 ? wait_ms : std::min(wait_ms, kLookForNewcomer)) > 0) {
    const timespec breath{.tv_sec = 0, .tv_nsec = 1'000'000};  // a zombie's descriptors close a moment after
    nanosleep(&breath, nullptr);
  }
  if (pidfd >= 0) close(pidfd);
  return look(rt::monotonic_ns());
}

GateNews GateKeeper::look(std::int64_t now_ns) noexcept {
  GateMirror& m = mirror();
  const Gate& gate = ring_->gate(index_);
  const std::uint64_t epoch = gate.owner_epoch.load(std::memory_order_seq_cst);  // STEP evict 1: first, as for a verdict
  if (lease_is_free(ring_->gates_fd(), gate_lease(index_))) {
    m.verdict.store(epoch + 1, std::memory_order_seq_cst);
    CHAPPE_FAULT(watch_dead);
  }
  const bool held = m.verdict.load(std::memory_order_relaxed) != epoch + 1;
  const bool attaching = gate.live.load(std::memory_order_acquire) != epoch;
  const std::uint64_t tail = gate.tail.load(std::memory_order_acquire);
  const std::uint64_t lag = ring_->status().head.load(std::memory_order_relaxed) - tail;
  note_standing({.epoch = epoch, .tail = tail, .attaching = attaching, .blocks_wait = held && (attaching || lag != 0)}, now_ns);
  const bool full = attaching || lag >= room_;  // what the feed takes for full
  const bool evicts = full && must_go() && evict();
  m.pid.store(gate.pid.load(std::memory_order_relaxed), std::memory_order_relaxed);
  m.standing_ns.store(static_cast<std::uint64_t>(stands_for()), std::memory_order_relaxed);
  const GateState before = std::exchange(state_, state_of(held));
  m.state.store(static_cast<std::uint64_t>(state_), std::memory_order_relaxed);
  const auto stands = [](GateState s) { return s == GateState::stalled || s == GateState::evicted; };
  if (stands(state_) && !stands(before)) ring_->status().stalls.add();
  if (evicts) return GateNews::evicted;
  if (stands(state_) != stands(before)) return stands(state_) ? GateNews::stalled : held ? GateNews::moves : GateNews::none;
  return GateNews::none;
}

/// What held up this thread may have held up the consumer too: a look that comes late makes nobody stand longer than kLate.
void GateKeeper::note_standing(const Standing& seen, std::int64_t now_ns) noexcept {
  if (seen == standing_)
    standing_since_ns_ += std::max<std::int64_t>(0, now_ns - looked_ns_ - kLate);
  else
    standing_since_ns_ = now_ns;
  standing_ = seen;
  looked_ns_ = now_ns;
}

bool GateKeeper::must_go() const noexcept {
  const auto timeout = static_cast<std::int64_t>(stall_timeout_ns_.get());
  return timeout > 0 && stands_for() >= timeout && mirror().evicted.load(std::memory_order_relaxed) != standing_.epoch + 1;
}

/// Should it move at this very moment all the same, an eviction costs it blocks that it might have read, which it counts, and nothing else:
/// whatever it reads from now on it checks by sequence.
bool GateKeeper::evict() noexcept {
  const std::uint64_t epoch = standing_.epoch;
  if (ring_->gate(index_).owner_epoch.load(std::memory_order_seq_cst) != epoch) return false;  // STEP evict 2: it attached anew meanwhile
  mirror().evicted.store(epoch + 1, std::memory_order_seq_cst);                                // STEP evict 3
  CHAPPE_FAULT(watch_evicted);
  ring_->status().evictions.add();
  return true;
}

GateState GateKeeper::state_of(bool held) const noexcept {
  const GateMirror& m = mirror();
  const std::uint64_t mark = standing_.epoch + 1;
  if (!held) return standing_.epoch == 0 ? GateState::free : GateState::dead;
  if (m.evicted.load(std::memory_order_relaxed) == mark) return GateState::evicted;
  if (m.detached.load(std::memory_order_relaxed) == mark) return GateState::detached;
  if (stands_for() >= kStalled) return GateState::stalled;
  return standing_.attaching ? GateState::attaching : GateState::live;
}

rt::Result<std::optional<GateHolder>> GateHolder::open(const std::string& instance, const RingReader& ring, std::uint32_t gate) {
  const std::string path = object_path(instance, "gates");
  auto gates = Segment::open(path, kGatesMagic, true);
  if (!gates) return gates.error();
  if (!*gates || (*gates)->header().incarnation != ring.tables().incarnation || (*gates)->bytes() < 2 * kPage)
    return std::optional<GateHolder>{};
  if ((*gates)->owner() != ring.owner()) return rt::Error{EX_NOPERM, path + ": refused: its owner is not the ring's"};
  GateHolder holder;
  holder.gates_ = std::move(**gates);
  holder.base_ = holder.gates_.data();
  holder.index_ = gate;
  if (!try_lease(holder.gates_.fd(), gate_lease(gate))) {  // STEP attach 1
    return rt::Error{EX_TEMPFAIL, path + ": gate " + std::to_string(gate) + " is held by process " +
                                      std::to_string(holder.gate().pid.load(std::memory_order_relaxed)) +
                                      "; only one aggregator serves an instance"};
  }
  CHAPPE_FAULT(attach_1_lease);
  return std::optional<GateHolder>{std::move(holder)};
}

GateHolder GateHolder::on(const RingWriter& writer, std::uint32_t gate) {
  GateHolder holder;
  holder.base_ = writer.gates_base();
  holder.index_ = gate;
  return holder;
}

std::uint64_t GateHolder::attach(const RingReader& ring, std::uint64_t upto) noexcept {
  Gate& g = gate();
  g.pid.store(static_cast<std::uint64_t>(getpid()), std::memory_order_relaxed);
  epoch_ = g.owner_epoch.load(std::memory_order_relaxed) + 1;
  g.owner_epoch.store(epoch_, std::memory_order_seq_cst);  // STEP attach 2
  std::atomic_thread_fence(std::memory_order_seq_cst);     // SYNC(attach): against the fence of the feed's bell
  CHAPPE_FAULT(attach_2_owner);
  const std::uint64_t head = ring.head();  // STEP attach 3
  const std::uint64_t blocks = ring.tables().geometry.blocks;
  const std::uint64_t oldest = head + 1 > blocks ? head + 1 - blocks : 0;  // one slot is left for the block that the feed began while free
  const std::uint64_t start = upto > head ? oldest : std::max(upto, oldest);
  g.tail.store(start, std::memory_order_release);  // STEP attach 4
  CHAPPE_FAULT(attach_4_tail);
  g.live.store(epoch_, std::memory_order_release);  // STEP attach 5
  CHAPPE_FAULT(attach_5_live);
  ring_bell_anew(g.free, g.failed_posts);  // STEP attach 6
  CHAPPE_FAULT(attach_6_rung);
  return start;
}

bool GateHolder::thrown_out(const RingReader& ring) const noexcept {
  const GateMirror& m = ring.status().gates[index_];
  const std::uint64_t mine = epoch_ + 1;
  return m.verdict.load(std::memory_order_acquire) == mine || m.detached.load(std::memory_order_acquire) == mine ||
         m.evicted.load(std::memory_order_acquire) == mine;  // STEP evict 6
}

void GateHolder::release(std::uint64_t upto) noexcept {
  gate().tail.store(upto, std::memory_order_release);
  CHAPPE_FAULT(consume_6_tail);
  ring_bell(gate().free, gate().failed_posts);
  CHAPPE_FAULT(consume_6_rung);
}

bool GateHolder::sleep_until(std::int64_t deadline_ns) noexcept { return sleep_on_bell(gate().filled, deadline_ns); }

}  // namespace chappe::shm

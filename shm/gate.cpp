#include "shm/gate.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "rt/fault.hpp"
#include "shm/bell.hpp"
#include "shm/lease.hpp"

namespace chappe::shm {
namespace {

constexpr int kLookForNewcomer = 5;  // ms

}  // namespace

void GateKeeper::take_over() noexcept {
  GateMirror& m = mirror();
  Gate& gate = ring_->gate(index_);
  // A new process has no verdict yet; what the dead one thought is forgotten.
  m.detached.store(0, std::memory_order_relaxed);
  m.verdict.store(0, std::memory_order_seq_cst);
  CHAPPE_FAULT(adopt_5_mirror);
  const std::uint64_t epoch = gate.owner_epoch.load(std::memory_order_seq_cst);
  const std::uint64_t live = gate.live.load(std::memory_order_acquire);
  const std::uint64_t lag = ring_->head() - gate.tail.load(std::memory_order_acquire);  // wraps to huge when tail > head
  const bool lost = live == epoch && lag > ring_->tables().geometry.blocks;
  if (lost || lease_is_free(ring_->gates_fd(), gate_lease(index_))) m.verdict.store(epoch + 1, std::memory_order_seq_cst);
  CHAPPE_FAULT(adopt_5_verdict);
}

Passage GateKeeper::may_pass() noexcept {
  GateMirror& m = mirror();
  const Gate& gate = ring_->gate(index_);
  const std::uint64_t verdict = m.verdict.load(std::memory_order_acquire);
  const std::uint64_t epoch = gate.owner_epoch.load(std::memory_order_acquire);
  if (verdict == epoch + 1 || m.detached.load(std::memory_order_relaxed) == epoch + 1) return Passage::unheld;
  // Attaching: the tail is not judged until live says that it is this owner's.
  if (gate.live.load(std::memory_order_acquire) != epoch) return Passage::full;
  const std::uint64_t tail = gate.tail.load(std::memory_order_acquire);
  const std::uint64_t lag = ring_->head() - tail;
  const std::uint64_t blocks = ring_->tables().geometry.blocks;
  if (lag > blocks) {  // a cursor that lies: never trusted, never waited for
    m.detached.store(epoch + 1, std::memory_order_release);
    ring_->status().detached_gates.add();
    CHAPPE_FAULT(gate_detached);
    return Passage::unheld;
  }
  m.tail_seen.store(tail, std::memory_order_relaxed);
  m.live.store(epoch, std::memory_order_relaxed);
  return lag == blocks ? Passage::full : Passage::open;
}

bool GateKeeper::has_room_unheld() const noexcept {
  return ring_->head() - ring_->gate(index_).tail.load(std::memory_order_acquire) < ring_->tables().geometry.blocks - 1;  // see attach 4
}

void GateKeeper::watch(int wait_ms) noexcept {
  GateMirror& m = mirror();
  const Gate& gate = ring_->gate(index_);
  const auto pid = static_cast<pid_t>(gate.pid.load(std::memory_order_relaxed));
  const int pidfd = pid > 0 ? static_cast<int>(syscall(SYS_pidfd_open, pid, 0)) : -1;
  pollfd wake{.fd = pidfd, .events = POLLIN, .revents = 0};  // a pidfd only wakes; the lease is the verdict
  // With nobody to watch, a newcomer must be noticed before it can die unseen.
  if (poll(&wake, 1, pidfd >= 0 ? wait_ms : std::min(wait_ms, kLookForNewcomer)) > 0) {
    const timespec breath{.tv_sec = 0, .tv_nsec = 1'000'000};  // a zombie's descriptors close a moment after
    nanosleep(&breath, nullptr);
  }
  if (pidfd >= 0) close(pidfd);
  const std::uint64_t epoch = gate.owner_epoch.load(std::memory_order_seq_cst);
  const bool dead = lease_is_free(ring_->gates_fd(), gate_lease(index_));
  m.pid.store(static_cast<std::uint64_t>(pid), std::memory_order_relaxed);
  if (!dead) return;
  m.verdict.store(epoch + 1, std::memory_order_seq_cst);
  CHAPPE_FAULT(watch_dead);
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
  return m.verdict.load(std::memory_order_acquire) == epoch_ + 1 || m.detached.load(std::memory_order_acquire) == epoch_ + 1;
}

void GateHolder::release(std::uint64_t upto) noexcept {
  gate().tail.store(upto, std::memory_order_release);
  CHAPPE_FAULT(consume_6_tail);
  ring_bell(gate().free, gate().failed_posts);
  CHAPPE_FAULT(consume_6_rung);
}

bool GateHolder::sleep_until(std::int64_t deadline_ns) noexcept { return sleep_on_bell(gate().filled, deadline_ns); }

}  // namespace chappe::shm

#include "bench/rivals.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>

#include "bench/placement.hpp"
#include "rt/clock.hpp"
#include "shm/account.hpp"
#include "shm/gate.hpp"
#include "shm/ledger.hpp"
#include "shm/ring.hpp"

namespace chappe::bench {
namespace {

void rest() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Word i of message n is n + i.
void write_words(std::byte* block, std::uint64_t bytes, std::uint64_t n) noexcept {
  auto* words = reinterpret_cast<std::uint64_t*>(block);
  for (std::uint64_t i = 0; i < bytes / 8; ++i) words[i] = n + i;
}
std::uint64_t sum_words(const std::byte* block, std::uint64_t bytes) noexcept {
  const auto* words = reinterpret_cast<const std::uint64_t*>(block);
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < bytes / 8; ++i) sum += words[i];
  return sum;
}
std::uint64_t right_sum(const Work& w) noexcept {
  const std::uint64_t words = w.block_bytes / 8;
  std::uint64_t sum = 0;
  for (std::uint64_t n = 0; n < w.messages; ++n) sum += n * words + words * (words - 1) / 2;
  return sum;
}

/// The consumer's clock starts after one pass through the ring.
struct Result {
  std::atomic<std::uint64_t> ready;
  std::int64_t begin_ns, end_ns;
  std::uint64_t sum;
};
Result& fresh_result() {
  static void* page = shared_memory(4096);
  return *new (page) Result{};
}
double rate(const Work& w, const Result& r) {
  if (r.sum != right_sum(w)) {
    std::fprintf(stderr, "ring_cost: wrong sum\n");
    return 0;
  }
  return static_cast<double>((w.messages - w.blocks) * w.block_bytes) / static_cast<double>(r.end_ns - r.begin_ns);
}

struct Plain {
  alignas(64) std::atomic<std::uint64_t> head;
  alignas(64) std::atomic<std::uint64_t> tail;
};

bool consume_plain(const Work& w, Plain& ring, const std::byte* payloads, Result& result) {
  std::uint64_t head = 0, sum = 0;
  result.ready.store(1, std::memory_order_release);
  for (std::uint64_t n = 0; n < w.messages; ++n) {
    if (n == w.blocks) result.begin_ns = rt::monotonic_ns();
    while (head == n && (head = ring.head.load(std::memory_order_acquire)) == n) rest();
    sum += sum_words(payloads + (n & (w.blocks - 1)) * w.block_bytes, w.block_bytes);
    ring.tail.store(n + 1, std::memory_order_release);
  }
  result.end_ns = rt::monotonic_ns();
  result.sum = sum;
  return true;
}

shm::RingSpec spec_of(const Work& w) {
  shm::RingSpec spec;
  spec.instance = "ringcost" + std::to_string(getpid());
  spec.blocks = w.blocks;
  spec.block_bytes = w.block_bytes;
  shm::StreamEntry e{};
  shm::put_name(e.name, "cost");
  e.value_bytes = 8;
  e.channels = 8;
  e.stride = 64;
  e.capacity = static_cast<std::uint32_t>(w.block_bytes / e.stride);
  e.pool_blocks = 1;
  spec.streams = {e};
  spec.channels.resize(8);
  for (auto& c : spec.channels) shm::put_name(c.name, "c");
  return spec;
}

/// As the drain: looks, reads in place, looks again, enters the block, and gives back an eighth of the ring at a time.
bool consume_chappe(const Work& w, const std::string& instance, Result& result) {
  auto ring = shm::RingReader::open(instance);
  if (!ring || !*ring) return false;
  auto gate = shm::GateHolder::open(instance, **ring, shm::kAggregatorGate);
  if (!gate || !*gate) return false;
  shm::BoardStream account{};
  std::uint64_t next = (*gate)->attach(**ring, 0), given_back = next, head = next, sum = 0;
  result.ready.store(1, std::memory_order_release);
  while (next < w.messages) {
    if (next == w.blocks && result.begin_ns == 0) result.begin_ns = rt::monotonic_ns();
    if (head == next) head = (*ring)->head();
    if (head == next) {
      if (given_back != next) (*gate)->release(given_back = next);
      rest();
      continue;
    }
    shm::BlockHead block;
    const std::byte* payload = nullptr;
    if (!(*ring)->look(next, block, payload)) return false;
    const std::uint64_t one = sum_words(payload, w.block_bytes);
    if (!(*ring)->still(next)) return false;
    sum += one;
    shm::enter_block(account, block);
    if (++next - given_back >= w.blocks / 8) (*gate)->release(given_back = next);
  }
  result.end_ns = rt::monotonic_ns();
  result.sum = sum;
  return account.overrun == 0;
}

}  // namespace

double plain_ring(const Work& w) {
  static auto* payloads = static_cast<std::byte*>(shared_memory(16U << 20U));
  static void* page = shared_memory(4096);
  auto& ring = *new (page) Plain{};
  Result& result = fresh_result();
  Neighbour consumer(1, [&] { return consume_plain(w, ring, payloads, result); });
  while (result.ready.load(std::memory_order_acquire) == 0 && consumer.lives()) rest();
  std::uint64_t tail = 0;
  for (std::uint64_t n = 0; n < w.messages; ++n) {
    while (n - tail == w.blocks && n - (tail = ring.tail.load(std::memory_order_acquire)) == w.blocks && consumer.lives()) rest();
    write_words(payloads + (n & (w.blocks - 1)) * w.block_bytes, w.block_bytes, n);
    ring.head.store(n + 1, std::memory_order_release);
  }
  return consumer.ended_well() ? rate(w, result) : 0;
}

double chappe_ring(const Work& w) {
  const shm::RingSpec spec = spec_of(w);
  auto ring = shm::RingWriter::open(spec);
  if (!ring) return 0;
  auto ledger = shm::LedgerWriter::open(spec.instance, *ring, {});
  if (!ledger) return 0;
  ledger->repair(*ring);
  Result& result = fresh_result();
  Neighbour consumer(1, [&] { return consume_chappe(w, spec.instance, result); });
  while (result.ready.load(std::memory_order_acquire) == 0 && consumer.lives()) rest();
  shm::GateKeeper keeper(*ring, shm::kAggregatorGate);
  keeper.take_over();
  ring->open_for_business();
  shm::LedgerEntry& e = ledger->entry(0);
  const std::uint32_t frames = spec.streams[0].capacity;
  for (std::uint64_t n = 0; n < w.messages; ++n) {
    e.acquired.add(frames);
    e.filled.add(frames);
    e.handed.add(frames);
    while (keeper.may_pass() != shm::Passage::open && consumer.lives()) rest();
    write_words(ring->begin(), w.block_bytes, n);
    ring->commit({.stream = 0,
                  .frames = frames,
                  .generation = 1,
                  .first_frame = n * frames,
                  .drops = 0,
                  .committed = e.committed.get() + frames,
                  .t_first_ns = 0,
                  .acquired_ns = 0,
                  .period_ns = 0});
    e.committed.add(frames);
    keeper.published();
  }
  keeper.ring();
  const bool well = consumer.ended_well();
  ledger->unlink();
  ring->unlink();
  return well ? rate(w, result) : 0;
}

}  // namespace chappe::bench

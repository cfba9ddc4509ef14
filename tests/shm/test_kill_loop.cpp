// kill -9 at random, some thousand times, of a producer and a consumer on the real ring, gates, ledger and board. At the end the four laws
// hold, nothing torn was accepted, and nothing is left to clean by hand.
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <random>

#include "rt/clock.hpp"
#include "rt/thread.hpp"
#include "shm/account.hpp"
#include "shm/bell.hpp"
#include "shm/board.hpp"
#include "shm/gate.hpp"
#include "shm/ledger.hpp"
#include "shm/ring.hpp"
#include "shm/viewer.hpp"

namespace chappe::shm {
namespace {

enum Phase : std::uint64_t { kElsewhere, kPublish, kMerge, kBoard, kPhases };

constexpr std::uint32_t kFrames = 1024;  // blocks of 16 KiB: long enough to be hit while they are written and merged

/// What the two children tell the test, in a page of its own.
struct Shared {
  Word producer_phase, consumer_phase, stop, wrong_values, started;
};

StreamEntry only_stream() {
  StreamEntry e{};
  std::strcpy(e.name, "proof");
  e.value_bytes = 8;
  e.channels = 2;
  e.stride = 16;
  e.capacity = kFrames;
  e.pool_blocks = 1;
  return e;
}

RingSpec spec_of(const std::string& instance) {
  RingSpec spec;
  spec.instance = instance;
  spec.blocks = 64;
  spec.block_bytes = kFrames * 16;
  spec.streams = {only_stream()};
  spec.channels.resize(2);
  std::strcpy(spec.channels[0].name, "index");
  std::strcpy(spec.channels[1].name, "twice");
  return spec;
}

[[noreturn]] void fail(const rt::Error& error) {
  std::fprintf(stderr, "child: %s\n", error.text.c_str());
  _exit(1);
}

/// Publishes frames {i, 2i} without end, as source and feed in one; stops in order when told.
[[noreturn]] void produce(const std::string& instance, Shared& shared) {
  auto ring = RingWriter::open(spec_of(instance));
  if (!ring) fail(ring.error());
  auto ledger = LedgerWriter::open(instance, {"proof"}, {});
  if (!ledger) fail(ledger.error());
  ledger->repair(0, ring->committed_in_slots("proof"));
  GateKeeper gate(*ring, kAggregatorGate);
  gate.take_over();
  ring->open_for_business();
  rt::ThreadPlan plan;
  plan.name = "watch";
  auto watch = rt::Thread::start(plan, [&] {
    for (;;) gate.watch(20);
  });
  if (!watch) fail(watch.error());
  LedgerEntry& e = ledger->entry(0);
  shared.started.store(1);
  std::uint32_t frames = 1;
  while (shared.stop.load(std::memory_order_relaxed) == 0) {
    frames = (frames + 771) % kFrames + 1;
    const std::uint64_t first = e.acquired.get();
    const std::uint64_t drops = e.dropped_crash.get();
    e.acquired.add(frames);
    e.filled.add(frames);
    e.handed.add(frames);
    if (gate.may_pass() == Passage::full) {
      e.dropped_full.add(frames);
      sleep_on_bell(ring->gate(kAggregatorGate).free, rt::monotonic_ns() + rt::kMillisecond);
      continue;
    }
    shared.producer_phase.store(kPublish, std::memory_order_relaxed);
    auto* words = reinterpret_cast<std::uint64_t*>(ring->begin());
    for (std::uint32_t i = 0; i < frames; ++i) {
      words[2 * i] = first + i;
      words[2 * i + 1] = 2 * (first + i);
    }
    ring->commit({.stream = 0,
                  .frames = frames,
                  .generation = 1,
                  .first_frame = first,
                  .drops = drops + e.dropped_full.get(),
                  .committed = e.committed.get() + frames,
                  .t_first_ns = 0,
                  .acquired_ns = 0,
                  .period_ns = 0});
    e.committed.add(frames);
    ring_bell(ring->gate(kAggregatorGate).filled, ring->status().failed_posts);
    shared.producer_phase.store(kElsewhere, std::memory_order_relaxed);
  }
  ring->status().state.store(static_cast<std::uint64_t>(RingState::ended), std::memory_order_release);
  _exit(0);
}

/// Merges (counts and checks) in place, publishes the board every eight blocks, then gives back.
[[noreturn]] void consume(const std::string& instance, Shared& shared) {
  std::optional<RingReader> ring;
  std::optional<GateHolder> gate;
  while (!gate) {
    auto opened = RingReader::open(instance);
    if (!opened) fail(opened.error());
    if (!*opened) continue;
    ring.emplace(std::move(**opened));
    auto held = GateHolder::open(instance, *ring, kAggregatorGate);
    if (!held) fail(held.error());
    if (*held) gate.emplace(std::move(**held));
  }
  auto board =
      BoardWriter::open({.instance = instance, .streams = ring->tables().streams, .channels = ring->tables().channels, .readers = {}});
  if (!board) fail(board.error());
  BoardSlot& head = board->image().head();
  BoardStream& account = board->image().stream(0);
  const auto attach = [&] {
    const std::uint64_t upto = head.incarnation == ring->tables().incarnation ? head.upto : 0;
    head.upto = gate->attach(*ring, upto);
    if (head.upto > upto) account.skipped = 1;
    head.incarnation = ring->tables().incarnation;
  };
  attach();
  std::uint64_t next = head.upto;
  shared.started.store(1);
  for (;;) {
    if (gate->thrown_out(*ring)) {
      attach();
      next = head.upto;
    }
    const std::uint64_t end = std::min(ring->head(), head.upto + 8);
    if (next == end && next == head.upto) {
      if (ring->status().state.load(std::memory_order_acquire) == static_cast<std::uint64_t>(RingState::ended) && next == ring->head())
        _exit(0);
      gate->sleep_until(rt::monotonic_ns() + 10 * rt::kMillisecond);
      continue;
    }
    for (; next < end; ++next) {
      shared.consumer_phase.store(kMerge, std::memory_order_relaxed);
      BlockHead block;
      const std::byte* payload = nullptr;
      if (!ring->look(next, block, payload)) {
        account.skipped = 1;
        continue;
      }
      const auto* words = reinterpret_cast<const std::uint64_t*>(payload);
      std::uint64_t wrong = 0;
      for (std::uint32_t i = 0; i < block.frames; ++i)
        wrong += words[2 * i] != block.first_frame + i || words[2 * i + 1] != 2 * (block.first_frame + i);
      if (!ring->still(next)) {
        account.skipped = 1;
        continue;
      }
      if (wrong != 0) shared.wrong_values.fetch_add(wrong);
      enter_block(account, block);
    }
    shared.consumer_phase.store(kBoard, std::memory_order_relaxed);
    head.upto = next;
    board->touch(0);
    board->publish();
    gate->release(next);
    shared.consumer_phase.store(kElsewhere, std::memory_order_relaxed);
  }
}

class KillLoop : public ::testing::Test {
 protected:
  void SetUp() override {
    instance_ = "killloop" + std::to_string(getpid());
    shared_ = static_cast<Shared*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  }
  void TearDown() override {
    for (const char* kind : {"ring", "gates", "ledger", "board"}) unlink(object_path(instance_, kind).c_str());
    munmap(shared_, 4096);
  }
  pid_t start(void (*body)(const std::string&, Shared&)) {
    shared_->started.store(0);
    const pid_t pid = fork();
    if (pid == 0) body(instance_, *shared_);
    return pid;
  }
  /// Killed at a random instant; the phase in which it died.
  std::uint64_t kill_it(pid_t pid, const Word& phase) {
    kill(pid, SIGKILL);
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: exit " << WEXITSTATUS(status);
    return phase.load();
  }
  std::string instance_;
  Shared* shared_ = nullptr;
};

TEST_F(KillLoop, after_thousands_of_kills_the_ledger_closes_and_nothing_torn_was_accepted) {
  const char* const asked = std::getenv("CHAPPE_KILLS");  // fewer where the processor is emulated
  const int rounds = asked != nullptr ? std::atoi(asked) : 2000;
  std::mt19937 random(20260101);
  std::uint64_t landed[kPhases] = {};
  pid_t producer = start(produce);
  pid_t consumer = start(consume);
  for (int round = 0; round < rounds && !HasFailure(); ++round) {
    // One round in four strikes while the last one starts (adopting, attaching); the others once it is at work.
    while (round % 4 != 0 && shared_->started.load() == 0) sched_yield();
    const std::int64_t until = rt::monotonic_ns() + static_cast<std::int64_t>(random() % 6'000'000);
    rt::sleep_until(until);  // the random instant
    const bool hit_producer = random() % 2 == 0;
    // Three kills of four are aimed: they wait, not for long, until their victim is inside a critical step.
    const Word& phase = hit_producer ? shared_->producer_phase : shared_->consumer_phase;
    while (round % 4 != 1 && phase.load(std::memory_order_relaxed) == kElsewhere && rt::monotonic_ns() < until + 20 * rt::kMillisecond) {
    }
    if (hit_producer) {
      ++landed[kill_it(producer, shared_->producer_phase)];
      producer = start(produce);
    } else {
      ++landed[kill_it(consumer, shared_->consumer_phase)];
      consumer = start(consume);
    }
  }
  const std::int64_t patience = rt::monotonic_ns() + 20 * rt::kSecond;
  while (shared_->started.load() == 0 && rt::monotonic_ns() < patience) rt::sleep_until(rt::monotonic_ns() + rt::kMillisecond);
  shared_->stop.store(1);
  int status = 0;
  waitpid(producer, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  waitpid(consumer, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);

  const Snapshot s = Viewer(instance_).look();
  ASSERT_EQ(s.ledger.streams.size(), 1U);
  const Account& a = s.ledger.streams[0];
  EXPECT_TRUE(s.ledger.settled);
  EXPECT_EQ(a.unexplained, 0);
  EXPECT_EQ(a.in_flight, 0U);
  EXPECT_EQ(a.acquired, a.aggregated + a.dropped.sum() + a.overrun + a.overrun_pending);
  EXPECT_GT(a.aggregated, 0U);
  EXPECT_EQ(shared_->wrong_values.load(), 0U);
  const std::uint64_t inside = landed[kPublish] + landed[kMerge] + landed[kBoard];
  EXPECT_GE(inside * 10, 3 * static_cast<std::uint64_t>(rounds)) << "too few kills hit a critical step";
  std::printf(
      "%d kills: publish %lu, merge %lu, board %lu, elsewhere %lu; frames acquired %lu, aggregated %lu, full %lu, crash %lu, overrun %lu\n",
      rounds, landed[kPublish], landed[kMerge], landed[kBoard], landed[kElsewhere], a.acquired, a.aggregated, a.dropped.full,
      a.dropped.crash, a.overrun);
}

}  // namespace
}  // namespace chappe::shm

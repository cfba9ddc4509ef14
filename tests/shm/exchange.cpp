// One of three roles at one instance, each a process that may be of another architecture: tests/shm/test_exchange starts them.
//   exchange produce|consume|look INSTANCE   produce: until SIGTERM; consume: until then; look: until it has seen enough
// Every value in shared memory follows from the number of its block. Exit 0 only if all that this role read was so.
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

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

constexpr std::uint64_t kEnough = 1000;  ///< of blocks, boards and ledgers, for a viewer
constexpr std::int64_t kPatience = 60 * rt::kSecond;

/// Frames before each of four blocks, and of the four.
constexpr std::array<std::uint64_t, 5> kBefore = {0, 1024, 1025, 1725, 2025};
constexpr std::uint64_t frames_before(std::uint64_t block) { return block / 4 * kBefore[4] + kBefore[block % 4]; }
bool ends_a_block(std::uint64_t frames) {
  const std::uint64_t rest = frames % kBefore[4];
  return rest == kBefore[0] || rest == kBefore[1] || rest == kBefore[2] || rest == kBefore[3];
}

double first_value(std::uint64_t frame) { return static_cast<double>(frame) + 0.25; }
double second_value(std::uint64_t frame) { return -0.5 * static_cast<double>(frame); }

BlockHead head_of(std::uint64_t n) {
  const std::uint64_t first = frames_before(n), next = frames_before(n + 1);
  return {.stream = 0,
          .frames = static_cast<std::uint32_t>(next - first),
          .generation = static_cast<std::uint32_t>(n % 7),
          .first_frame = first,
          .drops = 0,
          .committed = next,
          .t_first_ns = -static_cast<std::int64_t>(n),
          .acquired_ns = static_cast<std::int64_t>(n) << 32,
          .period_ns = 1e9 / 3};
}

[[noreturn]] void fail(const std::string& text) {
  std::fprintf(stderr, "exchange: %s\n", text.c_str());
  std::exit(1);
}
void require(bool holds, const char* what) {
  if (!holds) fail(std::string("not so: ") + what);
}

/// What `open` gives, once it is there.
template <class Open>
auto await(Open open) {
  for (const std::int64_t end = rt::monotonic_ns() + kPatience; rt::monotonic_ns() < end;) {
    auto opened = open();
    if (!opened) fail(opened.error().text);
    if (*opened) return std::move(**opened);
    rt::sleep_until(rt::monotonic_ns() + rt::kMillisecond);
  }
  fail("the others did not come");
}

void check_block(std::uint64_t n, const BlockHead& b, const std::byte* payload, std::uint64_t& wrong) {
  const BlockHead w = head_of(n);
  wrong += b.stream != w.stream || b.frames != w.frames || b.generation != w.generation || b.first_frame != w.first_frame ||
           b.drops != w.drops || b.committed != w.committed || b.t_first_ns != w.t_first_ns || b.acquired_ns != w.acquired_ns ||
           b.period_ns != w.period_ns;
  const auto* values = reinterpret_cast<const double*>(payload);
  for (std::uint64_t i = 0; i < b.frames; ++i)
    wrong += values[2 * i] != first_value(b.first_frame + i) || values[2 * i + 1] != second_value(b.first_frame + i);
}

void fill_board(BoardImage& image, std::uint64_t upto) {
  const std::uint64_t frames = frames_before(upto);
  image.head().upto = upto;
  image.head().generation = upto % 5;
  image.window(0, 0, 0).frames = frames;
  image.window(0, 0, 0).t_last_ns = -static_cast<std::int64_t>(upto);
  image.moments(0, 0, 0)[0] = {
      .count = frames, .nan = upto, .mean = first_value(frames), .mean_low = 0, .m2 = 1.0 / 3, .min = 0, .max = 0, .last = 0};
  image.moments(0, 0, 0)[1].last = second_value(frames);
}

void check_board(BoardImage& seen) {
  const std::uint64_t upto = seen.head().upto, frames = frames_before(upto);
  require(seen.head().generation == upto % 5, "the board's generation");
  require(seen.stream(0).aggregated == frames && seen.stream(0).overrun == 0, "the board's account");
  require(seen.window(0, 0, 0).frames == frames && seen.window(0, 0, 0).t_last_ns == -static_cast<std::int64_t>(upto), "the open window");
  const auto moments = seen.moments(0, 0, 0);
  require(moments[0].count == frames && moments[0].nan == upto && moments[0].mean == first_value(frames) && moments[0].m2 == 1.0 / 3,
          "the first channel's moments");
  require(moments[1].last == second_value(frames), "the second channel's moments");
}

volatile std::sig_atomic_t told_to_stop = 0;

void produce(const std::string& instance) {
  std::signal(SIGTERM, [](int) { told_to_stop = 1; });
  RingSpec spec;
  spec.instance = instance;
  spec.blocks = 64;
  spec.waits = true;
  spec.streams = {StreamEntry{}};
  spec.channels.resize(2);
  StreamEntry& stream = spec.streams[0];
  put_name(stream.name, "proof");
  stream.value_bytes = 8;
  stream.channels = 2;
  stream.stride = 16;
  stream.capacity = 1024;
  stream.pool_blocks = 1;
  auto ring = RingWriter::open(spec);
  if (!ring) fail(ring.error().text);
  auto ledger = LedgerWriter::open(instance, *ring, {});
  if (!ledger) fail(ledger.error().text);
  ledger->repair(*ring);
  GateKeeper keeper(*ring, kAggregatorGate);
  keeper.take_over();
  ring->open_for_business();
  rt::Flag done;
  auto watch = rt::Thread::start({.name = "watch"}, [&] {
    while (!done.is_up()) keeper.watch(20);
  });
  if (!watch) fail(watch.error().text);
  LedgerEntry& e = ledger->entry(0);
  Gate& gate = ring->gate(kAggregatorGate);
  const std::int64_t end = rt::monotonic_ns() + kPatience;
  while (told_to_stop == 0) {
    if (keeper.may_pass() != Passage::open) {
      require(rt::monotonic_ns() < end, "the consumer takes what is there");
      sleep_on_bell(gate.free, rt::monotonic_ns() + 100 * rt::kMillisecond);
      continue;
    }
    const BlockHead head = head_of(ring->head());
    e.acquired.add(head.frames);
    e.filled.add(head.frames);
    e.handed.add(head.frames);
    auto* values = reinterpret_cast<double*>(ring->begin());
    for (std::uint64_t i = 0; i < head.frames; ++i) {
      values[2 * i] = first_value(head.first_frame + i);
      values[2 * i + 1] = second_value(head.first_frame + i);
    }
    ring->commit(head);
    e.committed.add(head.frames);
    ring_bell(gate.filled, ring->status().failed_posts);
  }
  ring->status().state.store(static_cast<std::uint64_t>(RingState::ended), std::memory_order_release);
  ring_bell(gate.filled, ring->status().failed_posts);
  const BoardReader board = await([&] { return BoardReader::open(instance); });
  BoardImage seen(board.tables());
  while (!board.copy(seen) || seen.head().upto < ring->head()) {
    require(rt::monotonic_ns() < end, "the consumer reads to the end");
    rt::sleep_until(rt::monotonic_ns() + rt::kMillisecond);
  }
  check_board(seen);
  done.raise();
  watch->join();
  ledger->unlink();
  ring->unlink();
}

bool has_ended(const RingReader& ring) {
  return ring.status().state.load(std::memory_order_acquire) == static_cast<std::uint64_t>(RingState::ended);
}

void check_ledger(const LedgerReader& ledger, std::uint64_t frames) {
  const LedgerEntry* entry = ledger.find("proof");
  require(entry != nullptr, "the ledger knows the stream");
  const BoardTotals totals = totals_of(*entry);
  require(totals.acquired == frames && totals.filled == frames && totals.handed == frames && totals.committed == frames && totals.full == 0,
          "the ledger's counts");
}

void consume(const std::string& instance) {
  const RingReader ring = await([&] { return RingReader::open(instance); });
  GateHolder gate = await([&] { return GateHolder::open(instance, ring, kAggregatorGate); });
  auto board =
      BoardWriter::open({.instance = instance, .streams = ring.tables().streams, .channels = ring.tables().channels, .readers = {}});
  if (!board) fail(board.error().text);
  const LedgerReader ledger = await([&] { return LedgerReader::open(instance); });
  board->image().head().incarnation = ring.tables().incarnation;
  std::uint64_t next = gate.attach(ring, 0), wrong = 0, asleep_with_data = 0;
  require(next == 0, "the gate is taken before the first block");
  const std::int64_t end = rt::monotonic_ns() + kPatience;
  // Once may be a machine that stood, or a producer between cursor and bell: only a second silence counts, as in the drain.
  const auto is_silent = [&] { return !gate.sleep_until(rt::monotonic_ns() + rt::kSecond) && ring.head() > next; };
  for (;;) {
    const bool ended = has_ended(ring);  // before head: nothing comes after it
    const std::uint64_t upto = std::min(ring.head(), next + 8);
    if (upto == next) {
      if (ended) break;
      require(rt::monotonic_ns() < end, "the producer goes on");
      if (is_silent() && is_silent()) ++asleep_with_data;
      continue;
    }
    for (; next < upto; ++next) {
      BlockHead block;
      const std::byte* payload = nullptr;
      require(ring.look(next, block, payload), "a block behind the gate is whole");
      check_block(next, block, payload, wrong);
      require(ring.still(next), "nobody overwrites a block behind the gate");
      enter_block(board->image().stream(0), block);
    }
    fill_board(board->image(), next);
    board->touch(0);
    board->publish();
    gate.release(next);
  }
  std::printf("consume: %lu blocks, %lu wrong values, %lu bells missed\n", next, wrong, asleep_with_data);
  require(wrong == 0, "every value follows from its block's number");
  require(asleep_with_data == 0, "a bell that is rung is heard");
  check_ledger(ledger, frames_before(next));
  while (ring.is_named(object_path(instance, "ring"))) {
    require(rt::monotonic_ns() < end, "the producer sees the board");
    rt::sleep_until(rt::monotonic_ns() + rt::kMillisecond);
  }
  board->unlink();
}

/// Without a gate: what the writer overtakes while it is read does not count.
void look(const std::string& instance) {
  const RingReader ring = await([&] { return RingReader::open(instance); });
  const LedgerReader ledger = await([&] { return LedgerReader::open(instance); });
  const BoardReader board = await([&] { return BoardReader::open(instance); });
  const LedgerEntry* entry = nullptr;
  const std::int64_t end = rt::monotonic_ns() + kPatience;
  while ((entry = ledger.find("proof")) == nullptr) require(rt::monotonic_ns() < end, "the ledger knows the stream");
  Viewer viewer(instance);
  BoardImage seen(board.tables());
  std::uint64_t blocks = 0, boards = 0, settled = 0;
  while (blocks < kEnough || boards < kEnough || settled < kEnough) {
    require(!has_ended(ring) && rt::monotonic_ns() < end, "the producer goes on");
    const std::uint64_t head = ring.head();
    BlockHead block;
    const std::byte* payload = nullptr;
    std::uint64_t wrong = 0;
    if (head > 0 && ring.look(head - 1, block, payload)) {
      check_block(head - 1, block, payload, wrong);
      if (ring.still(head - 1)) {
        require(wrong == 0, "every value follows from its block's number");
        ++blocks;
      }
    }
    if (board.copy(seen) && seen.head().upto > 0) {
      check_board(seen);
      ++boards;
    }
    const BoardTotals t = totals_of(*entry);
    require(ends_a_block(t.acquired) && ends_a_block(t.handed) && ends_a_block(t.committed) && t.full == 0, "the ledger's counts");
    const Snapshot s = viewer.look();
    if (!s.ledger.settled || s.ledger.streams.size() != 1) continue;
    require(s.ledger.streams[0].unexplained == 0, "the ledger closes");
    ++settled;
  }
  std::printf("look: %lu blocks, %lu boards, %lu settled ledgers\n", blocks, boards, settled);
}

}  // namespace
}  // namespace chappe::shm

int main(int argc, char** argv) {
  const std::string role = argc == 3 ? argv[1] : "";
  if (role == "produce")
    chappe::shm::produce(argv[2]);
  else if (role == "consume")
    chappe::shm::consume(argv[2]);
  else if (role == "look")
    chappe::shm::look(argv[2]);
  else
    return 64;
  return 0;
}

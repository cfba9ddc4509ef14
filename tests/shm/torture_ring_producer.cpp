// The producer of a torture run: sources, pools and feed in one thread, with the product's order of counts; a watcher beside it.
#include <unistd.h>

#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <thread>

#include "rt/clock.hpp"
#include "rt/counter.hpp"
#include "shm/bell.hpp"
#include "shm/board.hpp"
#include "shm/gate.hpp"
#include "shm/ledger.hpp"
#include "torture_ring.hpp"

namespace chappe::shm::torture {
namespace {

constexpr std::int64_t kWaitForRoom = 10 * rt::kMillisecond;
constexpr std::int64_t kPatience = 2 * rt::kSecond;

struct Buffer {
  std::uint32_t stream, frames;
  std::uint64_t first, drops;
};

class Producer {
 public:
  Producer(const Start& start, Shared& shared) : start_(start), shared_(shared), seat_(shared.producer), random_(start.seed) {}
  void open();
  void run();
  void end();

 private:
  [[noreturn]] void fail(const std::string& text) {
    shared_.tell("producer: %s", text.c_str());
    _exit(1);
  }
  void watch_and_tidy();
  void read(std::uint32_t stream);
  void hand_on();
  void ring();
  void note_bell();
  bool may_publish();
  void publish(const Buffer& buffer);
  std::uint32_t draw(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }

  Start start_;
  Shared& shared_;
  Seat& seat_;
  std::mt19937_64 random_;
  std::unique_ptr<RingWriter> ring_;
  std::unique_ptr<LedgerWriter> ledger_;
  std::unique_ptr<GateKeeper> gate_;
  std::thread watcher_;
  rt::Flag stop_watching_;
  std::deque<Buffer> full_;
  std::array<std::uint32_t, kStreams> in_pool_{};
  std::int64_t gives_up_ns_ = 0;  ///< set once it ends
};

void Producer::open() {
  shared_.adopting.store(1, std::memory_order_seq_cst);
  seat_.begin(start_.supersedes ? Phase::supersede : Phase::open);
  auto ring = RingWriter::open(spec_of(start_));
  if (!ring) fail(ring.error().text);
  ring_ = std::make_unique<RingWriter>(std::move(*ring));
  seat_.enter(Phase::repair);
  if (start_.finds_ring && ring_->made() == RingWriter::Made::created) {
    shared_.found.not_adopted.fetch_add(1, std::memory_order_relaxed);
    shared_.tell("producer: a ring was there, and another was made");
  }
  auto ledger = LedgerWriter::open(start_.instance, *ring_, {});
  if (!ledger) fail(ledger.error().text);
  ledger_ = std::make_unique<LedgerWriter>(std::move(*ledger));
  ledger_->restore(start_.instance, *ring_);
  seat_.pass();
  ledger_->repair(*ring_);
  seat_.pass();
  gate_ = std::make_unique<GateKeeper>(*ring_, kAggregatorGate);
  gate_->take_over();
  seat_.pass();
  ring_->open_for_business();
  shared_.adopting.store(0, std::memory_order_seq_cst);
  watcher_ = std::thread([this] { watch_and_tidy(); });  // no rt::Thread: its prefaulted stack would be half of the start
}

/// Watches the gate, and forgets a predecessor once the board speaks of this ring.
void Producer::watch_and_tidy() {
  while (!stop_watching_.is_up()) {
    gate_->watch(5);
    if (!ring_->has_predecessor()) continue;
    const auto board = copy_board(start_.instance);
    if (board && board->image.head().incarnation == ring_->tables().incarnation) ring_->forget_predecessor();
  }
}

/// As the product's source: frames and drops are counted when they were read, `filled` before the buffer is handed on.
void Producer::read(std::uint32_t stream) {
  const StreamEntry& entry = ring_->tables().streams[stream];
  LedgerEntry& e = ledger_->entry(stream);
  const std::uint32_t frames = draw(4) == 0 ? entry.capacity : 1 + draw(entry.capacity);
  if (draw(64) == 0) {
    e.acquired.add(frames);
    e.dropped_source.add(frames);
    return;
  }
  if (in_pool_[stream] == entry.pool_blocks) {
    e.acquired.add(frames);
    e.dropped_pool.add(frames);
    return;
  }
  const Buffer buffer{.stream = stream, .frames = frames, .first = e.acquired.get(), .drops = drops_before_feed(e)};
  e.acquired.add(frames / 2);
  e.acquired.add(frames - frames / 2);
  e.filled.add(frames);
  ++in_pool_[stream];
  full_.push_back(buffer);
}

void Producer::hand_on() {
  const Buffer buffer = full_.front();
  LedgerEntry& e = ledger_->entry(buffer.stream);
  e.handed.add(buffer.frames);
  if (may_publish())
    publish(buffer);
  else
    e.dropped_full.add(buffer.frames);
  full_.pop_front();
  --in_pool_[buffer.stream];
}

void Producer::ring() {
  const Phase before = seat_.now();
  seat_.enter(Phase::bell);
  gate_->ring();
  note_bell();
  seat_.pass();
  seat_.enter(before);
}

/// The gate rings by itself for a burst, and before it says anything but open.
void Producer::note_bell() {
  if (!gate_->owes_bell() && seat_.owes_bell.load(std::memory_order_relaxed) != 0) seat_.note_bell();
}

bool Producer::may_publish() {
  for (;;) {
    const Passage passage = gate_->may_pass();
    note_bell();
    if (passage == Passage::open) return true;
    if (!start_.waits && passage == Passage::unheld) return true;
    const std::int64_t now = rt::monotonic_ns();
    if (start_.waits && gives_up_ns_ != 0 && now > gives_up_ns_) return passage == Passage::unheld && gate_->has_room_unheld();
    seat_.enter(Phase::asleep);
    sleep_on_bell(ring_->gate(kAggregatorGate).free, now + (start_.waits ? kWaitForRoom : rt::kMillisecond / 5));
    seat_.enter(gives_up_ns_ != 0 ? Phase::end : Phase::working);
    if (!start_.waits) return false;
    if (gives_up_ns_ == 0 && seat_.told.load(std::memory_order_relaxed) != 0) gives_up_ns_ = rt::monotonic_ns() + rt::kSecond / 10;
  }
}

void Producer::publish(const Buffer& buffer) {
  LedgerEntry& e = ledger_->entry(buffer.stream);
  const StreamEntry& entry = ring_->tables().streams[buffer.stream];
  seat_.begin(Phase::publish);
  std::byte* const payload = ring_->begin();
  seat_.pass();
  seat_.owes_bell.store(1, std::memory_order_seq_cst);
  fill(entry, payload, buffer.first, buffer.frames / 2);
  seat_.pass();
  fill(entry, payload, buffer.first, buffer.frames);
  seat_.pass();
  const BlockHead block{.stream = buffer.stream,
                        .frames = buffer.frames,
                        .generation = 1,
                        .first_frame = buffer.first,
                        .drops = buffer.drops + e.dropped_full.get(),
                        .committed = e.committed.get() + buffer.frames};
  seat_.begin(Phase::commit);
  ring_->commit(block);
  seat_.enter(Phase::bell);
  e.committed.add(buffer.frames);
  seat_.pass();
  gate_->published();
  note_bell();
  seat_.enter(Phase::working);
  if (seat_.data_ns.load(std::memory_order_relaxed) == 0)
    seat_.data_ns.store(static_cast<std::uint64_t>(rt::monotonic_ns()), std::memory_order_relaxed);
  seat_.done.fetch_add(1, std::memory_order_relaxed);
}

void Producer::run() {
  seat_.enter(Phase::working);
  while (seat_.told.load(std::memory_order_relaxed) == 0) {
    const std::uint32_t which = draw(100);
    const std::uint32_t kind = which < 60 ? 0 : which < 98 ? 1 : 2;
    for (std::uint32_t i = 0; i < kStreams; ++i) {
      if (kind_of(ring_->tables().streams[i]) == kind) read(i);
    }
    while (!full_.empty() && (draw(3) != 0 || full_.size() > 4)) hand_on();
    if (gate_->owes_bell()) ring();
    if (start_.paced && draw(8) == 0) {
      seat_.enter(Phase::asleep);
      rt::sleep_until(rt::monotonic_ns() + 1'000 * static_cast<std::int64_t>(draw(400)));
      seat_.enter(Phase::working);
    }
  }
}

/// STEP end 1 and 3. Not acknowledged in time: all stays, and the next start goes on.
void Producer::end() {
  seat_.enter(Phase::end);
  gives_up_ns_ = rt::monotonic_ns() + rt::kSecond / 10;
  while (!full_.empty()) hand_on();
  if (gate_->owes_bell()) ring();
  seat_.enter(Phase::end);
  stop_watching_.raise();
  watcher_.join();
  ring_->status().state.store(static_cast<std::uint64_t>(RingState::ended), std::memory_order_release);
  ring_bell_anew(ring_->gate(kAggregatorGate).filled, ring_->status().failed_posts);
  const std::int64_t deadline = rt::monotonic_ns() + (shared_.last.load() != 0 ? 10 * kPatience : kPatience);
  while (!ledger_->is_acknowledged(start_.instance, *ring_)) {
    if (rt::monotonic_ns() > deadline) _exit(0);
    rt::sleep_until(rt::monotonic_ns() + rt::kMillisecond / 5);
  }
  seat_.enter(Phase::unlink);
  ledger_->unlink();
  seat_.pass();
  ring_->unlink();
  seat_.pass();
}

}  // namespace

void produce(const Start& start, Shared& shared) {
  Producer producer(start, shared);
  producer.open();
  producer.run();
  producer.end();
  _exit(0);
}

}  // namespace chappe::shm::torture

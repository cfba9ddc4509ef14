// The consumer of a torture run: finds a ring, attaches, checks and merges blocks in place, publishes the board, gives back; an aggregator
// in one thread, with the product's steps and its order of rings.
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "rt/clock.hpp"
#include "shm/account.hpp"
#include "shm/ledger.hpp"
#include "shm/retired.hpp"
#include "torture_ring_consumer.hpp"
#include "torture_ring_windows.hpp"

namespace chappe::shm::torture {
namespace {

constexpr std::int64_t kPublishWithin = 10 * rt::kMillisecond;
constexpr std::int64_t kHeartbeat = 100 * rt::kMillisecond;

}  // namespace

void Consumer::open_board(const RingTables* ring) {
  BoardSpec spec{.instance = instance_, .streams = {}, .channels = {}, .readers = {}};
  if (ring != nullptr) {
    spec.streams = ring->streams;
    spec.channels = ring->channels;
  } else if (auto old = BoardReader::open(instance_); old && *old) {
    spec.streams = (*old)->tables().streams;
    spec.channels = (*old)->tables().channels;
  }
  board_.reset();
  auto board = BoardWriter::open(spec);
  if (!board) fail(board.error().text);
  board_.emplace(std::move(*board));
}

/// What is retired first, then the ring itself.
bool Consumer::find_ring() {
  auto draining = RingReader::open(instance_, "ring.draining");
  if (!draining) fail(draining.error().text);
  auto ring = RingReader::open(instance_);
  if (!ring) fail(ring.error().text);
  if (*draining && is_to_drain(**draining, *ring ? &**ring : nullptr, board_->tables(), board_->image()))
    return begin_session(std::move(**draining), true);
  if (!*ring || (*ring)->status().epoch.load(std::memory_order_acquire) == 0) return false;
  return !is_finished(**ring) && begin_session(std::move(**ring), false);
}

/// It ended in order, and the board has its last block and its totals.
bool Consumer::is_finished(const RingReader& ring) {
  const BoardSlot& head = board_->image().head();
  const auto state = static_cast<RingState>(ring.status().state.load(std::memory_order_acquire));
  if (state != RingState::ended || head.incarnation != ring.tables().incarnation || head.upto != ring.head()) return false;
  const auto totals = totals_now();
  for (std::size_t i = 0; i < totals.size(); ++i) {
    const BoardStream& b = board_->image().stream(i);
    if (totals[i] ? !shm::has_totals(b, *totals[i]) : b.ended == 0) return false;
  }
  return true;
}

bool Consumer::begin_session(RingReader ring, bool retired) {
  gate_.reset();
  ring_.emplace(std::move(ring));
  if (!retired) {
    auto gate = GateHolder::open(instance_, *ring_, kAggregatorGate);
    if (!gate) fail(gate.error().text);
    if (!*gate) return false;
    gate_.emplace(std::move(**gate));
  }
  const RingTables& tables = ring_->tables();
  seat_.pass();
  open_board(&tables);
  seat_.pass();
  board_stream_.clear();
  for (const auto& stream : tables.streams) {
    for (std::size_t i = 0; i < board_->tables().streams.size(); ++i) {
      if (std::strcmp(stream.name, board_->tables().streams[i].name) == 0) board_stream_.push_back(i);
    }
  }
  read_ahead_ = std::max<std::uint64_t>(1, tables.geometry.blocks / 8);
  return true;
}

void Consumer::note_skip() {
  for (const std::size_t at : board_stream_) board_->image().stream(at).skipped = 1;
  shared_.found.skips.fetch_add(1, std::memory_order_relaxed);
}

void Consumer::attach() {
  BoardSlot& head = board_->image().head();
  const bool known = head.incarnation == ring_->tables().incarnation;
  const std::uint64_t upto = known ? head.upto : 0;
  const std::uint64_t blocks = ring_->tables().geometry.blocks;
  next_ = gate_ ? gate_->attach(*ring_, upto) : std::max(upto, ring_->head() > blocks ? ring_->head() - blocks : 0);
  if (!known || next_ > upto) note_skip();
  check_attach(upto);
  head.incarnation = ring_->tables().incarnation;
  head.upto = next_;
}

void Consumer::take_block(std::uint64_t number) {
  BlockHead block;
  const std::byte* payload = nullptr;
  if (!ring_->look(number, block, payload)) {
    refuse(number);
    return;
  }
  const StreamEntry& entry = ring_->tables().streams[block.stream];
  seat_.pass();
  const BlockSums sums = sums_of(entry, payload, block);
  const std::uint64_t wrong = wrong_words(entry, payload, block);
  if (!ring_->still(number)) {
    refuse(number);
    return;
  }
  if (wrong != 0) {
    shared_.found.torn.fetch_add(1, std::memory_order_relaxed);
    shared_.tell("consumer: block %lu of %s holds %lu wrong words", number, entry.name, wrong);
  }
  seat_.pass();
  const std::size_t at = board_stream_[block.stream];
  merge(board_->image(), at, block, sums, shared_.found);
  const BoardStream before = board_->image().stream(at);
  enter_block(board_->image().stream(at), block);
  check_block(number, block, before);
  board_->image().stream(at).ended = 0;
  board_->touch(at);
}

std::uint32_t Consumer::do_work() {
  std::uint32_t blocks = 0;
  const std::uint64_t head = ring_->head();
  const std::uint64_t upto = board_->image().head().upto;
  if (next_ < head && next_ - upto < read_ahead_) seat_.begin(Phase::merge);
  for (; next_ < head && next_ - upto < read_ahead_; ++next_, ++blocks) take_block(next_);
  seat_.enter(Phase::working);
  seat_.done.fetch_add(blocks, std::memory_order_relaxed);
  if (next_ == upto) return blocks;
  if (first_unpublished_ns_ == 0) first_unpublished_ns_ = rt::monotonic_ns();
  if (next_ - upto >= read_ahead_ || rt::monotonic_ns() - first_unpublished_ns_ >= kPublishWithin) publish();
  return blocks;
}

void Consumer::publish() {
  BoardImage& image = board_->image();
  const bool data = image.head().upto != next_;
  image.head().upto = next_;
  check_publication();
  seat_.begin(Phase::board);
  board_->publish();
  seat_.pass();
  if (gate_) gate_->release(next_);
  first_unpublished_ns_ = 0;
  seat_.enter(Phase::working);
  if (data && seat_.data_ns.load(std::memory_order_relaxed) == 0)
    seat_.data_ns.store(static_cast<std::uint64_t>(rt::monotonic_ns()), std::memory_order_relaxed);
}

bool Consumer::reached_the_end() {
  const auto state = static_cast<RingState>(ring_->status().state.load(std::memory_order_acquire));
  if (state != RingState::retired && state != RingState::ended && gate_) return false;
  if (next_ != ring_->head()) return false;
  finished_ = state == RingState::ended;
  return true;
}

/// As the drain: only a second silence with data there counts.
void Consumer::idle() {
  const std::int64_t now = rt::monotonic_ns();
  const std::uint64_t starts = shared_.starts.load(std::memory_order_seq_cst);
  seat_.enter(Phase::asleep);
  shared_.found.sleeps.fetch_add(1, std::memory_order_relaxed);
  const std::int64_t deadline = first_unpublished_ns_ != 0 ? first_unpublished_ns_ + kPublishWithin : now + kHeartbeat;
  if (!gate_->sleep_until(deadline) && next_ != ring_->head() && !told()) {
    const std::uint64_t bells = shared_.producer.bells.load(std::memory_order_seq_cst);  // behind the head that was seen
    if (!gate_->sleep_until(rt::monotonic_ns() + kPublishWithin)) judge_silence(starts, bells);
  }
  seat_.enter(Phase::working);
}

void Consumer::drain() {
  finished_ = false;
  seat_.enter(Phase::attach);
  attach();
  seat_.pass();
  publish();
  while (!told()) {
    if (gate_ && gate_->thrown_out(*ring_)) {
      shared_.found.resyncs.fetch_add(1, std::memory_order_relaxed);
      publish();
      seat_.enter(Phase::attach);
      attach();
    }
    if (do_work() > 0) continue;
    if (reached_the_end()) break;
    // A ring that lost its name without a word is nobody's any more: what it holds is merged, then it is left.
    if (gate_ && !ring_->is_named(path("ring")) && next_ == ring_->head()) break;
    if (gate_) idle();
  }
  publish();
  if (finished_) hand_over_totals();
}

/// What the ledger has of the board's streams.
std::vector<std::optional<BoardTotals>> Consumer::totals_now() const {
  auto ledger = LedgerReader::open(instance_);
  std::vector<std::optional<BoardTotals>> totals;
  for (const auto& stream : board_->tables().streams) {
    const LedgerEntry* entry = ledger && *ledger ? (*ledger)->find(stream.name) : nullptr;
    totals.push_back(entry != nullptr ? std::optional(totals_of(*entry)) : std::nullopt);
  }
  return totals;
}

/// STEP end 2.
void Consumer::hand_over_totals() {
  seat_.enter(Phase::end);
  const auto totals = totals_now();
  BoardImage& image = board_->image();
  const auto state = static_cast<RingState>(ring_->status().state.load(std::memory_order_acquire));
  if (state != RingState::ended || ring_->head() != image.head().upto || !ring_->is_named(path("ring"))) return;
  for (std::size_t i = 0; i < totals.size(); ++i) {
    BoardStream& b = image.stream(i);
    b.ended = 1;
    if (totals[i]) enter_totals(b, *totals[i]);
  }
  seat_.pass();
  board_->publish();
}

void Consumer::run() {
  seat_.enter(Phase::attach);
  open_board(nullptr);
  while (!told()) {
    if (!board_->still_named()) open_board(nullptr);
    if (find_ring()) {
      drain();
      gate_.reset();
      ring_.reset();
      seat_.enter(Phase::attach);
    } else {
      rt::sleep_until(rt::monotonic_ns() + rt::kMillisecond / 10);
    }
  }
  seat_.enter(Phase::unlink);
  if (shared_.last.load() != 0 && access(path("ring").c_str(), F_OK) != 0) board_->unlink();
}

void consume(const Start& start, Shared& shared) {
  Consumer(start, shared).run();
  _exit(0);
}

}  // namespace chappe::shm::torture

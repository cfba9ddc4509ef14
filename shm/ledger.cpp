#include "shm/ledger.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "rt/fault.hpp"
#include "shm/account.hpp"
#include "shm/board.hpp"
#include "shm/lease.hpp"
#include "shm/tables.hpp"

namespace chappe::shm {
namespace {

constexpr std::size_t kBytes = kPage + kLedgerEntries * sizeof(LedgerEntry);

LedgerEntry* table(const Segment& segment) { return segment.at<LedgerEntry>(kPage); }

LedgerEntry* find_entry(const Segment& segment, const std::string& name) noexcept {
  for (std::uint32_t i = 0; i < kLedgerEntries; ++i) {
    LedgerEntry& e = table(segment)[i];
    if (e.used.load(std::memory_order_acquire) == 0) continue;
    if (std::strncmp(e.name, name.c_str(), kNameBytes) == 0) return &e;
  }
  return nullptr;
}

/// The first free entry behind `after`, emptied of what a start that was killed had put there. It is found once it is used.
LedgerEntry* take_free(const Segment& segment, const std::string& name, const LedgerEntry* after) noexcept {
  for (std::uint32_t i = 0; i < kLedgerEntries; ++i) {
    LedgerEntry& e = table(segment)[i];
    if (&e <= after || e.used.load(std::memory_order_acquire) != 0) continue;
    new (&e) LedgerEntry{};
    put_name(e.name, name);
    CHAPPE_FAULT(entry_named);
    return &e;
  }
  return nullptr;
}

BoardTotals copy_once(const LedgerEntry& e) noexcept {
  BoardTotals t{};
  // Downstream first: what is read later can only be further along.
  t.crash = e.dropped_crash.get();
  t.committed = e.committed.get();
  t.full = e.dropped_full.get();
  t.handed = e.handed.get();
  t.filled = e.filled.get();
  t.pool = e.dropped_pool.get();
  t.source = e.dropped_source.get();
  t.paused = e.dropped_paused.get();
  t.acquired = e.acquired.get();
  return t;
}

std::uint64_t less(std::uint64_t all, std::uint64_t part) noexcept { return all - std::min(all, part); }

void put_totals(LedgerEntry& e, const BoardTotals& t) noexcept {
  e.dropped_crash.set(t.crash);
  e.unaccounted.set(less(t.handed, t.committed + t.full + t.crash));
  e.dropped_full.set(t.full);
  e.committed.set(t.committed);
  e.handed.set(t.handed);
  e.dropped_pool.set(t.pool);
  e.dropped_source.set(t.source);
  e.dropped_paused.set(t.paused);
  e.filled.set(t.filled);
  e.acquired.set(t.acquired);
  CHAPPE_FAULT(entry_restored);
}

/// What the killed one can have held, one read and its pool, is dropped.crash; what is missing beyond that nobody can explain, and stays
/// so. unaccounted before dropped.crash: a kill in between finds the same loss again, less what is unaccounted.
void repair_entry(LedgerEntry& e, std::uint64_t committed_in_slots, const StreamEntry& now) noexcept {
  e.committed.raise_to(committed_in_slots);
  CHAPPE_FAULT(adopt_4_committed);
  e.filled.set(less(e.acquired.get(), e.dropped_pool.get() + e.dropped_source.get() + e.dropped_paused.get()));
  CHAPPE_FAULT(adopt_4_filled);
  e.handed.set(e.filled.get());
  CHAPPE_FAULT(adopt_4_handed);
  const std::uint64_t known = e.committed.get() + e.dropped_full.get() + e.dropped_crash.get() + e.unaccounted.get();
  const std::uint64_t lost = less(e.handed.get(), known);
  const std::uint64_t crash = std::min(lost, e.block_frames.get() + e.pool_frames.get());
  e.unaccounted.add(lost - crash);
  e.dropped_crash.add(crash);
  CHAPPE_FAULT(adopt_4_crash);
  e.block_frames.set(now.capacity);
  e.pool_frames.set(std::uint64_t{now.pool_blocks} * now.capacity);
  e.used.store(1, std::memory_order_release);
  CHAPPE_FAULT(entry_used);
}

}  // namespace

BoardTotals totals_of(const LedgerEntry& entry) noexcept {
  BoardTotals first = copy_once(entry);
  for (int attempt = 0; attempt < 1000; ++attempt) {
    std::atomic_thread_fence(std::memory_order_acquire);  // SYNC(totals)
    const BoardTotals second = copy_once(entry);
    if (std::memcmp(&first, &second, sizeof first) == 0) break;
    first = second;
  }
  std::atomic_thread_fence(std::memory_order_acquire);  // SYNC(totals): what the caller looks at next is no older
  return first;
}

rt::Result<LedgerWriter> LedgerWriter::open(const std::string& instance, const RingWriter& ring, std::optional<gid_t> readers) {
  LedgerWriter ledger;
  ledger.path_ = object_path(instance, "ledger");
  auto found = find_own(ledger.path_, kLedgerMagic);
  if (!found) return found.error();
  if (found->whole && found->whole->bytes() == kBytes) {
    ledger.segment_ = std::move(*found->whole);
    if (!claim_object(ledger.segment_.fd())) {
      return rt::Error{EX_TEMPFAIL,
                       ledger.path_ + ": another producer still writes to it, one whose gates somebody removed; stop it first"};
    }
  } else {
    auto built = Segment::build(kBytes);
    if (!built) return built.error();
    built->seal(kLedgerMagic, sizeof(ObjectHeader), random_id());
    if (!try_lease(built->fd(), kProducerLease)) return rt::errno_error("lease");
    if (auto permitted = built->permit(ledger.path_, 0640, readers); !permitted) return permitted.error();
    if (auto linked = built->link(ledger.path_, true); !linked) return linked.error();
    CHAPPE_FAULT(ledger_named);
    ledger.segment_ = std::move(*built);
  }
  const LedgerEntry* last_taken = nullptr;
  for (const auto& stream : ring.tables().streams) {
    LedgerEntry* entry = find_entry(ledger.segment_, stream.name);
    ledger.new_.push_back(entry == nullptr);
    if (entry == nullptr) last_taken = entry = take_free(ledger.segment_, stream.name, last_taken);
    if (entry == nullptr) {
      return rt::Error{EX_CONFIG, ledger.path_ + ": holds " + std::to_string(kLedgerEntries) +
                                      " streams already; stop the instance in order, so that its ledger ends, before more names are used"};
    }
    ledger.entries_.push_back(entry);
  }
  return ledger;
}

bool LedgerWriter::restore(const std::string& instance, const RingWriter& ring) {
  if (std::find(new_.begin(), new_.end(), true) == new_.end()) return true;
  std::map<std::string, BoardStream> on_board;
  const auto board = BoardReader::open(instance);
  if (!board && is_unknown(board.error())) return false;
  if (auto copy = board && *board ? copy_board(**board) : std::nullopt) {
    for (std::size_t k = 0; k < copy->tables.streams.size(); ++k) on_board[copy->tables.streams[k].name] = copy->image.stream(k);
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!is_new(i)) continue;
    const BoardStream& b = on_board[entry(i).name];
    const RingWriter::Reached slots = ring.reached(entry(i).name);
    const std::uint64_t committed = std::max(b.committed, slots.committed), next = std::max(b.next_frame, slots.next_frame);
    if (b.ended != 0 && b.totals.committed >= committed)  // less: totals of an earlier run, or none
      put_totals(entry(i), b.totals);
    else if (committed > 0)
      put_totals(entry(i),
                 {.acquired = next, .filled = next, .handed = next, .committed = committed, .crash = next - std::min(next, committed)});
  }
  return true;
}

void LedgerWriter::repair(const RingWriter& ring) {
  Word& repairs = *segment_.at<Word>(kRepairsAt);
  repairs.store(repairs.load(std::memory_order_relaxed) | 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);  // SYNC(repair): the counts stay behind the mark
  CHAPPE_FAULT(adopt_4_marked);
  for (std::uint32_t k = 0; k < kLedgerEntries; ++k) {
    LedgerEntry& e = table(segment_)[k];
    const auto mine = std::find(entries_.begin(), entries_.end(), &e);
    if (e.used.load(std::memory_order_relaxed) == 0 && mine == entries_.end()) continue;
    StreamEntry now{};  // of a stream that is no longer configured, nothing can be in hand from now on
    if (mine != entries_.end()) now = ring.tables().streams[static_cast<std::size_t>(mine - entries_.begin())];
    repair_entry(e, ring.reached(text_of(e.name)).committed, now);
  }
  repairs.store(repairs.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

bool LedgerWriter::is_acknowledged(const std::string& instance, const RingWriter& ring) const {
  const auto board = copy_board(instance);
  if (!board || board->image.head().incarnation != ring.tables().incarnation || board->image.head().upto != ring.head()) return false;
  const auto& streams = ring.tables().streams;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const auto at = find_stream(board->tables.streams, streams[i].name);
    if (at && !has_totals(board->image.stream(*at), totals_of(entry(i)))) return false;
  }
  return true;
}

void LedgerWriter::unlink() { segment_.unlink(path_); }
bool LedgerWriter::still_named() const { return segment_.is_named(path_); }

rt::Result<std::optional<LedgerReader>> LedgerReader::open(const std::string& instance) {
  auto opened = Segment::open(object_path(instance, "ledger"), kLedgerMagic, false);
  if (!opened) return opened.error();
  if (!*opened) return std::optional<LedgerReader>{};
  if ((*opened)->bytes() != kBytes) return rt::Error{EX_DATAERR, "ledger refused: its size is not that of this format"};
  LedgerReader reader;
  reader.segment_ = std::move(**opened);
  return std::optional<LedgerReader>{std::move(reader)};
}

const LedgerEntry* LedgerReader::find(const std::string& name) const noexcept { return find_entry(segment_, name); }

}  // namespace chappe::shm

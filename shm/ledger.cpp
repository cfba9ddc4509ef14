#include "shm/ledger.hpp"

#include <unistd.h>
#include <algorithm>

#include <cstring>

#include "rt/fault.hpp"
#include "shm/board.hpp"

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
    std::memcpy(e.name, name.data(), std::min(name.size(), sizeof e.name - 1));
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

rt::Result<LedgerWriter> LedgerWriter::open(const std::string& instance, const std::vector<std::string>& names,
                                            std::optional<gid_t> readers) {
  LedgerWriter ledger;
  ledger.path_ = object_path(instance, "ledger");
  struct stat st {};
  if (lstat(ledger.path_.c_str(), &st) == 0 && st.st_uid != geteuid()) {
    return rt::Error{EX_NOPERM, ledger.path_ + ": belongs to user " + std::to_string(st.st_uid) + "; what is not its own is never touched"};
  }
  auto opened = Segment::open(ledger.path_, kLedgerMagic, true);
  const bool usable = opened && *opened && (*opened)->bytes() == kBytes;
  if (!opened && opened.error().exit_code != EX_DATAERR) return opened.error();
  if (usable) {
    ledger.segment_ = std::move(**opened);
  } else {
    auto built = Segment::build(kBytes);
    if (!built) return built.error();
    built->seal(kLedgerMagic, sizeof(ObjectHeader), random_id());
    if (auto linked = built->link(ledger.path_, 0640, readers, true); !linked) return linked.error();
    CHAPPE_FAULT(ledger_named);
    ledger.segment_ = std::move(*built);
  }
  const LedgerEntry* last_taken = nullptr;
  for (const auto& name : names) {
    LedgerEntry* entry = find_entry(ledger.segment_, name);
    ledger.new_.push_back(entry == nullptr);
    if (entry == nullptr) last_taken = entry = take_free(ledger.segment_, name, last_taken);
    if (entry == nullptr) {
      return rt::Error{EX_CONFIG, ledger.path_ + ": holds " + std::to_string(kLedgerEntries) +
                                      " streams already; stop the instance in order, so that its ledger ends, before more names are used"};
    }
    ledger.entries_.push_back(entry);
  }
  return ledger;
}

rt::Done LedgerWriter::restore_ended(const std::string& instance) {
  auto board = BoardReader::open(instance);
  if (!board) return board.error();
  if (!*board) return rt::done();
  BoardImage image((*board)->tables());
  if (!(*board)->copy(image)) return rt::done();
  const auto& streams = (*board)->tables().streams;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    for (std::size_t k = 0; k < streams.size(); ++k) {
      if (!is_new(i) || image.stream(k).ended == 0 || std::strncmp(streams[k].name, entry(i).name, kNameBytes) != 0) continue;
      restore(i, image.stream(k).totals);
    }
  }
  return rt::done();
}

void LedgerWriter::restore(std::size_t stream, const BoardTotals& t) noexcept {
  LedgerEntry& e = entry(stream);
  e.dropped_crash.set(t.crash);
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

void LedgerWriter::repair(std::size_t stream, std::uint64_t committed_in_slots) noexcept {
  LedgerEntry& e = entry(stream);
  e.committed.raise_to(committed_in_slots);
  CHAPPE_FAULT(adopt_4_committed);
  e.filled.set(e.acquired.get() - e.dropped_pool.get() - e.dropped_source.get() - e.dropped_paused.get());
  CHAPPE_FAULT(adopt_4_filled);
  e.handed.set(e.filled.get());
  CHAPPE_FAULT(adopt_4_handed);
  e.dropped_crash.set(e.handed.get() - e.committed.get() - e.dropped_full.get());
  CHAPPE_FAULT(adopt_4_crash);
  e.used.store(1, std::memory_order_release);
  CHAPPE_FAULT(entry_used);
}

void LedgerWriter::unlink() { segment_.unlink(path_); }

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

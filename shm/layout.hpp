// The bytes that two processes agree on: docs/shm-format.md, version kVersion. Structs and constants only, no algorithm.
//
//   ring    | header + stream and channel tables | status page | process page | slot headers | payloads          |
//   gates   | header page | 8 gates of 256 bytes                                                                 |
//   ledger  | header page | kLedgerEntries entries of 192 bytes                                                  |
//   board   | header + stream and channel tables | control page | process page | slot 0 | slot 1 | slot 2        |
//
// Every region starts on a page. All integers are little-endian as the machine writes them; the header names endianness and word size, and
// an opener whose own differ is refused. Each word has one writer. Shared atomics are at most 8 bytes, because a 16-byte load from a
// read-only page faults.
#pragma once
#include <semaphore.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "rt/counter.hpp"
#include "rt/histogram.hpp"

namespace chappe::shm {

using Word = std::atomic<std::uint64_t>;
static_assert(Word::is_always_lock_free && sizeof(Word) == 8);

inline constexpr std::uint32_t kVersion = 3;
inline constexpr std::size_t kPage = 4096;
inline constexpr std::size_t kLine = 64;
inline constexpr std::uint32_t kGates = 8;
inline constexpr std::uint32_t kAggregatorGate = 0;
inline constexpr std::uint32_t kNameBytes = 48;
inline constexpr std::uint32_t kUnitBytes = 16;
inline constexpr std::uint32_t kMaxStreams = 256;
inline constexpr std::uint32_t kMaxChannels = 4096;
inline constexpr std::uint32_t kLedgerEntries = 512;
inline constexpr std::uint32_t kWindowsPerStream = 4;
inline constexpr std::uint32_t kMostPanes = 63;  ///< of one specification, beside the open one
inline constexpr std::uint32_t kMaxThreads = 16;

inline constexpr std::uint64_t kRingMagic = 0x474e495250415043;    // "CPAPRING"
inline constexpr std::uint64_t kGatesMagic = 0x4554414750415043;   // "CPAPGATE"
inline constexpr std::uint64_t kLedgerMagic = 0x4744454c50415043;  // "CPAPLEDG"
inline constexpr std::uint64_t kBoardMagic = 0x4452414f42415043;   // "CPABOARD"

/// First bytes of every object. Immutable once the object has a name; the checksum (FNV-1a, 64 bit) covers table_bytes with itself as 0.
struct ObjectHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t byte_order;  ///< 0x01020304 as the maker writes it
  std::uint32_t word_bytes;  ///< sizeof(void*)
  std::uint32_t semaphore_bytes;
  std::uint64_t checksum;
  std::uint64_t table_bytes;  ///< header and tables
  std::uint64_t object_bytes;
  std::uint64_t incarnation;  ///< random; ring and gates of one making share it
  std::uint64_t boot_id[2];
  std::uint64_t reserved[4];
};
static_assert(sizeof(ObjectHeader) == 104);

struct StreamEntry {
  char name[kNameBytes];
  std::uint32_t value_bytes;  ///< 4: f32, 8: f64
  std::uint32_t channels;
  std::uint32_t first_channel;   ///< index into the channel table
  std::uint32_t stride;          ///< bytes of a frame
  std::uint32_t capacity;        ///< frames that fit a block
  std::uint32_t explicit_times;  ///< 1: an int64 for each frame at capacity * stride
  std::uint32_t clock;           ///< 0 monotonic, 1 realtime, 2 recorded
  std::uint32_t pool_blocks;     ///< buffers between source and feed
  double rate_hz;                ///< nominal, 0: unknown
  std::uint32_t panes;           ///< board: records for the panes of each of its specifications; ring: 0
  std::uint32_t reserved;
};
static_assert(sizeof(StreamEntry) == 96);

struct ChannelEntry {
  char name[kNameBytes];
  char unit[kUnitBytes];
};
static_assert(sizeof(ChannelEntry) == 64);

/// Geometry of a ring, right behind its ObjectHeader.
struct RingGeometry {
  std::uint64_t blocks;
  std::uint64_t block_bytes;
  std::uint64_t status_at, process_at, slots_at, payloads_at;
  std::uint32_t streams, channels;
};
static_assert(sizeof(RingGeometry) == 56);
inline constexpr std::size_t kRingTablesAt = sizeof(ObjectHeader) + sizeof(RingGeometry);

enum class RingState : std::uint64_t { running = 1, ended = 3, retired = 4 };

/// A gate as the watcher saw it last.
enum class GateState : std::uint64_t {
  free = 0,       ///< never held
  attaching = 1,  ///< lease and owner_epoch are taken, the tail does not count yet
  live = 2,
  stalled = 3,   ///< alive, and lets blocks wait
  evicted = 4,   ///< stood too long with the ring full; the feed runs free
  detached = 5,  ///< its tail was out of range; the feed runs free
  dead = 6,      ///< its lease is free; the feed runs free
};

/// The producer's mirror of a gate, for viewers, which cannot open the gates. verdict, detached and evicted hold owner_epoch + 1.
struct GateMirror {
  Word verdict;      ///< watcher: this owner_epoch is dead
  Word detached;     ///< feed: this owner_epoch's tail was out of range
  Word tail_seen;    ///< feed
  Word live;         ///< feed: owner_epoch that is attached
  Word pid;          ///< watcher
  Word evicted;      ///< watcher: this owner_epoch held the full ring, and stood
  Word state;        ///< watcher: GateState
  Word standing_ns;  ///< watcher: for how long the tail has stood although blocks wait; 0: it does not
};
static_assert(sizeof(GateMirror) == 64);

/// What changes in a ring beside slots. Written by the producer.
struct StatusPage {
  alignas(kLine) Word head;  ///< blocks ever committed
  alignas(kLine) Word owner_pid;
  Word owner_start;         ///< start time of that pid in clock ticks since boot
  Word epoch;               ///< adoptions of this incarnation; stored last
  Word state;               ///< RingState
  Word heartbeat_ns;        ///< CLOCK_MONOTONIC
  Word realtime_offset_ns;  ///< CLOCK_REALTIME - CLOCK_MONOTONIC, two's complement
  Word waits;               ///< 1: on_full = "wait"
  Word waiting_for_gate;    ///< 1: nobody holds the gate, and the producer waits for one
  alignas(kLine) GateMirror gates[kGates];
  rt::Counter failed_posts, detached_gates;
  rt::Counter stalls, evictions;  ///< watcher
  alignas(kLine) rt::Histogram feed_cycle;
};
static_assert(sizeof(StatusPage) <= kPage);

/// Where one block stands. The sequence says whether it is whole: 0 not there, n + 1 for the n-th block ever.
struct SlotHeader {
  Word sequence;
  std::uint32_t stream;
  std::uint32_t frames;
  std::uint32_t generation;
  std::uint32_t flags;
  std::uint64_t first_frame;
  std::uint64_t drops;       ///< cumulative drops of the stream before first_frame, in frames
  std::uint64_t committed;   ///< cumulative committed frames of the stream, this block included
  std::int64_t t_first_ns;   ///< on the stream's clock
  std::int64_t acquired_ns;  ///< CLOCK_MONOTONIC
  double period_ns;
  std::uint64_t reserved[7];
};
static_assert(sizeof(SlotHeader) == 128);

/// One gate. The first line is its consumer's, the semaphores are rung by one role each.
struct Gate {
  alignas(kLine) Word owner_epoch;
  Word live;
  Word tail;
  Word pid;
  rt::Counter failed_posts;
  alignas(kLine) sem_t filled;  ///< posted by the producer
  alignas(kLine) sem_t free;    ///< posted by the consumer
  alignas(kLine) std::uint64_t reserved[8];
};
static_assert(sizeof(Gate) == 256);

/// The producer's counts of one stream, in frames; the name first, then a line for each writing thread.
struct LedgerEntry {
  char name[kNameBytes];
  Word used;                            ///< 1 once the rest stands
  Word source;                          ///< identity of the recording that plays into it, 0: none; main's
  alignas(kLine) rt::Counter acquired;  ///< this line: the source thread
  rt::Counter dropped_pool, filled, dropped_source, dropped_paused;
  Word source_began;                  ///< frame index at which that recording began; main's
  alignas(kLine) rt::Counter handed;  ///< this line: the feed
  rt::Counter dropped_full, committed;
  rt::Counter dropped_crash, unaccounted;  ///< from here on the adopter's, before the feed starts
  rt::Counter block_frames, pool_frames;   ///< what a read or a block, and the pool, may hold of this start
};
static_assert(sizeof(LedgerEntry) == 192);
/// In the ledger's first page, a Word: odd while an adopter repairs the counts. One that was killed there leaves it odd until the next.
inline constexpr std::size_t kRepairsAt = 512;

/// Moments of one channel over some frames; see aggregator/moments.hpp.
struct BoardMoments {
  std::uint64_t count, nan;
  double mean, mean_low, m2, min, max, last;
};
static_assert(sizeof(BoardMoments) == 64);

/// Shape of the same values; see aggregator/shape.hpp.
struct BoardShape {
  double m3, m4;
  std::int64_t t_min_ns, t_max_ns;
  std::uint64_t zero_crossings, flat, flat_head, flat_tail;
  double first;
  std::int32_t sign_first, sign_last;
};
static_assert(sizeof(BoardShape) == 80);

struct BoardWindow {
  std::uint64_t window, first_frame, frames, missing, next_frame, opened_at;
  std::int64_t t_first_ns, t_last_ns;
  std::int64_t wall_offset_ns;  ///< added to a time before it is cut; 0 where the window is not aligned to the wall clock
  std::uint32_t generation, open;
  std::uint32_t shaped, reserved;  ///< shaped: 1: the shapes are whole
};
static_assert(sizeof(BoardWindow) == 88);

/// The producer's totals, handed over at an orderly end.
struct BoardTotals {
  std::uint64_t acquired = 0, filled = 0, handed = 0, committed = 0, full = 0, pool = 0, source = 0, paused = 0, crash = 0;
};

struct BoardStream {
  std::uint64_t aggregated, overrun;             ///< frames
  std::uint64_t next_frame;                      ///< index expected next
  std::uint64_t drops;                           ///< cumulative drops as of the last merged block
  std::uint64_t windows;                         ///< window specifications in use, up to kWindowsPerStream
  std::uint64_t spec_frames[kWindowsPerStream];  ///< what the open windows were opened with
  std::int64_t spec_duration_ns[kWindowsPerStream];
  std::uint64_t closed[kWindowsPerStream];     ///< windows ever closed, by specification; the newest is at (closed - 1) mod history
  std::uint64_t logged[kWindowsPerStream];     ///< of these, settled with the window log: written at least so many, or given up and counted
  std::int64_t last_acquired_ns;               ///< CLOCK_MONOTONIC of the newest merged block
  double rate_hz;                              ///< frames per second, measured over the last second or more
  std::uint64_t ended;                         ///< 1: the producer ended in order and everything is merged
  BoardTotals totals;                          ///< meaningful when ended
  std::uint64_t committed;                     ///< cumulative, as the last merged block names it
  std::uint64_t skipped;                       ///< 1: blocks were passed over since then, which may have been this stream's
  std::uint64_t calibration;                   ///< hash of what the open windows' values were calibrated with, 0: as they lie in the ring
  std::uint64_t calibration_refused;           ///< 1: the configured one does not fit the stream, which goes on without
  std::uint64_t derived;                       ///< of its channels, the last so many are not in the ring
  std::int64_t spec_hop[kWindowsPerStream];    ///< with spec_frames and spec_duration_ns, in their unit; 0: windows that do not overlap
  std::uint64_t spec_wall[kWindowsPerStream];  ///< 1: aligned to the wall clock
};
static_assert(sizeof(BoardStream) == 368);

/// First bytes of a board slot.
struct BoardSlot {
  Word sequence;              ///< publication number, 0 while being written
  std::uint64_t incarnation;  ///< of the ring that upto speaks of, 0: none yet
  std::uint64_t upto;         ///< blocks of it that the board holds
  std::int64_t published_ns;  ///< CLOCK_MONOTONIC
  std::uint64_t generation;
  std::uint64_t log_began;  ///< bytes of the window log when the board was made, 0: none was open yet
  std::uint64_t reserved[2];
};
static_assert(sizeof(BoardSlot) == 64);

/// Geometry of a board, right behind its ObjectHeader; then the stream and channel tables as in the ring.
/// A slot: BoardSlot, BoardStream[streams], then for each stream, for each of kWindowsPerStream specifications: (1 + history) records of
/// BoardWindow followed by BoardMoments[channels] and BoardShape[channels]; the first record is the open window, the others the closed
/// ones; behind those of all specifications StreamEntry.panes records of each.
struct BoardGeometry {
  std::uint64_t control_at, process_at, slots_at, slot_bytes;
  std::uint32_t streams, channels, history, reserved;
};
static_assert(sizeof(BoardGeometry) == 48);

/// The aggregator's words that are no part of a publication.
struct BoardControl {
  alignas(kLine) Word latest;  ///< publication number, from 1
  Word writer_pid, writer_start;
  Word heartbeat_ns;
  rt::Counter publications, doorbell_timeouts_with_data, log_rows_lost, log_errors, torn, resyncs;
  rt::Counter log_rows_given_up;         ///< beside log_rows_lost: by the log's thread
  alignas(kLine) rt::Histogram latency;  ///< frame acquired to board published
  alignas(kLine) rt::Histogram drain_cycle;
};
static_assert(sizeof(BoardControl) <= kPage);

/// A process about itself: written by one ordinary thread under a sequence (odd while writing), read by viewers.
struct ThreadEntry {
  char name[16];
  std::uint32_t asked_fifo, asked_priority, granted_fifo, granted_priority;
  std::uint64_t asked_cpus, granted_cpus;
};
struct ProcessPage {
  Word sequence;
  std::int64_t since_realtime_ns;
  std::uint64_t config_hash;
  std::uint32_t config_generation, threads;
  std::int64_t reload_realtime_ns;
  std::uint64_t reloads, reloads_failed;
  std::uint64_t locked_bytes;
  std::uint32_t reload_ok, lock_asked;
  char reload_error[512];
  char realtime_refused[512];
  ThreadEntry thread[kMaxThreads];
};
static_assert(sizeof(ProcessPage) <= kPage);

/// Fills a field of text: cut where it is too long, and ended by zeros in any case.
template <std::size_t N>
void put_name(char (&field)[N], std::string_view text) noexcept {
  const std::size_t bytes = text.size() < N ? text.size() : N - 1;
  text.copy(field, bytes);
  std::memset(field + bytes, 0, N - bytes);
}

/// What put_name() filled in; of bytes that another process wrote, at most the field.
template <std::size_t N>
std::string text_of(const char (&field)[N]) {
  return {field, strnlen(field, N)};
}

inline constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace chappe::shm

// The ring's torturer: small processes on the real shm library, killed and stopped some hundred times a second, at random and aimed
// instants. A campaign (the parent) starts and kills a producer, a consumer and viewers; all tell it through one shared page where they
// stand and what they found. Every value is a closed form of its frame's index, so that a torn, doubled or lost frame cannot hide.
#pragma once
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <string>

#include "shm/layout.hpp"
#include "shm/ring.hpp"

namespace chappe::shm::torture {

/// Where a victim stands; stored by itself, so that it still stands there when it is dead.
enum class Phase : std::uint64_t {
  starting,   ///< forked, nothing of the library entered
  open,       ///< producer: create or adopt
  supersede,  ///< producer: opening with another geometry than the last
  repair,     ///< producer: ledger, gate, adopt 4 to 6
  attach,     ///< consumer: finding a ring, its gate and a board
  working,    ///< between two steps
  publish,    ///< producer: from publish 1 to 3
  commit,     ///< producer: publish 4 and 5
  bell,       ///< producer: from the cursor to the bell's return
  merge,      ///< consumer: consume 2 to 5
  board,      ///< consumer: board 1 to 4 and consume 6
  asleep,     ///< on a bell
  end,        ///< end 1 or 2, until acknowledged
  unlink,     ///< producer: end 3; consumer: end 4
  look,       ///< viewer
};
inline constexpr std::array kPhaseNames{"starting", "open",  "supersede", "repair", "attach", "working", "publish", "commit",
                                        "bell",     "merge", "board",     "asleep", "end",    "unlink",  "look"};

/// One victim's line to the campaign.
struct alignas(kLine) Seat {
  Word phase;
  Word told;       ///< 1: end in order
  Word forked_ns;  ///< CLOCK_MONOTONIC
  Word data_ns;    ///< its first block committed, or its first blocks on the board, 0: not yet
  Word owes_bell;  ///< 1: from before a block's cursor to the bell of its burst
  Word bells;      ///< rung, ever
  Word done;       ///< blocks published or merged, ever
  Word order;      ///< how the victim is to kill itself: order_at, order_by_time; 0: not; kFollows

  static constexpr std::uint64_t kFollows = 1;  ///< it dies any moment now
  /// At an instant of this phase; `passes` (255 at most) are let go by first.
  static constexpr std::uint64_t order_at(Phase target, std::uint64_t passes) noexcept {
    return (static_cast<std::uint64_t>(target) + 1) << 8 | passes;
  }
  /// About so long after this phase has begun.
  static constexpr std::uint64_t order_by_time(Phase target, std::uint64_t passes, std::uint64_t delay_ns) noexcept {
    return (delay_ns + 1) << 16 | order_at(target, passes);
  }
  /// A phase of which nothing is done yet: no instant. An order by time counts from here.
  void begin(Phase p) noexcept;
  /// An instant that can be aimed at: the victim kills itself, at this very instruction. An order taken back meanwhile stays taken back.
  void pass() noexcept;
  /// A phase that begins with a side-effect of the last.
  void enter(Phase p) noexcept {
    begin(p);
    pass();
  }
  void note_bell() noexcept {
    bells.fetch_add(1, std::memory_order_seq_cst);
    owes_bell.store(0, std::memory_order_seq_cst);
  }
  [[nodiscard]] Phase now() const noexcept { return static_cast<Phase>(phase.load(std::memory_order_acquire)); }

 private:
  bool is_last(std::uint64_t aimed) noexcept;
};

/// What must stay 0, and what is told beside it.
struct Findings {
  Word torn;                 ///< a wrong value in a block, or a publication that contradicts itself, that was accepted
  Word uncounted_gaps;       ///< frames missing on the board that neither drops nor overrun name
  Word doubled;              ///< frames merged twice
  Word wrong_windows;        ///< windows whose sums are not the closed form
  Word unexplained;          ///< settled looks that did not close
  Word went_back;            ///< counts that a viewer saw fall
  Word timeouts_with_data;   ///< as the drain counts them, while the producer was alive and past its bell
  Word troubles;             ///< objects that a viewer or a consumer had to refuse
  Word passed_over;          ///< attaches that began behind the oldest block that was still there and not on the board
  Word not_adopted;          ///< starts that made a ring although one was there
  Word lost_though_waiting;  ///< publications with overrun while every producer so far waited for room and none changed the geometry
  Word refused_at_gate;      ///< blocks that the gate held, and that were not there whole
  Word excused_timeouts;     ///< the same silence, but the producer was dead, stopped, starting or before its bell
  Word looks, unsettled_looks, adoption_looks;
  Word calm_looks;  ///< what it took for one settled look in each calm and after the end
  Word sleeps, refused, resyncs, skips;
};

struct Shared {
  Seat producer, consumer, viewer[2];
  alignas(kLine) Word adopting;  ///< 1 from before the producer's open until it is open for business; a kill leaves it
  Word starts;                   ///< of the producer
  Word stopped;                  ///< 1 while the campaign has the producer stopped or dead
  Word last;                     ///< 1: the campaign's end; the consumer unlinks its board
  Word kills;                    ///< of producer and consumer so far
  Word give_up;                  ///< 1: no more kills, an orderly end now
  Word lossless;                 ///< 1: every start of the producer so far waited for room, and none changed the geometry
  alignas(kLine) Findings found;
  Word has_message;
  char message[1024];  ///< the first finding in words
  [[gnu::format(printf, 2, 3)]] void tell(const char* format, ...) noexcept {
    if (has_message.exchange(1, std::memory_order_relaxed) != 0) return;
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
  }
};

/// How one process is to behave; drawn by the campaign from its seed, but for what it finds.
struct Start {
  std::string instance;
  std::uint32_t shape = 0;
  bool finds_ring = false, supersedes = false, waits = false, paced = false;
  std::uint64_t seed = 0;
};

inline constexpr std::uint32_t kShapes = 4;
inline constexpr std::uint32_t kStreams = 3;
/// Geometries differ in blocks, sizes, pools and the order of the streams; names and channels stay, so that accounts and windows run on.
RingSpec spec_of(const Start& start);
/// 0 to 2: which of the three streams this entry is, in any shape.
std::uint32_t kind_of(const StreamEntry& entry) noexcept;
std::uint32_t kind_named(const char* stream) noexcept;

/// Word `column` of frame `frame`; column 0 is the index itself.
inline std::uint64_t value_of(std::uint32_t kind, std::uint64_t frame, std::uint32_t column) noexcept {
  return column == 0 ? frame : (frame + kind) * 0x9e3779b97f4a7c15 + column;
}
void fill(const StreamEntry& entry, std::byte* payload, std::uint64_t first, std::uint32_t frames) noexcept;
/// Words that are not what they should be.
std::uint64_t wrong_words(const StreamEntry& entry, const std::byte* payload, const BlockHead& block) noexcept;

[[noreturn]] void produce(const Start& start, Shared& shared);
[[noreturn]] void consume(const Start& start, Shared& shared);
[[noreturn]] void watch(const Start& start, Shared& shared, Seat& seat);

}  // namespace chappe::shm::torture

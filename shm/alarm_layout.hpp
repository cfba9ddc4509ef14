// The bytes of the object of alarms: docs/shm-format.md. Structs and constants only.
//
//   alarms  | header page | control page | slot 0 | slot 1 | slot 2 |        a slot: AlarmSlot, AlarmEntry[kMaxAlarms]
//
// Slots and `latest` are the board's protocol. An entry is one alarm on one channel; it holds all that its judge knows, so that a successor
// goes on from it.
#pragma once
#include "shm/layout.hpp"

namespace chappe::shm {

inline constexpr std::uint64_t kAlarmsMagic = 0x4d524c4141415043;  // "CPAAALRM"
inline constexpr std::uint32_t kMaxAlarms = 1024;

enum class AlarmState : std::uint32_t { ok = 0, warning = 1, alarm = 2, stale = 3 };

/// One limit with its delays. Times are on the clock of what is judged.
struct AlarmLevel {
  std::uint32_t on;        ///< 1: it is passed, and was for the hold time
  std::uint32_t changing;  ///< 1: what was judged last says otherwise
  std::int64_t since_ns;   ///< since when it does, if `changing`
};
static_assert(sizeof(AlarmLevel) == 16);

/// What a judge remembers of one alarm on one channel. All zero: nothing was judged yet.
struct AlarmMemory {
  AlarmLevel warning, alarm;
  std::uint64_t windows;       ///< judged, those without a value included
  std::int64_t t_last_ns;      ///< end of the last one, on the stream's clock
  std::int64_t previous_ns;    ///< rate: middle of the last window with a value
  double previous;             ///< rate: its figure
  std::int64_t flat_since_ns;  ///< flat: since when the channel stands still
  double flat_min, flat_max;   ///< flat: between these; min > max: it does not
  std::uint64_t learned;       ///< zscore: windows in the baseline
  double mean, m2;             ///< zscore: of them
};
static_assert(sizeof(AlarmMemory) == 112);

struct AlarmEntry {
  char stream[kNameBytes];
  char channel[kNameBytes];  ///< empty: the stream as a whole
  char alarm[kNameBytes];
  char unit[kUnitBytes];          ///< of value and limit
  char kind[kUnitBytes];          ///< as the configuration calls it
  char of[kUnitBytes];            ///< the figure that it judges; empty: it judges none
  std::uint64_t identity;         ///< hash of what makes the memory worthless when it changes
  std::uint32_t state;            ///< AlarmState
  std::uint32_t acknowledged;     ///< 1: an operator has seen this state
  std::int64_t since_ns;          ///< CLOCK_REALTIME of the last change of state, 0: none yet
  std::int64_t shelved_until_ns;  ///< CLOCK_REALTIME, 0: it is not
  double value, limit;            ///< of the last change of state, and the limit that it is about; NaN: none yet
  double latest;                  ///< what was judged last; NaN: nothing yet
  std::int64_t window;            ///< number of the window of the last change
  std::uint64_t raised, cleared;  ///< times that it left and reached `ok`
  std::uint64_t judged;           ///< windows of its specification that were closed when it had judged the last; kJudgedNone: none yet
  std::uint64_t missed;           ///< windows that were closed and never judged
  AlarmMemory memory;
};
static_assert(sizeof(AlarmEntry) == 400);
inline constexpr std::uint64_t kJudgedNone = ~std::uint64_t{0};

struct AlarmSlot {
  Word sequence;  ///< publication number, 0 while being written
  std::uint64_t entries;
  std::int64_t published_ns;  ///< CLOCK_MONOTONIC
  std::uint64_t generation;   ///< of the aggregator's configuration
  std::uint64_t reserved[4];
};
static_assert(sizeof(AlarmSlot) == 64);

/// The first words of the control page.
struct AlarmControl {
  Word latest;  ///< publication number, from 1
};

}  // namespace chappe::shm

// What a viewer sees of an instance: plain values, copied out of shared memory and validated. Made by shm::Viewer; read by the display,
// chappectl, the metrics and the tests. Nothing here points into shared memory.
#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "shm/analysis_view.hpp"

namespace chappe::shm {

/// What one thread asked of the kernel and what it got.
struct ThreadReport {
  std::string name;
  bool asked_fifo = false;
  int asked_priority = 0;
  std::uint64_t asked_cpus = 0;  ///< bit mask, 0: any
  bool granted_fifo = false;
  int granted_priority = 0;
  std::uint64_t granted_cpus = 0;
};

/// A process as it describes itself, and whether the kernel says that it lives.
struct ProcessReport {
  bool known = false;  ///< it has written its page
  bool alive = false;  ///< a process with that pid and start time exists
  bool ended = false;  ///< of a producer: it ended in order; alive, it waits until all is read
  std::int32_t pid = 0;
  std::int64_t since_ns = 0;  ///< CLOCK_REALTIME at its start
  std::int64_t age_ms = 0;    ///< since its last sign of life (heartbeat or publication)
  std::uint32_t config_generation = 0;
  std::uint64_t config_hash = 0;
  bool reload_ok = true;
  std::int64_t reload_ns = 0;  ///< CLOCK_REALTIME of the last reload, 0: none yet
  std::uint64_t reloads = 0, reloads_failed = 0;
  std::string reload_error;  ///< empty, or why the last reload was refused
  bool lock_asked = false;
  std::uint64_t locked_bytes = 0;  ///< VmLck
  std::string realtime_refused;    ///< empty, or the cause
  std::vector<ThreadReport> threads;
};

struct Dropped {
  std::uint64_t full = 0, pool = 0, source = 0, paused = 0, crash = 0;
  [[nodiscard]] std::uint64_t sum() const { return full + pool + source + paused + crash; }
};

/// The account of one stream, in frames.
struct Account {
  std::string stream;
  std::uint64_t acquired = 0, filled = 0, handed = 0, committed = 0;  ///< the producer's hops
  std::uint64_t aggregated = 0, overrun = 0;                          ///< the board's
  Dropped dropped;
  std::uint64_t overrun_pending = 0;  ///< missing between the board's last frame and the first whole slot, and between whole slots
  std::uint64_t in_ring = 0;          ///< frames in whole slots from upto to head
  std::uint64_t in_flight = 0;        ///< in_ring + in the pool (filled - handed) + read in hand
  std::int64_t unexplained = 0;       ///< what the four laws leave over; never clamped
};

/// The ledger of an instance.
struct Ledger {
  bool settled = false;  ///< board, ring, board agreed
  std::vector<Account> streams;
};

struct ChannelView {
  std::string channel, unit;
  double last = 0, mean = 0, min = 0, max = 0, rms = 0, variance = 0;  ///< of the last closed window, else of the open one; NaN: none yet
  std::uint64_t count = 0, nan = 0;
};

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// One channel over a window. Figures that have no meaning are NaN: all of a channel without values, variance below two.
struct ChannelFigures {
  std::string channel, unit;
  std::uint64_t count = 0, nan = 0;
  double mean = kUnknown, variance = kUnknown, min = kUnknown, max = kUnknown, rms = kUnknown, crest = kUnknown, peak_to_peak = kUnknown;
  // With WindowView::shaped alone.
  double skewness = kUnknown, kurtosis = kUnknown;
  std::int64_t t_min_ns = 0, t_max_ns = 0;  ///< on the stream's clock; with values alone
  std::uint64_t zero_crossings = 0;
  std::uint64_t flat = 0;  ///< frames of the longest run of equal values
};

/// The last closed window of one specification; frames 0: none has closed yet.
struct WindowView {
  std::string window;       ///< its specification: "1s", "1000 frames", "60s hop 1s", "1s wall"
  std::int64_t number = 0;  ///< negative before the clock's zero
  std::uint32_t generation = 0;
  std::uint64_t closed = 0;  ///< windows ever closed
  std::uint64_t first_frame = 0, frames = 0, missing = 0;
  std::uint64_t upto = 0;  ///< index behind its last frame
  std::int64_t t_first_ns = 0, t_last_ns = 0;
  bool shaped = false;
  std::vector<ChannelFigures> channels;
};

struct StreamView {
  std::string stream;
  std::uint32_t value_bytes = 4;
  double nominal_hz = 0;         ///< frames per second as declared, by the newest block where a reload changed it; 0: unknown
  double rate_hz = 0;            ///< frames per second, as the aggregator measured it
  std::int64_t age_ms = 0;       ///< since the newest aggregated frame was acquired
  std::int64_t window = 0;       ///< number of the last closed window; negative before the clock's zero
  std::uint32_t generation = 0;  ///< of the aggregator's configuration, when that window was opened
  std::uint64_t windows_closed = 0;
  std::uint64_t window_frames = 0;  ///< frames in it
  std::uint64_t missing = 0;        ///< frames of it that never came
  bool ended = false;
  bool calibration_refused = false;  ///< the configured one names what the stream does not have
  std::size_t derived = 0;           ///< the last so many channels are the aggregator's, and not in the ring
  std::vector<ChannelView> channels;
  std::vector<WindowView> windows;     ///< by specification
  std::vector<AnalysisView> analysis;  ///< by window specification; empty: none is asked for, or there is no object of it
  [[nodiscard]] std::size_t sampled() const { return channels.size() - derived; }
};

/// The analysis of a stream's window, of the same channels; null: there is none yet.
inline const AnalysisView* analysis_of(const StreamView& stream, std::size_t which) {
  if (which >= stream.analysis.size() || which >= stream.windows.size()) return nullptr;
  const AnalysisView& view = stream.analysis[which];
  return view.results > 0 && view.channels.size() == stream.windows[which].channels.size() ? &view : nullptr;
}

struct LatencyView {
  std::vector<std::uint64_t> counts;  ///< per bucket of rt::Histogram
  std::uint64_t sum_ns = 0, max_ns = 0;
};

struct GateView {
  std::uint32_t gate = 0;
  bool held = false;             ///< a full ring waits for its holder: attaching, live or stalled
  std::string state;             ///< "free", "attaching", "live", "stalled", "evicted", "detached", "dead": as the producer saw it last
  std::int32_t pid = 0;          ///< of the holder, or of the last one; 0: there was none
  std::uint64_t tail = 0;        ///< as of the newest block that asked the gate
  std::uint64_t lag = 0;         ///< blocks from there to head; more than the ring has: so many are overwritten
  std::int64_t standing_ms = 0;  ///< for how long the tail has stood although blocks wait, as the producer saw it last
  [[nodiscard]] bool stands() const { return state == "stalled" || state == "evicted"; }
};

/// One alarm on one channel.
struct AlarmView {
  std::string stream, channel, alarm;  ///< no channel: the stream as a whole
  std::string kind, of, unit;          ///< of: the figure that is judged, if any; unit: of value and limit
  std::string state;                   ///< "ok", "warning", "alarm", "stale"
  unsigned level = 0;                  ///< the same: 0 to 3
  bool acknowledged = false;           ///< an operator has seen this state
  std::int64_t since_ns = 0;           ///< CLOCK_REALTIME of the last change of state, 0: none yet
  std::int64_t shelved_until_ns = 0;   ///< CLOCK_REALTIME; 0: it is not shelved
  double value = 0, limit = 0;         ///< what tripped and the limit; while ok the latest and the nearest. NaN: none yet
  double latest = 0;                   ///< what was judged last; NaN: nothing yet
  std::int64_t window = 0;             ///< number of the window that changed the state
  std::uint64_t raised = 0, cleared = 0;
  std::uint64_t missed = 0;  ///< windows that were closed and never judged
};

struct Snapshot {
  std::string instance;
  bool ring_present = false, board_present = false;
  std::string trouble;   ///< empty, or why an object was refused: one line
  int trouble_code = 0;  ///< of sysexits.h
  std::uint64_t incarnation = 0;
  std::uint64_t epoch = 0;
  std::string state;            ///< "running", "ended", "retired"
  bool producer_waits = false;  ///< on_full = "wait"
  bool producer_waiting_for_gate = false;
  std::uint64_t blocks = 0, block_bytes = 0, head = 0, upto = 0;
  double fill = 0;  ///< (head - tail of gate 0) / blocks
  ProcessReport producer, aggregator;
  std::vector<GateView> gates;
  std::uint64_t stalls = 0, evictions = 0;  ///< of consumers at the gates, ever in this ring
  std::vector<StreamView> streams;
  std::vector<AlarmView> alarms;
  Ledger ledger;
  LatencyView latency;      ///< frame acquired to board published
  LatencyView drain_cycle;  ///< working time of one drain cycle that did something
  LatencyView feed_cycle;   ///< working time of one feed cycle that did something
  std::uint64_t doorbell_timeouts_with_data = 0;
  std::uint64_t publications = 0;
  std::uint64_t log_rows_lost = 0, log_errors = 0;  ///< of the window log
  std::uint64_t torn = 0;                           ///< blocks refused because they changed while they were read
  AnalysisCounts analysis;
  std::uint64_t resyncs = 0;  ///< times the aggregator had to attach anew
};

}  // namespace chappe::shm

// What the operator may say: one TOML file for the three processes, as plain values. Filled by config/parse, checked by config/validate,
// compared by config/diff. Immutable once validated; shared between threads as const.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/analysis.hpp"
#include "config/channel_metrics.hpp"
#include "rt/result.hpp"
#include "rt/thread.hpp"

namespace chappe::config {

enum class SampleType : std::uint32_t { f32 = 4, f64 = 8 };  ///< the value is the size in bytes
enum class SourceKind { simulator, replay, memory };         ///< memory: for measuring the pipeline
enum class OnFull { drop, wait };
enum class Waveform { sine, square, random_walk, noise, constant, index };  ///< index: a function of the frame index alone
enum class TimeUnit { s, ms, us, ns, iso8601, automatic };
enum class AlarmKind { limit, rate, flat, stale, nan, zscore, band };
enum class Figure { mean, min, max, rms, deviation, peak_to_peak, last };  ///< of a window
enum class ReplayFormat { automatic, csv, wav, i16le, i32le, f32le, f64le };

/// One measured quantity. The waveform's keys are for simulated streams.
struct Channel {
  std::string name;
  std::string unit;
  Waveform waveform = Waveform::sine;
  double amplitude = 1;  ///< peak, in the channel's unit; the step's deviation of a random walk
  double offset = 0;     ///< in the channel's unit
  double frequency_hz = 1;
  double noise = 0;              ///< standard deviation added to every value
  double spike_probability = 0;  ///< of each frame; a spike adds 100 amplitudes
  double nan_probability = 0;    ///< of each frame
  bool operator==(const Channel&) const = default;
};

/// A window: exactly one of its two lengths is not zero.
struct Window {
  std::uint64_t frames = 0;
  std::int64_t duration_ns = 0;  ///< on the stream's clock
  std::uint64_t hop_frames = 0;  ///< of windows that overlap: from one to the next, in the unit of the length, which it divides
  std::int64_t hop_ns = 0;
  bool wall = false;  ///< of durations: begins at full multiples of CLOCK_REALTIME
  bool operator==(const Window&) const = default;
  /// Hops of which a window is made; 1: windows do not overlap.
  [[nodiscard]] std::uint64_t hops() const noexcept {
    if (hop_frames > 0) return frames / hop_frames;
    return hop_ns > 0 ? static_cast<std::uint64_t>(duration_ns / hop_ns) : 1;
  }
};

/// What is watched of a stream's channels, window by window; docs/statistics.md has what each kind computes.
struct Alarm {
  std::string name;
  AlarmKind kind = AlarmKind::limit;
  std::vector<std::string> channels;  ///< empty: each of the stream
  std::uint64_t window = 0;           ///< index of the stream's window
  Figure of = Figure::mean;           ///< limit, rate, zscore
  std::string band;                   ///< band: of the spectrum of the stream's analysis
  std::optional<double> above, below, warn_above, warn_below;
  double hysteresis = 0;        ///< how far back behind its limit a value must be for its end
  std::int64_t hold_ns = 0;     ///< for so long a limit must be passed
  std::int64_t release_ns = 0;  ///< for so long it must not be passed any more
  std::int64_t after_ns = 0;    ///< flat, stale
  double tolerance = 0;         ///< flat
  std::uint64_t learn = 60;     ///< zscore: windows of the baseline
  bool operator==(const Alarm&) const = default;
};

struct Replay {
  std::string file;
  ReplayFormat format = ReplayFormat::automatic;
  std::string time_column;  ///< name, or index from 0; empty: found by itself
  TimeUnit time_unit = TimeUnit::automatic;
  bool as_fast_as_possible = false;
  bool loop = true;
  bool operator==(const Replay&) const = default;
};

/// What is made of channels before their windows: y = scale x + offset, then the polynomial, then y = matrix x + bias over all of them.
struct Calibration {
  std::vector<std::string> channels;        ///< in the order of matrix and bias
  double scale = 1, offset = 0;             ///< of each channel
  std::vector<double> polynomial;           ///< of each channel: c0, c1, ...; empty: none
  std::vector<std::vector<double>> matrix;  ///< [row][channel], square; empty: the identity
  std::vector<double> bias;                 ///< one for each channel; empty: 0
  std::string unit;                         ///< of the result; empty: as before
  bool operator==(const Calibration&) const = default;
};

enum class Operation { magnitude, sum, difference, ratio, derivative };

/// A further channel of a stream, made of others that stand before it.
struct Derived {
  std::string name, unit;
  Operation operation = Operation::magnitude;
  std::vector<std::string> of;
  bool operator==(const Derived&) const = default;
};

struct Stream {
  std::string name;
  SourceKind source = SourceKind::simulator;
  double rate_hz = 0;  ///< frames per second; 0 with replay: the recording's own; none with memory
  SampleType type = SampleType::f32;
  std::vector<Channel> channels;   ///< empty with replay: the recording's own
  std::uint64_t seed = 1;          ///< simulator
  double dropout_probability = 0;  ///< simulator: of each frame, the chance that the device loses 1 to 100 frames from here
  Replay replay;
  std::vector<Window> windows;           ///< at least one
  std::vector<Calibration> calibration;  ///< applied in this order
  std::vector<Derived> derived;          ///< behind the stream's own channels, in this order
  Analysis analysis;
  ChannelMetrics metrics;
  std::vector<Alarm> alarms;
  bool shape = true;  ///< its windows have the figures of higher order; aggregator/shape.hpp
  bool operator==(const Stream&) const = default;
};

inline constexpr std::uint64_t kAutomatic = 0;  ///< chosen by geometry()

struct Ring {
  std::uint64_t blocks = kAutomatic;       ///< power of two, 8 to 65,536
  std::uint64_t block_bytes = kAutomatic;  ///< multiple of 4,096
  std::int64_t max_delay_ns = 10'000'000;
  std::int64_t stall_timeout_ns = 0;  ///< an aggregator that holds a full ring and stands for so long is evicted; 0: never
  bool operator==(const Ring&) const = default;
};

/// Group names or numbers; empty: the process's own group.
struct Permissions {
  std::string readers, consumers, operators;
  bool operator==(const Permissions&) const = default;
};

struct Endpoint {
  std::string address = "127.0.0.1";
  int port = 0;  ///< 0: no endpoint
  bool operator==(const Endpoint&) const = default;
};

struct Realtime {
  bool lock_memory = true;
  std::map<std::string, rt::ThreadPlan> threads;  ///< by name: "feed", "drain", "source"
  bool operator==(const Realtime&) const = default;
};

struct Config {
  std::string instance = "default";  ///< [a-z0-9_-]{1,32}
  Permissions permissions;
  Ring ring;
  OnFull on_full = OnFull::drop;
  std::string window_log;                   ///< path; empty: none
  bool window_log_all = false;              ///< all columns
  std::string log_level = "info";           ///< trace, debug, info, warn, error
  double refresh_hz = 10;                   ///< display
  std::map<std::string, Endpoint> metrics;  ///< by process: "producer", "aggregator", "display"
  std::uint64_t max_series = kMaxSeries;    ///< of channels, at the aggregator's endpoint; what is beyond is left out
  Realtime realtime;
  std::vector<Stream> streams;
  std::vector<Window> default_windows{Window{0, 1'000'000'000}};  ///< of streams that name none, and of those only the ring knows
  Analysis default_analysis;                                      ///< the same: of streams that have no [stream.analysis]
  ChannelMetrics default_metrics;                                 ///< the same: of keys that no [stream.metrics] has
  bool shape = true;                                              ///< of the same streams
  bool operator==(const Config&) const = default;
};

/// One fault of a file. Lines and columns count from 1; 0: the file as a whole.
struct Fault {
  std::string file;
  std::uint32_t line = 0, column = 0;
  std::string key;   ///< dotted path, such as stream[0].rate
  std::string text;  ///< value, what was expected, and the nearest known key
};

/// Where a value in force came from, by dotted key: "default" or "FILE:LINE".
using Origins = std::map<std::string, std::string>;

struct Loaded {
  Config config;
  Origins origins;
  std::uint64_t hash = 0;  ///< of the effective configuration (FNV-1a over its canonical text)
  std::vector<std::string> warnings;
};

struct LoadResult {
  Loaded loaded;              ///< meaningful when faults is empty
  std::vector<Fault> faults;  ///< all of them at once
  int exit_code = EX_CONFIG;  ///< where there are faults: EX_NOINPUT where the file cannot be read
};

/// Reads the file once (regular, at most 1 MiB), parses, validates. Never throws.
LoadResult load_file(const std::string& path);
/// The same for text; `name` stands in for the file in faults.
LoadResult load_text(const std::string& text, const std::string& name);
/// What holds without any file: the text of config/chappe.toml as it was when the library was built, under the name "built-in".
LoadResult load_default();
/// Checks values against each other and against the limits; appends faults and warnings. Called by load_*; again after command-line
/// overrides.
void validate(const Config& config, const std::string& file, std::vector<Fault>& faults, std::vector<std::string>& warnings);
/// "FILE:LINE:COLUMN: KEY: TEXT" for each fault, a line each.
std::string describe(const std::vector<Fault>& faults);
/// The effective configuration as canonical TOML; the hash is over it. With origins each line carries its own as a comment.
std::string to_toml(const Config& config, const Origins* origins = nullptr);
std::uint64_t hash_of(const Config& config);
/// The same over what a stream's calibration and derived channels say; 0 where it has none.
std::uint64_t calibration_hash(const Stream& stream);

/// The same values as JSON, with the same keys.
std::string to_json(const Config& config);
/// Where `process` serves its metrics, localhost as 127.0.0.1; port 0 if the configuration does not say.
Endpoint endpoint(const Config& config, const std::string& process);

/// The dotted keys in which the two differ and that cannot change while running, each with its reason; empty: the change can be applied
/// live. Live: windows, alarms, calibration and derived channels, the choice of metrics, rates of simulated streams and their waveforms'
/// parameters, log level, refresh.
std::vector<std::string> refused_live(const Config& now, const Config& next);

/// The ring with its geometry chosen where the configuration leaves it open: blocks that the fastest stream fills within max_delay, of at
/// least sixteen frames of the widest, from 4 KiB to 64 KiB (more only where a single frame needs it); as many as hold a second and fill 8
/// MiB, 64 MiB at most.
Ring geometry(const Config& config);
/// Blocks that a stream hands on in a second at most: full ones, or one for each max_delay, but never emptier than one frame. For a ring
/// with its geometry chosen.
double blocks_per_second(const Stream& stream, const Ring& ring);

/// Bytes of one frame in the ring: channels x size, padded to the next power of two up to 64, beyond that to a multiple of 64.
std::uint64_t frame_stride(std::uint64_t channels, SampleType type);

}  // namespace chappe::config

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "config/checker.hpp"
#include "config/names.hpp"

namespace chappe::config {
namespace {

constexpr std::size_t kNameBytes = 47;  // the tables in shared memory have 48, with a closing zero
constexpr std::size_t kUnitBytes = 15;
constexpr std::size_t kMostStreams = 256;
constexpr std::size_t kMostChannels = 4096;
constexpr std::size_t kMostWindows = 4;  // of one stream; the board has room for these
constexpr std::int64_t kMillisecond = 1'000'000;

bool has_control(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_stream_name(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  };
  return !name.empty() && name.size() <= kNameBytes && std::all_of(name.begin(), name.end(), allowed);
}

void check_index_waveform(Checker& check, const Channel& c, const std::string& path) {
  Channel plain;
  plain.name = c.name;
  plain.unit = c.unit;
  plain.waveform = c.waveform;
  check.expect(
      c == plain, path,
      "waveform = \"index\" is a function of the frame index alone: it takes no amplitude, offset, frequency, noise, spikes or nans");
}

void check_waveform(Checker& check, const Channel& c, const std::string& path) {
  if (c.waveform == Waveform::index) return check_index_waveform(check, c, path);
  check.number_within(path + ".amplitude", c.amplitude, -kLargest, kLargest);
  check.number_within(path + ".offset", c.offset, -kLargest, kLargest);
  check.number_within(path + ".frequency", c.frequency_hz, 0, 1e9, " Hz");
  check.number_within(path + ".noise", c.noise, 0, kLargest);
  check.number_within(path + ".spikes", c.spike_probability, 0, 1);
  check.number_within(path + ".nans", c.nan_probability, 0, 1);
}

void check_channels(Checker& check, const Stream& stream, const std::string& path) {
  std::map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < stream.channels.size(); ++i) {
    const Channel& c = stream.channels[i];
    const std::string here = path + ".channels[" + std::to_string(i) + "]";
    const bool good = is_channel_name(c.name);
    check.expect(good, here + ".name", quoted_short(c.name) + ": expected 1 to 47 bytes without control characters");
    check.expect(is_unit(c.unit), here + ".unit", quoted_short(c.unit) + ": expected at most 15 bytes without control characters");
    const auto [other, is_new] = seen.insert({c.name, i});
    check.expect(is_new || !good, here + ".name",
                 quoted_short(c.name) + ": channels[" + std::to_string(other->second) + "] has the same name");
    if (stream.source == SourceKind::simulator) check_waveform(check, c, here);
  }
}

void check_simulator(Checker& check, const Stream& stream, const std::string& path) {
  check.number_within(path + ".rate", stream.rate_hz, 0.001, 1e7, " Hz");
  check.expect(!stream.channels.empty(), path + ".channels", "none: expected at least one channel");
  check.expect(stream.seed <= INT64_MAX, path + ".seed", std::to_string(stream.seed) + ": expected a whole number below 2^63");
  check.number_within(path + ".dropout", stream.dropout_probability, 0, 1);
}

void check_replay(Checker& check, const Stream& stream, OnFull on_full, const std::string& path) {
  const Replay& r = stream.replay;
  check.expect(!r.file.empty() && !has_control(r.file), path + ".file", quoted_short(r.file) + ": expected the path of a recording");
  if (stream.rate_hz != 0) check.number_within(path + ".rate", stream.rate_hz, 0.001, 1e7, " Hz, or 0 for the recording's own");
  if (is_raw(r.format) && stream.channels.empty())
    check.fault(path + ".channels", "missing: a raw recording cannot say how many it has; expected channels = N");
  const bool has_rows = r.format == ReplayFormat::csv || r.format == ReplayFormat::automatic;
  const std::string format = "format = " + quoted(name_of(kReplayFormats, r.format));
  check.expect(has_rows || r.time_column.empty(), path + ".time_column", "stands only with a CSV recording, and here is " + format);
  check.expect(has_rows || r.time_unit == TimeUnit::automatic, path + ".time_unit",
               "stands only with a CSV recording, and here is " + format);
  check.expect(r.time_column.empty() || stream.rate_hz == 0, path + ".rate",
               "contradicts time_column: a frame's time is in the recording or made from a rate, not both");
  check.expect(!r.as_fast_as_possible || on_full == OnFull::wait, path + ".as_fast_as_possible",
               "needs [producer] on_full = \"wait\": otherwise the recording outruns the aggregator and is dropped");
}

void check_memory(Checker& check, const Stream& stream, OnFull on_full, const std::string& path) {
  check.expect(!stream.channels.empty(), path + ".channels", "none: expected at least one channel");
  check.expect(
      stream.rate_hz == 0, path + ".rate",
      number_text(stream.rate_hz) + ": expected none with source = \"memory\", which is as fast as the pipeline takes it; remove rate");
  check.expect(on_full == OnFull::wait, path + ".source",
               "\"memory\": needs [producer] on_full = \"wait\": otherwise it outruns the aggregator and is dropped");
}

std::string seconds_text(double seconds) { return number_text(std::round(seconds * 1000) / 1000) + " s"; }

}  // namespace

bool is_channel_name(const std::string& name) { return !name.empty() && name.size() <= kNameBytes && !has_control(name); }

std::vector<std::string> channel_names(const Stream& stream) {
  std::vector<std::string> names;
  if (stream.channels.empty()) return names;
  for (const Channel& channel : stream.channels) names.push_back(channel.name);
  for (const Derived& derived : stream.derived) names.push_back(derived.name);
  return names;
}
bool is_unit(const std::string& unit) { return unit.size() <= kUnitBytes && !has_control(unit); }

std::uint64_t frame_stride(std::uint64_t channels, SampleType type) {
  constexpr std::uint64_t kLine = 64;
  const std::uint64_t bytes = channels * static_cast<std::uint64_t>(type);
  return bytes <= kLine ? std::bit_ceil(bytes) : (bytes + kLine - 1) / kLine * kLine;
}

/// Of a window whose length is good.
void check_hop(Checker& check, const Window& w, const std::string& path) {
  constexpr std::uint64_t kMostHops = 64;  // the board keeps as many, less one
  const bool by_frames = w.frames > 0, in_frames = w.hop_frames > 0, in_time = w.hop_ns > 0;
  const std::string value = in_frames ? std::to_string(w.hop_frames) : quoted(duration_text(w.hop_ns));
  if (w.wall) check.expect(!by_frames, path + ".align", "\"wall\": stands only with duration");
  if (!in_frames && !in_time) return;
  if (by_frames != in_frames)
    return check.fault(path + ".hop",
                       value + ": expected " + (by_frames ? "a number of frames, as frames is" : "a duration, as duration is"));
  const bool divides = by_frames ? w.frames % w.hop_frames == 0 : w.duration_ns % w.hop_ns == 0;
  const bool long_enough = by_frames || w.hop_ns >= kMillisecond;
  check.expect(divides && long_enough && w.hops() >= 2 && w.hops() <= kMostHops, path + ".hop",
               value + ": expected a 2nd to 64th part of " + (by_frames ? "frames" : "duration, 1ms or more"));
}

void check_windows(Checker& check, const std::vector<Window>& windows, const std::string& path) {
  check.expect(!windows.empty() && windows.size() <= kMostWindows, path, std::to_string(windows.size()) + " windows: expected 1 to 4");
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const Window& w = windows[i];
    const std::string here = path + "[" + std::to_string(i) + "]";
    if ((w.frames == 0) == (w.duration_ns == 0)) {
      check.fault(here, "expected either frames, 1 to 1000000000, or duration, \"1ms\" to \"24h\"" +
                            std::string(w.frames != 0 ? ", not both" : ""));
    } else if (w.frames != 0) {
      check.within<std::uint64_t>(here + ".frames", w.frames, 1, 1'000'000'000);
    } else {
      check.duration_within(here + ".duration", w.duration_ns, kMillisecond, 86'400'000 * kMillisecond);
    }
    if ((w.frames == 0) != (w.duration_ns == 0)) check_hop(check, w, here);
    check.expect(
        std::find(windows.begin(), windows.begin() + static_cast<std::ptrdiff_t>(i), w) == windows.begin() + static_cast<std::ptrdiff_t>(i),
        here, "the same window twice");
  }
}

void check_streams(Checker& check, const Config& config) {
  const std::size_t count = config.streams.size();
  check.expect(count >= 1 && count <= kMostStreams, "stream", std::to_string(count) + " streams: expected 1 to 256, each under [[stream]]");
  std::map<std::string, std::size_t> seen;
  std::size_t channels = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Stream& stream = config.streams[i];
    const std::string path = "stream[" + std::to_string(i) + "]";
    const bool good = is_stream_name(stream.name);
    check.expect(good, path + ".name", quoted_short(stream.name) + ": expected 1 to 47 of letters, digits, _ . and -");
    const auto [other, is_new] = seen.insert({stream.name, i});
    check.expect(is_new || !good, path + ".name",
                 quoted_short(stream.name) + ": stream[" + std::to_string(other->second) + "] has the same name");
    if (stream.source == SourceKind::simulator)
      check_simulator(check, stream, path);
    else if (stream.source == SourceKind::memory)
      check_memory(check, stream, config.on_full, path);
    else
      check_replay(check, stream, config.on_full, path);
    check_channels(check, stream, path);
    check_calibration(check, stream, path);
    if (stream.windows != config.default_windows) check_windows(check, stream.windows, path + ".window");  // those are judged once
    check_alarms(check, stream, path);
    if (stream.analysis != config.default_analysis) check_analysis(check, stream.analysis, path + ".analysis");
    channels += stream.channels.size() + stream.derived.size();
  }
  check.expect(channels <= kMostChannels, "stream", std::to_string(channels) + " channels in sum: expected at most 4096");
}

void check_ring_depth(Checker& check, const Config& config) {
  const Ring ring = geometry(config);
  double blocks = 0;
  for (const Stream& stream : config.streams) {
    if (stream.channels.empty()) continue;  // only the recording knows
    const std::uint64_t frame = frame_stride(stream.channels.size(), stream.type);
    if (frame > ring.block_bytes) {
      check.fault("ring.block_bytes", std::to_string(ring.block_bytes) + ": a frame of stream " + quoted_short(stream.name) + " with " +
                                          std::to_string(stream.channels.size()) + " channels takes " + std::to_string(frame) +
                                          " bytes; expected at least " + std::to_string((frame + kPage - 1) / kPage * kPage));
    }
    if (stream.rate_hz > 0 && ring.block_bytes > 0) blocks += blocks_per_second(stream, ring);
  }
  if (config.on_full == OnFull::wait || !(blocks > 0)) return;       // who waits can lose nothing to a short ring
  if (!std::has_single_bit(ring.blocks) || ring.blocks < 8) return;  // told already
  constexpr double kLeast = 0.05, kEnough = 0.5;
  const double depth = static_cast<double>(ring.blocks) / blocks;
  if (depth >= kEnough) return;
  const double wanted = std::ceil(std::min(kEnough * blocks, 1e9));
  const std::uint64_t mend = std::bit_ceil(static_cast<std::uint64_t>(wanted));
  const std::string text =
      "the ring holds " + seconds_text(depth) + " of these streams (" + number_text(std::round(blocks)) +
      " blocks a second); an aggregator that pauses longer loses data. " +
      (mend <= 65536 ? "blocks = " + std::to_string(mend) + " holds half a second" : "Raise block_bytes and max_delay");
  if (depth < kLeast)
    check.fault("ring.blocks", std::to_string(ring.blocks) + ": " + text + "; expected at least 0.05 s");
  else
    check.warning("ring.blocks", text);
}

}  // namespace chappe::config

#include "config/parse_stream.hpp"

#include <algorithm>

#include "config/parse_alarm.hpp"
#include "config/parse_analysis.hpp"

namespace chappe::config {
namespace {

constexpr std::uint64_t kMostChannels = 4096;  // here only so that a slip cannot ask for gigabytes; config/validate judges the sum

constexpr const char* kSimulatorKeys[] = {"seed", "dropout"};
constexpr const char* kReplayKeys[] = {"file", "format", "time_column", "time_unit", "as_fast_as_possible", "loop"};
constexpr const char* kWaveformKeys[] = {"waveform", "amplitude", "offset", "frequency", "noise", "spikes", "nans"};

void reject_simulator_keys(Reader& in) {
  for (const char* key : kSimulatorKeys) in.misplaced(key, "stands only with source = \"simulator\"");
}

void reject_replay_keys(Reader& in) {
  for (const char* key : kReplayKeys) in.misplaced(key, "stands only with source = \"replay\"");
}

void read_replay(Reader& in, Stream& stream) {
  in.text("file", stream.replay.file);
  require(in, "file");
  in.choice("format", kReplayFormats, stream.replay.format);
  const toml::node* column = in.node("time_column");
  if (column != nullptr && column->is_integer() && column->as_integer()->get() >= 0) {
    stream.replay.time_column = std::to_string(column->as_integer()->get());
  } else if (column != nullptr && column->is_string()) {
    stream.replay.time_column = column->as_string()->get();
  } else if (column != nullptr) {
    in.wrong_type("time_column", *column, "a column's name, or its index from 0");
  }
  in.choice("time_unit", kTimeUnits, stream.replay.time_unit);
  in.boolean("as_fast_as_possible", stream.replay.as_fast_as_possible);
  in.boolean("loop", stream.replay.loop);
  reject_simulator_keys(in);
}

/// Its values, and when they come, are given.
void read_memory(Reader& in) {
  require(in, "channels");
  reject_simulator_keys(in);
  reject_replay_keys(in);
}

void read_simulator(Reader& in, Stream& stream) {
  require(in, "rate");
  require(in, "channels");
  in.whole("seed", stream.seed);
  in.number("dropout", stream.dropout_probability);
  reject_replay_keys(in);
}

Channel read_channel(Reader& in, SourceKind source) {
  Channel channel;
  in.text("name", channel.name);
  require(in, "name");
  in.text("unit", channel.unit);
  if (source == SourceKind::simulator) {
    in.choice("waveform", kWaveforms, channel.waveform);
    in.number("amplitude", channel.amplitude);
    in.number("offset", channel.offset);
    in.number("frequency", channel.frequency_hz);
    in.number("noise", channel.noise);
    in.number("spikes", channel.spike_probability);
    in.number("nans", channel.nan_probability);
  } else {
    const std::string whose = source == SourceKind::replay ? "a recording has its own values" : "the values of a memory stream are given";
    for (const char* key : kWaveformKeys) in.misplaced(key, "stands only with source = \"simulator\": " + whose);
  }
  return channel;
}

/// An array may mix names and tables.
void read_channel_list(Reader& in, const toml::array& list, Stream& stream) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const toml::node& element = *list.get(i);
    const std::string key = "channels[" + std::to_string(i) + "]";
    in.out().places[in.path_of(key)] = {in.file(), element.source().begin.line, element.source().begin.column};
    Channel channel;
    if (const auto* name = element.as_string()) {
      channel.name = name->get();
    } else if (const auto* table = element.as_table()) {
      Reader inner(in.out(), in.file(), *table, in.path_of(key));
      channel = read_channel(inner, stream.source);
      inner.reject_unknown();
    } else {
      in.wrong_type(key, element, "a channel's name, or a table such as { name = \"x\", unit = \"g\" }");
    }
    stream.channels.push_back(channel);
  }
}

void read_channels(Reader& in, Stream& stream) {
  const toml::node* value = in.node("channels");
  if (value == nullptr) return;
  if (const auto* list = value->as_array()) return read_channel_list(in, *list, stream);
  const auto* count = value->as_integer();
  if (count == nullptr || count->get() < 1 || count->get() > static_cast<std::int64_t>(kMostChannels)) {
    return in.wrong_type("channels", *value, "a number from 1 to 4096, an array of names, or an array of tables");
  }
  stream.channels = numbered_channels(static_cast<std::uint64_t>(count->get()));
  for (std::size_t i = 0; i < stream.channels.size(); ++i) {
    in.out().places[in.path_of("channels[" + std::to_string(i) + "]")] = in.out().places[in.path_of("channels")];
  }
}

Calibration read_calibration(Reader& in) {
  Calibration calibration;
  in.texts("channels", calibration.channels);
  require(in, "channels");
  in.number("scale", calibration.scale);
  in.number("offset", calibration.offset);
  in.numbers("polynomial", calibration.polynomial);
  in.rows("matrix", calibration.matrix);
  in.numbers("bias", calibration.bias);
  in.text("unit", calibration.unit);
  return calibration;
}

/// Its operation is the key that names its channels.
Derived read_derived(Reader& in) {
  Derived derived;
  in.text("name", derived.name);
  require(in, "name");
  in.text("unit", derived.unit);
  std::string given;
  for (const auto& [word, operation] : kOperations) {
    const std::string key(word);
    if (in.has(key) && !given.empty()) {
      in.misplaced(key, "stands beside " + given + ": a derived channel has one operation");
      continue;
    }
    in.texts(key, derived.of);
    if (!in.has(key)) continue;
    derived.operation = operation;
    given = key;
  }
  if (given.empty())
    in.out().faults.push_back({{}, 0, 0, in.path(), "no operation: expected " + listed(words_of(kOperations)) + " = [channels]"});
  return derived;
}

}  // namespace

std::vector<Channel> numbered_channels(std::uint64_t count) {
  std::vector<Channel> channels(count);
  for (std::size_t i = 0; i < channels.size(); ++i) channels[i].name = "ch" + std::to_string(i);
  return channels;
}

Window read_window(Reader& in) {
  Window window;
  in.whole("frames", window.frames);
  in.duration("duration", window.duration_ns);
  const toml::node* hop = in.node("hop");
  if (hop != nullptr && hop->is_integer())
    in.whole("hop", window.hop_frames);
  else
    in.duration("hop", window.hop_ns);
  in.choice("align", kAligns, window.wall);
  return window;
}

Stream read_stream(Reader& in, bool shape) {
  Stream stream;
  stream.shape = shape;
  in.text("name", stream.name);
  require(in, "name");
  in.choice("source", kSourceKinds, stream.source);
  in.number("rate", stream.rate_hz);
  in.choice("type", kSampleTypes, stream.type);
  read_channels(in, stream);
  in.tables("window", [&](Reader& t) { stream.windows.push_back(read_window(t)); });
  in.tables("calibration", [&](Reader& t) { stream.calibration.push_back(read_calibration(t)); });
  in.tables("derived", [&](Reader& t) { stream.derived.push_back(read_derived(t)); });
  in.tables("alarm", [&](Reader& t) { stream.alarms.push_back(read_alarm(t)); });
  in.table("analysis", [&](Reader& t) { stream.analysis = read_analysis(t); });
  in.boolean("shape", stream.shape);
  if (stream.source == SourceKind::replay)
    read_replay(in, stream);
  else if (stream.source == SourceKind::memory)
    read_memory(in);
  else
    read_simulator(in, stream);
  return stream;
}

}  // namespace chappe::config

#include <algorithm>
#include <cctype>

#include "producer/memory.hpp"
#include "producer/replay_binary.hpp"
#include "producer/replay_csv.hpp"
#include "producer/replay_wav.hpp"
#include "producer/simulator.hpp"

namespace chappe::producer {
namespace {

using config::ReplayFormat;

/// By what the file's name ends with, in any case; automatic if it says nothing.
ReplayFormat format_of_name(std::string name) {
  constexpr std::pair<std::string_view, ReplayFormat> kEndings[] = {
      {".csv", ReplayFormat::csv},         {".txt", ReplayFormat::csv},         {".tsv", ReplayFormat::csv},
      {".wav", ReplayFormat::wav},         {".i16le.bin", ReplayFormat::i16le}, {".i32le.bin", ReplayFormat::i32le},
      {".f32le.bin", ReplayFormat::f32le}, {".f64le.bin", ReplayFormat::f64le}, {".i16le", ReplayFormat::i16le},
      {".i32le", ReplayFormat::i32le},     {".f32le", ReplayFormat::f32le},     {".f64le", ReplayFormat::f64le}};
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const auto& [ending, format] : kEndings) {
    if (name.ends_with(ending)) return format;
  }
  return ReplayFormat::automatic;
}

rt::Result<std::unique_ptr<Recording>> open_recording(const config::Stream& stream) {
  ReplayFormat format = stream.replay.format;
  if (format == ReplayFormat::automatic) format = format_of_name(stream.replay.file);
  switch (format) {
    case ReplayFormat::csv:
      return open_csv(stream);
    case ReplayFormat::wav:
      return open_wav(stream);
    case ReplayFormat::i16le:
    case ReplayFormat::i32le:
    case ReplayFormat::f32le:
    case ReplayFormat::f64le:
      return open_binary(stream, format);
    case ReplayFormat::automatic:
      break;
  }
  return rt::Error{EX_CONFIG,
                   "stream " + stream.name + ": the name of " + stream.replay.file +
                       " does not tell its format; set format (on the command line: --format) to csv, wav, i16le, i32le, f32le or f64le"};
}

}  // namespace

rt::Result<std::unique_ptr<Source>> make_source(const config::Stream& stream) {
  if (stream.source == config::SourceKind::simulator) return Simulator::open(stream);
  if (stream.source == config::SourceKind::memory) return Memory::open(stream);
  auto recording = open_recording(stream);
  if (!recording) return recording.error();
  return std::unique_ptr<Source>(std::make_unique<Replay>(std::move(*recording), stream));
}

}  // namespace chappe::producer

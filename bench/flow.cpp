#include "bench/flow.hpp"

#include <fmt/format.h>

namespace chappe::bench {
namespace {

std::string threads_of(const Flow& flow) {
  if (flow.realtime) return "";
  std::string text = "[realtime]\nlock_memory = false\n";
  for (const char* thread : {"feed", "source", "drain"}) text += fmt::format("[realtime.{}]\npolicy = \"other\"\n", thread);
  return text;
}

std::string channels_of(const Flow& flow) {
  if (flow.waveform.empty()) return std::to_string(flow.channels);
  std::string text = "[";
  for (std::uint64_t c = 0; c < flow.channels; ++c)
    text += fmt::format("{}{{ name = \"ch{}\", waveform = \"{}\" }}", c == 0 ? "" : ", ", c, flow.waveform);
  return text + "]";
}

}  // namespace

std::string configuration_of(const Flow& flow, const std::string& instance) {
  std::string text = fmt::format("[instance]\nname = \"{}\"\n[log]\nlevel = \"warn\"\n", instance);
  for (const char* process : {"producer", "aggregator", "display"})
    text += fmt::format("[metrics.{}]\nport = {}\n", process, process[0] == 'a' ? flow.port : 0);
  text += fmt::format("[ring]\nblocks = {}\nblock_bytes = {}\nmax_delay = \"10ms\"\n", flow.blocks, flow.block_bytes);
  if (flow.from_memory) text += "[producer]\non_full = \"wait\"\n";
  text += threads_of(flow);
  for (std::uint64_t s = 0; s < flow.streams; ++s) {
    text += fmt::format("[[stream]]\nname = \"s{}\"\nsource = \"{}\"\nchannels = {}\n", s, flow.from_memory ? "memory" : "simulator",
                        channels_of(flow));
    if (!flow.from_memory) text += fmt::format("rate = {:.6f}\n", flow.frames_per_s);
    if (flow.from_memory) text += "shape = false\n";
    if (flow.window_frames != 0) text += fmt::format("[[stream.window]]\nframes = {}\n", flow.window_frames);
  }
  return text;
}

}  // namespace chappe::bench

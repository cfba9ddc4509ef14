#include "producer/replay_wav.hpp"

#include <algorithm>
#include <cstring>

#include "producer/replay_binary.hpp"

namespace chappe::producer {
namespace {

constexpr std::uint64_t kRiffHeader = 12, kChunkHeader = 8, kFormatBytes = 16, kExtensibleBytes = 40, kSubFormatAt = 24;
constexpr unsigned kPcm = 1, kFloat = 3, kExtensible = 0xfffe;

/// The beginning of a WAV's "fmt " chunk.
struct Format {
  unsigned tag = 0, channels = 0, rate = 0, frame_bytes = 0, bits = 0;
};

unsigned load16(std::string_view text, std::size_t at) {
  return static_cast<unsigned>(static_cast<unsigned char>(text[at])) | static_cast<unsigned>(static_cast<unsigned char>(text[at + 1])) << 8;
}
unsigned load32(std::string_view text, std::size_t at) { return load16(text, at) | load16(text, at + 2) << 16; }

rt::Error fault(const RecordedFile& file, std::uint64_t at, const std::string& what) {
  return {EX_DATAERR, "replay file " + file.path() + ": byte " + std::to_string(at) + ": " + what};
}

rt::Result<Format> read_format(RecordedFile& file, std::uint64_t body, std::uint64_t bytes) {
  const std::string_view text = file.at(body, kExtensibleBytes);
  const std::uint64_t there = std::min<std::uint64_t>(bytes, text.size());
  if (there < kFormatBytes) return fault(file, body, "the format chunk has " + std::to_string(there) + " bytes, expected at least 16");
  Format format{.tag = load16(text, 0),
                .channels = load16(text, 2),
                .rate = load32(text, 4),
                .frame_bytes = load16(text, 12),
                .bits = load16(text, 14)};
  if (format.tag == kExtensible) {
    if (there < kExtensibleBytes)
      return fault(file, body, "the extensible format chunk has " + std::to_string(there) + " bytes, expected 40");
    format.tag = load16(text, kSubFormatAt);
  }
  if (format.channels == 0) return fault(file, body + 2, "no channels");
  return format;
}

rt::Result<SampleFormat> sample_format(const RecordedFile& file, std::uint64_t body, const Format& format) {
  struct Known {
    unsigned tag, bits;
    SampleFormat format;
  };
  constexpr Known kKnown[] = {{kPcm, 8, SampleFormat::u8},   {kPcm, 16, SampleFormat::i16},   {kPcm, 24, SampleFormat::i24},
                              {kPcm, 32, SampleFormat::i32}, {kFloat, 32, SampleFormat::f32}, {kFloat, 64, SampleFormat::f64}};
  for (const Known& known : kKnown) {
    if (known.tag != format.tag || known.bits != format.bits) continue;
    if (format.frame_bytes == format.channels * format.bits / 8) return known.format;
    return fault(
        file, body + 12,
        "a frame of " + std::to_string(format.frame_bytes) + " bytes, expected " + std::to_string(format.channels * format.bits / 8));
  }
  return fault(file, body,
               "format " + std::to_string(format.tag) + " of " + std::to_string(format.bits) +
                   " bits, expected PCM (1) of 8, 16, 24 or 32, or float (3) of 32 or 64");
}

/// Walks the chunks to the samples. Of the data chunk's size, what the file holds is taken.
rt::Result<Samples> find_samples(RecordedFile& file) {
  const std::string_view riff = file.at(0, kRiffHeader);
  if (riff.size() < kRiffHeader || riff.substr(0, 4) != "RIFF" || riff.substr(8, 4) != "WAVE")
    return fault(file, 0, "not a RIFF WAVE file");
  Samples samples;
  bool has_format = false;
  for (std::uint64_t at = kRiffHeader; at + kChunkHeader <= file.size();) {
    const std::string_view head = file.at(at, kChunkHeader);
    if (head.size() < kChunkHeader) break;
    const bool is_format = head.substr(0, 4) == "fmt ", is_data = head.substr(0, 4) == "data";
    const std::uint64_t bytes = load32(head, 4), body = at + kChunkHeader;
    if (is_format) {
      auto format = read_format(file, body, bytes);
      if (!format) return format.error();
      auto sample = sample_format(file, body, *format);
      if (!sample) return sample.error();
      samples.format = *sample;
      samples.channels.resize(format->channels);
      samples.rate_hz = format->rate;
      has_format = true;
    }
    if (is_data) {
      if (!has_format) return fault(file, at, "the data chunk comes before a format chunk");
      samples.begin = body;
      samples.bytes = std::min(bytes, file.size() - body);
      if (samples.bytes < bytes) {
        samples.complaint = "byte " + std::to_string(at + 4) + ": the data chunk claims " + std::to_string(bytes) +
                            " bytes, the file holds " + std::to_string(samples.bytes);
      }
      return samples;
    }
    at = body + bytes + bytes % 2;  // chunks begin at even bytes
  }
  return fault(file, file.size(), has_format ? "the file ends without a data chunk" : "the file ends without a format chunk");
}

}  // namespace

rt::Result<std::unique_ptr<Recording>> open_wav(const config::Stream& stream) {
  auto file = RecordedFile::open(stream.replay.file);
  if (!file) return file.error();
  auto samples = find_samples(*file);
  if (!samples) return samples.error();
  const bool is_float = samples->format == SampleFormat::f32 || samples->format == SampleFormat::f64;
  for (std::size_t i = 0; i < samples->channels.size(); ++i) {
    samples->channels[i].name = "ch" + std::to_string(i);
    samples->channels[i].unit = is_float ? "" : "count";
  }
  auto channels = choose_channels(stream, samples->channels);
  if (!channels) return channels.error();
  samples->channels = std::move(*channels);
  if (stream.rate_hz > 0) samples->rate_hz = stream.rate_hz;
  return make_interleaved(std::move(*file), std::move(*samples), stream.type);
}

}  // namespace chappe::producer

// Recordings as interleaved samples of fixed size: raw little-endian files, and what lies in the data chunk of a WAV file.
#pragma once
#include "producer/recorded_file.hpp"
#include "producer/replay.hpp"

namespace chappe::producer {

enum class SampleFormat { u8, i16, i24, i32, f32, f64 };

/// Where the samples lie, and what they are.
struct Samples {
  std::uint64_t begin = 0, bytes = 0;  ///< in the file; a partial last frame is left out and complained about
  SampleFormat format{};
  std::vector<config::Channel> channels;  ///< interleaved in this order
  double rate_hz = 0;                     ///< 0: unknown
  std::string complaint;                  ///< what is odd about the file, or empty
};

/// An Error if there is not one whole frame.
rt::Result<std::unique_ptr<Recording>> make_interleaved(RecordedFile file, Samples samples, config::SampleType type);

/// A raw file of this format (one of i16le, i32le, f32le, f64le) with the channels and the rate of the stream. An Error if no channels are
/// given.
rt::Result<std::unique_ptr<Recording>> open_binary(const config::Stream& stream, config::ReplayFormat format);

}  // namespace chappe::producer

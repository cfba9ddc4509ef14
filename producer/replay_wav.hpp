// Recordings as RIFF WAV: PCM of 8, 16, 24 or 32 bits, as counts as they stand in the file (8 bits: 0 to 255), and floats of 32 or 64 bits.
// No size in the file is believed: nothing outside of it is read.
#pragma once
#include "producer/replay.hpp"

namespace chappe::producer {

/// The file's rate unless the stream gives one. Errors name the byte at which the file is not what it should be.
rt::Result<std::unique_ptr<Recording>> open_wav(const config::Stream& stream);

}  // namespace chappe::producer

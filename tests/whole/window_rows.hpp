// Rows of a window log, and what they must be for a stream of the waveform `index`, whose every value is known in closed form.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace chappe::whole {

struct Row {
  std::string channel;
  std::uint64_t window = 0, generation = 0, first = 0, count = 0, missing = 0, nan = 0;
  double mean = 0, min = 0, max = 0;
};

/// The rows of one stream, in the order of the file; with `last_bytes` those whose lines begin within so many bytes of its end.
std::vector<Row> rows_of(const std::string& file, const std::string& stream, std::uint64_t last_bytes = ~std::uint64_t{0});

/// Whether the row is that of (frame index mod 65536) + channel over [first, first + count). Empty, or what is wrong.
std::string not_of_index(const Row& row, double channel);
/// The same of a row that may lack frames: if it does, its first one is in it, and its values lie among those of the frames that it spans.
std::string not_of_span(const Row& row, double channel);

/// Whether the rows of one channel, of a stream that lost nothing, hold each frame of [0, frames) exactly once. Empty, or where they do
/// not.
std::string not_each_frame_once(const std::vector<Row>& rows, const std::string& channel, std::uint64_t frames);

}  // namespace chappe::whole

// What `chappectl top` prints: the channels of all streams, loudest first. Pure functions, any thread. Part of the program chappectl alone.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "shm/snapshot.hpp"

namespace chappe::control {

enum class Loudness { rms, crest, deviation };

/// A channel over the last closed window of its stream's first specification.
struct TopRow {
  std::string stream, channel, unit;
  double rms = 0, crest = 0, deviation = 0;
};

/// At most `most` channels, the loudest first; those without the figure last, equals in the order of the streams.
std::vector<TopRow> loudest(const shm::Snapshot& snapshot, Loudness by, std::size_t most);
std::string top_text(const std::vector<TopRow>& rows);
std::string top_json(const shm::Snapshot& snapshot, const std::string& by, const std::vector<TopRow>& rows);

}  // namespace chappe::control

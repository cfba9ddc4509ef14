// Plays a source into plain vectors, and keeps recordings that a test makes up in files of its own.
#pragma once
#include <unistd.h>
#include <cmath>

#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "producer/source.hpp"
#include "rt/clock.hpp"

namespace chappe::producer {

struct Played {
  std::vector<std::vector<double>> rows;
  std::vector<std::int64_t> times_ns;  ///< also where the stream is regular
  std::uint64_t lost = 0;
  bool ended = false;
};

/// Reads until `frames` frames came or the source ended, `at_once` at most in one read, which waits no longer than `patience_ns`. A
/// pipeline that waits loses nothing where the machine stands still for a second.
inline Played play(Source& source, std::uint32_t frames, std::uint32_t at_once = 1000, std::int64_t patience_ns = 10'000'000,
                   bool waits = true) {
  const StreamShape& shape = source.shape();
  FrameLayout layout{.channels = static_cast<std::uint32_t>(shape.channels.size()), .value_bytes = static_cast<std::uint32_t>(shape.type)};
  layout.stride = (layout.channels * layout.value_bytes + 63) / 64 * 64;
  layout.capacity = at_once;
  layout.explicit_times = shape.explicit_times;
  std::vector<std::byte> data(std::size_t{at_once} * layout.stride);
  std::vector<std::int64_t> times(at_once);
  Played played;
  while (!played.ended && played.rows.size() < frames) {
    std::int64_t t_first = 0;
    double period = 0;
    const Room room{.data = data.data(),
                    .times_ns = shape.explicit_times ? times.data() : nullptr,
                    .frames = std::min(at_once, frames - static_cast<std::uint32_t>(played.rows.size())),
                    .waits = waits,
                    .t_first_ns = &t_first,
                    .period_ns = &period};
    const Read read = source.read(room, layout, rt::monotonic_ns() + patience_ns);
    played.lost += read.lost;
    played.ended = read.ended;
    for (std::uint32_t i = 0; i < read.frames; ++i) {
      std::vector<double> row(layout.channels);
      for (std::uint32_t c = 0; c < layout.channels; ++c) {
        const std::byte* from = data.data() + std::size_t{i} * layout.stride + std::size_t{c} * layout.value_bytes;
        float narrow = 0;
        if (layout.value_bytes == sizeof(float))
          std::memcpy(&narrow, from, sizeof narrow), row[c] = static_cast<double>(narrow);
        else
          std::memcpy(&row[c], from, sizeof(double));
      }
      played.rows.push_back(std::move(row));
      played.times_ns.push_back(shape.explicit_times ? times[i] : t_first + std::llround(i * period));
    }
  }
  return played;
}

/// Values as a file holds them.
template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// A file that is there as long as the object.
class TemporaryFile {
 public:
  TemporaryFile(const std::string& content, const std::string& ending) {
    static int count = 0;
    path_ = "/tmp/chappe-test-" + std::to_string(::getpid()) + "-" + std::to_string(count++) + ending;
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A stream that plays a file once, as fast as possible, as f64.
inline config::Stream replay_of(const std::string& path) {
  config::Stream stream;
  stream.name = "recording";
  stream.source = config::SourceKind::replay;
  stream.type = config::SampleType::f64;
  stream.replay.file = path;
  stream.replay.loop = false;
  stream.replay.as_fast_as_possible = true;
  return stream;
}

inline std::vector<config::Channel> channels_named(std::uint32_t count) {
  std::vector<config::Channel> channels(count);
  for (std::uint32_t i = 0; i < count; ++i) channels[i].name = "ch" + std::to_string(i);
  return channels;
}

}  // namespace chappe::producer

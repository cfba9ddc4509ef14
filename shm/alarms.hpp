// The object of alarms: what is watched, its states, and all that the judges remember. One writer (the aggregator), many readers, by the
// board's protocol of three slots. A crash of the writer leaves at most one slot half-written, and never the one that `latest` names: the
// next start goes on from that, so that nothing is raised twice.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "rt/result.hpp"
#include "shm/alarm_layout.hpp"
#include "shm/segment.hpp"

namespace chappe::shm {

class AlarmWriter {
 public:
  /// Adopts, or builds. `entries` becomes the last publication of the predecessor; empty where there is none that can be trusted. Only the
  /// aggregator's role lock holder may call it.
  static rt::Result<AlarmWriter> open(const std::string& instance, std::optional<gid_t> readers, std::vector<AlarmEntry>& entries);
  /// The first kMaxAlarms of them; one ordinary thread at a time.
  void publish(const std::vector<AlarmEntry>& entries, std::uint64_t generation) noexcept;
  void unlink();
  [[nodiscard]] bool still_named() const;

 private:
  [[nodiscard]] AlarmControl& control() const noexcept;
  Segment segment_;
  std::string path_;
};

class AlarmReader {
 public:
  /// nullopt: there is no such object.
  static rt::Result<std::optional<AlarmReader>> open(const std::string& instance);
  /// The latest publication, checked; false when there is none, it lies, or the writer was faster every time.
  bool copy(std::vector<AlarmEntry>& entries) const;
  [[nodiscard]] bool is_named(const std::string& path) const { return segment_.is_named(path); }

 private:
  Segment segment_;
};

}  // namespace chappe::shm

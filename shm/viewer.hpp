// A reader without a gate: maps ring, ledger and board read-only and makes Snapshots. Any process that may read; one thread per Viewer.
// Survives the death and restart of both processes, and objects that vanish, change or lie: it detaches and says so in `trouble`.
#pragma once
#include <memory>
#include <string>

#include "rt/result.hpp"
#include "shm/snapshot.hpp"

namespace chappe::shm {

class Viewer {
 public:
  explicit Viewer(std::string instance);
  Viewer(Viewer&&) noexcept;
  Viewer& operator=(Viewer&&) noexcept;
  ~Viewer();
  /// Looks at everything anew. Never blocks, never writes. With nothing there, ring_present and board_present are false.
  Snapshot look();

 private:
  struct Mapped;
  std::unique_ptr<Mapped> mapped_;
};

}  // namespace chappe::shm

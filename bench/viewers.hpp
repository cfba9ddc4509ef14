// Viewers of an instance, as many as are wanted, in one process of their own: each is a shm::Viewer with its own mappings, and looks at
// ring, ledger and board 60 times a second, as a display at that rate would, but draws nothing.
#pragma once
#include <cstdint>
#include <string>

#include "bench/placement.hpp"

namespace chappe::bench {

class Viewers {
 public:
  Viewers(const std::string& instance, unsigned count);
  /// What they have spent, and how often they have looked, together.
  [[nodiscard]] double cpu_s() const noexcept;
  [[nodiscard]] std::uint64_t looks() const noexcept;

 private:
  struct Sheet;
  [[nodiscard]] Sheet& sheet() const noexcept;
  SharedMemory page_;
  Neighbour process_;
};

}  // namespace chappe::bench

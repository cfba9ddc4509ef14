// What the three processes of a soak hold of memory and descriptors, life by life, and the instance of objects and queues. One thread.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "campaign.hpp"

namespace chappe::whole {

class Holdings {
 public:
  /// At a settled ledger, with all three at work. Those of a process count from 20 s after its start on.
  void sample(const Campaign& campaign);
  /// In the lives of one program the memory grows, at the median, by more than noise; or descriptors come or go within a life, or objects
  /// and queues at all. Empty, or what grows.
  [[nodiscard]] std::string grows() const;
  void print() const;

 private:
  struct Life {
    pid_t pid = 0;
    std::int64_t since_ns = 0, first_ns = 0, last_ns = 0;  ///< since it was seen; of the samples
    int first_kib = 0, last_kib = 0;
    std::size_t samples = 0, first_descriptors = 0, least_descriptors = 0, most_descriptors = 0;
    void take(const Child& child);
    [[nodiscard]] int growth_kib() const { return last_kib - first_kib; }
  };
  /// With two samples at least, by growth.
  [[nodiscard]] std::vector<Life> judged(std::size_t role) const;

  std::array<std::vector<Life>, 3> lives_;  ///< by Campaign::Role
  std::size_t first_names_ = 0, least_names_ = 0, most_names_ = 0;
};

}  // namespace chappe::whole

// Lines of /proc/thread-self/status: what the kernel says of the calling thread. Ordinary threads; reads a file.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace chappe::rt {

/// The text after "KEY:" with its leading blanks cut; empty if there is none or /proc is not mounted.
inline std::string status_field(std::string_view key) {
  std::ifstream file("/proc/thread-self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.size() <= key.size() || line.compare(0, key.size(), key) != 0 || line[key.size()] != ':') continue;
    const auto start = line.find_first_not_of(" \t", key.size() + 1);
    return start == std::string::npos ? std::string{} : line.substr(start);
  }
  return {};
}

/// Whether the calling thread has capability number `number` (CAP_SYS_NICE, CAP_IPC_LOCK) in its effective set.
inline bool has_capability(unsigned number) {
  const std::uint64_t effective = std::strtoull(status_field("CapEff").c_str(), nullptr, 16);
  return (effective >> number & 1U) != 0;
}

}  // namespace chappe::rt

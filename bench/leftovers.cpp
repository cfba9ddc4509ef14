#include "bench/leftovers.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <string>
#include <string_view>

namespace chappe::bench {
namespace {

constexpr std::string_view kNamed = "chappe-bench-";
constexpr const char* kSharedMemory = "/dev/shm";

/// The process that has named it is gone.
bool is_left_over(const std::string& file) noexcept {
  const std::size_t at = file.find(kNamed);
  if (at == std::string::npos) return false;
  pid_t pid = 0;
  const char* digits = file.data() + at + kNamed.size();
  const auto [end, error] = std::from_chars(digits, file.data() + file.size(), pid);
  return error == std::errc{} && end != file.data() + file.size() && *end == '-' && pid > 0 && kill(pid, 0) != 0 && errno == ESRCH;
}

}  // namespace

void remove_leftovers() noexcept {
  std::error_code ignored;
  for (auto it = std::filesystem::directory_iterator(kSharedMemory, ignored); !ignored && it != std::filesystem::directory_iterator();
       it.increment(ignored)) {
    std::error_code refused;  // another user's, or gone by now
    if (is_left_over(it->path().filename().string())) std::filesystem::remove(it->path(), refused);
  }
}

}  // namespace chappe::bench

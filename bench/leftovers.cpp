#include "bench/leftovers.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "bench/instance.hpp"

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

/// Of an instance of the programs: its objects, queues and folder.
std::string instance_in(const std::string& file) {
  const std::size_t at = file.find(kNamed);
  return file.substr(at, file.find('.', at) - at);
}

void remove_from(const std::string& folder) noexcept {
  std::error_code ignored;
  std::vector<std::string> instances;
  for (auto it = std::filesystem::directory_iterator(folder, ignored); !ignored && it != std::filesystem::directory_iterator();
       it.increment(ignored)) {
    std::error_code refused;  // another user's, or gone by now
    const std::string file = it->path().filename().string();
    if (!is_left_over(file)) continue;
    instances.push_back(instance_in(file));
    if (!it->is_directory(refused)) std::filesystem::remove(it->path(), refused);
  }
  for (const std::string& instance : instances) remove_instance(instance);
}

}  // namespace

void remove_leftovers() noexcept {
  remove_from(kSharedMemory);
  remove_from(folder_for(""));
}

}  // namespace chappe::bench

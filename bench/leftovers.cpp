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
constexpr std::string_view kOfAnInstance = "chappe.";
constexpr const char* kSharedMemory = "/dev/shm";

/// chappe-bench-PID-N of a process that is gone; N and what follows it go to `rest`.
bool is_left_over(std::string_view name, std::string_view& rest) noexcept {
  if (!name.starts_with(kNamed)) return false;
  name.remove_prefix(kNamed.size());
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (error != std::errc{} || end == name.data() + name.size() || *end != '-') return false;
  rest = name.substr(static_cast<std::size_t>(end - name.data()) + 1);
  return pid > 0 && kill(pid, 0) != 0 && errno == ESRCH;
}

bool is_number(std::string_view text) noexcept { return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos; }

std::vector<std::filesystem::directory_entry> entries_of(const std::string& folder) {
  std::vector<std::filesystem::directory_entry> entries;
  std::error_code ignored;
  for (auto it = std::filesystem::directory_iterator(folder, ignored); !ignored && it != std::filesystem::directory_iterator();
       it.increment(ignored))
    entries.push_back(*it);
  return entries;
}

/// Ours alone has such a name there: of an instance of the programs, chappe.chappe-bench-PID-N.KIND, or of a rival.
void remove_objects(std::vector<std::string>& instances) {
  for (const auto& entry : entries_of(kSharedMemory)) {
    const std::string file = entry.path().filename().string();
    std::string_view name = file, rest;
    if (name.starts_with(kOfAnInstance)) name.remove_prefix(kOfAnInstance.size());
    if (!is_left_over(name, rest) || !is_number(rest.substr(0, rest.find_first_of(".-")))) continue;
    instances.emplace_back(name.substr(0, name.find('.')));
    std::error_code refused;  // another user's, or gone by now
    if (!entry.is_directory(refused)) std::filesystem::remove(entry.path(), refused);
  }
}

/// Sockets, and folders in which a configuration of ours lies. Anybody's file may have such a name there.
void remove_temporary(std::vector<std::string>& instances) {
  for (const auto& entry : entries_of(folder_for(""))) {
    const std::string file = entry.path().filename().string();
    std::string_view rest;
    std::error_code refused;
    if (!is_left_over(file, rest)) continue;
    if (entry.is_socket(refused)) std::filesystem::remove(entry.path(), refused);
    if (is_number(rest) && entry.is_directory(refused) && std::filesystem::exists(entry.path() / "chappe.toml", refused))
      instances.push_back(file);
  }
}

}  // namespace

void remove_leftovers() noexcept {
  std::vector<std::string> instances;
  remove_objects(instances);
  remove_temporary(instances);
  for (const std::string& instance : instances) remove_instance(instance);
}

}  // namespace chappe::bench

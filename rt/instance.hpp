// The name of an instance: it becomes part of the names of objects and queues. Pure; any thread.
#pragma once
#include <string_view>

namespace chappe::rt {

inline constexpr const char* kInstanceRule = "expected 1 to 32 of a-z, 0-9, _ and -";

inline bool is_instance_name(std::string_view name) {
  return !name.empty() && name.size() <= 32 && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}

}  // namespace chappe::rt

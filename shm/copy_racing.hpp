// The one copy in shm that races with its writer by design: of a page or a publication under a sequence, which decides afterwards whether
// what was copied counts.
#pragma once
#include <cstddef>
#include <cstdint>

namespace chappe::shm {

using AnyWord [[gnu::may_alias]] = std::uint64_t;  // what is copied is of other types

/// Both aligned to 8; `bytes` a multiple of 8. Each word is read once.
#if defined(__clang__) || defined(__GNUC__)
__attribute__((no_sanitize("thread")))
#endif
inline void
copy_racing(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
  const auto* source = reinterpret_cast<const volatile AnyWord*>(from);
  auto* target = reinterpret_cast<AnyWord*>(to);
  for (std::size_t i = 0; i < bytes / 8; ++i) target[i] = source[i];
}

}  // namespace chappe::shm

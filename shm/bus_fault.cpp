#include "shm/bus_fault.hpp"

#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <csignal>

#include "shm/layout.hpp"

namespace chappe::shm {
namespace {

/// A slot is free while `begin` is 0. `end` and `writable` are written before `begin`.
struct Range {
  std::atomic<std::uintptr_t> begin{0}, end{0};
  std::atomic<bool> taken{false}, writable{false};
};

Range ranges[64];
std::atomic<std::uint64_t> faults{0};

bool replace_page(std::uintptr_t address) noexcept {
  for (const Range& range : ranges) {
    const std::uintptr_t begin = range.begin.load(std::memory_order_acquire);
    if (begin == 0 || address < begin || address >= range.end.load(std::memory_order_relaxed)) continue;
    const int protection = range.writable.load(std::memory_order_relaxed) ? PROT_READ | PROT_WRITE : PROT_READ;
    void* page = reinterpret_cast<void*>(address & ~(std::uintptr_t{kPage} - 1));
    return mmap(page, kPage, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
  }
  return false;
}

void on_bus_error(int, siginfo_t* info, void*) noexcept {
  const int error = errno;
  if (replace_page(reinterpret_cast<std::uintptr_t>(info->si_addr))) {
    faults.fetch_add(1, std::memory_order_relaxed);
  } else {
    signal(SIGBUS, SIG_DFL);  // not ours: the instruction runs again, and kills
  }
  errno = error;
}

void install() noexcept {
  struct sigaction action {};
  action.sa_sigaction = &on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace

void guard_mapping(const std::byte* data, std::size_t bytes, bool writable) noexcept {
  [[maybe_unused]] static const bool once = (install(), true);
  for (Range& range : ranges) {
    if (range.taken.exchange(true, std::memory_order_acquire)) continue;
    const auto begin = reinterpret_cast<std::uintptr_t>(data);
    range.end.store(begin + bytes, std::memory_order_relaxed);
    range.writable.store(writable, std::memory_order_relaxed);
    range.begin.store(begin, std::memory_order_release);
    return;
  }
}

void forget_mapping(const std::byte* data) noexcept {
  for (Range& range : ranges) {
    if (range.begin.load(std::memory_order_relaxed) != reinterpret_cast<std::uintptr_t>(data)) continue;
    range.begin.store(0, std::memory_order_relaxed);
    range.taken.store(false, std::memory_order_release);
    return;
  }
}

std::uint64_t bus_faults() noexcept { return faults.load(std::memory_order_relaxed); }

}  // namespace chappe::shm

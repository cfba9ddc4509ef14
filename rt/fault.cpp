#include "rt/fault.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace chappe::rt {
namespace {

FaultPage own_page;

FaultPage* map_page() {
  const char* path = std::getenv("CHAPPE_FAULT_PAGE");
  if (path == nullptr) return &own_page;
  const int fd = ::open(path, O_RDWR | O_CLOEXEC);
  struct stat st {};
  void* page = MAP_FAILED;
  if (fd >= 0 && ::fstat(fd, &st) == 0 && st.st_size == static_cast<off_t>(sizeof(FaultPage)))
    page = mmap(nullptr, sizeof(FaultPage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (page == MAP_FAILED) {
    std::fprintf(stderr, "CHAPPE_FAULT_PAGE: %s: not a page of this build's fault points\n", path);
    std::_Exit(78);
  }
  ::close(fd);
  return static_cast<FaultPage*>(page);
}

/// To the calling thread, so that it goes no further: a stop takes the whole process from there.
void signal_here(int number) noexcept { syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number); }

}  // namespace

constinit FaultPage* fault_page = &own_page;
[[maybe_unused]] static const bool mapped = (fault_page = map_page(), true);

bool strike(FaultCell& cell) noexcept {
  if (cell.countdown.fetch_sub(1, std::memory_order_acq_rel) > 0) return false;
  const FaultAction action = cell.action.exchange(FaultAction::none, std::memory_order_acq_rel);
  if (action == FaultAction::none) return false;  // another thread was here first
  cell.struck.fetch_add(1, std::memory_order_release);
  if (action == FaultAction::kill) signal_here(SIGKILL);
  if (action == FaultAction::stop) signal_here(SIGSTOP);
  errno = cell.error.load(std::memory_order_relaxed);
  return action == FaultAction::fail;
}

}  // namespace chappe::rt

// Memory that stays: mlockall, and a heap that gives nothing back to the kernel, so that no page is faulted in a second time.
#include <linux/capability.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "rt/proc_status.hpp"
#include "rt/thread.hpp"

namespace chappe::rt {
namespace {

std::string locked_memory_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  return limit.rlim_cur == RLIM_INFINITY ? "unlimited" : std::to_string(limit.rlim_cur) + " bytes";
}

}  // namespace

std::string lock_memory() {
  mallopt(M_ARENA_MAX, 1);  // an arena for each thread would lock 64 MiB of addresses each
  if (mlockall(MCL_CURRENT | MCL_FUTURE) == 0) {
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, -1);
    return {};
  }
  const int error = errno;
  std::string text = "memory is not locked: mlockall: " + std::string(std::strerror(error));
  if (has_capability(CAP_IPC_LOCK)) return text + "; CAP_IPC_LOCK is there, so memory itself is short";
  return text + "; RLIMIT_MEMLOCK is " + locked_memory_limit() +
         " and CAP_IPC_LOCK is missing; set LimitMEMLOCK=infinity in the unit, raise `ulimit -l`, or grant CAP_IPC_LOCK";
}

std::size_t locked_bytes() {
  return std::strtoull(status_field("VmLck").c_str(), nullptr, 10) * 1024;  // the kernel writes kB
}

}  // namespace chappe::rt

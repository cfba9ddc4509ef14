#include "bench/viewers.hpp"

#include <atomic>
#include <ctime>
#include <new>
#include <vector>

#include "rt/clock.hpp"
#include "shm/viewer.hpp"

namespace chappe::bench {
namespace {

constexpr std::int64_t kPeriod = rt::kSecond / 60;
constexpr int kProcessor = 0;

std::int64_t own_cpu_ns() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return spent.tv_sec * rt::kSecond + spent.tv_nsec;
}

}  // namespace

struct Viewers::Sheet {
  std::atomic<std::int64_t> cpu_ns{0};
  std::atomic<std::uint64_t> looks{0};
};

Viewers::Sheet& Viewers::sheet() const noexcept { return *reinterpret_cast<Sheet*>(page_.data()); }

Viewers::Viewers(const std::string& instance, unsigned count)
    : page_(sizeof(Sheet)), process_(kProcessor, [sheet = new (page_.data()) Sheet, instance, count] {
        std::vector<shm::Viewer> viewers;
        for (unsigned i = 0; i < count; ++i) viewers.emplace_back(instance);
        // Spread over the period, as viewers that know nothing of each other are.
        for (std::int64_t next = rt::monotonic_ns();; next += kPeriod) {
          for (unsigned i = 0; i < count; ++i) {
            rt::sleep_until(next + kPeriod * i / count);
            const shm::Snapshot seen = viewers[i].look();
            if (seen.board_present) sheet->looks.fetch_add(1, std::memory_order_relaxed);
          }
          sheet->cpu_ns.store(own_cpu_ns(), std::memory_order_relaxed);
        }
        return true;
      }) {}

double Viewers::cpu_s() const noexcept { return static_cast<double>(sheet().cpu_ns.load(std::memory_order_relaxed)) / 1e9; }

std::uint64_t Viewers::looks() const noexcept { return sheet().looks.load(std::memory_order_relaxed); }

}  // namespace chappe::bench

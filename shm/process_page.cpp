#include "shm/process_page.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>

#include "rt/clock.hpp"
#include "shm/copy_racing.hpp"

namespace chappe::shm {
namespace {

constexpr std::size_t kBody = sizeof(ProcessPage) - sizeof(Word);
static_assert(kBody % 8 == 0);

void put_text(std::span<char> to, const std::string& from) noexcept {
  const std::size_t bytes = std::min(from.size(), to.size() - 1);
  std::memcpy(to.data(), from.data(), bytes);
  to[bytes] = 0;
}

std::string get_text(std::span<const char> from) { return {from.data(), strnlen(from.data(), from.size())}; }

}  // namespace

void write_process_page(ProcessPage& page, const ProcessReport& r) noexcept {
  const std::uint64_t odd = page.sequence.load(std::memory_order_relaxed) | 1;
  page.sequence.store(odd, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);  // SYNC(page)
  page.since_realtime_ns = r.since_ns;
  page.config_hash = r.config_hash;
  page.config_generation = r.config_generation;
  page.reload_realtime_ns = r.reload_ns;
  page.reloads = r.reloads;
  page.reloads_failed = r.reloads_failed;
  page.locked_bytes = r.locked_bytes;
  page.reload_ok = r.reload_ok ? 1 : 0;
  page.lock_asked = r.lock_asked ? 1 : 0;
  put_text(page.reload_error, r.reload_error);
  put_text(page.realtime_refused, r.realtime_refused);
  page.threads = static_cast<std::uint32_t>(std::min<std::size_t>(r.threads.size(), kMaxThreads));
  for (std::uint32_t i = 0; i < page.threads; ++i) {
    const ThreadReport& from = r.threads[i];
    ThreadEntry& to = page.thread[i];
    put_text(to.name, from.name);
    to.asked_fifo = from.asked_fifo ? 1 : 0;
    to.granted_fifo = from.granted_fifo ? 1 : 0;
    to.asked_priority = static_cast<std::uint32_t>(from.asked_priority);
    to.granted_priority = static_cast<std::uint32_t>(from.granted_priority);
    to.asked_cpus = from.asked_cpus;
    to.granted_cpus = from.granted_cpus;
  }
  page.sequence.store(odd + 1, std::memory_order_release);
}

ThreadReport report_of(const rt::Thread& thread, std::string& refused) {
  const auto mask = [](const std::vector<int>& cpus) {
    std::uint64_t bits = 0;
    for (const int cpu : cpus) bits |= cpu < 64 ? std::uint64_t{1} << cpu : 0;
    return bits;
  };
  const rt::ThreadPlan& plan = thread.plan();
  const rt::ThreadGrant grant = thread.grant();
  if (!grant.refused.empty() && refused.find(grant.refused) == std::string::npos) refused += (refused.empty() ? "" : "; ") + grant.refused;
  return {plan.name,       plan.policy == rt::Policy::fifo,  plan.priority,
          mask(plan.cpus), grant.policy == rt::Policy::fifo, grant.priority,
          mask(grant.cpus)};
}

std::string processors_text(std::uint64_t cpus) {
  std::string text;
  for (int cpu = 0; cpu < 64; ++cpu) {
    if ((cpus >> cpu & 1U) != 0) text += (text.empty() ? "" : ",") + std::to_string(cpu);
  }
  return text;
}

std::string schedule_text(bool fifo, int priority, std::uint64_t cpus) {
  return (fifo ? "fifo " + std::to_string(priority) : "other") + (cpus == 0 ? "" : " on " + processors_text(cpus));
}

std::string realtime_text(const ProcessReport& report) {
  std::string text;
  for (const ThreadReport& t : report.threads) {
    text += t.name + " asked " + schedule_text(t.asked_fifo, t.asked_priority, t.asked_cpus) + ", granted " +
            schedule_text(t.granted_fifo, t.granted_priority, t.granted_cpus) + "; ";
  }
  return text + "memory lock " + (report.lock_asked ? "asked" : "not asked") + ", " + std::to_string(report.locked_bytes >> 10) +
         " KiB locked";
}

void note_reload(ProcessReport& r, const std::string& error, std::uint32_t generation, std::uint64_t config_hash) {
  r.reload_ok = error.empty();
  r.reload_error = error;
  r.reload_ns = rt::realtime_ns();
  ++r.reloads;
  if (!error.empty()) {
    ++r.reloads_failed;
    return;
  }
  r.config_generation = generation;
  r.config_hash = config_hash;
}

bool read_process_page(const ProcessPage& shared, ProcessReport& r) {
  const auto page = std::make_unique<ProcessPage>();
  auto* body = reinterpret_cast<std::byte*>(page.get()) + sizeof(Word);
  const auto* source = reinterpret_cast<const std::byte*>(&shared) + sizeof(Word);
  bool whole = false;
  for (int attempt = 0; attempt < 100 && !whole; ++attempt) {
    const std::uint64_t before = shared.sequence.load(std::memory_order_acquire);
    if (before == 0) return false;
    copy_racing(body, source, kBody);
    std::atomic_thread_fence(std::memory_order_acquire);  // SYNC(page)
    whole = before % 2 == 0 && shared.sequence.load(std::memory_order_relaxed) == before;
  }
  if (!whole) return false;
  r.known = true;
  r.since_ns = page->since_realtime_ns;
  r.config_hash = page->config_hash;
  r.config_generation = page->config_generation;
  r.reload_ns = page->reload_realtime_ns;
  r.reloads = page->reloads;
  r.reloads_failed = page->reloads_failed;
  r.locked_bytes = page->locked_bytes;
  r.reload_ok = page->reload_ok != 0;
  r.lock_asked = page->lock_asked != 0;
  r.reload_error = get_text(page->reload_error);
  r.realtime_refused = get_text(page->realtime_refused);
  r.threads.clear();
  for (std::uint32_t i = 0; i < std::min(page->threads, kMaxThreads); ++i) {
    const ThreadEntry& t = page->thread[i];
    r.threads.push_back({get_text(t.name), t.asked_fifo != 0, static_cast<int>(t.asked_priority), t.asked_cpus, t.granted_fifo != 0,
                         static_cast<int>(t.granted_priority), t.granted_cpus});
  }
  return true;
}

}  // namespace chappe::shm

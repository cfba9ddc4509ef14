// The two loops that every transport runs, made for each type of its own so that nothing virtual stands in them. A transport D offers
//   std::byte* room(); bool send(); bool flush();                    the producer: where to fill, hand it over, nothing stays behind
//   std::span<const std::byte> receive(Wait); bool done();           the consumer: whole messages, one or more, read in place; given back
// Null, false and an empty span: the way broke. Calls may block; they wait as long as it takes.
#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

#include "bench/transport.hpp"
#include "bench/words.hpp"
#include "rt/clock.hpp"

namespace chappe::bench {

inline constexpr std::int64_t kLateNs = 10'000;

/// Looks, and between looks does what `wait` says, until it is `ready`.
template <class Ready, class Sleep>
void await(Wait wait, Ready ready, Sleep sleep) {
  if (ready()) return;
  const bool bounded = wait == Wait::spin_then_sleep;
  const std::int64_t end_ns = bounded ? rt::monotonic_ns() + kSpinNs : 0;
  while (wait == Wait::spin || (bounded && rt::monotonic_ns() < end_ns)) {
    rest();
    if (ready()) return;
  }
  do sleep();
  while (!ready());
}

/// Waits until a burst is due. Returns how late it is.
inline std::int64_t wait_until_due(std::int64_t due_ns, bool sleeps) noexcept {
  if (sleeps) rt::sleep_until(due_ns);
  std::int64_t now = rt::monotonic_ns();
  for (; now < due_ns; now = rt::monotonic_ns()) rest();
  return now - due_ns;
}

template <class D>
class Looped : public Transport {
 public:
  bool fill(const Work& work, Sheet& sheet) final { return work.is_paced() ? fill_paced(work, sheet) : fill_all(work); }
  bool drain(const Work& work, Sheet& sheet, std::int64_t* latencies_ns) final {
    return latencies_ns != nullptr ? drain_stamped(work, sheet, latencies_ns) : drain_all(work, sheet);
  }

 private:
  D& self() noexcept { return static_cast<D&>(*this); }

  bool fill_all(const Work& work) {
    for (std::uint64_t n = 0; n < work.messages; ++n) {
      std::byte* message = self().room();
      if (message == nullptr) return false;
      write_words(message, work.bytes, n);
      if (!self().send()) return false;
    }
    return self().flush();
  }

  bool fill_paced(const Work& work, Sheet& sheet) {
    std::int64_t due_ns = rt::monotonic_ns() + rt::kMillisecond;
    for (std::uint64_t n = 0; n < work.messages; due_ns += work.pace.period_ns) {
      const bool late = wait_until_due(due_ns, work.pace.sleeps) > kLateNs;
      const std::uint64_t end = std::min(n + work.pace.burst, work.messages);
      if (late) sheet.late += end - n;
      for (; n < end; ++n) {
        const std::int64_t now_ns = work.stamped ? rt::monotonic_ns() : 0;
        std::byte* message = self().room();
        if (message == nullptr) return false;
        write_words(message, work.bytes, n);
        if (work.stamped) put_word(message, static_cast<std::uint64_t>(now_ns));
        if (!self().send()) return false;
      }
      if (!self().flush()) return false;
    }
    return true;
  }

  bool drain_all(const Work& work, Sheet& sheet) {
    const int shift = std::countr_zero(work.bytes);
    std::uint64_t n = 0, sum = 0;
    while (n < work.messages) {
      if (n >= work.untimed && sheet.begin_ns == 0) {
        sheet.timed = work.messages - n;
        sheet.begin_ns = rt::monotonic_ns();
      }
      const std::span<const std::byte> messages = self().receive(work.wait);
      if (messages.empty()) return false;
      const std::uint64_t one = sum_words(messages.data(), messages.size());
      if (!self().done()) return false;
      sum += one;
      n += messages.size() >> shift;
    }
    sheet.end_ns = rt::monotonic_ns();
    sheet.sum = sum;
    return true;
  }

  bool drain_stamped(const Work& work, Sheet& sheet, std::int64_t* latencies_ns) {
    sheet.begin_ns = rt::monotonic_ns();
    sheet.timed = work.messages;
    std::uint64_t n = 0, sum = 0;
    while (n < work.messages) {
      const std::span<const std::byte> messages = self().receive(work.wait);
      const std::int64_t now_ns = rt::monotonic_ns();
      if (messages.empty()) return false;
      for (std::size_t at = 0; at < messages.size() && n < work.messages; at += work.bytes, ++n) {
        const std::byte* message = messages.data() + at;
        latencies_ns[n] = now_ns - static_cast<std::int64_t>(word_at(message));
        sum += sum_words(message + 8, work.bytes - 8);
      }
      if (!self().done()) return false;
    }
    sheet.end_ns = rt::monotonic_ns();
    sheet.sum = sum;
    return true;
  }
};

}  // namespace chappe::bench

// Lost wake-ups: two processes over the real ring, gate and bells, one tiny message a block, the consumer asleep whenever there is nothing,
// the producer pausing at random until all is read, so that it really sleeps. It rings as the feed does: once for a burst of blocks, here
// of random length, and before it pauses or waits. A wait that ends by time twice while a block is there, and no bell was due, is a lost
// wake-up; there must be none. --broken rings without the fence, and must lose some: the check of the check.
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "rt/clock.hpp"
#include "rt/counter.hpp"
#include "shm/bell.hpp"
#include "shm/gate.hpp"
#include "shm/ring.hpp"

namespace chappe::shm {
namespace {

constexpr const char* kHelp = R"(Usage: stress_bell [--messages N] [--seed S] [--threads] [--broken]

  --messages N  default 2000000
  --seed S      of the producer's bursts and pauses (default 1)
  --threads     two threads on one mapping instead of two processes, for a race detector
  --broken      rings without the fence of SYNC(bell); ends at the first wake-up that is lost, and exits 1 if none was

Exit: 0 as expected; 1 not; 64 wrong option.
)";
constexpr std::int64_t kSilence = 10 * rt::kMillisecond;
constexpr int kLooksAwake = 1000, kLooksUnasked = 4096;  // at the consumer's cursor; then at the consumer
constexpr std::uint64_t kWord = 1 << 24;                 // messages between two words of progress
constexpr std::uint64_t kLongestBurst = 8;

struct Options {
  std::uint64_t messages = 2'000'000, seed = 1;
  bool threads = false, broken = false;
};

/// What both sides count; one page for both. `rings`: a cursor is stored, or about to be, and its bell is not rung yet.
struct Counts {
  alignas(kLine) rt::Counter sent, pauses, waits_for_room, silent_for_room;
  Word producer_rings, end;  ///< end: messages in all
  alignas(kLine) rt::Counter received, sleeps, wakes, timeouts_with_data, wrong;
  Word consumer_rings;
  [[nodiscard]] std::uint64_t lost() const noexcept { return timeouts_with_data.get() + silent_for_room.get(); }
};

RingSpec tiny(const std::string& instance) {
  RingSpec spec;
  spec.instance = instance;
  spec.blocks = 1024;
  spec.block_bytes = 4096;
  StreamEntry e{};
  put_name(e.name, "tiny");
  e.value_bytes = 8;
  e.channels = 1;
  e.stride = 8;
  e.capacity = 1;
  e.pool_blocks = 1;
  spec.streams = {e};
  spec.channels.resize(1);
  put_name(spec.channels[0].name, "number");
  return spec;
}

/// As ring_bell, but nothing orders the cursor before the look at the value.
void ring_without_fence(sem_t& bell) noexcept {
  int value = 0;
  if (sem_getvalue(&bell, &value) == 0 && value > 0) return;
  sem_post(&bell);
}

/// Sleeps as the drain does. True: two silences, one after the other, although there is something, and no bell is under way.
template <class Sleep, class There>
bool slept_through(Sleep sleep, const Word& ringing, There there) noexcept {
  if (sleep(rt::monotonic_ns() + kSilence) || !there()) return false;
  if (sleep(rt::monotonic_ns() + kSilence) || !there()) return false;
  return ringing.load(std::memory_order_seq_cst) == 0 && !sleep(0);  // preempted before its bell, or rung just now: nothing is lost
}

class Producer {
 public:
  Producer(RingWriter& ring, Counts& counts, const Options& options)
      : ring_(ring),
        gate_(ring.gate(kAggregatorGate)),
        keeper_(ring, kAggregatorGate),
        counts_(counts),
        broken_(options.broken),
        random_(options.seed) {
    keeper_.take_over();
  }
  /// The consumer is a process; without a word of it, a thread.
  void watch(pid_t consumer) noexcept { consumer_ = consumer; }
  /// False: the consumer is gone.
  bool run(std::uint64_t messages) {
    for (std::uint64_t n = 0; n < messages; ++n) {
      if (broken_ && counts_.lost() > 0) counts_.end.store(messages = n + 1, std::memory_order_seq_cst);  // one is enough
      if (!wait_for_room()) return false;
      publish(n);
      if ((draw() & 31) == 0 && !pause()) return false;
      if (n % kWord == kWord - 1) std::fprintf(stderr, "%lu messages, %lu sleeps\n", n + 1, counts_.sleeps.get());
    }
    ring();
    return true;
  }

 private:
  void publish(std::uint64_t n) noexcept {
    counts_.producer_rings.store(1, std::memory_order_relaxed);
    *reinterpret_cast<std::uint64_t*>(ring_.begin()) = n * 3;
    BlockHead head;
    head.frames = 1;
    head.first_frame = n;
    ring_.commit(head);
    counts_.sent.add();
    if (++unrung_ >= burst_) ring();
  }
  void ring() noexcept {
    if (unrung_ == 0) return;
    unrung_ = 0;
    burst_ = 1 + draw() % kLongestBurst;
    if (broken_)
      ring_without_fence(gate_.filled);
    else
      ring_bell(gate_.filled, ring_.status().failed_posts);
    counts_.producer_rings.store(0, std::memory_order_release);
  }
  bool wait_for_room() {
    const auto is_open = [&] { return keeper_.may_pass() == Passage::open; };
    while (!is_open()) {
      ring();
      if (is_open()) break;
      counts_.waits_for_room.add();
      const auto sleep = [&](std::int64_t deadline) { return sleep_on_bell(gate_.free, deadline); };
      if (slept_through(sleep, counts_.consumer_rings, is_open)) counts_.silent_for_room.add();
      if (!is_open() && !consumer_lives()) return false;
    }
    return true;
  }
  /// Says nothing more until all is read: whoever slept through the last bell is found out. Then a moment longer, one time in 64 long
  /// enough for the consumer to be deep asleep.
  bool pause() {
    ring();
    counts_.pauses.add();
    const auto all_is_read = [&] { return gate_.tail.load(std::memory_order_acquire) == ring_.head(); };
    for (int looks = 1; !all_is_read(); ++looks) {
      if (looks > kLooksAwake) sched_yield();  // on a busy machine the consumer may be waiting for this very processor
      if (looks % kLooksUnasked == 0 && !consumer_lives() && !all_is_read()) return false;
    }
    if ((draw() & 63) == 0) {
      rt::sleep_until(rt::monotonic_ns() + 10'000);
      return true;
    }
    for (std::uint64_t spins = draw() & 511; spins > 0; --spins) std::atomic_signal_fence(std::memory_order_seq_cst);
    return true;
  }
  [[nodiscard]] bool consumer_lives() const noexcept {
    siginfo_t info{};
    return consumer_ == 0 || (waitid(P_PID, static_cast<id_t>(consumer_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0);
  }
  std::uint64_t draw() noexcept {
    random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return random_ >> 33;
  }
  RingWriter& ring_;
  Gate& gate_;
  GateKeeper keeper_;
  Counts& counts_;
  bool broken_;
  std::uint64_t random_, burst_ = 1;
  std::uint32_t unrung_ = 0;
  pid_t consumer_ = 0;
};

void consume(const RingReader& ring, GateHolder& gate, Counts& counts) {
  std::uint64_t next = gate.attach(ring, 0);
  const auto sleep = [&](std::int64_t deadline) {
    const bool rung = gate.sleep_until(deadline);
    if (rung) counts.wakes.add();
    return rung;
  };
  while (next < counts.end.load(std::memory_order_seq_cst)) {
    const std::uint64_t head = ring.head();
    if (head == next) {
      counts.sleeps.add();
      if (slept_through(sleep, counts.producer_rings, [&] { return ring.head() != next; })) counts.timeouts_with_data.add();
      continue;
    }
    counts.consumer_rings.store(1, std::memory_order_relaxed);
    for (; next < head; ++next) {
      BlockHead block;
      const std::byte* payload = nullptr;
      const bool whole =
          ring.look(next, block, payload) && *reinterpret_cast<const std::uint64_t*>(payload) == next * 3 && ring.still(next);
      if (!whole) counts.wrong.add();
      counts.received.add();
    }
    gate.release(next);
    counts.consumer_rings.store(0, std::memory_order_release);
  }
}

/// Another process: everything by its name, as an aggregator does.
[[noreturn]] void consume_apart(const std::string& instance, Counts& counts) {
  auto ring = RingReader::open(instance);
  if (!ring || !*ring) _exit(2);
  auto gate = GateHolder::open(instance, **ring, kAggregatorGate);
  if (!gate || !*gate) _exit(2);
  consume(**ring, **gate, counts);
  _exit(0);
}

bool run(const Options& options, Counts& counts) {
  const std::string instance = "bell" + std::to_string(getpid());
  auto ring = RingWriter::open(tiny(instance));
  if (!ring) {
    std::fprintf(stderr, "stress_bell: %s\n", ring.error().text.c_str());
    return false;
  }
  Producer producer(*ring, counts, options);
  bool well = true;
  if (options.threads) {
    const RingReader reader = RingReader::on(*ring);
    GateHolder gate = GateHolder::on(*ring, kAggregatorGate);
    std::thread consumer([&] { consume(reader, gate, counts); });
    producer.run(options.messages);
    consumer.join();
  } else {
    const pid_t child = fork();
    if (child == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (child == 0) consume_apart(instance, counts);
    producer.watch(child);
    well = producer.run(options.messages);
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0)
      std::fprintf(stderr, "stress_bell: the consumer ended early: %s %d\n", WIFSIGNALED(status) ? "signal" : "exit code",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    well = well && status == 0;
  }
  ring->unlink();
  return well;
}

std::optional<Options> parse(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--threads") {
      options.threads = true;
    } else if (word == "--broken") {
      options.broken = true;
    } else if ((word == "--messages" || word == "--seed") && i + 1 < count) {
      const std::string_view text = words[++i];
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), word == "--seed" ? options.seed : options.messages);
      if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  return options;
}

}  // namespace
}  // namespace chappe::shm

int main(int count, char** words) {
  using namespace chappe;
  if (count > 1 && std::strcmp(words[1], "--help") == 0) {
    std::fputs(shm::kHelp, stdout);
    return 0;
  }
  const auto options = shm::parse(count, words);
  if (!options) {
    std::fputs("stress_bell: wrong option; expected --messages N, --seed S, --threads, --broken or --help\n", stderr);
    return 64;
  }
  void* page = mmap(nullptr, sizeof(shm::Counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return 71;
  auto& c = *new (page) shm::Counts{};
  c.end.store(options->messages, std::memory_order_relaxed);
  const std::int64_t begin = rt::monotonic_ns();
  const bool ran = shm::run(*options, c);
  const double seconds = static_cast<double>(rt::monotonic_ns() - begin) * 1e-9;
  std::printf(
      "%lu messages in %.1f s, %.2f M/s; %lu pauses, %lu sleeps, %lu wakes, %lu waits for room; timeouts with data %lu, with room %lu; "
      "wrong %lu\n",
      c.received.get(), seconds, static_cast<double>(c.received.get()) / seconds * 1e-6, c.pauses.get(), c.sleeps.get(), c.wakes.get(),
      c.waits_for_room.get(), c.timeouts_with_data.get(), c.silent_for_room.get(), c.wrong.get());
  const bool all = ran && c.received.get() == c.end.load(std::memory_order_relaxed) && c.wrong.get() == 0;
  return all && (c.lost() > 0) == options->broken ? 0 : 1;
}

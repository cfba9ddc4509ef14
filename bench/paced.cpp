#include "bench/paced.hpp"

#include <optional>

#include "bench/instance.hpp"
#include "bench/viewers.hpp"
#include "rt/clock.hpp"
#include "shm/viewer.hpp"

namespace chappe::bench {
namespace {

constexpr std::int64_t kWarmUp = rt::kSecond;

double frames_of(const shm::Snapshot& snapshot) {
  double frames = 0;
  for (const shm::Account& stream : snapshot.ledger.streams) frames += static_cast<double>(stream.aggregated);
  return frames;
}

/// Processor seconds of all that runs, read together.
struct Clocks {
  std::int64_t at_ns;
  double producer, aggregator, display, viewers;

  Clocks(const Instance& instance, const Viewers* watched)
      : at_ns(rt::monotonic_ns()),
        producer(cpu_s_of(instance.producer.pid())),
        aggregator(cpu_s_of(instance.aggregator.pid())),
        display(cpu_s_of(instance.display.pid())),
        viewers(watched != nullptr ? watched->cpu_s() : 0) {}
};

void enter(Paced& paced, const Instance& instance, const Clocks& begin, const Clocks& end) {
  const double seconds = static_cast<double>(end.at_ns - begin.at_ns) / 1e9;
  const auto percent = [&](double Clocks::*who) { return 100 * (end.*who - begin.*who) / seconds; };
  paced.producer = {percent(&Clocks::producer), memory_of(instance.producer.pid())};
  paced.aggregator = {percent(&Clocks::aggregator), memory_of(instance.aggregator.pid())};
  paced.display = {percent(&Clocks::display), instance.display.pid() > 0 ? memory_of(instance.display.pid()) : Memory{}};
  paced.viewers_cpu_percent = percent(&Clocks::viewers);
  paced.frames_per_s = (frames_of(paced.end) - frames_of(paced.begin)) / seconds;
}

}  // namespace

Paced run_paced(const Flow& flow, Beside beside, double seconds) {
  Paced paced;
  Instance instance(flow);
  paced.trouble = instance.start();
  if (paced.trouble.empty() && beside.display) paced.trouble = instance.start_display();
  std::optional<Viewers> viewers;
  if (paced.trouble.empty() && beside.viewers > 0) viewers.emplace(instance.name(), beside.viewers);
  if (paced.trouble.empty()) paced.trouble = instance.pass(kWarmUp);
  if (!paced.trouble.empty()) return paced;
  const Viewers* const watched = viewers ? &*viewers : nullptr;
  shm::Viewer look(instance.name());
  paced.begin = look.look();
  const Clocks begin(instance, watched);
  paced.trouble = instance.pass(static_cast<std::int64_t>(seconds * 1e9));
  if (!paced.trouble.empty()) return paced;
  const Clocks end(instance, watched);
  paced.end = look.look();
  enter(paced, instance, begin, end);
  if (watched != nullptr && watched->looks() == 0) paced.trouble = "the viewers have not looked";
  shm::Snapshot closing;
  if (std::string what = instance.stop(closing); !what.empty()) paced.trouble = what;
  paced.lost = static_cast<double>(lost_frames(closing));
  return paced;
}

}  // namespace chappe::bench

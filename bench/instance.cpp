#include "bench/instance.hpp"

#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "bench/flow.hpp"
#include "bench/kinds.hpp"
#include "bench/pair.hpp"
#include "rt/clock.hpp"
#include "shm/board.hpp"
#include "shm/viewer.hpp"

namespace chappe::bench {
namespace {

constexpr std::int64_t kPatience = 10 * rt::kSecond, kStep = 10 * rt::kMillisecond;
constexpr const char* kSharedMemory = "/dev/shm";
constexpr winsize kTerminal{.ws_row = 40, .ws_col = 120, .ws_xpixel = 0, .ws_ypixel = 0};

std::string program_path(const std::string& program) { return std::filesystem::read_symlink("/proc/self/exe").replace_filename(program); }

/// Every stream has frames on the board.
bool flows(const std::string& instance, std::uint64_t streams) {
  auto board = shm::copy_board(instance);
  if (!board || board->tables.streams.size() < streams) return false;
  for (std::size_t i = 0; i < streams; ++i) {
    if (board->image.stream(i).aggregated == 0) return false;
  }
  return true;
}

}  // namespace

std::string folder_for(const std::string& instance) {
  const char* temporary = std::getenv("TMPDIR");
  return std::string(temporary != nullptr && *temporary != 0 ? temporary : "/tmp") + "/" + instance;
}

void remove_instance(const std::string& instance) noexcept {
  std::error_code error, ignored;
  const std::string prefix = "chappe." + instance + ".";
  for (auto it = std::filesystem::directory_iterator(kSharedMemory, error); !error && it != std::filesystem::directory_iterator();
       it.increment(error)) {
    if (it->path().filename().string().starts_with(prefix)) std::filesystem::remove(it->path(), ignored);
  }
  for (const char* queue : {"producer", "control"}) mq_unlink(("/" + prefix + queue).c_str());
  std::filesystem::remove_all(folder_for(instance), ignored);
}

std::uint64_t lost_frames(const shm::Snapshot& closing) noexcept {
  std::uint64_t lost = 0;
  for (const shm::Account& stream : closing.ledger.streams) lost += stream.dropped.sum() + stream.overrun + stream.overrun_pending;
  return lost;
}

Instance::Instance(const Flow& flow) : streams_(flow.streams), name_(fresh_name()), folder_(folder_for(name_)) {
  std::filesystem::create_directory(folder_);
  std::ofstream(path("chappe.toml")) << configuration_of(flow, name_);
}

Instance::~Instance() {
  traced_ ? producer.end_traced(kPatience) : producer.end(kPatience);
  display.end(kPatience);
  aggregator.end(kPatience);
  remove_instance(name_);
}

std::vector<std::string> Instance::command(const std::string& program) const {
  return {program_path(program), "--config", path("chappe.toml"), "--log-level", "warn"};
}

std::string Instance::last_words(const std::string& program) const {
  std::ifstream log(path(program + ".log"));
  std::string last;
  for (std::string line; std::getline(log, line);) last = line.empty() ? last : line;
  return last.empty() ? "it said nothing" : last;
}

std::string Instance::find_dead() {
  if (interrupted()) return "interrupted";
  if (!aggregator.lives()) return "the aggregator has ended: " + last_words("aggregator");
  if (!producer.lives()) return "the producer has ended: " + last_words("producer");
  if (terminal_ && !display.lives()) return "the display has ended: " + last_words("display");
  return "";
}

std::string Instance::start(std::vector<std::string> tracer) {
  aggregator = Program(command("chappe-aggregator"), path("aggregator.log"));
  traced_ = !tracer.empty() && tracer.front() == "strace";
  std::ranges::copy(command("chappe-producer"), std::back_inserter(tracer));
  producer = Program(std::move(tracer), path("producer.log"));
  const std::int64_t deadline = rt::monotonic_ns() + 2 * kPatience;
  while (!flows(name_, streams_)) {
    if (rt::monotonic_ns() > deadline) return "nothing has come to the board in 20 s";
    if (std::string what = pass(kStep); !what.empty()) return what;
  }
  return "";
}

std::string Instance::start_display() {
  terminal_ = rt::Descriptor(posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK));
  if (!terminal_ || grantpt(terminal_.get()) != 0 || unlockpt(terminal_.get()) != 0) return "there is no terminal for the display";
  inner_ = rt::Descriptor(open(ptsname(terminal_.get()), O_RDWR | O_NOCTTY));
  if (!inner_) return "the display's terminal cannot be opened";
  ioctl(inner_.get(), TIOCSWINSZ, &kTerminal);
  display = Program(command("chappe-display"), path("display.log"), inner_.get());
  return "";
}

std::string Instance::pass(std::int64_t ns) {
  const std::int64_t deadline = rt::monotonic_ns() + ns;
  for (std::int64_t now = rt::monotonic_ns(); now < deadline; now = rt::monotonic_ns()) {
    if (std::string what = find_dead(); !what.empty()) return what;
    rt::sleep_until(std::min(deadline, now + kStep));
    char bytes[65536];
    while (terminal_ && read(terminal_.get(), bytes, sizeof bytes) > 0) {
    }
  }
  return "";
}

std::string Instance::stop(shm::Snapshot& closing) {
  if (!(traced_ ? producer.end_traced(kPatience) : producer.end(kPatience)))
    return "the producer did not end in order: " + last_words("producer");
  closing = shm::Viewer(name_).look();
  display.end(kPatience);
  if (!aggregator.end(kPatience)) return "the aggregator did not end in order: " + last_words("aggregator");
  if (!closing.ledger.settled || closing.ledger.streams.size() < streams_) return "the ledger is not settled at the end";
  for (const shm::Account& stream : closing.ledger.streams) {
    if (stream.unexplained != 0) return stream.stream + ": " + std::to_string(stream.unexplained) + " frames are unexplained";
  }
  return "";
}

}  // namespace chappe::bench

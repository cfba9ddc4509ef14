// Boost.Interprocess message_queue, as its manual uses it.
#include <boost/interprocess/ipc/message_queue.hpp>
#include <optional>
#include <vector>

#include "bench/kinds.hpp"
#include "bench/loops.hpp"

namespace chappe::bench {
namespace {

constexpr std::uint64_t kMostSlots = 4096;

namespace ipc = boost::interprocess;

/// A queue in shared memory that both open. It copies in and out.
class BoostQueue final : public Looped<BoostQueue> {
 public:
  explicit BoostQueue(const Work& work) : name_(fresh_name()), message_(work.bytes) {
    const ipc::message_queue made(ipc::create_only, name_.c_str(), std::min(kMostSlots, work.ring_bytes / work.bytes), work.bytes);
  }
  rt::Done connect() override { return open(); }
  rt::Done attach() override { return open(); }
  void clean() override { ipc::message_queue::remove(name_.c_str()); }

  std::byte* room() noexcept { return message_.data(); }
  bool send() {
    queue_->send(message_.data(), message_.size(), 0);
    return true;
  }
  static bool flush() noexcept { return true; }
  std::span<const std::byte> receive(Wait wait) {
    ipc::message_queue::size_type size = 0;
    unsigned priority = 0;
    const auto sleep = [&] { queue_->receive(message_.data(), message_.size(), size, priority); };
    const auto ready = [&] { return size != 0 || queue_->try_receive(message_.data(), message_.size(), size, priority); };
    wait == Wait::sleep ? sleep() : await(wait, ready, sleep);
    return {message_.data(), size};
  }
  static bool done() noexcept { return true; }

 private:
  rt::Done open() {
    queue_.emplace(ipc::open_only, name_.c_str());
    return rt::done();
  }

  std::string name_;
  std::optional<ipc::message_queue> queue_;
  std::vector<std::byte> message_;
};

}  // namespace

Made make_boost(const Work& work) {
  try {
    return std::unique_ptr<Transport>(std::make_unique<BoostQueue>(work));
  } catch (const ipc::interprocess_exception& e) {
    return rt::Error{EX_OSERR, std::string("boost message_queue: ") + e.what()};
  }
}

}  // namespace chappe::bench

// Boost.Interprocess and ZeroMQ, as their manuals use them.
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <vector>

#include "bench/kinds.hpp"
#include "bench/loops.hpp"

#ifdef CHAPPE_HAS_BOOST
#include <boost/interprocess/ipc/message_queue.hpp>
#endif
#ifdef CHAPPE_HAS_ZMQ
#include <zmq.h>
#endif

namespace chappe::bench {
namespace {

std::string fresh_name() {
  static int made = 0;
  return "chappe-bench-" + std::to_string(getpid()) + "-" + std::to_string(++made);
}

}  // namespace

#ifdef CHAPPE_HAS_BOOST
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
#endif

#ifdef CHAPPE_HAS_ZMQ
namespace {

/// PUSH/PULL over an abstract socket, with the library's own depths. Filled and read in place, in the library's messages.
class ZeroMq final : public Looped<ZeroMq> {
 public:
  explicit ZeroMq(const Work& work) : address_("ipc://@" + fresh_name()), bytes_(work.bytes) {}
  rt::Done connect() override {
    if (!open(ZMQ_PUSH) || zmq_bind(socket_, address_.c_str()) != 0) return failed("bind");
    return rt::done();
  }
  rt::Done attach() override {
    if (!open(ZMQ_PULL) || zmq_connect(socket_, address_.c_str()) != 0) return failed("connect");
    return rt::done();
  }
  void close(Role) override {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }

  std::byte* room() noexcept {
    if (zmq_msg_init_size(&message_, bytes_) != 0) return nullptr;
    return static_cast<std::byte*>(zmq_msg_data(&message_));
  }
  bool send() noexcept {
    int sent = -1;
    do sent = zmq_msg_send(&message_, socket_, 0);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
  }
  static bool flush() noexcept { return true; }
  std::span<const std::byte> receive(Wait wait) noexcept {
    zmq_msg_init(&message_);
    int size = -1;
    const auto take = [&](int flags) {
      size = zmq_msg_recv(&message_, socket_, flags);
      return size >= 0 || (errno != EAGAIN && errno != EINTR);
    };
    const auto sleep = [&] {
      while (!take(0)) {
      }
    };
    const auto ready = [&] { return size >= 0 || take(ZMQ_DONTWAIT); };
    wait == Wait::sleep ? sleep() : await(wait, ready, sleep);
    return {static_cast<const std::byte*>(zmq_msg_data(&message_)), size < 0 ? 0 : static_cast<std::size_t>(size)};
  }
  bool done() noexcept { return zmq_msg_close(&message_) == 0; }

 private:
  bool open(int type) noexcept {
    context_ = zmq_ctx_new();
    socket_ = zmq_socket(context_, type);
    const int linger_ms = 0;  // the consumer has all by then
    return socket_ != nullptr && zmq_setsockopt(socket_, ZMQ_LINGER, &linger_ms, sizeof linger_ms) == 0;
  }
  [[nodiscard]] rt::Error failed(const char* what) const {
    return {EX_OSERR, std::string("zeromq ") + what + " " + address_ + ": " + zmq_strerror(zmq_errno())};
  }

  std::string address_;
  std::size_t bytes_;
  void *context_ = nullptr, *socket_ = nullptr;
  zmq_msg_t message_{};
};

}  // namespace

Made make_zeromq(const Work& work) { return std::unique_ptr<Transport>(std::make_unique<ZeroMq>(work)); }
#endif

}  // namespace chappe::bench

// ZeroMQ, as its manual uses it.
#include <zmq.h>

#include <cerrno>

#include "bench/kinds.hpp"
#include "bench/loops.hpp"

namespace chappe::bench {
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

}  // namespace chappe::bench

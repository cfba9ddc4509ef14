// What the kernel offers: pipes, stream sockets, a POSIX message queue. Blocking calls where the consumer sleeps at once, as people use
// them; else the reading end does not block, and the consumer sleeps in poll.
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <vector>

#include "bench/kinds.hpp"
#include "bench/loops.hpp"
#include "rt/descriptor.hpp"

namespace chappe::bench {
namespace {

constexpr std::size_t kMostReadBytes = 64U << 10U, kLargePipeBytes = 1U << 20U;
constexpr int kPollMs = 100;

void sleep_on(int fd) noexcept {
  pollfd wait{fd, POLLIN, 0};
  poll(&wait, 1, kPollMs);  // success or not: the caller looks again
}
bool is_nothing_yet(int error) noexcept { return error == EAGAIN || error == EINTR; }

bool set_nonblocking(int fd) noexcept { return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0; }

/// A byte stream: one write a message, reads of up to 64 KiB.
class Stream final : public Looped<Stream> {
 public:
  Stream(const Work& work, rt::Descriptor in, rt::Descriptor out, std::uint64_t kernel_bytes)
      : in_(std::move(in)),
        out_(std::move(out)),
        bytes_(work.bytes),
        kernel_bytes_(kernel_bytes),
        filled_(work.bytes),
        read_(work.bytes + kMostReadBytes) {
    if (work.wait != Wait::sleep) set_nonblocking(in_.get());
  }
  void settle(Role role) override {
    if (role != Role::consumer) in_.reset();
    if (role != Role::producer) out_.reset();
  }
  [[nodiscard]] std::uint64_t kernel_bytes() const override { return kernel_bytes_; }

  std::byte* room() noexcept { return filled_.data(); }
  bool send() noexcept {
    for (std::size_t sent = 0; sent < bytes_;) {
      const ssize_t n = ::write(out_.get(), filled_.data() + sent, bytes_ - sent);
      if (n < 0 && errno != EINTR) return false;
      if (n > 0) sent += static_cast<std::size_t>(n);
    }
    return true;
  }
  static bool flush() noexcept { return true; }
  std::span<const std::byte> receive(Wait wait) noexcept {
    await(
        wait, [&] { return read_some(); }, [&] { sleep_on(in_.get()); });
    return {read_.data(), broken_ ? 0 : whole()};
  }
  bool done() noexcept {
    const std::size_t taken = whole();
    std::memmove(read_.data(), read_.data() + taken, have_ - taken);
    have_ -= taken;
    return true;
  }

 private:
  [[nodiscard]] std::size_t whole() const noexcept { return have_ / bytes_ * bytes_; }
  /// True: a whole message is there, or none will come.
  bool read_some() noexcept {
    const ssize_t n = ::read(in_.get(), read_.data() + have_, std::min(kMostReadBytes, read_.size() - have_));
    broken_ = n == 0 || (n < 0 && !is_nothing_yet(errno));
    if (n > 0) have_ += static_cast<std::size_t>(n);
    return broken_ || have_ >= bytes_;
  }

  rt::Descriptor in_, out_;
  std::size_t bytes_;
  std::uint64_t kernel_bytes_;
  std::vector<std::byte> filled_, read_;
  std::size_t have_ = 0;
  bool broken_ = false;
};

Made stream(const Work& work, int in, int out, std::uint64_t kernel_bytes) {
  return std::unique_ptr<Transport>(std::make_unique<Stream>(work, rt::Descriptor(in), rt::Descriptor(out), kernel_bytes));
}

/// size_bytes 0: as the kernel makes it.
Made make_pipe_of(const Work& work, std::size_t size_bytes) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return rt::errno_error("pipe2");
  if (size_bytes != 0 && fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(size_bytes)) < 0) {
    const rt::Error error = rt::errno_error("a pipe of 1 MiB (fs.pipe-max-size)");
    ::close(ends[0]);
    ::close(ends[1]);
    return error;
  }
  return stream(work, ends[0], ends[1], static_cast<std::uint64_t>(fcntl(ends[1], F_GETPIPE_SZ)));
}

std::uint64_t buffer_bytes(int in, int out) noexcept {
  int receive = 0, send = 0;
  socklen_t size = sizeof(int);
  getsockopt(in, SOL_SOCKET, SO_RCVBUF, &receive, &size);
  getsockopt(out, SOL_SOCKET, SO_SNDBUF, &send, &size);
  return static_cast<std::uint64_t>(receive) + static_cast<std::uint64_t>(send);
}

/// A POSIX message queue, as deep as the kernel lets an ordinary user have it.
class MessageQueue final : public Looped<MessageQueue> {
 public:
  MessageQueue(const Work& work, rt::Descriptor in, rt::Descriptor out, std::uint64_t kernel_bytes)
      : in_(std::move(in)), out_(std::move(out)), kernel_bytes_(kernel_bytes), message_(work.bytes) {
    if (work.wait != Wait::sleep) set_nonblocking(in_.get());
  }
  void settle(Role role) override {
    if (role != Role::consumer) in_.reset();
    if (role != Role::producer) out_.reset();
  }
  [[nodiscard]] std::uint64_t kernel_bytes() const override { return kernel_bytes_; }

  std::byte* room() noexcept { return message_.data(); }
  bool send() noexcept {
    int result = 0;
    do result = mq_send(out_.get(), reinterpret_cast<const char*>(message_.data()), message_.size(), 0);
    while (result != 0 && errno == EINTR);
    return result == 0;
  }
  static bool flush() noexcept { return true; }
  std::span<const std::byte> receive(Wait wait) noexcept {
    ssize_t n = -1;
    const auto try_it = [&] {
      n = mq_receive(in_.get(), reinterpret_cast<char*>(message_.data()), message_.size(), nullptr);
      return n >= 0 || !is_nothing_yet(errno);
    };
    await(wait, try_it, [&] { sleep_on(in_.get()); });
    return {message_.data(), n < 0 ? 0 : static_cast<std::size_t>(n)};
  }
  static bool done() noexcept { return true; }

 private:
  rt::Descriptor in_, out_;
  std::uint64_t kernel_bytes_;
  std::vector<std::byte> message_;
};

std::uint64_t limit_of(const char* name) {
  std::uint64_t value = 0;
  std::ifstream("/proc/sys/fs/mqueue/" + std::string(name)) >> value;
  return value;
}

rt::Result<rt::Descriptor> connect_to(const sockaddr_in& address) {
  rt::Descriptor socket_fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket_fd || connect(socket_fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return rt::errno_error("a connection to 127.0.0.1");
  return socket_fd;
}

}  // namespace

Made make_pipe(const Work& work) { return make_pipe_of(work, 0); }
Made make_large_pipe(const Work& work) { return make_pipe_of(work, kLargePipeBytes); }

Made make_unix(const Work& work) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return rt::errno_error("socketpair");
  return stream(work, ends[0], ends[1], buffer_bytes(ends[0], ends[1]));
}

Made make_tcp(const Work& work) {
  const rt::Descriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  if (!listener || bind(listener.get(), name, size) != 0 || listen(listener.get(), 1) != 0 || getsockname(listener.get(), name, &size) != 0)
    return rt::errno_error("a listener on 127.0.0.1");
  auto out = connect_to(address);
  if (!out) return out.error();
  rt::Descriptor in(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!in) return rt::errno_error("accept on 127.0.0.1");
  const int on = 1;
  for (const int fd : {in.get(), out->get()}) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const std::uint64_t kernel_bytes = buffer_bytes(in.get(), out->get());
  return std::unique_ptr<Transport>(std::make_unique<Stream>(work, std::move(in), std::move(*out), kernel_bytes));
}

Made make_mq(const Work& work) {
  const std::uint64_t largest = limit_of("msgsize_max"), depth = limit_of("msg_max");
  if (work.bytes > largest)
    return rt::Error{EX_UNAVAILABLE, "not offered: messages of " + std::to_string(largest) + " bytes at most (fs.mqueue.msgsize_max)"};
  const std::string name = "/" + fresh_name();
  mq_attr attributes{};
  attributes.mq_maxmsg = static_cast<long>(depth);
  attributes.mq_msgsize = static_cast<long>(work.bytes);
  rt::Descriptor in(mq_open(name.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes));
  if (!in) return rt::errno_error("mq_open " + name);
  rt::Descriptor out(mq_open(name.c_str(), O_WRONLY | O_CLOEXEC));
  mq_unlink(name.c_str());
  if (!out) return rt::errno_error("mq_open " + name);
  return std::unique_ptr<Transport>(std::make_unique<MessageQueue>(work, std::move(in), std::move(out), depth * work.bytes));
}

}  // namespace chappe::bench

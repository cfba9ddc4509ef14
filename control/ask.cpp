// The asking side.
#include <poll.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "control/mailbox.hpp"
#include "control/queue.hpp"
#include "rt/clock.hpp"
#include "rt/fault.hpp"

namespace chappe::control {
namespace {

using rt::Descriptor;
using rt::Error;

/// A process of its own that removes the queue's name once the asker is gone, however it went: the kernel closes the pipe. In a session of
/// its own, which Ctrl-C does not reach. Between fork and _exit only what is safe in a signal handler.
class Guardian {
 public:
  /// An empty pipe: errno.
  explicit Guardian(const std::string& name) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    const Descriptor watched(ends[0]);
    asker_lives_ = Descriptor(ends[1]);
    pid_ = fork();
    if (pid_ < 0) asker_lives_.reset();
    if (pid_ == 0) guard(watched.get(), name.c_str());
  }
  Guardian(Guardian&& other) noexcept : asker_lives_(std::move(other.asker_lives_)), pid_(std::exchange(other.pid_, -1)) {}
  Guardian& operator=(Guardian&&) = delete;
  ~Guardian() {
    asker_lives_.reset();
    while (pid_ > 0 && waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
  }
  explicit operator bool() const { return static_cast<bool>(asker_lives_); }

 private:
  [[noreturn]] static void guard(int watched, const char* name) {
    setsid();
    dup2(watched, 0);
    close_range(1, ~0U, 0);  // other askers' pipes, too: two guardians that hold each other's would wait for ever
    char never = 0;
    while (read(0, &never, 1) < 0 && errno == EINTR) continue;
    mq_unlink(name);
    _exit(0);
  }

  Descriptor asker_lives_;
  pid_t pid_ = -1;
};

/// The asker's queue: there from make() to the destructor, or to the asker's death.
class ReplyQueue {
 public:
  ReplyQueue(std::string name, Guardian guardian, Descriptor queue)
      : name_(std::move(name)), guardian_(std::move(guardian)), queue_(std::move(queue)) {}
  ReplyQueue(ReplyQueue&& other) noexcept
      : name_(std::exchange(other.name_, {})), guardian_(std::move(other.guardian_)), queue_(std::move(other.queue_)) {}
  ReplyQueue& operator=(ReplyQueue&&) = delete;
  ~ReplyQueue() {
    if (!name_.empty()) mq_unlink(name_.c_str());
  }

  /// `server` says who must be able to answer: its group gets the right to write.
  static rt::Result<ReplyQueue> make(const std::string& name, const struct stat& server) {
    Guardian guardian(name);  // before there is anything to guard; the name is random, so that it is nobody else's
    if (!guardian) return rt::errno_error("reply queue " + name + ": cannot be guarded");
    ReplyQueue made(name, std::move(guardian), create_queue(name, O_RDONLY, kReplyDepth));
    if (!made.queue_) {
      const int error = errno;
      made.name_.clear();  // not ours to unlink
      return queue_error("reply queue " + name + ": mq_open", error);
    }
    const bool needs_no_group = server.st_uid == 0 || server.st_uid == geteuid();
    if (share(made.queue_, server.st_gid) || needs_no_group) return made;
    return Error{EX_NOPERM, "reply queue " + name + ": it cannot be given to group " + std::to_string(server.st_gid) + ", so that user " +
                                std::to_string(server.st_uid) + " could answer: join the operators' group"};
  }

  /// The reply with this id, if it is there already.
  std::optional<Reply> try_receive(const std::string& id) {
    std::array<char, kMessageBytes> buffer;
    ssize_t size = 0;
    while ((size = mq_receive(queue_.get(), buffer.data(), buffer.size(), nullptr)) >= 0 || errno == EINTR) {
      if (size < 0) continue;
      auto reply = decode_reply({buffer.data(), static_cast<std::size_t>(size)});
      if (reply && reply->id == id) return std::move(*reply);
    }
    return std::nullopt;
  }

  void wait(std::int64_t until_ns) {
    pollfd waiting{queue_.get(), POLLIN, 0};
    const std::int64_t left_ms = (until_ns - rt::monotonic_ns() + rt::kMillisecond - 1) / rt::kMillisecond;
    poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left_ms, 0)));  // EINTR: the caller looks and waits again
  }

 private:
  std::string name_;
  Guardian guardian_;
  Descriptor queue_;
};

std::string server_of(const std::string& queue) { return queue == "control" ? "aggregator" : queue; }

/// The queue of a process that lives.
rt::Result<Descriptor> open_server(const std::string& instance, const std::string& queue) {
  if (!rt::is_instance_name(instance)) return Error{EX_USAGE, "instance \"" + instance + "\": " + rt::kInstanceRule};
  const std::string name = queue_name(instance, queue);
  Descriptor server = open_queue(name, O_WRONLY);
  if (server && is_served(server)) return server;
  if (server) {
    return Error{EX_UNAVAILABLE, "no " + server_of(queue) + " runs in instance " + instance + ": queue " + name +
                                     " was left by one that was killed; start it, and it takes the queue over"};
  }
  if (errno == ENOENT)
    return Error{EX_UNAVAILABLE, "no " + server_of(queue) + " runs in instance " + instance + ": there is no queue " + name};
  Error error = rt::errno_error("queue " + name);
  if (errno == EACCES) error.text += " (only the operators' group may send: [permissions] operators)";
  return error;
}

rt::Done send(const Descriptor& server, const std::string& name, const Command& command) {
  const auto bytes = encode(command);
  if (!bytes) return bytes.error();
  while (CHAPPE_FAULT_ERRNO(ask_to_send) ||
         mq_send(server.get(), bytes->data(), bytes->size(), 0) != 0) {  // success: 0; EAGAIN: full; EINTR: again
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return Error{EX_TEMPFAIL, "queue " + name + " is full: its process is busy or stopped; try again"};
    return rt::errno_error("queue " + name + ": mq_send");
  }
  CHAPPE_FAULT(ask_sent);
  return rt::done();
}

std::string random_hex() {
  std::uint64_t value = 0;
  if (getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value)) value = static_cast<std::uint64_t>(rt::monotonic_ns());
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(value));
  return text.data();
}

}  // namespace

rt::Result<Reply> ask(const std::string& instance, const std::string& queue, std::string_view verb, const std::string& argument,
                      int timeout_ms) {
  const auto server = open_server(instance, queue);
  if (!server) return server.error();
  const std::string suffix = random_hex();
  const Command command{.id = suffix, .pid = getpid(), .reply = suffix, .verb = std::string(verb), .argument = argument};
  auto replies = ReplyQueue::make(reply_queue_name(instance, command), status_of(*server));
  if (!replies) return replies.error();
  if (const auto sent = send(*server, queue_name(instance, queue), command); !sent) return sent.error();

  const std::int64_t deadline = rt::monotonic_ns() + timeout_ms * rt::kMillisecond;
  while (true) {
    const std::int64_t now = rt::monotonic_ns();
    const bool alive = is_served(*server);  // looked at before the queue: a server may answer and end
    if (auto reply = replies->try_receive(command.id)) {
      CHAPPE_FAULT(ask_answered);
      return std::move(*reply);
    }
    if (!alive) return Error{EX_UNAVAILABLE, "the " + server_of(queue) + " of instance " + instance + " ended before it answered"};
    if (now >= deadline) {
      return Error{EX_TEMPFAIL, "the " + server_of(queue) + " of instance " + instance + " did not answer within " +
                                    std::to_string(timeout_ms) + " ms: it is busy or stopped"};
    }
    replies->wait(std::min(deadline, now + 100 * rt::kMillisecond));
  }
}

rt::Done announce(const std::string& instance, std::string_view verb, const std::string& argument) {
  const auto server = open_server(instance, "control");
  if (!server) return server.error();
  return send(*server, queue_name(instance, "control"),
              {.id = "-", .pid = getpid(), .reply = {}, .verb = std::string(verb), .argument = argument});
}

}  // namespace chappe::control

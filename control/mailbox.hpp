// A process's letter box: a POSIX message queue that operators drop commands into (mailbox.cpp), and the asking side of it (ask.cpp). What
// both need of mqueue.h stands in control/queue.hpp, which nobody else includes.
// One ordinary thread a Mailbox; nothing here waits but ask(), and that bounded, on the monotonic clock.
//
// Who may command is said by the queue's mode alone (0620, group operators): a message carries no identity. Who serves is said by the
// kernel alone: the server holds an OFD write lock on the queue, which ends with its process. Never fork while serving: a child shares it.
// A crash of the server leaves the queue and what is in it: the next one adopts both. A command whose asker gave up meanwhile is dropped.
// A crash of an asker leaves its reply queue, /chappe.NAME.reply.PID.RANDOM.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/message.hpp"
#include "rt/descriptor.hpp"
#include "rt/result.hpp"

namespace chappe::control {

inline constexpr gid_t kOwnGroup = static_cast<gid_t>(-1);  ///< the process's own group

/// "/chappe.INSTANCE.QUEUE"; the queues are "control" (read by the aggregator) and "producer".
std::string queue_name(std::string_view instance, std::string_view queue);

class Mailbox {
 public:
  /// Since serve(); the thread that owns the mailbox reads and writes them.
  struct Counts {
    std::uint64_t received = 0;
    std::uint64_t malformed = 0;   ///< refused messages
    std::uint64_t abandoned = 0;   ///< commands whose asker no longer waited
    std::uint64_t unanswered = 0;  ///< replies that could not be delivered
  };

  /// Makes the queue, or adopts the one that a killed process of the same user left. EX_TEMPFAIL: another process serves it;
  /// EX_NOPERM: it is another user's, or the group cannot be given; EX_CANTCREAT: its sizes are not ours, or the kernel's limits are too
  /// small.
  static rt::Result<Mailbox> serve(const std::string& queue_name, gid_t operators = kOwnGroup);

  /// For poll: readable while a message waits.
  [[nodiscard]] int fd() const noexcept { return queue_.get(); }
  /// The next command, if one waits. What cannot be decoded is counted, and refused to its asker where that can be told.
  std::optional<Command> receive();
  /// Sends the answer, if one is wanted; never waits, a failure is counted.
  void answer(const Command& command, const Reply& reply);
  /// Whether the name still leads to this queue; if not, nobody can reach it.
  [[nodiscard]] bool still_named() const;
  /// At an orderly end: removes the name, if it is still this queue's.
  void unlink_own();
  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }

 private:
  Mailbox(std::string name, rt::Descriptor queue) : name_(std::move(name)), queue_(std::move(queue)) {}
  [[nodiscard]] bool asker_waits(const Command& command) const;
  [[nodiscard]] rt::Descriptor open_reply_queue(const Command& command) const;

  std::string name_;
  rt::Descriptor queue_;  // an mqd_t is a file descriptor on Linux
  Counts counts_;
};

/// Serves the queue if `mailbox` is empty, or its queue no longer has the name. Call once a second. Errors as Mailbox::serve.
rt::Done keep_serving(std::optional<Mailbox>& mailbox, const std::string& queue_name, gid_t operators);

/// The end of serving: removes the name, then answers what is owed: the `stops` that were received, and all that still waits. Stops hear
/// `outcome`; other commands are refused with "stopping", or with the reason where the outcome is no success.
void end_serving(Mailbox& mailbox, const std::vector<Command>& stops, bool ok, const std::string& outcome);

/// Sends a command to `queue` of the instance and waits for its reply, which may be a refusal (ok = false). As error: EX_UNAVAILABLE if
/// nobody serves the queue, or its server ends before it answers; EX_TEMPFAIL if the queue is full, or the server lives and does not answer
/// in time; EX_NOPERM if the caller is no operator; EX_USAGE for a bad name. Leaves no queue behind.
rt::Result<Reply> ask(const std::string& instance, const std::string& queue, std::string_view verb, const std::string& argument,
                      int timeout_ms);

/// Tells the aggregator something and forgets it. An error is for a count or a log line; what was announced can also be found by looking.
rt::Done announce(const std::string& instance, std::string_view verb, const std::string& argument);

}  // namespace chappe::control

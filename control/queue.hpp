// A POSIX message queue as the two sides of control/mailbox.hpp use it: the only file that includes mqueue.h. Included by mailbox.cpp
// and ask.cpp alone. Nothing here waits. An mqd_t is a file descriptor on Linux, so that it has an owner, a mode, an inode and a lock.
#pragma once
#include <fcntl.h>
#include <mqueue.h>
#include <sys/stat.h>

#include <string>
#include <string_view>

#include "control/mailbox.hpp"
#include "rt/descriptor.hpp"
#include "rt/fault.hpp"
#include "rt/instance.hpp"
#include "rt/result.hpp"

namespace chappe::control {

inline constexpr long kCommandDepth = 10, kReplyDepth = 2;
inline constexpr mode_t kQueueMode = 0620;

inline rt::Error queue_error(const std::string& what, int error) {
  rt::Error result = rt::errno_error(what, error);
  if (error == EMFILE) result.text += " (queues of this user exceed RLIMIT_MSGQUEUE, `ulimit -q`)";
  if (error == ENOSPC) result.text += " (/proc/sys/fs/mqueue/queues_max is reached)";
  if (error == EINVAL) result.text += " (expected /proc/sys/fs/mqueue/msg_max >= 10 and msgsize_max >= 1024)";
  if (error == EMFILE || error == ENOSPC || error == EINVAL) result.exit_code = EX_CANTCREAT;
  return result;
}

/// errno as mq_open sets it, if the descriptor is empty.
inline rt::Descriptor open_queue(const std::string& name, int flags) {
  return rt::Descriptor(mq_open(name.c_str(), flags | O_NONBLOCK | O_CLOEXEC));
}

/// Fails with EEXIST where the name is taken. Nobody else may open it until share() says so.
inline rt::Descriptor create_queue(const std::string& name, int access, long depth) {
  mq_attr attributes{};
  attributes.mq_maxmsg = depth;
  attributes.mq_msgsize = static_cast<long>(kMessageBytes);
  if (CHAPPE_FAULT_ERRNO(queue_to_make)) return {};
  return rt::Descriptor(mq_open(name.c_str(), access | O_CREAT | O_EXCL | O_NONBLOCK | O_CLOEXEC, 0600, &attributes));
}

/// Group and mode, on the descriptor: the umask has no say, and no other file can slip under the name. False: errno.
inline bool share(const rt::Descriptor& queue, gid_t group) {
  return fchown(queue.get(), static_cast<uid_t>(-1), group) == 0 && fchmod(queue.get(), kQueueMode) == 0;
}

inline struct stat status_of(const rt::Descriptor& queue) {
  struct stat status {};
  fstat(queue.get(), &status);  // cannot fail on an open queue
  return status;
}

inline bool same_queue(const rt::Descriptor& a, const rt::Descriptor& b) {
  const auto x = status_of(a), y = status_of(b);
  return x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

inline struct flock server_lock() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_len = 1;
  return lock;
}

/// Whether a living process serves the queue. Needs no right to read it.
inline bool is_served(const rt::Descriptor& queue) {
  struct flock lock = server_lock();
  return fcntl(queue.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

inline std::string instance_of(const std::string& queue_name) {  // "/chappe.NAME.QUEUE"
  const auto start = queue_name.find('.') + 1;
  return queue_name.substr(start, queue_name.rfind('.') - start);
}

inline std::string reply_queue_name(const std::string& instance, const Command& command) {
  return queue_name(instance, "reply." + std::to_string(command.pid) + "." + command.reply);
}

/// An address as ours are: the name of a queue is never taken from a message, it is made from these.
inline bool is_address(const Command& command) {
  return command.pid > 0 && command.reply.size() == 16 && command.reply.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace chappe::control

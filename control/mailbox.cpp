// The serving side.
#include "control/mailbox.hpp"

#include <array>

#include "control/queue.hpp"
#include "rt/fault.hpp"

namespace chappe::control {
namespace {

using rt::Descriptor;
using rt::Error;

constexpr int kAttempts = 100;  // of a race with a process that makes or removes the same queue

std::string owner_text(uid_t owner) {
  return "user " + std::to_string(owner) + " owns it, this process runs as user " + std::to_string(geteuid());
}

/// Whether a leftover may be ours: same user, same sizes.
rt::Done check_leftover(const std::string& name, const Descriptor& queue) {
  const uid_t owner = status_of(queue).st_uid;
  if (owner != geteuid()) return Error{EX_NOPERM, "queue " + name + ": " + owner_text(owner) + ": run as that user, or remove the queue"};
  mq_attr attributes{};
  mq_getattr(queue.get(), &attributes);
  if (attributes.mq_maxmsg == kCommandDepth && attributes.mq_msgsize == static_cast<long>(kMessageBytes)) return rt::done();
  return Error{EX_CANTCREAT, "queue " + name + ": it holds " + std::to_string(attributes.mq_maxmsg) + " x " +
                                 std::to_string(attributes.mq_msgsize) +
                                 " bytes, expected 10 x 1024: it was not made by Chappe, remove it"};
}

/// A queue that may not be opened is not ours; its owner is named where a writer's right allows to look.
Error not_ours(const std::string& name) {
  const Descriptor look = open_queue(name, O_WRONLY);
  return {EX_NOPERM, "queue " + name + ": " + (look ? owner_text(status_of(look).st_uid) : std::string("another user owns it")) +
                         ": run as that user, or remove the queue"};
}

/// An empty descriptor: the name came or went meanwhile, try again.
rt::Result<Descriptor> make_or_adopt(const std::string& name) {
  Descriptor queue = create_queue(name, O_RDWR, kCommandDepth);
  if (queue) return queue;
  if (errno != EEXIST) return queue_error("queue " + name + ": mq_open", errno);
  queue = open_queue(name, O_RDWR);
  if (!queue && errno == ENOENT) return Descriptor();
  if (!queue && errno == EACCES) return not_ours(name);
  if (!queue) return queue_error("queue " + name + ": mq_open", errno);
  if (const auto checked = check_leftover(name, queue); !checked) return checked.error();
  return queue;
}

}  // namespace

std::string queue_name(std::string_view instance, std::string_view queue) {
  return std::string("/chappe.").append(instance).append(".").append(queue);
}

rt::Result<Mailbox> Mailbox::serve(const std::string& name, gid_t operators) {
  if (name != queue_name(instance_of(name), name.substr(name.rfind('.') + 1)) || !rt::is_instance_name(instance_of(name))) {
    return Error{EX_USAGE, "queue " + name + ": expected /chappe.INSTANCE.QUEUE, the instance of a-z, 0-9, _ and -, at most 32"};
  }
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto queue = make_or_adopt(name);
    if (!queue) return queue.error();
    if (!*queue) continue;
    CHAPPE_FAULT(queue_made);
    struct flock lock = server_lock();
    if (CHAPPE_FAULT_ERRNO(queue_to_lock) || fcntl(queue->get(), F_OFD_SETLK, &lock) != 0) {
      if (errno != EAGAIN && errno != EACCES) return rt::errno_error("queue " + name + ": lock");
      return Error{EX_TEMPFAIL, "queue " + name + ": already running: another process serves it; stop that one, or use another instance"};
    }
    Mailbox mailbox(name, std::move(*queue));
    if (!mailbox.still_named()) continue;  // its last owner unlinked it between our open and our lock
    if (CHAPPE_FAULT_ERRNO(queue_to_share) || !share(mailbox.queue_, operators)) {
      Error error = rt::errno_error("queue " + name + ": give it to group " + std::to_string(operators));
      error.text += " (a process can give only to groups of its own user)";
      mailbox.unlink_own();
      return error;
    }
    return mailbox;
  }
  return Error{EX_TEMPFAIL, "queue " + name + ": other processes make and remove it all the time"};
}

std::optional<Command> Mailbox::receive() {
  std::array<char, kMessageBytes> buffer;
  for (long taken = 0; taken < kCommandDepth;) {  // bounded: a flood of bad messages must not keep the caller
    const ssize_t size = mq_receive(queue_.get(), buffer.data(), buffer.size(), nullptr);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return std::nullopt;
    ++taken;
    CHAPPE_FAULT(command_received);
    ++counts_.received;
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(size));
    auto command = decode_command(bytes);
    if (!command) {
      ++counts_.malformed;
      if (const auto address = decode_address(bytes)) answer(*address, {address->id, false, command.error().text});
    } else if (!asker_waits(*command)) {
      ++counts_.abandoned;
    } else {
      return std::move(*command);
    }
  }
  return std::nullopt;
}

Descriptor Mailbox::open_reply_queue(const Command& command) const {
  return open_queue(reply_queue_name(instance_of(name_), command), O_WRONLY);
}

/// A queue that is there but may not be opened has an asker: it will be refused by its silence, not dropped unread.
bool Mailbox::asker_waits(const Command& command) const {
  if (command.reply.empty() || !is_address(command)) return true;
  return open_reply_queue(command) || errno != ENOENT;
}

void Mailbox::answer(const Command& command, const Reply& reply) {
  if (command.reply.empty()) return;
  if (is_address(command)) {
    const Descriptor queue = open_reply_queue(command);
    const std::string bytes = encode(reply);
    // Never into the own queue: a reply would come back as a command.
    if (queue && !same_queue(queue, queue_) && !CHAPPE_FAULT_ERRNO(command_to_answer) &&
        mq_send(queue.get(), bytes.data(), bytes.size(), 0) == 0) {
      CHAPPE_FAULT(command_answered);
      return;
    }
  }
  ++counts_.unanswered;
}

bool Mailbox::still_named() const {
  const Descriptor named = open_queue(name_, O_RDWR);
  return named && same_queue(named, queue_);
}

void Mailbox::unlink_own() {
  if (still_named()) mq_unlink(name_.c_str());
  CHAPPE_FAULT(end_queue);
}

void end_serving(Mailbox& mailbox, const std::vector<Command>& stops, bool ok, const std::string& outcome) {
  mailbox.unlink_own();  // first, so that nobody new comes; who holds the queue open and sends later sees the server's lock go
  for (const Command& stop : stops) mailbox.answer(stop, {stop.id, ok, outcome});
  while (const auto command = mailbox.receive()) {
    const bool is_stop = command->verb == verb::kStop;
    mailbox.answer(*command, {command->id, ok && is_stop, ok && !is_stop ? "stopping" : outcome});
  }
}

rt::Done keep_serving(std::optional<Mailbox>& mailbox, const std::string& queue_name, gid_t operators) {
  if (mailbox && mailbox->still_named()) return rt::done();
  auto served = Mailbox::serve(queue_name, operators);
  if (!served) return served.error();
  mailbox.emplace(std::move(*served));
  return rt::done();
}

}  // namespace chappe::control

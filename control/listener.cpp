#include "control/listener.hpp"

#include <poll.h>

#include <algorithm>

#include "rt/fault.hpp"
#include "rt/log.hpp"

namespace chappe::control {

rt::Done Listener::serve(gid_t operators) {
  operators_ = operators;
  auto served = control::keep_serving(mailbox_, service_.queue, operators_);
  if (!served && served.error().exit_code == EX_TEMPFAIL) return served;
  tell(served);
  return rt::done();
}

void Listener::keep_serving() { tell(control::keep_serving(mailbox_, service_.queue, operators_)); }

/// Each trouble once, and its end.
void Listener::tell(const rt::Done& served) {
  std::string trouble = served ? "" : served.error().text;
  if (trouble != trouble_) rt::log(rt::LogLevel::warn, served ? "commands are taken again" : "no commands can be taken: " + trouble);
  trouble_ = std::move(trouble);
}

void Listener::answer(const Command& command, const rt::Result<std::string>& done) {
  mailbox_->answer(command, {command.id, static_cast<bool>(done), done ? *done : done.error().text});
}

void Listener::obey(const Command& command) {
  if (command.verb == verb::kReload) {
    const auto reloaded = service_.on_reload();
    CHAPPE_FAULT(command_done);
    answer(command, reloaded);
  } else if (command.verb == verb::kStop) {
    stops_.push_back(command);
    stop_ = true;
  } else if (const auto known = service_.on_command.find(command.verb); known != service_.on_command.end()) {
    answer(command, known->second(command.argument));
  } else if (std::find(service_.heard.begin(), service_.heard.end(), command.verb) == service_.heard.end()) {
    mailbox_->answer(command, {command.id, false, "the " + service_.process + " knows no command '" + command.verb + "'"});
  }
}

bool Listener::listen(int ms) {
  pollfd waits[2] = {{signals_->fd(), POLLIN, 0}, {mailbox_ ? mailbox_->fd() : -1, POLLIN, 0}};
  poll(waits, 2, ms);
  const Signals::Event event = signals_->drain();
  stop_ = stop_ || event.stop;
  if (event.reload) static_cast<void>(service_.on_reload());  // it has told of it itself
  while (mailbox_) {
    const auto next = mailbox_->receive();
    if (!next) break;
    obey(*next);
  }
  return !stop_;
}

void Listener::end(bool ok, const std::string& outcome) {
  if (mailbox_) end_serving(*mailbox_, stops_, ok, outcome);
}

}  // namespace chappe::control

// What the main of a service listens to: signals, and its queue of commands. Reload and stop mean the same to every service; what else
// a service knows it says, and the rest is refused. One ordinary thread. A crash leaves the queue as mailbox.hpp says.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/mailbox.hpp"
#include "control/signals.hpp"

namespace chappe::control {

class Listener {
 public:
  struct Service {
    std::string process;                                 ///< as a refusal names it: "producer"
    std::string queue;                                   ///< see queue_name
    std::vector<std::string_view> heard;                 ///< announcements, which only wake
    std::function<rt::Result<std::string>()> on_reload;  ///< what is in force now, or why nothing has changed
    /// Commands of this service alone, by verb: what was done with the argument, or why nothing was.
    std::map<std::string_view, std::function<rt::Result<std::string>(const std::string&)>> on_command{};
  };
  Listener(Signals& signals, Service service) : signals_(&signals), service_(std::move(service)) {}

  /// Serves the queue for `operators` (a group). EX_TEMPFAIL: another process serves it; any other trouble is told in the log and tried
  /// again.
  rt::Done serve(gid_t operators);
  /// A queue that could not be made, or whose name somebody removed, is made anew. Call once a second.
  void keep_serving();
  /// Waits up to `ms` for something to be heard, and obeys it. False: it is told to stop.
  bool listen(int ms);
  /// The end of serving; see end_serving.
  void end(bool ok, const std::string& outcome);

 private:
  void obey(const Command& command);
  void answer(const Command& command, const rt::Result<std::string>& done);
  void tell(const rt::Done& served);

  Signals* signals_;
  Service service_;
  std::optional<Mailbox> mailbox_;
  gid_t operators_ = kOwnGroup;
  std::vector<Command> stops_;  ///< received, and answered at the end
  std::string trouble_;
  bool stop_ = false;
};

}  // namespace chappe::control

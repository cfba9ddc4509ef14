// Children of the control tests: a forked body, its exit code, and a way to wait until it says that it is ready.
#pragma once
#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <utility>

namespace chappe::test {

/// A forked process. Killed, if it still runs, and reaped at the end.
class Child {
 public:
  /// `body` gets the descriptor on which it may write one byte when it is ready.
  explicit Child(const std::function<int(int ready)>& body) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      close(ends[0]);
      _exit(body(ends[1]));
    }
    close(ends[1]);
    ready_ = ends[0];
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    signal(SIGKILL);
    exit_code();
    close(ready_);
  }
  /// False: it ended without being ready.
  [[nodiscard]] bool wait_ready() const {
    char byte = 0;
    return read(ready_, &byte, 1) == 1;
  }
  void signal(int number) const {
    if (pid_ > 0) kill(pid_, number);
  }
  /// SIGSTOP, and waits until it has stopped.
  void stop() const {
    int status = 0;
    kill(pid_, SIGSTOP);
    waitpid(pid_, &status, WUNTRACED);
  }
  /// Waits for its end. 1000 + the signal that killed it.
  int exit_code() {
    if (pid_ <= 0) return code_;
    int status = 0;
    waitpid(std::exchange(pid_, -1), &status, 0);
    return code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
  int ready_ = -1;
  int code_ = -1;
};

inline void say_ready(int fd) {
  if (write(fd, "r", 1) != 1) _exit(99);
}

inline int in_child(const std::function<int()>& body) {
  return Child([&](int) { return body(); }).exit_code();
}

/// Becomes the user `id` (its group too), with one further group. False: not permitted.
inline bool become(unsigned id, gid_t further) { return setgroups(1, &further) == 0 && setgid(id) == 0 && setuid(id) == 0; }

}  // namespace chappe::test

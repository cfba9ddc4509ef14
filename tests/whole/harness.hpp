// Runs the real programs of one instance of its own, and asks them as an operator would. For tests of whole processes.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace chappe::whole {

using Json = nlohmann::json;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

/// Who runs a program: numbers alone, which no password file need know; the own group has the number of the user.
struct User {
  uid_t id = 0;
  std::vector<gid_t> groups;
  bool realtime = false;  ///< with CAP_SYS_NICE and CAP_IPC_LOCK, and nothing else
};

/// A child process; killed when it goes out of scope, if it still runs. A program without a slash is one of ours.
class Child {
 public:
  Child() = default;
  Child(const std::string& program, const std::vector<std::string>& arguments, const std::string& log_file, const User* user = nullptr);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();
  /// Once its end was seen, nobody is signalled, and nothing is told of it again.
  void signal(int number) const;
  std::optional<int> kill_it();                        ///< SIGKILL, and waits: -SIGKILL, unless it had ended by itself
  std::optional<int> wait_for(std::int64_t limit_ns);  ///< exit code, or -signal that killed it; nullopt: it still runs
  std::optional<int> poll() { return wait_for(0); }    ///< the same, if it has ended
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int own_kib() const;  ///< memory that is the process's own (RssAnon)

 private:
  pid_t pid_ = -1;
};

struct Output {
  int exit_code = 0;
  std::string out, err;
};
/// Runs a program to its end.
Output run(const std::string& program, const std::vector<std::string>& arguments, const User* user = nullptr);

/// Ports of the three endpoints; 0 is none.
struct Ports {
  int producer = 0, aggregator = 0, display = 0;
};

/// An instance with a folder of its own; its objects are removed at the end.
class Instance {
 public:
  Instance();
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string path(const std::string& file) const { return folder_ + "/" + file; }
  /// Renames the text into place as the configuration file, as careful operators do. [instance] and metrics ports are put in front.
  void configure(const std::string& toml, const Ports& ports = {}) const;
  /// Lets every user write into the folder.
  void share_folder() const;
  Child start(const std::string& program, const std::vector<std::string>& more = {}, const User* user = nullptr) const;
  Child producer(const std::vector<std::string>& more = {}) const { return start("chappe-producer", more); }
  Child aggregator(const std::vector<std::string>& more = {}) const { return start("chappe-aggregator", more); }
  /// chappectl's answer as JSON.
  [[nodiscard]] Json ask(const std::string& what, const User* user = nullptr) const;
  [[nodiscard]] Json ledger() const { return ask("ledger"); }
  [[nodiscard]] Json status() const { return ask("status"); }
  [[nodiscard]] Json display(const User* user = nullptr) const;
  [[nodiscard]] std::string log(const std::string& program) const;
  /// Names of this instance in /dev/shm.
  [[nodiscard]] std::vector<std::string> objects() const;
  /// Names of its message queues, also of replies; where no /dev/mqueue shows them, of the two that each instance has.
  [[nodiscard]] std::vector<std::string> queues() const;
  /// It is settled, has streams, and of none is anything unexplained. Empty, or what is wrong.
  static std::string does_not_close(const Json& ledger);
  /// Of every stream nothing was dropped, for no cause, and nothing overrun. Empty, or what was.
  static std::string losses(const Json& ledger);
  /// Asks again until `done` says so; false after 20 s.
  template <class Done>
  bool until(Done done) const {
    for (int i = 0; i < 400; ++i) {
      if (done()) return true;
      pause();
    }
    return false;
  }

 private:
  static void pause();
  std::string name_, folder_;
};

}  // namespace chappe::whole

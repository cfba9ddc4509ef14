// The Prometheus endpoint of a process: /metrics as text, / as a pointer to it, anything else 404. Plain HTTP over IPv4, as civetweb in
// Debian has it; TLS belongs into a proxy in front.
//
// Made by main, an ordinary thread, early and with the signals blocked. The server is always started from a thread of the exporter's own
// (ordinary policy, every signal blocked), because civetweb's threads inherit policy, mask and processors of the thread that makes them.
// A busy port is a warning and a retry, never an end. Nothing runs between scrapes. civetweb ignores SIGPIPE for the whole process.
// `collect` runs on a server thread, one at a time; `log` on any of the exporter's threads. A crash leaves nothing: the kernel frees the
// port.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "metrics/collect.hpp"
#include "rt/clock.hpp"
#include "rt/log.hpp"

namespace chappe::metrics {

class Exporter {
 public:
  using Collect = std::function<std::vector<Family>()>;
  using Log = std::function<void(rt::LogLevel, std::string)>;
  static constexpr std::int64_t kRetryNs = 5 * rt::kSecond;

  /// Begins to serve on address:port. Null if there is nothing to serve: port 0, or an address that cannot be (said in the log).
  static std::unique_ptr<Exporter> start(const std::string& address, int port, Collect collect, Log log, std::int64_t retry_ns = kRetryNs);
  /// Stops serving: at once, or within a second while clients hang.
  ~Exporter();
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;
  /// The port is bound.
  [[nodiscard]] bool listening() const;

 private:
  struct Server;
  explicit Exporter(std::unique_ptr<Server> server);
  std::unique_ptr<Server> server_;
};

}  // namespace chappe::metrics

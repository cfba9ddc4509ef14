#include "metrics/exporter.hpp"

#include <CivetServer.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>

#include "metrics/text.hpp"
#include "rt/counter.hpp"
#include "rt/descriptor.hpp"
#include "rt/thread.hpp"

namespace chappe::metrics {
namespace {

constexpr const char* kTextType = "text/plain; version=0.0.4; charset=utf-8";

void respond(mg_connection* client, const char* status, const char* type, const std::string& body) {
  mg_printf(client, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status, type, body.size());
  mg_write(client, body.data(), body.size());
}

/// The one handler: civetweb matches "/" with everything, so the path is looked at here.
class Pages : public CivetHandler {
 public:
  explicit Pages(Exporter::Collect collect) : collect_(std::move(collect)) {}

  bool handleGet(CivetServer*, mg_connection* client) override {
    const std::string path = mg_get_request_info(client)->local_uri;
    if (path == "/metrics") {
      scrape(client);
    } else if (path == "/") {
      respond(client, "200 OK", "text/plain; charset=utf-8", "Chappe: the metrics are at /metrics\n");
    } else {
      respond(client, "404 Not Found", "text/plain; charset=utf-8", "not here; the metrics are at /metrics\n");
    }
    return true;
  }

 private:
  /// The text is complete before the first byte leaves, so that a slow reader holds up no other scrape.
  void scrape(mg_connection* client) noexcept {
    try {
      respond(client, "200 OK", kTextType, text());
    } catch (const std::exception& failure) {
      mg_send_http_error(client, 500, "the metrics could not be collected: %s", failure.what());
    }
  }
  std::string text() {
    const std::lock_guard one_at_a_time(mutex_);
    return serialize(collect_());
  }

  Exporter::Collect collect_;
  std::mutex mutex_;
};

/// civetweb leaves its threads' stacks to the default of the process, 8 MiB each. Under mlockall all of that would be resident, so the
/// default is lowered while the server starts. Other threads of ours state their stacks and do not notice.
class SmallStacks {
 public:
  SmallStacks() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t small;
    pthread_getattr_default_np(&small);
    pthread_attr_setstacksize(&small, kBytes);
    pthread_setattr_default_np(&small);
    pthread_attr_destroy(&small);
  }
  ~SmallStacks() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }
  SmallStacks(const SmallStacks&) = delete;
  SmallStacks& operator=(const SmallStacks&) = delete;

 private:
  static constexpr std::size_t kBytes = 256 * 1024;
  pthread_attr_t before_{};
};

/// civetweb tells the cause of a refused start to its log only: what it says while it starts is kept for the warning.
class StartLog {
 public:
  void begin() {
    const std::lock_guard lock(mutex_);
    lines_.clear();
    open_ = true;
  }
  std::string end() {
    const std::lock_guard lock(mutex_);
    open_ = false;
    return std::exchange(lines_, {});
  }
  /// The callback. A server that is up says nothing here that an operator needs: a client's bad request is the client's affair.
  static int add(const mg_connection* connection, const char* line) {
    const auto* server = static_cast<const CivetServer*>(mg_get_user_data(mg_get_context(connection)));
    if (server != nullptr) static_cast<StartLog*>(const_cast<void*>(server->getUserContext()))->keep(line);
    return 1;
  }

 private:
  void keep(const char* line) {
    const std::lock_guard lock(mutex_);
    if (!open_) return;
    if (!lines_.empty()) lines_ += "; ";
    lines_ += line;
  }
  std::mutex mutex_;
  std::string lines_;
  bool open_ = false;
};

/// civetweb itself would take "443s" as a port, and die of the first TLS client: so only this gets through.
rt::Result<sockaddr_in> socket_address(const std::string& address, int port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  if (inet_pton(AF_INET, address.c_str(), &result.sin_addr) != 1) {
    return rt::Error{EX_CONFIG, "metrics: address '" + address + "' is not an IPv4 address such as 127.0.0.1; there will be no endpoint"};
  }
  if (port < 1 || port > 65535) {
    return rt::Error{EX_CONFIG, "metrics: port " + std::to_string(port) + " is not in 1 to 65535; there will be no endpoint"};
  }
  result.sin_port = htons(static_cast<std::uint16_t>(port));
  return result;
}

}  // namespace

struct Exporter::Server {
  Server(const sockaddr_in& at, std::string address_and_port, Collect collect, Log log_to, std::int64_t retry)
      : listens_at(at), endpoint(std::move(address_and_port)), log(std::move(log_to)), retry_ns(retry), pages(std::move(collect)) {}
  ~Server() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    woken.notify_all();
    thread.join();
    if (http) close();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Tries until the port is bound or the exporter ends; each new reason is said once. A started server has threads of its own.
  void run() {
    std::string last_reason;
    do {
      const std::string reason = try_open();
      if (reason.empty()) {
        listening.raise();
        log(rt::LogLevel::info, "metrics: at http://" + endpoint + "/metrics");
        return;
      }
      if (reason != last_reason) log(rt::LogLevel::warn, "metrics: no endpoint at " + endpoint + " yet, trying again: " + reason);
      last_reason = reason;
    } while (waited());
  }

  /// Empty: open; else why not.
  std::string try_open() {
    // Four threads and a short patience: clients that connect and say nothing cost another one a second for each four of them.
    const std::vector<std::string> options{"listening_ports",    endpoint, "num_threads",       "4",
                                           "request_timeout_ms", "1000",   "enable_keep_alive", "no"};
    CivetCallbacks callbacks;
    callbacks.log_message = &StartLog::add;
    const SmallStacks small;
    start_log.begin();
    try {
      http.emplace(options, &callbacks, &start_log);
      http->addHandler("/", pages);
      start_log.end();
      return {};
    } catch (const std::exception& failure) {
      const std::string said = start_log.end();
      return said.empty() ? failure.what() : said;
    }
  }

  /// civetweb looks at its order to stop only every two seconds, or when somebody connects: so one thread gives the order, and this one
  /// knocks.
  void close() {
    rt::Flag closed;
    rt::ThreadPlan plan;
    plan.name = "metrics-close";
    const auto closer = rt::Thread::start(plan, [&] {
      http.reset();
      closed.raise();
    });
    while (closer && !closed.is_up()) {
      knock();
      rt::sleep_until(rt::monotonic_ns() + 5 * rt::kMillisecond);
    }
  }
  void knock() const {
    const rt::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int refused = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&listens_at), sizeof listens_at);
    static_cast<void>(refused);  // any outcome will do: refused means that the server no longer listens
  }

  /// False: the exporter ends.
  bool waited() {
    std::unique_lock lock(mutex);
    return !woken.wait_for(lock, std::chrono::nanoseconds(retry_ns), [this] { return stopping; });
  }

  sockaddr_in listens_at;
  std::string endpoint;
  Log log;
  std::int64_t retry_ns;
  Pages pages;
  StartLog start_log;
  std::optional<CivetServer> http;  // after what its threads use, so that it ends before
  rt::Flag listening;
  std::mutex mutex;
  std::condition_variable woken;
  bool stopping = false;
  rt::Thread thread;
};

std::unique_ptr<Exporter> Exporter::start(const std::string& address, int port, Collect collect, Log log, std::int64_t retry_ns) {
  if (port == 0) return nullptr;
  const auto at = socket_address(address, port);
  if (!at) {
    log(rt::LogLevel::error, at.error().text);
    return nullptr;
  }
  auto server = std::make_unique<Server>(*at, address + ":" + std::to_string(port), std::move(collect), std::move(log), retry_ns);
  rt::ThreadPlan plan;
  plan.name = "metrics";
  auto thread = rt::Thread::start(plan, [running = server.get()] { running->run(); });
  if (!thread) {
    server->log(rt::LogLevel::error, "metrics: no endpoint: " + thread.error().text);
    return nullptr;
  }
  server->thread = *std::move(thread);
  return std::unique_ptr<Exporter>(new Exporter(std::move(server)));
}

Exporter::Exporter(std::unique_ptr<Server> server) : server_(std::move(server)) {}
Exporter::~Exporter() = default;
bool Exporter::listening() const { return server_->listening.is_up(); }

}  // namespace chappe::metrics

// The endpoint over real sockets on loopback, on ports that the kernel picks.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "metrics/exporter.hpp"
#include "rt/counter.hpp"
#include "rt/descriptor.hpp"

namespace chappe::metrics {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::int64_t kSoonNs = 20 * rt::kMillisecond;

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// A listening socket of ours on a port that was free.
struct Squatter {
  rt::Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  int port = 0;
  Squatter() {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket.get(), generic, size), 0);
    EXPECT_EQ(::listen(socket.get(), 1), 0);
    EXPECT_EQ(::getsockname(socket.get(), generic, &size), 0);
    port = ntohs(address.sin_port);
  }
};
int free_port() { return Squatter().port; }

rt::Descriptor connect_to(int port) {
  rt::Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const sockaddr_in address = loopback(port);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) socket.reset();
  return socket;
}

/// The whole answer, or empty.
std::string request(int port, const std::string& text) {
  const rt::Descriptor socket = connect_to(port);
  if (!socket) return "";
  EXPECT_EQ(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  std::string answer;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::recv(socket.get(), buffer, sizeof buffer, 0)) > 0;) answer.append(buffer, static_cast<std::size_t>(n));
  return answer;
}
std::string get(int port, const std::string& path) { return request(port, "GET " + path + " HTTP/1.1\r\nHost: here\r\n\r\n"); }

/// Collects log lines; waits for one that contains a text. CTest's timeout is the watchdog.
class Lines {
 public:
  /// Writes each line here, behind its level.
  Exporter::Log log() {
    return [this](rt::LogLevel level, const std::string& line) {
      add((level == rt::LogLevel::info ? "info: " : level == rt::LogLevel::warn ? "warning: " : "error: ") + line);
    };
  }
  void add(const std::string& line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(line);
    more_.notify_all();
  }
  std::string wait_for(const std::string& part) {
    std::unique_lock lock(mutex_);
    std::string found;
    more_.wait(lock, [&] {
      for (const std::string& line : lines_) {
        if (line.find(part) != std::string::npos) found = line;
      }
      return !found.empty();
    });
    return found;
  }
  std::vector<std::string> all() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<std::string> lines_;
};

std::vector<Family> one_family() { return {{"chappe_test_ratio", "Help.", Type::gauge, {{{}, 0.5, {}}}}}; }

struct Endpoint {
  Lines lines;
  int port = free_port();
  std::unique_ptr<Exporter> exporter;
  explicit Endpoint(Exporter::Collect collect = one_family)
      : exporter(Exporter::start("127.0.0.1", port, std::move(collect), lines.log(), kSoonNs)) {
    lines.wait_for("metrics: at ");
  }
};

TEST(Exporter, ServesTheFamiliesAsPrometheusText) {
  Endpoint endpoint;
  const std::string answer = get(endpoint.port, "/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\n# HELP chappe_test_ratio Help.\n# TYPE chappe_test_ratio gauge\nchappe_test_ratio 0.5\n"));
  EXPECT_TRUE(endpoint.exporter->listening());
}

TEST(Exporter, CollectsAnewForEachScrape) {
  double value = 0;
  Endpoint endpoint([&] { return std::vector<Family>{{"chappe_test", "Help.", Type::gauge, {{{}, ++value, {}}}}}; });
  EXPECT_THAT(get(endpoint.port, "/metrics"), HasSubstr("\nchappe_test 1\n"));
  EXPECT_THAT(get(endpoint.port, "/metrics"), HasSubstr("\nchappe_test 2\n"));
}

TEST(Exporter, PointsFromTheRootToTheMetrics) {
  Endpoint endpoint;
  const std::string answer = get(endpoint.port, "/");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("/metrics"));
}

TEST(Exporter, HasNothingElse) {
  Endpoint endpoint;
  for (const char* path : {"/metric", "/metricsx", "/metrics/more", "/etc/passwd", "/../../etc/passwd"}) {
    EXPECT_THAT(get(endpoint.port, path), StartsWith("HTTP/1.1 404 ")) << path;
  }
}

TEST(Exporter, TakesNoOtherMethod) {
  Endpoint endpoint;
  EXPECT_THAT(request(endpoint.port, "POST /metrics HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n"), Not(HasSubstr(" 200 OK")));
  EXPECT_THAT(request(endpoint.port, "DELETE /metrics HTTP/1.1\r\nHost: here\r\n\r\n"), Not(HasSubstr(" 200 OK")));
}

TEST(Exporter, SurvivesNoise) {
  Endpoint endpoint;
  request(endpoint.port, "\x16\x03\x01\x02 this is not HTTP\r\n\r\n");
  request(endpoint.port, std::string(100'000, 'A') + "\r\n\r\n");
  EXPECT_THAT(get(endpoint.port, "/metrics"), HasSubstr("chappe_test_ratio 0.5\n"));
}

TEST(Exporter, AnswersWithAnErrorIfCollectingThrowsAndRecovers) {
  rt::Flag mended;
  Endpoint endpoint([&]() -> std::vector<Family> {
    if (!mended.is_up()) throw std::runtime_error("no snapshot");
    return one_family();
  });
  const std::string answer = get(endpoint.port, "/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(answer, HasSubstr("no snapshot"));
  mended.raise();
  EXPECT_THAT(get(endpoint.port, "/metrics"), StartsWith("HTTP/1.1 200 "));
}

TEST(Exporter, SaysWhyABusyPortIsRefusedAndTakesItOnceItIsFree) {
  Lines lines;
  Squatter squatter;
  const auto exporter = Exporter::start("127.0.0.1", squatter.port, one_family, lines.log(), kSoonNs);
  EXPECT_THAT(lines.wait_for("no endpoint"), AllOf(StartsWith("warning: "), HasSubstr("Address already in use")));
  EXPECT_FALSE(exporter->listening());
  squatter.socket.reset();
  EXPECT_THAT(lines.wait_for("metrics: at "), StartsWith("info: "));
  EXPECT_THAT(get(squatter.port, "/metrics"), HasSubstr("chappe_test_ratio 0.5\n"));
  EXPECT_EQ(lines.all().size(), 2U) << "a reason is said once, however often it is tried";
}

TEST(Exporter, EndsWhileThePortIsStillBusy) {
  Lines lines;
  Squatter squatter;
  auto exporter = Exporter::start("127.0.0.1", squatter.port, one_family, lines.log());
  lines.wait_for("no endpoint");
  exporter.reset();
  EXPECT_EQ(lines.all().size(), 1U);
}

TEST(Exporter, ServesOthersWhileClientsHangHalfOpen) {
  Endpoint endpoint;
  std::vector<rt::Descriptor> silent;
  for (int i = 0; i < 6; ++i) silent.push_back(connect_to(endpoint.port));  // more than there are threads
  for (const auto& socket : silent) ASSERT_EQ(::send(socket.get(), "GET /met", 8, MSG_NOSIGNAL), 8);
  EXPECT_THAT(get(endpoint.port, "/metrics"), HasSubstr("chappe_test_ratio 0.5\n"));
}

TEST(Exporter, ServesOthersWhileAReaderDoesNotRead) {
  Family big{"chappe_test", "Help.", Type::gauge, {}};
  for (int i = 0; i < 100'000; ++i) big.samples.push_back({{{"series", std::to_string(i)}}, 1, {}});
  Endpoint endpoint([&] { return std::vector<Family>{big}; });
  const rt::Descriptor deaf = connect_to(endpoint.port);
  ASSERT_GT(::send(deaf.get(), "GET /metrics HTTP/1.1\r\n\r\n", 25, MSG_NOSIGNAL), 0);
  EXPECT_THAT(get(endpoint.port, "/metrics"), HasSubstr("chappe_test{series=\"99999\"} 1\n"));
}

TEST(Exporter, FreesThePortWhenItEnds) {
  Endpoint endpoint;
  endpoint.exporter.reset();
  EXPECT_FALSE(connect_to(endpoint.port));
}

TEST(Exporter, EndsWhileAClientHangsHalfOpen) {
  Endpoint endpoint;
  const rt::Descriptor silent = connect_to(endpoint.port);
  ASSERT_EQ(::send(silent.get(), "GET /met", 8, MSG_NOSIGNAL), 8);
  get(endpoint.port, "/");  // by now a thread has taken up the first one, too
  endpoint.exporter.reset();
  EXPECT_FALSE(connect_to(endpoint.port));
}

TEST(Exporter, PortZeroMeansNone) {
  Lines lines;
  EXPECT_EQ(Exporter::start("127.0.0.1", 0, one_family, lines.log()), nullptr);
  EXPECT_TRUE(lines.all().empty());
}

TEST(Exporter, RefusesAnAddressThatItCannotServe) {
  for (const char* address : {"::1", "", "nowhere", "127.0.0.1:80,127.0.0.1", "443s"}) {
    Lines lines;
    EXPECT_EQ(Exporter::start(address, 9464, one_family, lines.log()), nullptr);
    EXPECT_EQ(lines.all().size(), 1U) << address;
  }
  EXPECT_EQ(Exporter::start("127.0.0.1", 65536, one_family, [](rt::LogLevel, const std::string&) {}), nullptr);
}

/// One "Key: value" of /proc/self/task/*/status, for the threads whose name starts with civetweb.
std::vector<std::string> of_server_threads(const std::string& key) {
  std::vector<std::string> values;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream comm(task.path() / "comm");
    std::string name;
    std::getline(comm, name);
    if (name.rfind("civetweb", 0) != 0) continue;
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind(key + ":\t", 0) == 0) values.push_back(line.substr(key.size() + 2));
    }
  }
  return values;
}

TEST(Exporter, ItsThreadsTakeNoSignalOfTheProcess) {
  Endpoint endpoint;
  get(endpoint.port, "/");
  const auto masks = of_server_threads("SigBlk");
  EXPECT_GE(masks.size(), 2U);
  const auto bit = [](int signal) { return std::uint64_t{1} << (signal - 1); };
  for (const std::string& mask : masks) {
    const std::uint64_t blocked = std::stoull(mask, nullptr, 16);
    for (const int signal : {SIGUSR1, SIGHUP, SIGTERM, SIGINT}) EXPECT_TRUE(blocked & bit(signal)) << mask << " lets through " << signal;
  }
}

/// Mappings of the size of a thread's default stack.
int default_stacks() {
  pthread_attr_t attributes;
  std::size_t size = 0;
  pthread_getattr_default_np(&attributes);
  pthread_attr_getstacksize(&attributes, &size);
  pthread_attr_destroy(&attributes);
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);) {
    std::size_t dash = 0;
    const std::uint64_t from = std::stoull(line, &dash, 16);
    count += std::stoull(line.substr(dash + 1), nullptr, 16) - from == size ? 1 : 0;
  }
  return count;
}

TEST(Exporter, ItsThreadsHaveSmallStacksAndLeaveTheDefaultAlone) {
  const int before = default_stacks();
  Endpoint endpoint;
  EXPECT_EQ(default_stacks(), before);
  std::thread ordinary([&] { EXPECT_GT(default_stacks(), before); });
  ordinary.join();
}

}  // namespace
}  // namespace chappe::metrics

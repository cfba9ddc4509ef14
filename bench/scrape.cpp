// A scrape of the aggregator's metrics, as a Prometheus server makes it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "bench/instance.hpp"
#include "bench/pipeline.hpp"
#include "rt/clock.hpp"
#include "rt/descriptor.hpp"

namespace chappe::bench {
namespace {

using End = Measurement::End;

constexpr int kScrapes = 10;
constexpr std::int64_t kBetween = 100 * rt::kMillisecond, kWarmUp = 1500 * rt::kMillisecond;
constexpr double kFramesPerSecond = 10;  // the scrape is what costs
constexpr std::string_view kRequest = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

sockaddr_in here(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// One that nobody listens at now; 0: none.
int free_port() {
  const rt::Descriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener) return 0;
  sockaddr_in address = here(0);
  socklen_t bytes = sizeof address;
  if (bind(listener.get(), reinterpret_cast<sockaddr*>(&address), bytes) != 0) return 0;
  if (getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &bytes) != 0) return 0;
  return ntohs(address.sin_port);
}

/// The whole answer; empty: there was none within 10 s.
std::string get(int port) {
  const rt::Descriptor connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!connection) return "";
  const timeval patience{.tv_sec = 10, .tv_usec = 0};
  setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const sockaddr_in address = here(port);
  if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return "";
  if (send(connection.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(kRequest.size())) return "";
  std::string answer;
  char bytes[65536];
  for (ssize_t n = 0; (n = recv(connection.get(), bytes, sizeof bytes, 0)) > 0;) answer.append(bytes, static_cast<std::size_t>(n));
  return answer;
}

/// Lines of the body that are neither comments nor empty.
double series_in(const std::string& answer) {
  double series = 0;
  std::size_t at = answer.find("\r\n\r\n");
  if (at == std::string::npos) return 0;
  for (at += 4; at < answer.size(); ++at) {
    const std::size_t end = std::min(answer.find('\n', at), answer.size());
    if (end > at && answer[at] != '#') ++series;
    at = end;
  }
  return series;
}

}  // namespace

Measurement scrape(std::uint64_t channels) {
  const int port = free_port();
  if (port == 0) return {.end = End::failed, .trouble = "there is no free port"};
  Instance instance({.channels = channels, .frames_per_s = kFramesPerSecond, .port = port});
  std::string what = instance.start();
  if (what.empty()) what = instance.pass(kWarmUp);  // a window is closed then
  std::vector<double> durations;
  std::string answer;
  const double begin_s = cpu_s_of(instance.aggregator.pid());
  for (int i = 0; i < kScrapes && what.empty(); ++i) {
    const std::int64_t begin = rt::monotonic_ns();
    answer = get(port);
    durations.push_back(static_cast<double>(rt::monotonic_ns() - begin));
    what = answer.starts_with("HTTP/1.1 200") ? instance.pass(kBetween) : "no answer: " + answer.substr(0, 100);
  }
  const double cpu_s = cpu_s_of(instance.aggregator.pid()) - begin_s;
  shm::Snapshot closing;
  if (what.empty()) what = instance.stop(closing);
  if (!what.empty()) return {.end = End::failed, .trouble = what};
  std::ranges::sort(durations);
  return {.trouble = {},
          .values = {{"channels", static_cast<double>(channels)},
                     {"series", series_in(answer)},
                     {"bytes", static_cast<double>(answer.size())},
                     {"duration_ns", durations[durations.size() / 2]},
                     {"max_duration_ns", durations.back()},
                     {"aggregator_cpu_ns", cpu_s / kScrapes * 1e9}}};
}

}  // namespace chappe::bench

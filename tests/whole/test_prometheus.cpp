// A real Prometheus scrapes the three processes each second, with the scrape configuration of deploy/ on other ports; and promtool judges
// what they serve.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "harness.hpp"
#include "rt/clock.hpp"
#include "rt/descriptor.hpp"

namespace chappe::whole {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

Output shell(const std::string& command) { return run("/bin/sh", {"-c", command}); }

/// A port that nobody has: all are held until the last is found.
std::vector<int> free_ports(int count) {
  std::vector<rt::Descriptor> held;
  std::vector<int> ports;
  for (int i = 0; i < count; ++i) {
    held.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(held.back().get(), generic, size) != 0 || getsockname(held.back().get(), generic, &size) != 0) return {};
    ports.push_back(ntohs(address.sin_port));
  }
  return ports;
}

std::string text_of(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

class Prometheus : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* program : {"prometheus", "promtool", "curl"}) {
      if (shell(std::string("command -v ") + program).exit_code != 0) GTEST_SKIP() << "no " << program << " on this system";
    }
    const auto ports = free_ports(4);
    ASSERT_EQ(ports.size(), 4U);
    ports_ = {.producer = ports[0], .aggregator = ports[1], .display = ports[2]};
    server_port_ = ports[3];
    configure("");
    aggregator_ = instance_.aggregator();
    producer_ = instance_.producer();
    display_ = instance_.start("chappe-display", {"--plain"});
  }
  /// `chosen`: of the stream `proof`.
  void configure(const std::string& chosen) const {
    instance_.configure(
        R"([[stream]]
name = "proof"
rate = 5000
channels = [{ name = "a", waveform = "index" }, { name = "odd \"\\ name", unit = "µm/s²", waveform = "index" }]
[[stream.window]]
frames = 500
[stream.analysis]
quantiles = [0.5]
spectrum = { length = 100, bands = [{ name = "low", low = 10, high = 500 }] }
)" + chosen +
            "\n[[stream]]\nname = \"noise\"\nrate = 100\nchannels = 3\n",
        ports_);
  }
  std::string url(int port, const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port) + path; }
  std::string logs() const {
    return instance_.log("chappe-producer") + instance_.log("chappe-aggregator") + instance_.log("chappe-display") +
           instance_.log("prometheus");
  }
  /// The page as it was served; empty if it was not.
  std::string metrics(int port) const {
    const Output page = run("/bin/sh", {"-c", "exec curl -sf \"$0\"", url(port, "/metrics")});
    return page.exit_code == 0 ? page.out : "";
  }
  /// The model's ports become those of this instance.
  void write_scrape_configuration() const {
    std::string text = text_of(std::string(CHAPPE_SOURCE_DIR) + "/deploy/prometheus.yml");
    const std::pair<const char*, int> targets[] = {
        {":9464\"", ports_.producer}, {":9465\"", ports_.aggregator}, {":9466\"", ports_.display}};
    for (const auto& [model, port] : targets) {
      const auto at = text.find(model);
      ASSERT_NE(at, std::string::npos) << "deploy/prometheus.yml has no target " << model;
      text.replace(at, 6, ":" + std::to_string(port) + "\"");
    }
    std::ofstream(instance_.path("prometheus.yml")) << text;
  }
  void start_server() {
    server_ =
        Child("/bin/sh",
              {"-c", "exec prometheus --config.file=\"$0/prometheus.yml\" --storage.tsdb.path=\"$0/tsdb\" --web.listen-address=\"$1\"",
               instance_.path(""), "127.0.0.1:" + std::to_string(server_port_)},
              instance_.path("prometheus.log"));
  }
  /// What the server's API answers: a list of {"metric": labels, "value": [time, text]}.
  Json query(const std::string& expression) const {
    const Output answer =
        run("/bin/sh", {"-c", "exec curl -sfG --data-urlencode \"query=$1\" \"$0\"", url(server_port_, "/api/v1/query"), expression});
    const Json json = Json::parse(answer.out, nullptr, false);
    return json.is_object() && json["status"] == "success" ? json["data"]["result"] : Json::array();
  }
  /// The one value of an expression; negative if there is none.
  double value_of(const std::string& expression) const {
    const Json result = query(expression);
    return result.size() == 1 ? std::stod(result[0]["value"][1].get<std::string>()) : -1;
  }
  bool rises(const std::string& expression) const {
    double first = -1;
    return instance_.until([&] {
      const double now = value_of(expression);
      if (first < 0) first = now;
      return first >= 0 && now > first;
    });
  }

  Instance instance_;
  Ports ports_;
  int server_port_ = 0;
  Child aggregator_, producer_, display_, server_;
};

TEST_F(Prometheus, scrapes_all_three_each_second_and_its_answers_rise_with_the_samples) {
  ASSERT_NO_FATAL_FAILURE(write_scrape_configuration());
  const Output checked = shell("promtool check config '" + instance_.path("prometheus.yml") + "'");
  ASSERT_EQ(checked.exit_code, 0) << checked.out << checked.err;
  start_server();
  ASSERT_TRUE(instance_.until([&] { return value_of("sum(up{job=\"chappe\"})") == 3; })) << query("up").dump() << logs();
  std::vector<std::string> processes;
  for (const Json up = query("up"); const auto& target : up) processes.push_back(target["metric"]["process"]);
  EXPECT_THAT(processes, UnorderedElementsAre("producer", "aggregator", "display"));
  for (const char* counter :
       {"chappe_acquired_samples_total{stream=\"proof\",process=\"producer\"}", "chappe_committed_frames_total{stream=\"proof\"}",
        "chappe_aggregated_samples_total{stream=\"proof\",process=\"aggregator\"}", "chappe_windows_closed_total{stream=\"proof\"}",
        "chappe_frame_to_board_seconds_count", "chappe_display_looks_total{process=\"display\"}"}) {
    EXPECT_TRUE(rises(counter)) << counter << ": " << query(counter).dump();
  }
  EXPECT_EQ(value_of("sum(chappe_dropped_frames_total)"), 0);
  EXPECT_EQ(value_of("sum(chappe_process_up{process=~\"producer|aggregator\"})"), 2) << "the display's word";
  producer_.kill_it();
  EXPECT_TRUE(instance_.until([&] { return value_of("up{process=\"producer\"}") == 0; })) << query("up").dump();
  EXPECT_EQ(value_of("up{process=\"aggregator\"}"), 1);
}

TEST_F(Prometheus, promtool_finds_nothing_to_say_about_what_each_process_serves) {
  for (const int port : {ports_.producer, ports_.aggregator, ports_.display}) {
    const std::string file = instance_.path("metrics." + std::to_string(port));
    // With data in every family, the first window closed.
    ASSERT_TRUE(instance_.until([&] {
      const std::string page = metrics(ports_.aggregator);
      return page.find("chappe_window_mean{") != std::string::npos && !metrics(port).empty();
    })) << port
        << logs();
    const std::string page = metrics(port);
    EXPECT_THAT(page, HasSubstr("chappe_build_info"));
    std::ofstream(file) << page;
    const Output checked = shell("promtool check metrics < '" + file + "'");
    EXPECT_EQ(checked.exit_code, 0);
    EXPECT_EQ(checked.out + checked.err, "");
  }
}

TEST_F(Prometheus, shows_of_channels_what_a_reload_chooses_and_counts_what_is_beyond_the_limit) {
  const auto page_has = [this](const std::string& text) { return metrics(ports_.aggregator).find(text) != std::string::npos; };
  ASSERT_TRUE(instance_.until([&] {
    return page_has("chappe_window_mean{stream=\"proof\",channel=\"a\"") && page_has("{stream=\"noise\"");
  })) << logs();
  EXPECT_THAT(metrics(ports_.aggregator), HasSubstr("chappe_channel_series_left_out 0\n"));
  configure(R"([stream.metrics]
channels = ["a"]
figures = ["deviation", "peak_to_peak", "crest", "skewness", "kurtosis", "zero_crossings", "flat", "quantiles", "bands"]
[metrics]
max_series = 12)");
  ASSERT_EQ(run("chappectl", {"reload", "--instance", instance_.name()}).exit_code, 0) << logs();
  ASSERT_TRUE(instance_.until([&] { return page_has("chappe_window_band_power{"); })) << metrics(ports_.aggregator) << logs();
  const std::string page = metrics(ports_.aggregator);
  EXPECT_THAT(page, HasSubstr("chappe_window_flat_frames{stream=\"proof\",channel=\"a\",unit=\"\"} 1\n")) << "an index never stands";
  EXPECT_THAT(page, HasSubstr("chappe_window_quantile{stream=\"proof\",channel=\"a\",unit=\"\",level=\"0.5\"} "));
  EXPECT_THAT(page, Not(HasSubstr("channel=\"odd")));
  EXPECT_THAT(page, Not(HasSubstr("chappe_window_mean{"))) << "nine of proof, and no room for seven of noise's first";
  EXPECT_THAT(page, HasSubstr("chappe_channel_series_left_out 21\n"));
  std::ofstream(instance_.path("chosen")) << page;
  const Output checked = shell("promtool check metrics < '" + instance_.path("chosen") + "'");
  EXPECT_EQ(checked.out + checked.err, "");
  EXPECT_TRUE(instance_.until([&] { return instance_.log("chappe-aggregator").find("max_series = 12") != std::string::npos; })) << logs();
}

}  // namespace
}  // namespace chappe::whole

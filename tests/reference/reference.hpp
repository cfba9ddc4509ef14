// Asks tests/reference/analysis.py for references: computed by numpy and scipy when the test runs, never typed in.
#pragma once
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace chappe::reference {

using nlohmann::json;

/// values[frame * channels + channel]
struct Frames {
  std::size_t channels = 1;
  std::vector<double> values;
  [[nodiscard]] std::size_t frames() const { return values.size() / channels; }
  [[nodiscard]] std::vector<double> column(std::size_t c) const {
    std::vector<double> out;
    for (std::size_t i = c; i < values.size(); i += channels) out.push_back(values[i]);
    return out;
  }
  [[nodiscard]] const std::byte* bytes() const { return reinterpret_cast<const std::byte*>(values.data()); }
};

inline std::string recording(const std::string& name) {
  const char* folder = std::getenv("CHAPPE_DATA");
  return (folder != nullptr ? std::string(folder) : CHAPPE_SOURCE_DIR "/../shared/data") + "/" + name;
}

/// nullopt: numpy or scipy is missing, and the test has been skipped, or has failed.
class Script {
 public:
  Script() : stem_(testing::TempDir() + "chappe.reference." + std::to_string(getpid())) {}
  ~Script() {
    for (const char* end : {".json", ".f64"}) std::filesystem::remove(stem_ + end);
  }
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  std::optional<json> of(const Frames& frames, const json& wants) {
    std::ofstream(stem_ + ".f64", std::ios::binary)
        .write(reinterpret_cast<const char*>(frames.values.data()), static_cast<std::streamsize>(frames.values.size() * sizeof(double)));
    return ask({{"values", stem_ + ".f64"}, {"channels", frames.channels}, {"wants", wants}});
  }
  /// Reads the recording into `frames`, too.
  std::optional<json> of_recording(const std::string& path, Frames& frames, const json& wants) {
    auto result = ask({{"recording", path}, {"values", stem_ + ".f64"}, {"wants", wants}});
    if (!result) return result;
    frames.channels = result->at("names").size();
    frames.values.resize(std::filesystem::file_size(stem_ + ".f64") / sizeof(double));
    std::ifstream(stem_ + ".f64", std::ios::binary)
        .read(reinterpret_cast<char*>(frames.values.data()), static_cast<std::streamsize>(frames.values.size() * sizeof(double)));
    return result;
  }

 private:
  std::optional<json> ask(const json& request) {
    std::ofstream(stem_ + ".json") << request;
    const std::string command = "/usr/bin/python3 " CHAPPE_SOURCE_DIR "/tests/reference/analysis.py " + stem_ + ".json";
    FILE* pipe = popen(command.c_str(), "r");
    std::string text;
    std::array<char, 65536> part{};
    for (std::size_t n = 0; pipe != nullptr && (n = fread(part.data(), 1, part.size(), pipe)) > 0;) text.append(part.data(), n);
    const int status = pipe != nullptr ? pclose(pipe) : -1;
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127)) {
      [] { GTEST_SKIP() << "python3 with numpy and scipy is not there: apt-get install python3-scipy"; }();
      return std::nullopt;
    }
    EXPECT_EQ(status, 0) << command;
    json result = json::parse(text, nullptr, false);
    EXPECT_TRUE(result.is_object()) << command << " said: " << text.substr(0, 200);
    return status == 0 && result.is_object() ? std::optional(result) : std::nullopt;
  }

  std::string stem_;
};

}  // namespace chappe::reference

// The examples of deploy/ as the real tools read them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <sstream>

namespace chappe::metrics {
namespace {

const std::string kDeploy = CHAPPE_SOURCE_DIR "/deploy/";
constexpr const char* kUnits[] = {"chappe-producer.service", "chappe-aggregator.service", "chappe-display.service"};

bool have(const std::string& program) { return std::system(("command -v " + program + " > /dev/null 2>&1").c_str()) == 0; }

struct Ran {
  int code = -1;
  std::vector<std::string> lines;
};
Ran run(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return {};
  std::string said;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) said.push_back(static_cast<char>(c));
  Ran ran{WEXITSTATUS(pclose(pipe)), {}};
  std::istringstream text(said);
  for (std::string line; std::getline(text, line);) ran.lines.push_back(line);
  return ran;
}

TEST(Deploy, PrometheusTakesTheScrapeConfiguration) {
  if (!have("promtool")) GTEST_SKIP() << "promtool is not installed";
  EXPECT_EQ(run("promtool check config " + kDeploy + "prometheus.yml").code, 0);
}

TEST(Deploy, SystemdMissesNothingButThePrograms) {
  if (!have("systemd-analyze")) GTEST_SKIP() << "systemd-analyze is not installed";
  for (const char* unit : kUnits) {
    for (const std::string& line : run("systemd-analyze verify --man=no " + kDeploy + unit).lines)
      EXPECT_THAT(line, testing::HasSubstr("is not executable"));
  }
}

std::string text_of(const std::string& unit) {
  std::ifstream file(kDeploy + unit);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Deploy, NoUnitLetsSystemdDeleteTheSharedMemory) {
  for (const char* unit : kUnits) EXPECT_THAT(text_of(unit), testing::HasSubstr("\nRemoveIPC=no\n")) << unit;
}

TEST(Deploy, EveryUnitNamesManualPagesThatAreThere) {
  for (const std::string unit : kUnits) {
    const std::string text = text_of(unit), own = unit.substr(0, unit.find('.'));
    EXPECT_THAT(text, testing::HasSubstr("\nDocumentation=man:" + own + "(1) man:chappectl(1)\n"));
    for (const std::string& page : {own, std::string("chappectl")})
      EXPECT_TRUE(std::ifstream(CHAPPE_SOURCE_DIR "/docs/man/" + page + ".1").good()) << page;
  }
}

// Threads are made with an explicit scheduling, those of the metrics too, and pthread_create asks the kernel for it.
TEST(Deploy, NoUnitForbidsTheCallsThatMakeThreads) {
  for (const char* unit : kUnits) EXPECT_THAT(text_of(unit), testing::Not(testing::HasSubstr("@resources"))) << unit;
}

TEST(Deploy, NoUnitKillsAThreadThatCatchesUp) {
  for (const char* unit : kUnits) EXPECT_THAT(text_of(unit), testing::Not(testing::HasSubstr("\nLimitRTTIME="))) << unit;
}

}  // namespace
}  // namespace chappe::metrics

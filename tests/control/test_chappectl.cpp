// The program itself, run as an operator runs it, against mailboxes that the test serves. Every instance name is this process's own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "control/mailbox.hpp"
#include "rt/counter.hpp"

namespace chappe::control {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct Ran {
  int code = -1;
  std::string out, err;
};

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Chappectl : public testing::Test {
 protected:
  Chappectl() {
    static int number = 0;
    instance_ = "t" + std::to_string(getpid()) + "-" + std::to_string(++number);
    char pattern[] = "/tmp/chappectl-XXXXXX";
    folder_ = mkdtemp(pattern);
  }
  ~Chappectl() override { std::filesystem::remove_all(folder_); }

  Ran run(const std::string& arguments) const {
    const std::string out = folder_ + "/out", err = folder_ + "/err";
    const int status = std::system((CHAPPE_BIN_DIR "/chappectl " + arguments + " > " + out + " 2> " + err).c_str());
    return {WEXITSTATUS(status), read_file(out), read_file(err)};
  }
  Ran run_here(const std::string& arguments) const { return run("--instance " + instance_ + " " + arguments); }
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }

  std::string instance_, folder_;
};

/// A process that answers every command with one reply, until it goes out of scope.
class Answering {
 public:
  Answering(const std::string& instance, const std::string& queue, bool ok, std::string text)
      : mailbox_(Mailbox::serve(queue_name(instance, queue))), ok_(ok), text_(std::move(text)) {
    EXPECT_TRUE(mailbox_) << (mailbox_ ? "" : mailbox_.error().text);
    if (mailbox_) thread_ = std::thread([this] { answer(); });
  }
  ~Answering() {
    over_.raise();
    if (thread_.joinable()) thread_.join();
    if (mailbox_) mailbox_->unlink_own();
  }
  std::vector<std::string> verbs;  ///< read it after the asker has returned

 private:
  void answer() {
    while (!over_.is_up()) {
      pollfd wanted{mailbox_->fd(), POLLIN, 0};
      if (poll(&wanted, 1, 10) <= 0) continue;
      while (const auto command = mailbox_->receive()) {
        verbs.push_back(command->verb);
        mailbox_->answer(*command, {command->id, ok_, text_});
      }
    }
  }
  rt::Result<Mailbox> mailbox_;
  bool ok_;
  std::string text_;
  rt::Flag over_;
  std::thread thread_;
};

TEST_F(Chappectl, SaysItsVersion) {
  EXPECT_THAT(run("version").out, HasSubstr("chappectl "));
  EXPECT_EQ(run("--version").out, run("version").out);
  EXPECT_EQ(run("--version").code, EX_OK);
  const json version = json::parse(run("version --json").out);
  EXPECT_TRUE(version.contains("version"));
  EXPECT_NE(version.at("commit"), "") << "outside git it is \"unknown\"";
}

TEST_F(Chappectl, TakesWrongUseForWhatItIs) {
  for (const char* arguments :
       {"", "nonsense", "status --nonsense", "status --instance Ab/c", "status --timeout 0", "reload --process display"}) {
    const Ran ran = run(arguments);
    EXPECT_EQ(ran.code, EX_USAGE) << arguments;
    EXPECT_NE(ran.err, "") << arguments;
  }
}

TEST_F(Chappectl, NamesAnUnknownCommandAndTheKnownOnes) {
  EXPECT_THAT(run("nonsense").err, testing::AllOf(HasSubstr("'nonsense'"), HasSubstr("status, ledger")));
}

TEST_F(Chappectl, DoesNotCallALostAnswerDone) {
  for (const char* arguments : {"config show", "version"}) {  // more and less than the buffer holds
    EXPECT_EQ(WEXITSTATUS(std::system((CHAPPE_BIN_DIR "/chappectl " + std::string(arguments) + " >/dev/full").c_str())), EX_IOERR);
  }
}

TEST_F(Chappectl, HelpTeachesWithExamplesAndExitCodesAndIsNoError) {
  const Ran ran = run("--help");
  EXPECT_EQ(ran.code, EX_OK);
  EXPECT_THAT(ran.out, testing::AllOf(HasSubstr("Examples:"), HasSubstr("ledger --check"), HasSubstr("Exit: 0 done")));
}

TEST_F(Chappectl, LookingAtNothingIsOneLineAndUnavailable) {
  for (const char* command : {"status", "ledger", "streams", "ledger --check"}) {
    const Ran ran = run_here(command);
    EXPECT_EQ(ran.code, EX_UNAVAILABLE) << command;
    EXPECT_THAT(ran.err, HasSubstr("instance " + instance_)) << command;
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << command;
    EXPECT_EQ(ran.out, "") << command;
  }
}

TEST_F(Chappectl, JsonIsJsonEvenWithNothingThere) {
  for (const char* command : {"status --json", "ledger --json", "streams --json"}) {
    const Ran ran = run_here(command);
    EXPECT_EQ(ran.code, EX_UNAVAILABLE) << command;
    EXPECT_EQ(json::parse(ran.out).value("instance", ""), instance_) << command;
  }
}

TEST_F(Chappectl, EachMissingProcessIsOneLine) {
  for (const char* command : {"reload", "stop"}) {
    const Ran ran = run_here(command);
    EXPECT_EQ(ran.code, EX_UNAVAILABLE) << command;
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 2) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("producer: ")) << command;
    EXPECT_THAT(ran.err, HasSubstr("aggregator: ")) << command;
  }
}

TEST_F(Chappectl, ReloadAsksBothAndPrintsTheirAnswers) {
  Answering producer(instance_, "producer", true, "generation 2"), aggregator(instance_, "control", true, "generation 3");
  const Ran ran = run_here("reload");
  EXPECT_EQ(ran.code, EX_OK) << ran.err;
  EXPECT_EQ(ran.out, "producer: generation 2\naggregator: generation 3\n");
  EXPECT_THAT(producer.verbs, testing::ElementsAre("reload"));
  EXPECT_THAT(aggregator.verbs, testing::ElementsAre("reload"));
}

TEST_F(Chappectl, ARefusedReloadGivesTheReasonAndStillAsksTheOther) {
  Answering producer(instance_, "producer", false, "line 3: no such key"), aggregator(instance_, "control", true, "generation 3");
  const Ran ran = run_here("reload");
  EXPECT_EQ(ran.code, EX_CONFIG);
  EXPECT_EQ(ran.err, "producer: refused: line 3: no such key\n");
  EXPECT_EQ(ran.out, "aggregator: generation 3\n");
}

TEST_F(Chappectl, OneProcessCanBeMeantAlone) {
  Answering producer(instance_, "producer", true, "producer's"), aggregator(instance_, "control", true, "aggregator's");
  const Ran ran = run_here("reload --process aggregator");
  EXPECT_EQ(ran.code, EX_OK);
  EXPECT_EQ(ran.out, "aggregator: aggregator's\n");
  EXPECT_TRUE(producer.verbs.empty());
}

TEST_F(Chappectl, StopGoesToTheProducerFirst) {
  Answering producer(instance_, "producer", true, "stopping"), aggregator(instance_, "control", true, "stopping");
  const Ran ran = run_here("stop");
  EXPECT_EQ(ran.code, EX_OK) << ran.err;
  EXPECT_LT(ran.out.find("producer: stopping"), ran.out.find("aggregator: stopping"));
}

TEST_F(Chappectl, TheAggregatorIsNotStoppedUnderAProducerThatRefuses) {
  Answering producer(instance_, "producer", false, "not now"), aggregator(instance_, "control", true, "stopping");
  const Ran ran = run_here("stop");
  EXPECT_EQ(ran.code, EX_TEMPFAIL);
  EXPECT_THAT(ran.err, HasSubstr("aggregator: not asked"));
  EXPECT_TRUE(aggregator.verbs.empty());
}

TEST_F(Chappectl, OrdersAnswerInJsonToo) {
  Answering producer(instance_, "producer", true, "generation 2");
  const Ran ran = run_here("reload --json");
  EXPECT_EQ(ran.code, EX_UNAVAILABLE);
  EXPECT_EQ(ran.err, "");
  const json report = json::parse(ran.out);
  EXPECT_EQ(report.at("command"), "reload");
  EXPECT_FALSE(report.at("ok"));
  EXPECT_EQ(report.at("processes").at(0).at("text"), "generation 2");
  EXPECT_EQ(report.at("processes").at(1).at("exit_code"), EX_UNAVAILABLE);
}

TEST_F(Chappectl, CheckSaysAllThatIsWrongWithAFile) {
  const std::string bad = file("bad.toml", "[ring]\nblocks = 7\n[nonsense]\n");
  const Ran ran = run("config check " + bad);
  EXPECT_EQ(ran.code, EX_CONFIG);
  EXPECT_THAT(ran.err, HasSubstr(bad + ":2:"));
  EXPECT_THAT(ran.err, HasSubstr("nonsense"));
  const json report = json::parse(run("config check --json " + bad).out);
  EXPECT_FALSE(report.at("ok"));
  EXPECT_GE(report.at("faults").size(), 2U);
}

TEST_F(Chappectl, AFileThatIsNotThereIsNoInput) {
  EXPECT_EQ(run("config check " + folder_ + "/none.toml").code, EX_NOINPUT);
  EXPECT_EQ(run("config show " + folder_ + "/none.toml").code, EX_NOINPUT);
}

TEST_F(Chappectl, AFolderIsNoInputEither) {
  EXPECT_EQ(run("config check " + folder_).code, EX_NOINPUT);
  EXPECT_FALSE(json::parse(run("config check --json " + folder_).out).at("ok"));
}

TEST_F(Chappectl, AFaultElsewhereInTheFileDoesNotKeepFromTheInstanceThatItNames) {
  const std::string bad = file("bad.toml", "[instance]\nname = \"" + instance_ + "\"\n[ring]\nblocks = 7\n[nonsense]\n");
  EXPECT_THAT(run("status --config " + bad).err, HasSubstr("instance " + instance_ + ": "));
  Answering producer(instance_, "producer", true, "generation 2"), aggregator(instance_, "control", true, "generation 3");
  EXPECT_EQ(run("reload --config " + bad).code, EX_OK);
}

TEST_F(Chappectl, AFileThatHidesTheNameIsTold) {
  for (const char* text : {"[instance]\nname = \"A\"\n", "[instance]\nnmae = \"a\"\n", "[instnace]\nname = \"a\"\n", "[instance\n"}) {
    const std::string bad = file("bad.toml", text);
    EXPECT_EQ(run("status --config " + bad).code, EX_CONFIG) << text;
    EXPECT_FALSE(json::parse(run("status --json --config " + bad).out).at("ok")) << text;
  }
}

TEST_F(Chappectl, TakesTheFileOfTheEnvironmentAsTheProcessesDo) {
  setenv("CHAPPE_CONFIG", file("env.toml", "[instance]\nname = \"" + instance_ + "\"\n").c_str(), 1);
  const Ran from_environment = run("status"), overridden = run("status --instance other-" + instance_);
  unsetenv("CHAPPE_CONFIG");
  EXPECT_THAT(from_environment.err, HasSubstr("instance " + instance_ + ": "));
  EXPECT_THAT(overridden.err, HasSubstr("instance other-" + instance_ + ": "));
}

TEST_F(Chappectl, ALedgerFileThatIsNoneIsBadData) {
  const char* const foreign[] = {"",
                                 "[1]",
                                 "{\"streams\": 5}",
                                 "{\"streams\": [], \"instance\": 5}",
                                 "{\"streams\": [{\"dropped\": {}, \"acquired\": \"x\"}]}",
                                 "{\"streams\": [{\"dropped\": {\"full\": []}, \"stream\": null}]}"};
  EXPECT_EQ(run("ledger --from /no/such/ledger.json").code, EX_NOINPUT);
  for (const char* text : foreign) EXPECT_EQ(run("ledger --from " + file("ledger.json", text)).code, EX_DATAERR) << text;
}

TEST_F(Chappectl, ShowsTheDefaultsWithoutAFile) {
  EXPECT_THAT(run("config show").out, testing::ContainsRegex("block_bytes = \"auto\"  # built-in:[0-9]+"));
  EXPECT_EQ(json::parse(run("config show --json").out).at("config").at("ring").at("blocks"), "auto");
}

}  // namespace
}  // namespace chappe::control

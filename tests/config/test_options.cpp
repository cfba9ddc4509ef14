#include <gmock/gmock.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>

#include "config/options.hpp"

namespace chappe::config {
namespace {

using testing::HasSubstr;

rt::Result<std::optional<Options>> parse(Program program, std::vector<const char*> words) {
  words.insert(words.begin(), "program");
  return parse_options(program, static_cast<int>(words.size()), words.data());
}

Options good(Program program, const std::vector<const char*>& words) {
  auto result = parse(program, words);
  if (!result) ADD_FAILURE() << result.error().text;
  return result && *result ? **result : Options{};
}

std::string wrong(Program program, const std::vector<const char*>& words) {
  const auto result = parse(program, words);
  if (result) {
    ADD_FAILURE() << "was taken";
    return {};
  }
  EXPECT_EQ(result.error().exit_code, EX_USAGE);
  return result.error().text;
}

Config config_of(const Options& options) {
  LoadResult result = effective(options);
  EXPECT_EQ(describe(result.faults), "");
  return result.loaded.config;
}

class CommandLine : public testing::Test {
 protected:
  CommandLine() {
    ::unsetenv("CHAPPE_CONFIG");
    ::unsetenv("CHAPPE_READERS");
  }
  ~CommandLine() override {
    ::unsetenv("CHAPPE_CONFIG");
    ::unsetenv("CHAPPE_READERS");
  }
};

TEST_F(CommandLine, without_words_is_the_built_in_configuration) {
  EXPECT_EQ(config_of(good(Program::producer, {})), load_default().loaded.config);
}

TEST_F(CommandLine, takes_the_configuration_from_the_environment_unless_it_names_one) {
  ::setenv("CHAPPE_CONFIG", "/from/environment", 1);
  EXPECT_EQ(good(Program::display, {}).config_path, "/from/environment");
  EXPECT_EQ(good(Program::display, {"--config", "/named"}).config_path, "/named");
}

TEST_F(CommandLine, help_teaches_with_examples_and_ends) {
  for (const Program program : {Program::producer, Program::aggregator, Program::display}) {
    testing::internal::CaptureStdout();
    const auto result = parse(program, {"--help"});
    const std::string text = testing::internal::GetCapturedStdout();
    ASSERT_TRUE(result && !*result);
    EXPECT_THAT(text, HasSubstr("Examples:"));
    EXPECT_THAT(text, HasSubstr("--instance"));
  }
}

TEST_F(CommandLine, version_names_the_program) {
  testing::internal::CaptureStdout();
  const auto result = parse(Program::aggregator, {"--version"});
  EXPECT_THAT(testing::internal::GetCapturedStdout(), testing::StartsWith("chappe-aggregator 0."));
  EXPECT_TRUE(result && !*result);
}

TEST_F(CommandLine, overrides_instance_and_level_and_says_so) {
  const LoadResult result =
      effective(good(Program::aggregator, {"--instance", "bench", "--log-level=debug", "--window-log", "/tmp/w.csv"}));
  EXPECT_EQ(result.loaded.config.instance, "bench");
  EXPECT_EQ(result.loaded.config.log_level, "debug");
  EXPECT_EQ(result.loaded.config.window_log, "/tmp/w.csv");
  EXPECT_EQ(result.loaded.origins.at("instance.name"), "--instance");
  EXPECT_EQ(result.loaded.origins.at("window_log.path"), "--window-log");
  EXPECT_THAT(result.loaded.origins.at("ring.blocks"), HasSubstr("built-in:"));
}

TEST_F(CommandLine, lets_the_environment_override_the_readers) {
  ::setenv("CHAPPE_READERS", "nogroup", 1);
  const LoadResult result = effective(good(Program::producer, {}));
  EXPECT_EQ(result.loaded.config.permissions.readers, "nogroup");
  EXPECT_EQ(result.loaded.origins.at("permissions.readers"), "CHAPPE_READERS");
}

TEST_F(CommandLine, replays_recordings_instead_of_the_streams) {
  const Config c = config_of(good(Program::producer, {"--replay", "/d/a b.csv", "x.csv", "--replay", "/e/x.wav"}));
  ASSERT_EQ(c.streams.size(), 3u);
  EXPECT_EQ(c.streams[0].name, "a_b");
  EXPECT_EQ(c.streams[1].name, "x");
  EXPECT_EQ(c.streams[2].name, "x-2");
  EXPECT_EQ(c.streams[0].replay, (Replay{"/d/a b.csv", ReplayFormat::automatic, "", TimeUnit::automatic, false, true}));
  EXPECT_EQ(c.streams[0].type, SampleType::f64);
  EXPECT_EQ(c.streams[0].windows, c.default_windows);
  EXPECT_EQ(c.on_full, OnFull::drop);
}

TEST_F(CommandLine, gives_a_raw_recording_its_channels_rate_and_pace) {
  const Config c = config_of(good(Program::producer, {"--replay", "e.bin", "--format", "i16le", "--channels", "12", "--rate", "1000",
                                                      "--once", "--as-fast-as-possible", "--type", "f32", "--window-frames", "1000"}));
  const Stream& s = c.streams.at(0);
  EXPECT_EQ(s.channels.size(), 12u);
  EXPECT_EQ(s.channels.back().name, "ch11");
  EXPECT_EQ(s.rate_hz, 1000);
  EXPECT_EQ(s.type, SampleType::f32);
  EXPECT_EQ(s.replay, (Replay{"e.bin", ReplayFormat::i16le, "", TimeUnit::automatic, true, false}));
  EXPECT_EQ(s.windows, (std::vector<Window>{{1000, 0}}));
  EXPECT_EQ(c.on_full, OnFull::wait) << "as fast as possible implies it";
}

TEST_F(CommandLine, sets_the_windows_of_every_stream_and_of_unknown_ones) {
  const Config c = config_of(good(Program::aggregator, {"--window-duration", "250ms"}));
  const std::vector<Window> expected{{0, 250'000'000}};
  EXPECT_EQ(c.default_windows, expected);
  for (const Stream& s : c.streams) EXPECT_EQ(s.windows, expected) << s.name;
}

TEST_F(CommandLine, of_the_display_chooses_what_to_show) {
  const Options o = good(Program::display, {"--once", "--format", "json", "--refresh", "2", "--seconds", "1.5", "--plain"});
  EXPECT_TRUE(o.once && o.plain);
  EXPECT_EQ(o.format, DisplayFormat::json);
  EXPECT_EQ(o.seconds, 1.5);
  EXPECT_EQ(config_of(o).refresh_hz, 2);
}

TEST_F(CommandLine, that_is_wrong_is_told_with_the_way_to_help) {
  EXPECT_THAT(wrong(Program::producer, {"--reply", "x"}), testing::AllOf(HasSubstr("--reply"), HasSubstr("--replay"), HasSubstr("--help")));
  EXPECT_THAT(wrong(Program::producer, {"--rate", "5"}), HasSubstr("--replay"));
  EXPECT_THAT(wrong(Program::producer, {"--replay", "x", "--rate", "nan"}), HasSubstr("nan"));
  EXPECT_THAT(wrong(Program::producer, {"--replay", "x", "--format", "i16"}), HasSubstr("nearest: i16le"));
  EXPECT_THAT(wrong(Program::producer, {"--replay", "x", "--format", "i16le"}), HasSubstr("--channels"));
  EXPECT_THAT(wrong(Program::producer, {"--replay", "x", "--channels", "-1"}), HasSubstr("--channels"));
  EXPECT_THAT(wrong(Program::aggregator, {"--window-frames", "0"}), HasSubstr("--window-frames"));
  EXPECT_THAT(wrong(Program::aggregator, {"--window-duration", "10"}), HasSubstr("250ms"));
  EXPECT_THAT(wrong(Program::aggregator, {"--window-frames", "5", "--window-duration", "1s"}), HasSubstr("excludes"));
  EXPECT_THAT(wrong(Program::display, {"--instance", "A/B"}), HasSubstr("a-z"));
  EXPECT_THAT(wrong(Program::display, {"--log-level", "loud"}), HasSubstr("trace"));
  EXPECT_THAT(wrong(Program::display, {"stray"}), HasSubstr("stray"));
  EXPECT_THAT(wrong(Program::display, {"--config"}), HasSubstr("--config"));
}

TEST_F(CommandLine, is_blamed_for_a_fault_of_its_own_and_the_file_for_others) {
  const std::string path = testing::TempDir() + "chappe-options-" + std::to_string(::getpid()) + ".toml";
  std::ofstream(path) << "[ring]\nblocks = 3\n[[stream]]\nname = 5\n";
  const LoadResult result =
      effective(good(Program::producer, {"--config", path.c_str(), "--replay", "x.csv", "--rate", "5", "--time-column", "t"}));
  ::unlink(path.c_str());
  const std::string text = describe(result.faults);
  EXPECT_EQ(result.faults.size(), 2u) << text;
  EXPECT_THAT(text, HasSubstr(path + ":2:10: ring.blocks: "));
  EXPECT_THAT(text, HasSubstr("--rate: stream[0].rate: contradicts time_column"));
}

TEST_F(CommandLine, reads_the_file_anew_at_each_reload) {
  const std::string path = testing::TempDir() + "chappe-reload-" + std::to_string(::getpid()) + ".toml";
  const Options options = good(Program::aggregator, {"--config", path.c_str(), "--instance", "kept"});
  const std::string stream = "[[stream]]\nname = \"a\"\nchannels = 1\nrate = ";
  std::ofstream(path) << stream << "1\n";
  const Config before = config_of(options);
  std::ofstream(path) << stream << "2\n";
  const Config after = config_of(options);
  std::ofstream(path) << stream << "fast\n";
  EXPECT_FALSE(effective(options).faults.empty());
  ::unlink(path.c_str());
  EXPECT_EQ(before.streams.at(0).rate_hz, 1);
  EXPECT_EQ(after.streams.at(0).rate_hz, 2);
  EXPECT_EQ(after.instance, "kept");
  EXPECT_TRUE(refused_live(before, after).empty());
}

TEST_F(CommandLine, names_streams_after_files) {
  EXPECT_EQ(stream_name_for("/a/ecg_1kHz.i16le.bin", {}), "ecg_1kHz.i16le");
  EXPECT_EQ(stream_name_for("plain", {}), "plain");
  EXPECT_EQ(stream_name_for(".csv", {}), ".csv");
  EXPECT_EQ(stream_name_for("/a/", {}), "replay");
  EXPECT_EQ(stream_name_for("\xc3\xa4 b.csv", {}), "___b");
  const std::string longest(47, 'a');
  Stream taken;
  taken.name = longest;
  EXPECT_EQ(stream_name_for(std::string(60, 'a') + ".csv", {}), longest);
  EXPECT_EQ(stream_name_for(std::string(60, 'a') + ".csv", {taken}), std::string(45, 'a') + "-2");
}

}  // namespace
}  // namespace chappe::config

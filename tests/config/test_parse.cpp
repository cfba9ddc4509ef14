#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/config.hpp"

namespace chappe::config {
namespace {

constexpr const char* kStream = "[[stream]]\nname = \"a\"\nrate = 100\nchannels = 2\n";

LoadResult good(const std::string& text) {
  LoadResult result = load_text(text, "t");
  EXPECT_EQ(describe(result.faults), "") << text;
  return result;
}

TEST(Parse, gives_the_documented_defaults) {
  const Config c = good(kStream).loaded.config;
  EXPECT_EQ(c.instance, "default");
  EXPECT_EQ(c.ring.blocks, kAutomatic);
  EXPECT_EQ(c.ring.max_delay_ns, 10'000'000);
  EXPECT_EQ(c.ring.stall_timeout_ns, 0) << "nobody is evicted unless somebody asked for it";
  EXPECT_EQ(endpoint(c, "producer").port, 9464);
  EXPECT_EQ(endpoint(c, "aggregator").port, 9465);
  EXPECT_EQ(endpoint(c, "display").port, 9466);
  EXPECT_EQ(endpoint(c, "nobody").port, 0);
  const rt::ThreadPlan feed = c.realtime.threads.at("feed");
  EXPECT_EQ(feed.name, "chappe-feed");
  EXPECT_EQ(feed.policy, rt::Policy::fifo);
  EXPECT_EQ(feed.priority, 60);
  EXPECT_EQ(feed.stack_bytes, 262144u);
  EXPECT_EQ(c.realtime.threads.at("drain").priority, 50);
  EXPECT_EQ(c.realtime.threads.at("source").priority, 55);
  ASSERT_EQ(c.streams.size(), 1u);
  EXPECT_EQ(c.streams[0].channels[1].name, "ch1");
  EXPECT_EQ(c.streams[0].channels[1].waveform, Waveform::sine);
  EXPECT_EQ(c.streams[0].windows, (std::vector<Window>{{0, 1'000'000'000}}));
}

TEST(Parse, takes_hops_in_the_unit_of_the_length_and_the_alignment) {
  const Config c = good(std::string(kStream) + "[[stream.window]]\nframes = 100\nhop = 25\n" +
                        "[[stream.window]]\nduration = \"60s\"\nhop = \"1s\"\nalign = \"wall\"\n")
                       .loaded.config;
  EXPECT_EQ(c.streams.at(0).windows, (std::vector<Window>{{100, 0, 25, 0, false}, {0, 60'000'000'000, 0, 1'000'000'000, true}}));
  EXPECT_EQ(c.streams.at(0).windows[1].hops(), 60U);
  EXPECT_EQ(load_text(to_toml(c), "again").loaded.config, c);
}

TEST(Parse, refuses_hops_that_do_not_divide_and_alignments_of_frames) {
  const auto first_fault = [](const std::string& window) {
    const auto faults = load_text(std::string(kStream) + "[[stream.window]]\n" + window, "t").faults;
    return faults.empty() ? "none" : faults[0].key + ": " + faults[0].text;
  };
  EXPECT_EQ(first_fault("frames = 100\nhop = 50\n"), "none");
  EXPECT_EQ(first_fault("frames = 100\nhop = 30\n"), "stream[0].window[0].hop: 30: expected a 2nd to 64th part of frames");
  EXPECT_THAT(first_fault("frames = 100\nhop = 100\n"), testing::HasSubstr("2nd to 64th"));
  EXPECT_THAT(first_fault("frames = 100\nhop = 1\n"), testing::HasSubstr("2nd to 64th"));
  EXPECT_THAT(first_fault("frames = 100\nhop = \"1ms\"\n"), testing::HasSubstr("a number of frames"));
  EXPECT_THAT(first_fault("duration = \"1s\"\nhop = 10\n"), testing::HasSubstr("a duration"));
  EXPECT_THAT(first_fault("duration = \"2ms\"\nhop = \"500us\"\n"), testing::HasSubstr("1ms or more"));
  EXPECT_THAT(first_fault("frames = 100\nalign = \"wall\"\n"), testing::HasSubstr("only with duration"));
  EXPECT_THAT(first_fault("duration = \"1s\"\nalign = \"wal\"\n"), testing::HasSubstr("nearest: \"wall\""));
}

TEST(Parse, lets_a_stream_overrule_what_all_windows_have) {
  const Config c =
      good(std::string("[statistics]\nshape = false\n") + kStream + "[[stream]]\nname = \"b\"\nrate = 1\nchannels = 1\nshape = true\n")
          .loaded.config;
  EXPECT_FALSE(c.shape);
  EXPECT_FALSE(c.streams.at(0).shape);
  EXPECT_TRUE(c.streams.at(1).shape);
  EXPECT_TRUE(good(kStream).loaded.config.streams.at(0).shape);
  EXPECT_EQ(load_text(to_toml(c), "again").loaded.config, c);
}

TEST(Parse, takes_every_key_of_a_simulated_stream) {
  const Stream s = good(R"([[stream]]
name = "Vib.1"
source = "simulator"
rate = 12.5
type = "f64"
seed = 9
dropout = 0.25
channels = ["x", { name = "y", unit = "g", waveform = "square", amplitude = 2, offset = -1, frequency = 3.5, noise = 0.1, spikes = 0.01, nans = 0.02 }]
[[stream.window]]
frames = 10
[[stream.window]]
duration = "250ms"
)")
                       .loaded.config.streams.at(0);
  EXPECT_EQ(s.name, "Vib.1");
  EXPECT_EQ(s.rate_hz, 12.5);
  EXPECT_EQ(s.type, SampleType::f64);
  EXPECT_EQ(s.seed, 9u);
  EXPECT_EQ(s.dropout_probability, 0.25);
  EXPECT_EQ(s.channels.at(0).name, "x");
  EXPECT_EQ(s.channels.at(1), (Channel{"y", "g", Waveform::square, 2, -1, 3.5, 0.1, 0.01, 0.02}));
  EXPECT_EQ(s.windows, (std::vector<Window>{{10, 0}, {0, 250'000'000}}));
}

TEST(Parse, takes_every_key_of_a_replay) {
  const Config c = good(R"([producer]
on_full = "wait"
[[stream]]
name = "r"
source = "replay"
file = "a.csv"
format = "csv"
time_column = 3
time_unit = "ms"
as_fast_as_possible = true
loop = false
)")
                       .loaded.config;
  EXPECT_EQ(c.on_full, OnFull::wait);
  EXPECT_EQ(c.streams.at(0).replay, (Replay{"a.csv", ReplayFormat::csv, "3", TimeUnit::ms, true, false}));
  EXPECT_TRUE(c.streams.at(0).channels.empty());
}

TEST(Parse, takes_every_key_of_a_memory_stream) {
  const std::string text = "[producer]\non_full = \"wait\"\n[[stream]]\nname = \"m\"\nsource = \"memory\"\ntype = \"f64\"\n";
  const Stream s = good(text + "channels = [\"x\", { name = \"y\", unit = \"g\" }]\n").loaded.config.streams.at(0);
  EXPECT_EQ(s.source, SourceKind::memory);
  EXPECT_EQ(s.type, SampleType::f64);
  EXPECT_EQ(s.rate_hz, 0);
  EXPECT_EQ(s.channels.at(0).name, "x");
  EXPECT_EQ(s.channels.at(1).unit, "g");
}

TEST(Parse, lets_streams_without_windows_take_those_of_the_top_level) {
  const Config c = good(std::string("[[window]]\nframes = 7\n") + kStream).loaded.config;
  EXPECT_EQ(c.default_windows, (std::vector<Window>{{7, 0}}));
  EXPECT_EQ(c.streams.at(0).windows, c.default_windows);
}

TEST(Parse, gives_a_thread_of_policy_other_no_priority_by_itself) {
  const Config c = good(std::string("[realtime.feed]\npolicy = \"other\"\ncpus = [1, 3]\n") + kStream).loaded.config;
  EXPECT_EQ(c.realtime.threads.at("feed").priority, 0);
  EXPECT_EQ(c.realtime.threads.at("feed").cpus, (std::vector<int>{1, 3}));
}

TEST(Parse, remembers_where_each_value_comes_from) {
  const LoadResult r = good(std::string("[ring]\nblocks = 256\n") + kStream);
  EXPECT_EQ(r.loaded.origins.at("ring.blocks"), "t:2");
  EXPECT_EQ(r.loaded.origins.at("ring.block_bytes"), "default");
  EXPECT_EQ(r.loaded.origins.at("stream[0].rate"), "t:5");
  EXPECT_EQ(r.loaded.origins.at("stream[0].type"), "default");
  EXPECT_EQ(r.loaded.origins.at("stream[0].channels[1]"), "t:6");
  EXPECT_THAT(to_toml(r.loaded.config, &r.loaded.origins), testing::HasSubstr("blocks = 256  # t:2\n"));
}

TEST(Parse, takes_one_port_on_two_addresses) { good(std::string("[metrics.producer]\naddress = \"127.0.0.2\"\nport = 9465\n") + kStream); }

TEST(Parse, gives_windows_that_a_stream_inherits_the_origin_of_those_at_the_top) {
  const LoadResult r = good(std::string("[[window]]\nframes = 5\n") + kStream);
  EXPECT_EQ(r.loaded.origins.at("stream[0].window[0].frames"), "t:2");
  EXPECT_EQ(good(kStream).loaded.origins.at("stream[0].window[0].duration"), "default");
}

constexpr const char* kAnalysis = R"([analysis]
quantiles = [0.5]
[[stream]]
name = "a"
rate = 100
channels = 2
[[stream]]
name = "b"
rate = 100
channels = 2
[stream.analysis]
quantiles = [0.05, 0.95]
hold = 1000
relative_error = 0.02
histogram = 20
ewma = "2s"
covariance = true
spectrum = { length = 100, overlap = 0.25, window = "flattop", peaks = 5, bands = [{ name = "mains", low = 45, high = 55 }] }
[[stream]]
name = "c"
rate = 100
channels = 2
[stream.analysis]
)";

TEST(Parse, takes_every_key_of_an_analysis_and_that_of_the_top_level_for_streams_without) {
  const Config c = good(kAnalysis).loaded.config;
  EXPECT_EQ(c.streams.at(0).analysis, c.default_analysis);
  EXPECT_EQ(c.default_analysis.quantiles, (std::vector<double>{0.5}));
  const Analysis& b = c.streams.at(1).analysis;
  EXPECT_EQ(b.quantiles, (std::vector<double>{0.05, 0.95}));
  EXPECT_EQ(b.hold, 1000u);
  EXPECT_EQ(b.relative_error, 0.02);
  EXPECT_EQ(b.histogram, 20u);
  EXPECT_EQ(b.ewma_ns, 2'000'000'000);
  EXPECT_TRUE(b.covariance);
  EXPECT_EQ(b.spectrum, (Spectrum{100, 0.25, WindowFunction::flattop, 5, {{"mains", 45, 55}}}));
  EXPECT_FALSE(c.streams.at(2).analysis.is_on()) << "a table of its own, and nothing in it";
  EXPECT_FALSE(good(kStream).loaded.config.streams.at(0).analysis.is_on()) << "nothing by itself";
}

TEST(Print, of_an_analysis_is_read_back_to_the_same) {
  const LoadResult first = good(kAnalysis);
  const LoadResult again = good(to_toml(first.loaded.config));
  EXPECT_EQ(again.loaded.config, first.loaded.config) << to_toml(first.loaded.config);
  EXPECT_EQ(again.loaded.hash, first.loaded.hash);
}

TEST(Print, is_read_back_to_the_same_configuration_and_hash) {
  const LoadResult first = good(R"([instance]
name = "x-1"
[permissions]
readers = "nogroup"
[ring]
blocks = 1024
max_delay = "2500us"
[producer]
on_full = "wait"
[window_log]
path = "/tmp/a \"quoted\" \\ name.csv"
[log]
level = "debug"
[display]
refresh = 2.5
[metrics.display]
address = "0.0.0.0"
port = 0
[realtime]
lock_memory = false
[realtime.source]
policy = "other"
cpus = [0, 2]
stack = 131072
[[window]]
frames = 3
[[stream]]
name = "s"
rate = 0.1
dropout = 1e-9
channels = [{ name = "°C \"in\"", unit = "°C", waveform = "random_walk", amplitude = 0.1, noise = 1e-7, nans = 0.3 }, "b"]
[[stream]]
name = "raw"
source = "replay"
file = "x.bin"
format = "i16le"
rate = 250
channels = 3
[[stream]]
name = "rows"
source = "replay"
file = "x.csv"
time_column = "when"
time_unit = "iso8601"
[[stream.window]]
duration = "90s"
[[stream]]
name = "load"
source = "memory"
channels = ["x", { name = "y", unit = "g" }]
[[stream.calibration]]
channels = ["y", "x"]
scale = 1e-3
offset = -0.1
polynomial = [0, 1, 2.5e-7]
matrix = [[1, 0.1], [-0.1, 1]]
bias = [3, 4]
unit = "m/s²"
[[stream.calibration]]
channels = ["x"]
scale = 2
[[stream.derived]]
name = "a \"total\""
unit = "g"
magnitude = ["x", "y"]
[[stream.derived]]
name = "jerk"
derivative = ["a \"total\""]
)");
  const std::string text = to_toml(first.loaded.config);
  const LoadResult again = good(text);
  EXPECT_EQ(again.loaded.config, first.loaded.config) << text;
  EXPECT_EQ(again.loaded.hash, first.loaded.hash);
  EXPECT_EQ(to_toml(again.loaded.config), text);
  EXPECT_EQ(good(to_toml(first.loaded.config, &first.loaded.origins)).loaded.config, first.loaded.config) << "with origins";
  EXPECT_THAT(to_json(first.loaded.config), testing::HasSubstr("\"iso8601\""));
}

TEST(Parse, takes_calibrations_and_derived_channels_in_their_order) {
  const Stream s = good(std::string(kStream) + R"([[stream.calibration]]
channels = ["ch1", "ch0"]
scale = 2
offset = 0.5
polynomial = [1, 0, 3]
matrix = [[1, 2], [3, 4]]
bias = [5, 6]
unit = "V"
[[stream.calibration]]
channels = ["ch0"]
unit = "A"
[[stream.derived]]
name = "p"
unit = "W"
ratio = ["ch0", "ch1"]
[[stream.derived]]
name = "dp"
derivative = ["p"]
)")
                       .loaded.config.streams.at(0);
  EXPECT_THAT(s.calibration, testing::ElementsAre(Calibration{{"ch1", "ch0"}, 2, 0.5, {1, 0, 3}, {{1, 2}, {3, 4}}, {5, 6}, "V"},
                                                  Calibration{{"ch0"}, 1, 0, {}, {}, {}, "A"}));
  EXPECT_THAT(s.derived,
              testing::ElementsAre(Derived{"p", "W", Operation::ratio, {"ch0", "ch1"}}, Derived{"dp", "", Operation::derivative, {"p"}}));
}

TEST(Parse, leaves_names_that_only_a_recording_knows_to_the_aggregator) {
  const Stream s = good(
                       "[[stream]]\nname = \"r\"\nsource = \"replay\"\nfile = \"x.csv\"\n"
                       "[[stream.calibration]]\nchannels = [\"any\"]\nscale = 2\n[[stream.derived]]\nname = \"d\"\nsum = [\"any\"]\n")
                       .loaded.config.streams.at(0);
  EXPECT_EQ(s.calibration.at(0).scale, 2);
}

TEST(Hash, of_a_calibration_is_of_what_it_says_and_none_of_none) {
  Stream s = good(kStream).loaded.config.streams.at(0);
  EXPECT_EQ(calibration_hash(s), 0u);
  s.calibration.push_back({{"ch0"}, 2, 0, {}, {}, {}, ""});
  const std::uint64_t scaled = calibration_hash(s);
  EXPECT_NE(scaled, 0u);
  s.rate_hz = 1;
  s.windows = {{5, 0}};
  EXPECT_EQ(calibration_hash(s), scaled);
  s.calibration[0].scale = 2.5;
  EXPECT_NE(calibration_hash(s), scaled);
  s.calibration.clear();
  s.derived.push_back({.name = "d", .unit = "", .operation = Operation::sum, .of = {"ch0"}});
  const std::uint64_t sum = calibration_hash(s);
  s.derived[0].operation = Operation::magnitude;
  EXPECT_NE(calibration_hash(s), sum);
}

TEST(Hash, differs_when_any_value_differs) {
  Config c = good(kStream).loaded.config;
  const std::uint64_t before = hash_of(c);
  c.streams[0].channels[0].noise = 1e-12;
  EXPECT_NE(hash_of(c), before);
}

TEST(FrameStride, pads_to_a_power_of_two_up_to_64_bytes_and_then_to_multiples_of_64) {
  EXPECT_EQ(frame_stride(1, SampleType::f32), 4u);
  EXPECT_EQ(frame_stride(3, SampleType::f32), 16u);
  EXPECT_EQ(frame_stride(6, SampleType::f64), 64u);
  EXPECT_EQ(frame_stride(16, SampleType::f32), 64u);
  EXPECT_EQ(frame_stride(17, SampleType::f32), 128u);
  EXPECT_EQ(frame_stride(73, SampleType::f64), 640u);
}

class File : public testing::Test {
 protected:
  File() : path_(testing::TempDir() + "chappe-config-" + std::to_string(::getpid())) {}
  ~File() override { std::filesystem::remove_all(path_); }
  std::string fault() const { return describe(load_file(path_).faults); }
  std::string path_;
};

TEST_F(File, that_is_missing_is_one_fault) { EXPECT_EQ(fault(), path_ + ": cannot be opened: No such file or directory"); }

TEST_F(File, that_is_a_folder_is_refused) {
  std::filesystem::create_directory(path_);
  EXPECT_EQ(fault(), path_ + ": not a regular file");
}

TEST_F(File, that_is_a_pipe_is_refused_and_not_waited_for) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(fault(), path_ + ": not a regular file");
}

TEST_F(File, of_more_than_a_mebibyte_is_refused) {
  std::ofstream(path_) << std::string((1 << 20) + 1, '#');
  EXPECT_EQ(fault(), path_ + ": larger than 1 MiB: this is no configuration");
}

TEST_F(File, that_is_good_loads) {
  std::ofstream(path_) << kStream;
  EXPECT_EQ(fault(), "");
}

}  // namespace
}  // namespace chappe::config

// Bad inputs, each with the place and the words that the operator is told.
#include "tests/config/bad_input.hpp"

namespace chappe::config {
namespace {

using testing::HasSubstr;

constexpr const char* kTwoChannels = "[[stream]]\nname = \"a\"\nrate = 100\nchannels = 2\n";

std::string with(const std::string& section) { return section + "\n" + kTwoChannels; }
std::string in_stream(const std::string& lines) { return kTwoChannels + lines + "\n"; }
std::string memory(const std::string& lines) {
  return "[producer]\non_full = \"wait\"\n[[stream]]\nname = \"a\"\nsource = \"memory\"\n" + lines + "\n";
}
std::string replay(const std::string& lines) { return "[[stream]]\nname = \"a\"\nsource = \"replay\"\nfile = \"f\"\n" + lines + "\n"; }

class BadInput : public testing::TestWithParam<Bad> {};

TEST_P(BadInput, is_told_with_its_place) { expect_told_with_its_place(GetParam()); }

const std::vector<Bad> kBad{
    // What is computed of a window beside its moments.
    {"analysis_level", in_stream("[stream.analysis]\nquantiles = [0.5, 1.5]"), 6, 13, "stream[0].analysis.quantiles",
     "1.5: expected levels from 0 to 1"},
    {"analysis_levels_descend", with("[analysis]\nquantiles = [0.5, 0.1]"), 2, 13, "analysis.quantiles", "0.1: expected ascending levels"},
    {"analysis_sketch_error", with("[analysis]\nrelative_error = 0"), 2, 18, "analysis.relative_error",
     "0: expected a number from 0.001 to 0.1"},
    {"analysis_segment", with("[analysis.spectrum]\nlength = 15"), 2, 10, "analysis.spectrum.length", "15: expected 16 to 262144"},
    {"analysis_taper", with("[analysis]\nspectrum = { window = \"han\" }"), 2, 23, "analysis.spectrum.window", "nearest: \"hann\""},
    {"analysis_band", with("[analysis.spectrum]\nbands = [{ name = \"a\", low = 5, high = 5 }]"), 2, 10, "analysis.spectrum.bands[0]",
     "expected 0 <= low < high"},
    {"analysis_ewma", with("[analysis]\newma = \"1us\""), 2, 8, "analysis.ewma", "1us: expected 1ms to 24h"},
    {"analysis_unknown_in_analysis", with("[analysis]\nquantile = [0.5]"), 2, 1, "analysis.quantile", "nearest known: quantiles"},
    // What is no TOML, and keys that nobody knows.
    {"syntax", "[ring]\nblocks = \n", 2, 10, "", "not TOML"},
    {"twice", "[log]\nlevel = \"info\"\nlevel = \"info\"\n", 3, 9, "", "not TOML"},
    {"deep_key", "a" + std::string(1000, '.') + "\n", 1, 10, "", "more than 8 parts"},
    {"unknown_key", with("[ring]\nblock = 64"), 2, 1, "ring.block", "nearest known: blocks"},
    {"unknown_table", with("[rng]\nblocks = 64"), 1, 2, "rng", "nearest known: ring"},
    {"unknown_far", with("[log]\ncolour = 1"), 2, 1, "log.colour", "known here: level"},
    {"unknown_process", with("[metrics.produce]\nport = 1"), 1, 10, "metrics.produce", "nearest known: producer"},
    {"unknown_thread", with("[realtime.drian]\npriority = 1"), 1, 11, "realtime.drian", "nearest known: drain"},
    {"unknown_in_channel", "[[stream]]\nname = \"a\"\nrate = 1\nchannels = [{ name = \"x\", unti = \"g\" }]", 4, 27,
     "stream[0].channels[0].unti", "unit"},
    {"unknown_in_window", in_stream("[[stream.window]]\nframe = 3\nframes = 3"), 6, 1, "stream[0].window[0].frame", "frames"},
    // Wrong types.
    {"text_for_number", with("[ring]\nblocks = \"64\""), 2, 10, "ring.blocks", "\"64\": expected a whole number"},
    {"fraction", with("[ring]\nblocks = 64.5"), 2, 10, "ring.blocks", "64.5: expected a whole number"},
    {"negative", with("[ring]\nblocks = -64"), 2, 10, "ring.blocks", "-64: expected a whole number, 1 or more, or \"auto\""},
    {"number_for_text", with("[instance]\nname = 5"), 2, 8, "instance.name", "5: expected text in quotes"},
    {"number_for_duration", with("[ring]\nmax_delay = 10"), 2, 13, "ring.max_delay", "such as \"250us\""},
    {"bad_duration", with("[ring]\nmax_delay = \"10 parsecs\""), 2, 13, "ring.max_delay", "\"10 parsecs\": expected a duration"},
    {"text_for_truth", with("[realtime]\nlock_memory = \"yes\""), 2, 15, "realtime.lock_memory", "true or false"},
    {"value_for_table", with("ring = 5"), 1, 8, "ring", "5: expected a table: [ring]"},
    {"table_for_array", "[stream]\nname = \"a\"", 1, 1, "stream", "[[stream]]"},
    {"word", with("[producer]\non_full = \"wiat\""), 2, 11, "producer.on_full", "expected \"drop\" or \"wait\"; nearest: \"wait\""},
    {"level", with("[log]\nlevel = \"warning\""), 2, 9, "log.level", "error; nearest: warn"},
    {"cpus", with("[realtime.feed]\ncpus = 3"), 2, 8, "realtime.feed.cpus", "such as [2, 3]"},
    {"channels_type", "[[stream]]\nname = \"a\"\nrate = 1\nchannels = true", 4, 12, "stream[0].channels",
     "true: expected a number from 1 to 4096"},
    {"channel_type", "[[stream]]\nname = \"a\"\nrate = 1\nchannels = [\"x\", 5]", 4, 18, "stream[0].channels[1]",
     "5: expected a channel's name"},
    // Limits.
    {"instance", with("[instance]\nname = \"A b\""), 2, 8, "instance.name", "a-z, 0-9, _ and -"},
    {"instance_empty", with("[instance]\nname = \"\""), 2, 8, "instance.name", "1 to 32"},
    {"group", with("[permissions]\nreaders = \"a b\""), 2, 11, "permissions.readers", "a group's name or number"},
    {"not_a_power", with("[ring]\nblocks = 100"), 2, 10, "ring.blocks",
     "100: expected \"auto\", or a power of two from 8 to 65536; nearest: 128"},
    {"few_blocks", with("[ring]\nblocks = 4"), 2, 10, "ring.blocks", "nearest: 8"},
    {"block_bytes", with("[ring]\nblock_bytes = 5000"), 2, 15, "ring.block_bytes", "multiple of 4096"},
    {"delay", with("[ring]\nmax_delay = \"1us\""), 2, 13, "ring.max_delay", "1us: expected 100us to 10s"},
    {"stall_short", with("[ring]\nstall_timeout = \"99ms\""), 2, 17, "ring.stall_timeout",
     "99ms: expected 100ms to 3600s, or \"0s\" for never"},
    {"stall_long", with("[ring]\nstall_timeout = \"2h\""), 2, 17, "ring.stall_timeout", "7200s: expected 100ms to 3600s"},
    {"stall_number", with("[ring]\nstall_timeout = 0"), 2, 17, "ring.stall_timeout", "a duration in quotes"},
    {"refresh", with("[display]\nrefresh = 1000"), 2, 11, "display.refresh", "0.1 to 50 Hz"},
    {"address", with("[metrics.producer]\naddress = \"example.org\""), 2, 11, "metrics.producer.address", "IPv4"},
    {"port", with("[metrics.display]\nport = 70000"), 2, 8, "metrics.display.port", "0 to 65535"},
    {"port_huge", with("[metrics.display]\nport = 4294967296"), 2, 8, "metrics.display.port", "0 to 65535"},
    {"same_port", with("[metrics.producer]\nport = 9465"), 2, 8, "metrics.producer.port", "same address and port"},
    {"any_port", with("[metrics.producer]\nport = 9465\naddress = \"0.0.0.0\""), 2, 8, "metrics.producer.port", "same address and port"},
    {"localhost_port", with("[metrics.producer]\nport = 9465\naddress = \"localhost\""), 2, 8, "metrics.producer.port", "same address"},
    {"priority", with("[realtime.feed]\npriority = 100"), 2, 12, "realtime.feed.priority", "1 to 99"},
    {"priority_of_other", with("[realtime.feed]\npolicy = \"other\"\npriority = 5"), 3, 12, "realtime.feed.priority",
     "stands only with policy = \"fifo\""},
    {"cpu", with("[realtime.feed]\ncpus = [-1]"), 2, 8, "realtime.feed.cpus", "0 to 1023"},
    {"cpu_twice", with("[realtime.feed]\ncpus = [2, 2]"), 2, 8, "realtime.feed.cpus", "2: named twice"},
    {"stack", with("[realtime.feed]\nstack = 1000"), 2, 9, "realtime.feed.stack", "multiple of 4096"},
    // Streams.
    {"no_stream", "[log]\nlevel = \"info\"\n", 0, 0, "stream", "0 streams: expected 1 to 256"},
    {"no_name", "[[stream]]\nrate = 1\nchannels = 1", 1, 1, "stream[0].name", "missing"},
    {"no_rate", "[[stream]]\nname = \"a\"\nchannels = 1", 1, 1, "stream[0].rate", "missing"},
    {"no_channels", "[[stream]]\nname = \"a\"\nrate = 1", 1, 1, "stream[0].channels", "missing"},
    {"empty_channels", "[[stream]]\nname = \"a\"\nrate = 1\nchannels = []", 4, 12, "stream[0].channels", "at least one"},
    {"stream_name", "[[stream]]\nname = \"a/b\"\nrate = 1\nchannels = 1", 2, 8, "stream[0].name", "letters, digits"},
    {"same_stream", in_stream(kTwoChannels), 6, 8, "stream[1].name", "stream[0] has the same name"},
    {"long_name", "[[stream]]\nname = \"" + std::string(48, 'a') + "\"\nrate = 1\nchannels = 1", 2, 8, "stream[0].name", "1 to 47"},
    {"rate_zero", "[[stream]]\nname = \"a\"\nrate = 0\nchannels = 1", 3, 8, "stream[0].rate", "0.001 to"},
    {"rate_nan", "[[stream]]\nname = \"a\"\nrate = nan\nchannels = 1", 3, 8, "stream[0].rate", "nan: expected"},
    {"same_channel", "[[stream]]\nname = \"a\"\nrate = 1\nchannels = [\"x\", \"x\"]", 4, 18, "stream[0].channels[1].name",
     "channels[0] has the same name"},
    {"long_unit", "[[stream]]\nname = \"a\"\nrate = 1\nchannels = [{ name = \"x\", unit = \"0123456789abcdef\" }]", 4, 34,
     "stream[0].channels[0].unit", "15 bytes"},
    {"probability", "[[stream]]\nname = \"a\"\nrate = 1\nchannels = [{ name = \"x\", nans = 1.5 }]", 4, 34, "stream[0].channels[0].nans",
     "0 to 1"},
    {"index", "[[stream]]\nname = \"a\"\nrate = 1\nchannels = [{ name = \"x\", waveform = \"index\", noise = 1 }]", 4, 13,
     "stream[0].channels[0]", "frame index alone"},
    {"too_many", "[[stream]]\nname = \"a\"\nrate = 1\nchannels = 4096\n[[stream]]\nname = \"b\"\nrate = 1\nchannels = 1", 1, 1, "stream",
     "4097 channels in sum"},
    {"dropout", in_stream("dropout = 2"), 5, 11, "stream[0].dropout", "0 to 1"},
    // Windows.
    {"both_windows", in_stream("[[stream.window]]\nframes = 3\nduration = \"1s\""), 5, 1, "stream[0].window[0]", "not both"},
    {"no_window_key", in_stream("[[stream.window]]"), 5, 1, "stream[0].window[0]", "either frames"},
    {"window_short", in_stream("[[stream.window]]\nduration = \"10us\""), 6, 12, "stream[0].window[0].duration", "1ms to 86400s"},
    {"window_long", in_stream("[[stream.window]]\nframes = 1000000001"), 6, 10, "stream[0].window[0].frames", "1 to 1000000000"},
    {"window_word", in_stream("[[stream.window]]\nduration = \"long\""), 6, 12, "stream[0].window[0].duration", "expected a duration"},
    {"window_twice", in_stream("[[stream.window]]\nframes = 3\n[[stream.window]]\nframes = 3"), 7, 1, "stream[0].window[1]", "twice"},
    {"default_window", with("[[window]]\nframes = 0"), 1, 1, "window[0]", "either frames"},
    // Calibration and derived channels.
    {"calibration_of_none", in_stream("[[stream.calibration]]\nscale = 2"), 5, 1, "stream[0].calibration[0].channels", "missing"},
    {"calibration_channel", in_stream("[[stream.calibration]]\nchannels = [\"hc0\"]\nscale = 2"), 6, 12,
     "stream[0].calibration[0].channels", "\"hc0\": no channel of this stream; nearest: ch0"},
    {"calibration_channel_twice", in_stream("[[stream.calibration]]\nchannels = [\"ch0\", \"ch0\"]\nscale = 2"), 6, 12,
     "stream[0].calibration[0].channels", "\"ch0\": named twice"},
    {"calibration_channels_type", in_stream("[[stream.calibration]]\nchannels = \"ch0\"\nscale = 2"), 6, 12,
     "stream[0].calibration[0].channels", "\"ch0\": expected an array of texts"},
    {"calibration_idle", in_stream("[[stream.calibration]]\nchannels = [\"ch0\"]\nscale = 1"), 5, 1, "stream[0].calibration[0]",
     "changes nothing"},
    {"scale_zero", in_stream("[[stream.calibration]]\nchannels = [\"ch0\"]\nscale = 0"), 7, 9, "stream[0].calibration[0].scale",
     "every value"},
    {"offset_nan", in_stream("[[stream.calibration]]\nchannels = [\"ch0\"]\noffset = nan"), 7, 10, "stream[0].calibration[0].offset",
     "nan: expected a number from"},
    {"polynomial_constant", in_stream("[[stream.calibration]]\nchannels = [\"ch0\"]\npolynomial = [3]"), 7, 14,
     "stream[0].calibration[0].polynomial", "1 coefficients: expected 2 to 16"},
    {"polynomial_text", in_stream("[[stream.calibration]]\nchannels = [\"ch0\"]\npolynomial = [1, \"x\"]"), 7, 14,
     "stream[0].calibration[0].polynomial", "\"x\": expected an array of numbers"},
    {"matrix_rows", in_stream("[[stream.calibration]]\nchannels = [\"ch0\", \"ch1\"]\nmatrix = [[1, 0]]"), 7, 10,
     "stream[0].calibration[0].matrix", "expected 2 rows of 2 numbers"},
    {"matrix_ragged", in_stream("[[stream.calibration]]\nchannels = [\"ch0\", \"ch1\"]\nmatrix = [[1, 0], [1]]"), 7, 10,
     "stream[0].calibration[0].matrix", "expected 2 rows of 2 numbers"},
    {"matrix_flat", in_stream("[[stream.calibration]]\nchannels = [\"ch0\"]\nmatrix = [1]"), 7, 10, "stream[0].calibration[0].matrix",
     "1: expected an array of rows"},
    {"bias_count", in_stream("[[stream.calibration]]\nchannels = [\"ch0\", \"ch1\"]\nbias = [1]"), 7, 8, "stream[0].calibration[0].bias",
     "1 numbers: expected 2"},
    {"calibration_unit", in_stream("[[stream.calibration]]\nchannels = [\"ch0\"]\nunit = \"0123456789abcdef\""), 7, 8,
     "stream[0].calibration[0].unit", "15 bytes"},
    {"derived_nothing", in_stream("[[stream.derived]]\nname = \"d\""), 5, 1, "stream[0].derived[0]",
     "no operation: expected magnitude, sum"},
    {"derived_two", in_stream("[[stream.derived]]\nname = \"d\"\nmagnitude = [\"ch0\"]\nsum = [\"ch0\"]"), 8, 7, "stream[0].derived[0].sum",
     "stands beside magnitude"},
    {"derived_name", in_stream("[[stream.derived]]\nname = \"ch1\"\nsum = [\"ch0\"]"), 6, 8, "stream[0].derived[0].name", "same name"},
    {"derived_unnamed", in_stream("[[stream.derived]]\nsum = [\"ch0\"]"), 5, 1, "stream[0].derived[0].name", "missing"},
    {"derived_of_later", in_stream("[[stream.derived]]\nname = \"d\"\nsum = [\"e\"]\n[[stream.derived]]\nname = \"e\"\nsum = [\"ch0\"]"), 7,
     7, "stream[0].derived[0].sum", "\"e\": no channel of this stream"},
    {"ratio_of_three", in_stream("[[stream.derived]]\nname = \"d\"\nratio = [\"ch0\"]"), 7, 9, "stream[0].derived[0].ratio",
     "1 channels: a ratio is of 2"},
    {"derived_of_none", in_stream("[[stream.derived]]\nname = \"d\"\nmagnitude = []"), 7, 13, "stream[0].derived[0].magnitude", "none"},
    {"derived_beside_a_recording", replay("[[stream.derived]]\nname = \"d\"\nderivative = [\"x\", \"y\"]"), 7, 14,
     "stream[0].derived[0].derivative", "2 channels: a derivative is of 1"},
    {"derived_too_many", "[[stream]]\nname = \"a\"\nrate = 1\nchannels = 4096\n[[stream.derived]]\nname = \"d\"\nsum = [\"ch0\"]", 1, 1,
     "stream", "4097 channels in sum"},
    // Contradictions.
    {"replay_key", in_stream("loop = true"), 5, 8, "stream[0].loop", "stands only with source = \"replay\""},
    {"simulator_key", replay("seed = 1"), 5, 8, "stream[0].seed", "stands only with source = \"simulator\""},
    {"waveform_of_replay", replay("format = \"i16le\"\nchannels = [{ name = \"x\", noise = 1 }]"), 6, 35, "stream[0].channels[0].noise",
     "a recording has its own"},
    {"no_file", "[[stream]]\nname = \"a\"\nsource = \"replay\"", 1, 1, "stream[0].file", "missing"},
    {"fast_and_drop", replay("as_fast_as_possible = true"), 5, 23, "stream[0].as_fast_as_possible", "on_full = \"wait\""},
    {"evict_and_wait", with("[ring]\nstall_timeout = \"2s\"\n[producer]\non_full = \"wait\""), 2, 17, "ring.stall_timeout",
     "2s: contradicts [producer] on_full = \"wait\""},
    {"raw_channels", replay("format = \"f32le\""), 1, 1, "stream[0].channels", "channels = N"},
    {"time_in_wav", replay("format = \"wav\"\ntime_column = 0"), 6, 15, "stream[0].time_column", "format = \"wav\""},
    {"time_and_rate", replay("rate = 5\ntime_column = 0"), 5, 8, "stream[0].rate", "contradicts time_column"},
    {"memory_and_drop", "[[stream]]\nname = \"a\"\nsource = \"memory\"\nchannels = 1\n", 3, 10, "stream[0].source",
     "\"memory\": needs [producer] on_full = \"wait\""},
    {"memory_rate", memory("channels = 1\nrate = 50"), 7, 8, "stream[0].rate", "50: expected none with source = \"memory\""},
    {"memory_without_channels", memory(""), 3, 1, "stream[0].channels", "missing"},
    {"memory_of_none", memory("channels = []"), 6, 12, "stream[0].channels", "at least one channel"},
    {"memory_seed", memory("channels = 1\nseed = 5"), 7, 8, "stream[0].seed", "stands only with source = \"simulator\""},
    {"memory_file", memory("channels = 1\nfile = \"x\""), 7, 8, "stream[0].file", "stands only with source = \"replay\""},
    {"memory_waveform", memory("channels = [{ name = \"x\", noise = 1 }]"), 6, 35, "stream[0].channels[0].noise",
     "the values of a memory stream are given"},
    {"source", "[[stream]]\nname = \"a\"\nsource = \"memroy\"\nrate = 1\nchannels = 1\n", 3, 10, "stream[0].source", "nearest: \"memory\""},
    // The ring against its streams.
    {"frame_too_large", with("[ring]\nblock_bytes = 4096\n") + "[[stream]]\nname = \"b\"\nrate = 1\nchannels = 1100\n", 2, 15,
     "ring.block_bytes", "takes 4416 bytes; expected at least 8192"},
    {"too_shallow", "[ring]\nblocks = 8\nblock_bytes = 16384\n[[stream]]\nname = \"a\"\nrate = 250000\nchannels = 16\n", 2, 10,
     "ring.blocks", "holds 0.008 s"},
};

INSTANTIATE_TEST_SUITE_P(Table, BadInput, testing::ValuesIn(kBad), [](const auto& instance) { return std::string(instance.param.name); });

TEST(BadInputs, are_all_told_at_once_in_the_order_of_the_file) {
  const LoadResult result =
      load_text("[ring]\nblocks = 100\nblok = 1\n[log]\nlevel = 5\n[[stream]]\nname = \"a b\"\nrate = \"x\"\nchannels = 1\n", "t");
  EXPECT_EQ(describe(result.faults),
            "t:2:10: ring.blocks: 100: expected \"auto\", or a power of two from 8 to 65536; nearest: 128\n"
            "t:3:1: ring.blok: unknown key; nearest known: blocks\n"
            "t:5:9: log.level: 5: expected text in quotes\n"
            "t:7:8: stream[0].name: \"a b\": expected 1 to 47 of letters, digits, _ . and -\n"
            "t:8:8: stream[0].rate: \"x\": expected a number");
}

TEST(BadInputs, cannot_forge_a_line_of_the_report) {
  const LoadResult result = load_text("\"a\\nall is good\" = 1\n" + std::string(kTwoChannels), "t");
  EXPECT_EQ(describe(result.faults).find('\n'), std::string::npos);
  EXPECT_EQ(result.faults.size(), 1u);
}

TEST(RingDepth, warns_between_a_twentieth_and_half_a_second) {
  const LoadResult result = load_text("[ring]\nblocks = 16\n" + std::string(kTwoChannels), "t");
  EXPECT_TRUE(result.faults.empty()) << describe(result.faults);
  ASSERT_EQ(result.loaded.warnings.size(), 1u);
  EXPECT_THAT(result.loaded.warnings[0], HasSubstr("blocks = 64 holds half a second"));
}

TEST(RingDepth, does_not_matter_to_who_waits) {
  const LoadResult result =
      load_text("[producer]\non_full = \"wait\"\n[ring]\nblocks = 8\n[[stream]]\nname = \"a\"\nrate = 250000\nchannels = 16\n", "t");
  EXPECT_TRUE(result.faults.empty()) << describe(result.faults);
  EXPECT_TRUE(result.loaded.warnings.empty());
}

TEST(Metrics, beyond_loopback_are_a_warning) {
  const LoadResult result = load_text(with("[metrics.producer]\naddress = \"0.0.0.0\""), "t");
  EXPECT_TRUE(result.faults.empty());
  ASSERT_EQ(result.loaded.warnings.size(), 1u);
  EXPECT_THAT(result.loaded.warnings[0], HasSubstr("not loopback"));
}

}  // namespace
}  // namespace chappe::config

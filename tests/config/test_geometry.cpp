// The ring's geometry where "auto" leaves it to us.
#include <gtest/gtest.h>

#include "config/config.hpp"

namespace chappe::config {
namespace {

Stream stream_of(double rate_hz, std::size_t channels) {
  Stream stream;
  stream.name = "s" + std::to_string(channels);
  stream.rate_hz = rate_hz;
  stream.channels.resize(channels);
  return stream;
}

Ring chosen(std::vector<Stream> streams, Ring ring = {}) {
  Config config;
  config.ring = ring;
  config.streams = std::move(streams);
  return geometry(config);
}

TEST(Geometry, ABlockIsWhatTheFastestStreamSendsInMaxDelay) {
  EXPECT_EQ(chosen({stream_of(100, 1)}).block_bytes, 4096U);
  EXPECT_EQ(chosen({stream_of(6250, 16)}).block_bytes, 4096U) << "100,000 samples/s: 4,000 bytes in 10 ms";
  EXPECT_EQ(chosen({stream_of(25'600, 8)}).block_bytes, 8192U);
  EXPECT_EQ(chosen({stream_of(100, 1), stream_of(31'250, 16)}).block_bytes, 32768U) << "20,000 bytes in 10 ms";
  EXPECT_EQ(chosen({stream_of(1'000'000, 16)}).block_bytes, 65536U) << "never larger for the rate's sake";
  EXPECT_EQ(chosen({stream_of(31'250, 16)}, {.max_delay_ns = 1'000'000}).block_bytes, 4096U) << "latency rules";
}

TEST(Geometry, ABlockHoldsSixteenFramesOfTheWidestOrAtLeastOne) {
  EXPECT_EQ(chosen({stream_of(1, 256)}).block_bytes, 16384U);
  EXPECT_EQ(chosen({stream_of(1, 1024)}).block_bytes, 65536U);
  EXPECT_EQ(chosen({stream_of(1, 4096)}).block_bytes, 65536U);
  Stream wide = stream_of(1, 4096);
  wide.type = SampleType::f64;
  EXPECT_EQ(chosen({wide}).block_bytes, 65536U);
}

TEST(Geometry, WhereNoRateIsKnownTheKindOfSourceDecides) {
  Stream recording = stream_of(0, 0);
  recording.source = SourceKind::replay;
  EXPECT_EQ(chosen({recording}).block_bytes, 16384U);
  recording.replay.as_fast_as_possible = true;
  EXPECT_EQ(chosen({recording}).block_bytes, 65536U);
  Stream memory = stream_of(0, 4);
  memory.source = SourceKind::memory;
  EXPECT_EQ(chosen({memory}).block_bytes, 65536U);
}

TEST(Geometry, TheRingHoldsASecondAndEightMebibytes) {
  for (const double rate_hz : {1.0, 6250.0, 25'600.0, 125'000.0, 1'000'000.0}) {
    const Stream stream = stream_of(rate_hz, 16);
    const Ring ring = chosen({stream, stream_of(100, 1)});
    const double depth_s =
        static_cast<double>(ring.blocks) / (blocks_per_second(stream, ring) + blocks_per_second(stream_of(100, 1), ring));
    EXPECT_TRUE(depth_s >= 1 || ring.blocks * ring.block_bytes == 64U << 20) << rate_hz << " Hz: " << depth_s << " s";
    EXPECT_GE(ring.blocks * ring.block_bytes, 8U << 20) << rate_hz << " Hz";
  }
  EXPECT_EQ(chosen(std::vector<Stream>(64, stream_of(1000, 4))).blocks, 8192U) << "64 streams hand on 6,400 blocks a second";
}

TEST(Geometry, WhatIsSaidStands) {
  const Ring both = chosen({stream_of(1'000'000, 16)}, {.blocks = 64, .block_bytes = 4096});
  EXPECT_EQ(both.blocks, 64U);
  EXPECT_EQ(both.block_bytes, 4096U);
  EXPECT_EQ(chosen({stream_of(1, 1)}, {.block_bytes = 1 << 20}).blocks, 8U);
  EXPECT_EQ(chosen({stream_of(1, 1)}, {.block_bytes = 1 << 24}).blocks, 8U);
  EXPECT_EQ(chosen({stream_of(1, 1)}, {.blocks = 32}).block_bytes, 4096U);
}

TEST(Geometry, AutoIsAWordOfTheFileAndZeroIsNone) {
  const std::string stream = "[[stream]]\nname = \"a\"\nrate = 1000\nchannels = 1\n";
  const LoadResult said = load_text("[ring]\nblocks = \"auto\"\nblock_bytes = \"auto\"\n" + stream, "file");
  EXPECT_TRUE(said.faults.empty()) << describe(said.faults);
  EXPECT_EQ(said.loaded.config, load_text(stream, "file").loaded.config);
  EXPECT_EQ(load_text(to_toml(said.loaded.config), "again").loaded.config, said.loaded.config);
  for (const char* wrong : {"0", "-1", "\"Auto\"", "\"512\""}) {
    const LoadResult refused = load_text(std::string("[ring]\nblocks = ") + wrong + "\n" + stream, "file");
    ASSERT_EQ(refused.faults.size(), 1U) << wrong;
    EXPECT_EQ(refused.faults[0].key, "ring.blocks") << wrong;
    EXPECT_NE(refused.faults[0].text.find("auto"), std::string::npos) << refused.faults[0].text;
  }
}

}  // namespace
}  // namespace chappe::config

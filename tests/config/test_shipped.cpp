// The files that ship, and what damage to them may do: faults, never a crash.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "config/config.hpp"

namespace chappe::config {
namespace {

const std::string kFolder = CHAPPE_SOURCE_DIR "/config/";

std::string text_of(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

double samples_per_second(const Config& config) {
  double sum = 0;
  for (const Stream& s : config.streams) sum += s.rate_hz * static_cast<double>(s.channels.size());
  return sum;
}

TEST(Shipped, files_load_without_faults_or_warnings) {
  for (const char* name : {"chappe.toml", "examples/two-million.toml", "examples/replay.toml", "examples/imu.toml"}) {
    const LoadResult result = load_file(kFolder + name);
    EXPECT_EQ(describe(result.faults), "") << name;
    EXPECT_TRUE(result.loaded.warnings.empty()) << name << ": " << result.loaded.warnings.front();
  }
}

TEST(Shipped, examples_are_all_tested) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder + "examples")) {
    ++files;
    EXPECT_EQ(describe(load_file(entry.path()).faults), "");
  }
  EXPECT_GE(files, 2u);
}

TEST(Shipped, default_makes_198000_samples_a_second_with_one_stream_that_proves_itself) {
  const Config c = load_file(kFolder + "chappe.toml").loaded.config;
  EXPECT_EQ(samples_per_second(c), 197'640);
  const Stream& proof = c.streams.back();
  EXPECT_EQ(proof.name, "proof");
  for (const Channel& channel : proof.channels) EXPECT_EQ(channel.waveform, Waveform::index);
  EXPECT_EQ(proof.windows, (std::vector<Window>{{1000, 0}}));
  for (const Stream& s : c.streams) EXPECT_EQ(s.dropout_probability, 0) << s.name;
}

TEST(Shipped, example_makes_two_million_samples_a_second) {
  const Config c = load_file(kFolder + "examples/two-million.toml").loaded.config;
  EXPECT_EQ(samples_per_second(c), 2'000'000);
  EXPECT_EQ(c.streams.at(0).channels.size(), 32u);
}

TEST(Shipped, default_is_the_one_built_in) {
  const LoadResult built_in = load_default();
  EXPECT_EQ(describe(built_in.faults), "");
  EXPECT_EQ(built_in.loaded.config, load_file(kFolder + "chappe.toml").loaded.config);
}

TEST(Shipped, default_writes_down_the_values_that_hold_without_it) {
  Config with = load_file(kFolder + "chappe.toml").loaded.config;
  Config without = load_text("[[stream]]\nname = \"a\"\nrate = 1\nchannels = 1\n", "t").loaded.config;
  with.streams.clear();
  without.streams.clear();
  EXPECT_EQ(with, without);
}

TEST(Shipped, default_prints_to_text_that_reads_back) {
  const LoadResult first = load_default();
  const LoadResult again = load_text(to_toml(first.loaded.config, &first.loaded.origins), "again");
  EXPECT_EQ(describe(again.faults), "");
  EXPECT_EQ(again.loaded.config, first.loaded.config);
  EXPECT_EQ(again.loaded.hash, first.loaded.hash);
}

/// One to four changes: a byte replaced, removed, doubled, or a piece copied elsewhere.
std::string mutant(std::string text, std::mt19937& random) {
  const auto at = [&] { return random() % text.size(); };
  for (std::uint32_t changes = 1 + random() % 4; changes > 0; --changes) {
    switch (random() % 4) {
      case 0:
        text[at()] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at(), 1 + random() % 8);
        break;
      case 2:
        text.insert(at(), 1 + random() % 4, "[]{}\"'=.#,\n-9e"[random() % 14]);
        break;
      default:
        text.insert(at(), text.substr(at(), random() % 200));
        break;
    }
  }
  return text;
}

TEST(Damage, to_the_default_is_a_fault_or_a_configuration_that_reads_back) {
  const std::string text = text_of(kFolder + "chappe.toml");
  std::mt19937 random(1);
  int good = 0, bad = 0;
  for (int i = 0; i < 3000; ++i) {
    const LoadResult result = load_text(mutant(text, random), "mutant");
    for (const Fault& fault : result.faults) ASSERT_FALSE(fault.text.empty() || fault.file.empty());
    if (!result.faults.empty()) {
      ++bad;
      continue;
    }
    ++good;
    const LoadResult again = load_text(to_toml(result.loaded.config), "again");
    ASSERT_EQ(describe(again.faults), "") << i;
    ASSERT_EQ(again.loaded.config, result.loaded.config) << i;
  }
  EXPECT_GT(good, 100);
  EXPECT_GT(bad, 100);
}

TEST(Damage, by_endless_nesting_is_a_fault) {
  const std::string many(500'000, '[');
  EXPECT_FALSE(load_text("a = " + many, "t").faults.empty());
  std::string dots = "a";
  for (int i = 0; i < 200'000; ++i) dots += ".a";
  std::string quoted_dots = "\"=\"";
  for (int i = 0; i < 100'000; ++i) quoted_dots += ".\"=\"";
  for (const std::string& key : {dots, "[" + dots + "]", quoted_dots + " = 1", "b = { " + dots + " = 1 }", "x = '''\n'''\n" + dots}) {
    EXPECT_FALSE(load_text(key, "t").faults.empty());
  }
}

TEST(Damage, does_not_mistake_dots_in_text_for_a_deep_key) {
  const std::string dotted = "\"a.b.c.d.e.f.g.h.i.j.k.l\"";
  const LoadResult result =
      load_text("[window_log]\npath = " + dotted + " # a.b.c.d.e.f.g.h.i.j.k\n[[stream]]\nname = \"a\"\nrate = 1\nchannels = 1\n", "t");
  EXPECT_EQ(describe(result.faults), "");
}

}  // namespace
}  // namespace chappe::config

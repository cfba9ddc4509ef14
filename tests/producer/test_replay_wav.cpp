#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "play.hpp"

namespace chappe::producer {
namespace {

using testing::HasSubstr;
using Rows = std::vector<std::vector<double>>;

std::string little(std::uint32_t value, int bytes) {
  std::string result;
  for (int i = 0; i < bytes; ++i) result += static_cast<char>(value >> (8 * i) & 0xff);
  return result;
}
std::string chunk(const std::string& id, const std::string& body) {
  return id + little(static_cast<std::uint32_t>(body.size()), 4) + body + std::string(body.size() % 2, '\0');
}
std::string format(std::uint32_t tag, std::uint32_t channels, std::uint32_t bits) {
  return chunk("fmt ", little(tag, 2) + little(channels, 2) + little(48'000, 4) + little(48'000 * channels * bits / 8, 4) +
                           little(channels * bits / 8, 2) + little(bits, 2));
}
std::string wav(const std::string& chunks) { return "RIFF" + little(static_cast<std::uint32_t>(chunks.size() + 4), 4) + "WAVE" + chunks; }

Rows rows_of(const std::string& content) {
  const TemporaryFile file(content, ".WAV");
  auto source = make_source(replay_of(file.path()));
  EXPECT_TRUE(source) << source.error().text;
  return source ? play(**source, 100).rows : Rows{};
}
std::string refusal_of(const std::string& content) {
  const TemporaryFile file(content, ".wav");
  const auto source = make_source(replay_of(file.path()));
  EXPECT_FALSE(source);
  return source ? "" : source.error().text;
}

TEST(ReplayWav, integers_are_counts_as_they_stand_in_the_file) {
  EXPECT_EQ(rows_of(wav(format(1, 1, 8) + chunk("data", std::string("\x00\x80\xff", 3)))), (Rows{{0}, {128}, {255}}));
  EXPECT_EQ(rows_of(wav(format(1, 2, 16) + chunk("data", bytes_of<std::int16_t>({1, -2, 32767, -32768})))),
            (Rows{{1, -2}, {32767, -32768}}));
  EXPECT_EQ(rows_of(wav(format(1, 1, 24) + chunk("data", std::string("\x01\x00\x00\xff\xff\xff\x00\x00\x80", 9)))),
            (Rows{{1}, {-1}, {-8388608}}));
  EXPECT_EQ(rows_of(wav(format(1, 1, 32) + chunk("data", bytes_of<std::int32_t>({-2147483647})))), (Rows{{-2147483647}}));
}

TEST(ReplayWav, floats_are_taken_as_they_are) {
  EXPECT_EQ(rows_of(wav(format(3, 1, 32) + chunk("data", bytes_of<float>({0.5F})))), (Rows{{0.5}}));
  EXPECT_EQ(rows_of(wav(format(3, 1, 64) + chunk("data", bytes_of<double>({0.1})))), (Rows{{0.1}}));
}

TEST(ReplayWav, extensible_headers_and_unknown_chunks_of_odd_size_are_understood) {
  std::string body = format(0xfffe, 1, 16).substr(8) + little(22, 2) + little(16, 2) + little(4, 4) + little(1, 2) + std::string(14, 'g');
  EXPECT_EQ(rows_of(wav(chunk("LIST", "odd") + chunk("fmt ", body) + chunk("data", bytes_of<std::int16_t>({5})))), (Rows{{5}}));
}

TEST(ReplayWav, rate_comes_from_the_file_unless_given_and_one_channel_is_ch0) {
  const TemporaryFile file(wav(format(1, 1, 16) + chunk("data", "abcd")), ".wav");
  auto stream = replay_of(file.path());
  auto own = make_source(stream);
  ASSERT_TRUE(own);
  EXPECT_EQ((*own)->shape().rate_hz, 48'000);
  EXPECT_EQ((*own)->shape().channels[0].name, "ch0");
  EXPECT_EQ((*own)->shape().channels[0].unit, "count");
  stream.rate_hz = 10;
  auto given = make_source(stream);
  ASSERT_TRUE(given);
  EXPECT_EQ((*given)->shape().rate_hz, 10);
}

TEST(ReplayWav, a_data_chunk_that_claims_too_much_plays_what_is_there_and_is_complained_about) {
  const TemporaryFile file(wav(format(1, 1, 16) + "data" + little(0xffffffff, 4) + "abcd"), ".wav");
  auto source = make_source(replay_of(file.path()));
  ASSERT_TRUE(source) << source.error().text;
  EXPECT_EQ(play(**source, 100).rows.size(), 2U);
  EXPECT_THAT((*source)->complaints(), HasSubstr("claims 4294967295 bytes, the file holds 4"));
}

TEST(ReplayWav, errors_name_the_byte) {
  EXPECT_THAT(refusal_of("RIFX1234WAVE"), HasSubstr("byte 0: not a RIFF WAVE file"));
  EXPECT_THAT(refusal_of("RI"), HasSubstr("byte 0"));
  EXPECT_THAT(refusal_of(wav(chunk("data", "ab"))), HasSubstr("byte 12: the data chunk comes before"));
  EXPECT_THAT(refusal_of(wav(chunk("fmt ", "short"))), HasSubstr("byte 20: the format chunk has 5 bytes"));
  EXPECT_THAT(refusal_of(wav("fmt " + little(0x7fffffff, 4) + "short")), HasSubstr("byte 20: the format chunk has 5 bytes"));
  EXPECT_THAT(refusal_of(wav(format(1, 1, 16))), HasSubstr("byte 36: the file ends without a data chunk"));
  EXPECT_THAT(refusal_of(wav(chunk("LIST", "ab").replace(4, 4, little(0xfffffff0, 4)))), HasSubstr("without a format chunk"));
  EXPECT_THAT(refusal_of(wav(format(1, 0, 16) + chunk("data", "ab"))), HasSubstr("byte 22: no channels"));
  EXPECT_THAT(refusal_of(wav(format(1, 1, 12) + chunk("data", "ab"))), HasSubstr("of 12 bits"));
  EXPECT_THAT(refusal_of(wav(format(1, 1, 16) + chunk("data", ""))), HasSubstr("0 bytes of samples"));
}

}  // namespace
}  // namespace chappe::producer

#include <gtest/gtest.h>

#include <algorithm>

#include "play.hpp"
#include "producer/memory.hpp"

namespace chappe::producer {
namespace {

std::unique_ptr<Source> open(std::uint32_t channels, config::SampleType type = config::SampleType::f32) {
  config::Stream stream;
  stream.name = "load";
  stream.source = config::SourceKind::memory;
  stream.type = type;
  stream.channels = channels_named(channels);
  auto source = make_source(stream);
  EXPECT_TRUE(source) << source.error().text;
  return std::move(*source);
}

double value_at(std::uint64_t frame, std::size_t channel) { return static_cast<double>((frame + channel) % Memory::kPeriod); }

void expect_values(const Played& played, std::uint64_t first) {
  for (std::size_t i = 0; i < played.rows.size(); ++i) {
    for (std::size_t c = 0; c < played.rows[i].size(); ++c) ASSERT_EQ(played.rows[i][c], value_at(first + i, c)) << i << " " << c;
    ASSERT_EQ(played.times_ns[i], static_cast<std::int64_t>(first + i));
  }
}

TEST(Memory, gives_each_value_in_closed_form_in_frames_of_every_width) {
  for (const std::uint32_t channels : {1U, 2U, 3U, 8U, 16U, 17U, 40U}) {
    for (const auto type : {config::SampleType::f32, config::SampleType::f64}) expect_values(play(*open(channels, type), 3000, 1000), 0);
  }
}

TEST(Memory, goes_on_at_any_index_and_over_the_end_of_a_period) {
  for (const std::uint64_t first : {std::uint64_t{7}, std::uint64_t{Memory::kPeriod - 500}, (std::uint64_t{1} << 40) - 3}) {
    for (const std::uint32_t channels : {4U, 33U}) {
      const auto source = open(channels);
      EXPECT_TRUE(source->resume_at(first, 0));
      expect_values(play(*source, 1000), first);
    }
  }
}

TEST(Memory, gives_the_same_frames_however_they_are_read) {
  const auto whole = play(*open(3), 997, 997), parts = play(*open(3), 997, 10);
  EXPECT_EQ(whole.rows, parts.rows);
  EXPECT_EQ(whole.times_ns, parts.times_ns);
}

/// Dense frames, as in the ring: nothing of a block is left as it was, and nothing behind it is touched.
TEST(Memory, writes_every_byte_of_its_room_and_no_other) {
  for (const std::uint32_t channels : {3U, 4U, 17U}) {
    const FrameLayout layout{.channels = channels,
                             .stride = static_cast<std::uint32_t>(config::frame_stride(channels, config::SampleType::f32)),
                             .capacity = 100};
    std::vector<std::byte> data(std::size_t{101} * layout.stride, std::byte{0xa5});
    std::int64_t t_first_ns = -1;
    double period_ns = 0;
    const Room room{.data = data.data(), .frames = 100, .t_first_ns = &t_first_ns, .period_ns = &period_ns};
    EXPECT_EQ(open(channels)->read(room, layout, 0).frames, 100U);
    const auto end = data.begin() + 100 * layout.stride;
    EXPECT_EQ(std::count(data.begin(), end, std::byte{0xa5}), 0) << channels;  // no value below 117 has this byte
    EXPECT_EQ(std::count(end, data.end(), std::byte{0xa5}), layout.stride) << channels;
  }
}

TEST(Memory, is_not_paced_and_has_neither_rate_nor_end) {
  const auto source = open(2);
  EXPECT_FALSE(source->is_paced());
  EXPECT_EQ(source->shape().rate_hz, 0);
  EXPECT_FALSE(source->shape().explicit_times);
  EXPECT_EQ(source->identity(), 0U);
}

TEST(Memory, needs_a_channel) {
  config::Stream stream;
  stream.name = "load";
  stream.source = config::SourceKind::memory;
  EXPECT_FALSE(make_source(stream));
}

}  // namespace
}  // namespace chappe::producer

// The geometries that a torture run changes between, and the values that its frames hold.
#include <cstring>

#include "torture_ring.hpp"

namespace chappe::shm::torture {
namespace {

constexpr std::array<const char*, kStreams> kNames{"pairs", "wide", "rare"};
constexpr std::array<std::uint32_t, kStreams> kChannels{2, 5, 1};

struct Shape {
  std::uint64_t blocks, block_bytes;
  std::array<std::uint32_t, kStreams> order;
  std::uint32_t pool;
};
constexpr std::array<Shape, kShapes> kShape{{
    {32, 8192, {0, 1, 2}, 2},
    {64, 4096, {2, 0, 1}, 1},
    {16, 16384, {0, 1, 2}, 3},
    {8, 8192, {1, 2, 0}, 2},
}};

StreamEntry entry_of(std::uint32_t kind, const Shape& shape, std::uint32_t first_channel) {
  StreamEntry e{};
  put_name(e.name, kNames[kind]);
  e.value_bytes = 8;
  e.channels = kChannels[kind];
  e.first_channel = first_channel;
  e.stride = 8 * e.channels;
  e.explicit_times = kind == 2 ? 1 : 0;
  e.capacity = static_cast<std::uint32_t>(shape.block_bytes / (e.stride + 8 * e.explicit_times));
  e.pool_blocks = shape.pool;
  return e;
}

const std::uint64_t* times_of(const StreamEntry& e, const std::byte* payload) {
  return reinterpret_cast<const std::uint64_t*>(payload + std::size_t{e.capacity} * e.stride);
}

}  // namespace

std::uint32_t kind_named(const char* stream) noexcept {
  std::uint32_t kind = 0;
  while (kind + 1 < kStreams && std::strcmp(stream, kNames[kind]) != 0) ++kind;
  return kind;
}

std::uint32_t kind_of(const StreamEntry& entry) noexcept { return kind_named(entry.name); }

RingSpec spec_of(const Start& start) {
  const Shape& shape = kShape[start.shape];
  RingSpec spec;
  spec.instance = start.instance;
  spec.blocks = shape.blocks;
  spec.block_bytes = shape.block_bytes;
  spec.waits = start.waits;
  for (const std::uint32_t kind : shape.order) {
    spec.streams.push_back(entry_of(kind, shape, static_cast<std::uint32_t>(spec.channels.size())));
    for (std::uint32_t c = 0; c < kChannels[kind]; ++c) {
      ChannelEntry channel{};
      std::snprintf(channel.name, sizeof channel.name, "%s%u", kNames[kind], c);
      spec.channels.push_back(channel);
    }
  }
  return spec;
}

void fill(const StreamEntry& e, std::byte* payload, std::uint64_t first, std::uint32_t frames) noexcept {
  auto* word = reinterpret_cast<std::uint64_t*>(payload);
  const std::uint32_t kind = kind_of(e);
  for (std::uint32_t i = 0; i < frames; ++i) {
    for (std::uint32_t c = 0; c < e.channels; ++c) *word++ = value_of(kind, first + i, c);
  }
  if (e.explicit_times == 0) return;
  auto* times = const_cast<std::uint64_t*>(times_of(e, payload));
  for (std::uint32_t i = 0; i < frames; ++i) times[i] = first + i;
}

std::uint64_t wrong_words(const StreamEntry& e, const std::byte* payload, const BlockHead& block) noexcept {
  const auto* word = reinterpret_cast<const volatile std::uint64_t*>(payload);
  const std::uint32_t kind = kind_of(e);
  std::uint64_t wrong = 0;
  for (std::uint32_t i = 0; i < block.frames; ++i) {
    for (std::uint32_t c = 0; c < e.channels; ++c) wrong += *word++ != value_of(kind, block.first_frame + i, c);
  }
  if (e.explicit_times == 0) return wrong;
  const volatile std::uint64_t* times = times_of(e, payload);
  for (std::uint32_t i = 0; i < block.frames; ++i) wrong += times[i] != block.first_frame + i;
  return wrong;
}

}  // namespace chappe::shm::torture

#include "producer/memory.hpp"

#include <bit>

namespace chappe::producer {
namespace {

constexpr std::uint32_t kMask = Memory::kPeriod - 1;

/// A frame's width is a power of two: one loop over all of the room, without a branch, padding included.
template <class T>
void fill_flat(T* out, std::uint32_t first, std::uint32_t frames, std::uint32_t width, std::uint32_t channels) noexcept {
  const auto shift = static_cast<std::uint32_t>(std::countr_zero(width));
  const std::uint32_t count = frames << shift;
  for (std::uint32_t k = 0; k < count; ++k) {
    const std::uint32_t channel = k & (width - 1);
    const std::uint32_t padding = channel < channels ? 0 : 1;
    const std::uint32_t value = (first + (k >> shift) + channel) & kMask & (padding - 1);
    out[k] = static_cast<T>(static_cast<std::int32_t>(value));  // signed: what every machine converts many of at once
  }
}

/// Wide frames: a loop for each.
template <class T>
void fill_wide(T* out, std::uint32_t first, std::uint32_t frames, std::uint32_t width, std::uint32_t channels) noexcept {
  for (std::uint32_t i = 0; i < frames; ++i, out += width) {
    const std::uint32_t base = first + i;
    for (std::uint32_t c = 0; c < channels; ++c) out[c] = static_cast<T>(static_cast<std::int32_t>((base + c) & kMask));
    for (std::uint32_t c = channels; c < width; ++c) out[c] = 0;
  }
}

template <class T>
void fill(std::byte* data, const FrameLayout& layout, std::uint64_t first, std::uint32_t frames) noexcept {
  T* const out = reinterpret_cast<T*>(data);
  const std::uint32_t width = layout.stride / sizeof(T);
  const std::uint32_t begin = static_cast<std::uint32_t>(first) & kMask;
  if (std::has_single_bit(width))
    fill_flat(out, begin, frames, width, layout.channels);
  else
    fill_wide(out, begin, frames, width, layout.channels);
}

}  // namespace

rt::Result<std::unique_ptr<Source>> Memory::open(const config::Stream& stream) {
  if (stream.channels.empty()) return rt::Error{EX_CONFIG, "stream " + stream.name + ": a memory stream needs at least one channel"};
  return std::unique_ptr<Source>(new Memory(stream));
}

Memory::Memory(const config::Stream& stream)
    : shape_{.channels = stream.channels, .type = stream.type, .rate_hz = 0, .explicit_times = false, .clock = Clock::recorded} {}

bool Memory::resume_at(std::uint64_t frame, std::uint64_t) noexcept {
  next_ = frame;
  return true;
}

Read Memory::read(const Room& room, const FrameLayout& layout, std::int64_t) noexcept {
  *room.t_first_ns = static_cast<std::int64_t>(next_);
  *room.period_ns = 1;
  if (layout.value_bytes == sizeof(float))
    fill<float>(room.data, layout, next_, room.frames);
  else
    fill<double>(room.data, layout, next_, room.frames);
  next_ += room.frames;
  return {.frames = room.frames};
}

}  // namespace chappe::producer

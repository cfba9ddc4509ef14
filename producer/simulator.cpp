#include "producer/simulator.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include "rt/clock.hpp"

namespace chappe::producer {
namespace {

constexpr std::uint64_t kIndexPeriod = 65536;  // index repeats, so that f32 holds it exactly
constexpr double kSpikeAmplitudes = 100;
constexpr std::uint64_t kLongestDropout = 100;

enum Purpose : std::uint64_t { wave, noise, spike, nan_value, dropout, purposes };

double turns_to_radians(std::uint64_t turns) {
  return std::ldexp(static_cast<double>(static_cast<std::int64_t>(turns)), -63) * std::numbers::pi;
}

template <class T>
void store(const double* values, std::uint32_t frames, std::byte* out, std::uint32_t stride) noexcept {
  for (std::uint32_t i = 0; i < frames; ++i, out += stride) {
    const T value = static_cast<T>(values[i]);
    std::memcpy(out, &value, sizeof value);
  }
}

}  // namespace

rt::Result<std::unique_ptr<Source>> Simulator::open(const config::Stream& stream) {
  if (stream.channels.empty()) return rt::Error{EX_CONFIG, "stream " + stream.name + ": a simulated stream needs at least one channel"};
  if (!(stream.rate_hz > 0) || !std::isfinite(stream.rate_hz)) {
    return rt::Error{EX_CONFIG,
                     "stream " + stream.name + ": rate = " + std::to_string(stream.rate_hz) + "; a simulated stream needs a rate above 0"};
  }
  return std::unique_ptr<Source>(new Simulator(stream));
}

Simulator::Simulator(const config::Stream& stream) : seed_(stream.seed), channels_(stream.channels.size()) {
  shape_ = {
      .channels = stream.channels, .type = stream.type, .rate_hz = stream.rate_hz, .explicit_times = false, .clock = Clock::monotonic};
  period_ns_ = 1e9 / stream.rate_hz;
  seed(0);
  take_parameters(stream);
}

/// A stream that starts in the middle gets other random numbers than one that starts at 0, or each restart would repeat the beginning.
void Simulator::seed(std::uint64_t frame) noexcept {
  const std::uint64_t seed = frame == 0 ? seed_ : Random(seed_, frame).next();
  const auto random = [seed](std::uint64_t channel, Purpose purpose) { return Random(seed, channel * purposes + purpose); };
  for (std::uint64_t i = 0; i < channels_.size(); ++i) {
    Channel& c = channels_[i];
    c.wave_random = random(i, wave);
    c.noise_random = random(i, noise);
    c.spike.reseed(random(i, spike));
    c.nan.reseed(random(i, nan_value));
  }
  dropout_.reseed(random(channels_.size(), dropout));
}

void Simulator::take_parameters(const config::Stream& stream) noexcept {
  const std::size_t known = std::min(channels_.size(), stream.channels.size());
  for (std::size_t i = 0; i < known; ++i) {
    const config::Channel& from = stream.channels[i];
    Channel& to = channels_[i];
    to.waveform = from.waveform;
    to.amplitude = from.amplitude;
    to.offset = from.offset;
    to.noise = from.noise;
    const double turns = from.frequency_hz / stream.rate_hz;
    to.turns_per_frame = static_cast<std::uint64_t>(std::ldexp(std::clamp(turns - std::floor(turns), 0.0, 1 - 0x1p-53), 64));
    for (std::uint32_t k = 0; k < kChunk; ++k) {
      to.sine[k] = from.amplitude * std::sin(turns_to_radians(to.turns_per_frame * k));
      to.cosine[k] = from.amplitude * std::cos(turns_to_radians(to.turns_per_frame * k));
    }
    to.spike.set(from.spike_probability);
    to.nan.set(from.nan_probability);
  }
  dropout_.set(stream.dropout_probability);
}

void Simulator::reconfigure(const config::Stream& stream) noexcept {
  if (!(stream.rate_hz > 0) || !std::isfinite(stream.rate_hz)) return;  // the validator has refused it already
  if (started_) anchor_ns_ = due_ns(next_);  // the next frame comes when it was due; those behind it at the new rate
  anchor_frame_ = next_;
  period_ns_ = 1e9 / stream.rate_hz;
  take_parameters(stream);
}

bool Simulator::resume_at(std::uint64_t frame, std::uint64_t) noexcept {
  next_ = anchor_frame_ = frame;
  seed(frame);
  return true;
}

std::int64_t Simulator::due_ns(std::uint64_t frame) const noexcept {
  return anchor_ns_ + std::llround(static_cast<double>(frame - anchor_frame_) * period_ns_);
}

/// Frames from the next one on that are due by then.
std::uint64_t Simulator::due_until(std::int64_t time_ns) const noexcept {
  const double since = static_cast<double>(time_ns - due_ns(next_));
  return since < 0 ? 0 : static_cast<std::uint64_t>(since / period_ns_) + 1;
}

/// Frames that are lost before the next one: a drop-out of the device, or what fell due while this process was stopped.
std::uint64_t Simulator::lose(std::int64_t now_ns) noexcept {
  if (now_ns - due_ns(next_) > rt::kSecond) return due_until(now_ns) - 1;
  if (dropout_.distance() > 0 || due_ns(next_) > now_ns) return 0;
  const std::uint64_t lost = 1 + dropout_.random().next() % kLongestDropout;
  dropout_.draw();
  return lost;
}

Read Simulator::read(const Room& room, const FrameLayout& layout, std::int64_t deadline_ns) noexcept {
  const std::int64_t now = rt::monotonic_ns();
  if (!started_) anchor_ns_ = now;
  if (room.waits && started_ && now - due_ns(next_) > rt::kSecond) anchor_ns_ += now - due_ns(next_);
  started_ = true;
  Read done;
  done.lost = lose(now);
  next_ += done.lost;
  const std::uint64_t due = due_until(std::max(deadline_ns, now));
  done.frames = static_cast<std::uint32_t>(std::min({due, std::uint64_t{room.frames}, dropout_.distance()}));
  if (done.frames > 0) {
    const std::int64_t last_due = due_ns(next_ + done.frames - 1);
    *room.t_first_ns = due_ns(next_);
    *room.period_ns = period_ns_;
    make(room.data, layout, done.frames);
    next_ += done.frames;
    dropout_.pass(done.frames, [](std::uint64_t) {});
    rt::sleep_until(last_due);
  } else if (done.lost == 0) {
    rt::sleep_until(std::min(deadline_ns, due_ns(next_)));
  }
  return done;
}

void Simulator::make(std::byte* data, const FrameLayout& layout, std::uint32_t frames) noexcept {
  Chunk values;
  for (std::uint32_t done = 0; done < frames;) {
    const std::uint64_t first = next_ + done;
    const std::uint32_t count = std::min(frames - done, kChunk - static_cast<std::uint32_t>(first % kChunk));
    std::byte* out = data + std::size_t{done} * layout.stride;
    for (std::uint32_t i = 0; i < channels_.size(); ++i, out += layout.value_bytes) {
      make_wave(channels_[i], i, first, count, values);
      if (channels_[i].waveform != config::Waveform::index) disturb(channels_[i], count, values);
      if (layout.value_bytes == sizeof(float))
        store<float>(values.data(), count, out, layout.stride);
      else
        store<double>(values.data(), count, out, layout.stride);
    }
    done += count;
  }
}

void Simulator::make_wave(Channel& c, std::uint32_t index, std::uint64_t first, std::uint32_t frames, Chunk& out) noexcept {
  const auto fill = [&](auto value_at) {
    for (std::uint32_t k = 0; k < frames; ++k) out[k] = value_at(first + k);
  };
  constexpr std::uint64_t kHalfTurn = std::uint64_t{1} << 63;
  constexpr std::uint64_t kTolerance = std::uint64_t{1} << 32;  // of 2^64: edges fall on the frame where rounding would miss it by one
  switch (c.waveform) {
    case config::Waveform::sine:
      return make_sine(c, first, frames, out);
    case config::Waveform::square:
      return fill(
          [&](std::uint64_t i) { return c.offset + (i * c.turns_per_frame + kTolerance < kHalfTurn ? c.amplitude : -c.amplitude); });
    case config::Waveform::random_walk:
      return fill([&](std::uint64_t) { return c.offset + (c.walk += c.amplitude * c.wave_random.normal()); });
    case config::Waveform::noise:
      return fill([&](std::uint64_t) { return c.offset + c.amplitude * (2 * c.wave_random.uniform() - 1); });
    case config::Waveform::constant:
      return fill([&](std::uint64_t) { return c.offset; });
    case config::Waveform::index:
      return fill([&](std::uint64_t i) { return static_cast<double>(i % kIndexPeriod + index); });
  }
}

/// sin(a + b) = sin a cos b + cos a sin b: a of the chunk's first index, b from the table. A sine and a cosine for 64 frames, and the same
/// value for a frame in whatever read it comes.
void Simulator::make_sine(const Channel& c, std::uint64_t first, std::uint32_t frames, Chunk& out) noexcept {
  const std::uint64_t into = first % kChunk;
  const double start = turns_to_radians((first - into) * c.turns_per_frame);
  const double sine = std::sin(start);
  const double cosine = std::cos(start);
  for (std::uint32_t k = 0; k < frames; ++k) out[k] = c.offset + sine * c.cosine[into + k] + cosine * c.sine[into + k];
}

void Simulator::disturb(Channel& c, std::uint32_t frames, Chunk& out) noexcept {
  if (c.noise > 0) {
    for (std::uint32_t k = 0; k < frames; ++k) out[k] += c.noise * c.noise_random.normal();
  }
  c.spike.pass(frames, [&](std::uint64_t k) { out[k] += kSpikeAmplitudes * c.amplitude; });
  c.nan.pass(frames, [&](std::uint64_t k) { out[k] = std::numeric_limits<double>::quiet_NaN(); });
}

}  // namespace chappe::producer

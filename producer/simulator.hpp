// A source that makes its own data: seeded waveforms, noise, spikes, NaN and drop-outs, paced by absolute deadlines on CLOCK_MONOTONIC.
// Made by main's thread, then used by its source thread alone. Frame i is due at anchor + (i - anchor's frame) / rate and never comes
// before. Sine, square, constant and index are functions of the frame index and the rate alone; whatever is random depends on the seed and
// on the frame it began at, never on how the frames were split into reads. A crash loses only the random walks.
#pragma once
#include <array>
#include <vector>

#include "producer/random.hpp"
#include "producer/source.hpp"

namespace chappe::producer {

class Simulator final : public Source {
 public:
  /// An Error if the stream has no channels or no rate.
  static rt::Result<std::unique_ptr<Source>> open(const config::Stream& stream);

  [[nodiscard]] const StreamShape& shape() const override { return shape_; }
  Read read(const Room& room, const FrameLayout& layout, std::int64_t deadline_ns) noexcept override;
  void reconfigure(const config::Stream& stream) noexcept override;
  bool resume_at(std::uint64_t frame, std::uint64_t began) noexcept override;

 private:
  static constexpr std::uint32_t kChunk = 64;  ///< frames made at once, aligned on the frame index
  using Chunk = std::array<double, kChunk>;

  struct Channel {
    config::Waveform waveform{};
    double amplitude = 0, offset = 0, noise = 0;
    std::uint64_t turns_per_frame = 0;  ///< of 2^64: whole numbers keep the phase exact at any frame index
    Chunk sine{}, cosine{};             ///< of 0 to 63 frames further on, times the amplitude
    double walk = 0;
    Random wave_random, noise_random;
    Chance spike, nan;
  };

  explicit Simulator(const config::Stream& stream);
  void seed(std::uint64_t frame) noexcept;
  void take_parameters(const config::Stream& stream) noexcept;
  [[nodiscard]] std::int64_t due_ns(std::uint64_t frame) const noexcept;
  [[nodiscard]] std::uint64_t due_until(std::int64_t time_ns) const noexcept;
  std::uint64_t lose(std::int64_t now_ns) noexcept;
  void make(std::byte* data, const FrameLayout& layout, std::uint32_t frames) noexcept;
  static void make_wave(Channel& channel, std::uint32_t index, std::uint64_t first, std::uint32_t frames, Chunk& out) noexcept;
  static void make_sine(const Channel& channel, std::uint64_t first, std::uint32_t frames, Chunk& out) noexcept;
  static void disturb(Channel& channel, std::uint32_t frames, Chunk& out) noexcept;

  StreamShape shape_;
  std::uint64_t seed_;
  std::vector<Channel> channels_;
  Chance dropout_;
  bool started_ = false;
  std::uint64_t next_ = 0;  ///< index of the next frame
  std::uint64_t anchor_frame_ = 0;
  std::int64_t anchor_ns_ = 0;
  double period_ns_ = 0;
};

}  // namespace chappe::producer

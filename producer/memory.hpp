// A source for measuring the pipeline from end to end: it fills every byte of every block anew, as fast as the pipeline takes them, and
// asks no clock. Channel c of frame i is (i + c) mod 2^20, exact in f32, so that whatever was counted and summed can be checked in closed
// form. Made by main's thread, then used by its source thread alone. A crash loses nothing: a frame is a function of its index.
#pragma once
#include "producer/source.hpp"

namespace chappe::producer {

class Memory final : public Source {
 public:
  static constexpr std::uint32_t kPeriod = 1U << 20;

  /// An Error if the stream has no channels.
  static rt::Result<std::unique_ptr<Source>> open(const config::Stream& stream);

  [[nodiscard]] const StreamShape& shape() const override { return shape_; }
  /// Fills the whole room at once. A frame's time is its index, in ns.
  Read read(const Room& room, const FrameLayout& layout, std::int64_t deadline_ns) noexcept override;
  void reconfigure(const config::Stream&) noexcept override {}  // nothing of it changes while it runs
  bool resume_at(std::uint64_t frame, std::uint64_t began) noexcept override;
  [[nodiscard]] bool is_paced() const noexcept override { return false; }

 private:
  explicit Memory(const config::Stream& stream);

  StreamShape shape_;
  std::uint64_t next_ = 0;  ///< index of the next frame
};

}  // namespace chappe::producer

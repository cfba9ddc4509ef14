// The way of whole blocks out of the drain, for what takes long: a block is copied into a buffer, marked with the windows that closed in
// it, and travels to an ordinary thread. The buffers are made at set-up; with none free the block is left out, and the thread is told so
// that it skips the window. Explicit tokens, try_ calls only, no system call but ring(). A crash loses what is in here.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "aggregator/statistics.hpp"
#include "aggregator/window_log.hpp"

namespace chappe::aggregator {

/// A window that closed; `end`: index behind the last frame that could have been in it.
struct Mark {
  WindowHead head;
  std::uint64_t end = 0;
};

/// Frames of one stream in a row; none where windows closed without any.
struct BlockCopy {
  static constexpr std::size_t kMostMarks = 32;
  std::uint32_t stream = 0, generation = 0;
  std::uint64_t lost = 0;  ///< blocks of the stream left out so far
  std::uint64_t first_frame = 0;
  std::uint32_t frames = 0;
  std::uint32_t marked = 0;
  std::size_t stride = 0;  ///< bytes of a frame
  double period_ns = 0;    ///< 0: each frame has a time of its own
  std::array<Mark, kMostMarks> marks;
  std::vector<std::byte> data;
};

class Blocks {
 public:
  /// bytes: most of one block's frames; together the buffers take at most 64 MiB, and are at least 8.
  Blocks(std::size_t streams, std::size_t count, std::size_t bytes);
  ~Blocks();
  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;

  // The drain's thread. A copy is in hand until send(); another copy() takes its place.
  void copy(std::uint32_t stream, std::uint32_t generation, const BlockView& block, std::size_t stride) noexcept;
  void mark(std::uint32_t stream, std::uint32_t generation, const WindowHead& head, std::uint64_t end) noexcept;
  void send() noexcept;
  /// What was copied was torn.
  void drop() noexcept;
  /// Wakes the other side if something was sent since.
  void ring() noexcept;

  // The other thread.
  BlockCopy* try_full() noexcept;
  void give_back(BlockCopy* block);
  void wait_full(std::int64_t deadline_ns) noexcept;

  // Any thread.
  void wake() noexcept;
  [[nodiscard]] std::uint64_t blocks_lost() const noexcept;
  /// Closed windows that the other thread never hears of.
  [[nodiscard]] std::uint64_t windows_lost() const noexcept;
  [[nodiscard]] std::size_t buffers() const noexcept;
  [[nodiscard]] std::size_t block_bytes() const noexcept;

 private:
  struct Queues;
  BlockCopy* take(std::uint32_t stream, std::uint32_t generation) noexcept;
  std::unique_ptr<Queues> queues_;
};

}  // namespace chappe::aggregator

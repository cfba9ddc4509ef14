// The way out of the drain: closed windows travel to an ordinary thread, empty rows come back. Each such thread (the window log's, that of
// the alarms) has Rows of its own, so that none waits for another. The only user of ConcurrentQueue in the aggregator: explicit tokens,
// sized at set-up, try_ calls only. A crash loses what is in here; the board still holds the newest.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "aggregator/moments.hpp"
#include "aggregator/shape.hpp"
#include "aggregator/window_log.hpp"
#include "shm/layout.hpp"

namespace chappe::aggregator {

struct Row {
  WindowHead head;
  std::uint64_t number = 0;  ///< windows of this specification that were closed before it, as the board counts them
  std::vector<Moments> channels;
  std::vector<Shape> shapes;  ///< of these; without meaning unless head.shaped
};

/// A number of windows for each specification of a stream.
using WindowCounts = std::array<std::uint64_t, shm::kWindowsPerStream>;

class Rows {
 public:
  /// channels[i]: channels of stream i; most: rows of all streams together that there will ever be.
  Rows(const std::vector<std::uint32_t>& channels, std::size_t most);
  ~Rows();
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  /// An ordinary thread, while the others go on: at least this many rows of the stream. Returns how many there are.
  std::size_t grow(std::uint32_t stream, std::size_t count);
  /// The drain's thread. Null: none left.
  Row* try_empty(std::uint32_t stream) noexcept;
  /// The drain's thread: rows of this stream that try_empty would still give, at least.
  [[nodiscard]] std::size_t available(std::uint32_t stream) noexcept;
  void put_full(Row* row) noexcept;
  /// The worker's thread.
  Row* try_full() noexcept;
  void put_empty(Row* row);
  /// The worker's thread: so many windows of each stream and specification are in the file, beyond those that were when the rows were made.
  void set_written(const std::vector<WindowCounts>& windows) noexcept;
  /// Any thread.
  [[nodiscard]] std::uint64_t written(std::uint32_t stream, std::size_t which) const noexcept;
  void wait_full(std::int64_t deadline_ns) noexcept;
  void wake() noexcept;

 private:
  struct Queues;
  std::unique_ptr<Queues> queues_;
};

}  // namespace chappe::aggregator

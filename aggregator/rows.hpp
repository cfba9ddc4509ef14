// The way out of the drain: closed windows travel to an ordinary thread, empty rows come back. The only user of ConcurrentQueue in the
// aggregator: explicit tokens, sized at set-up, try_ calls only. A crash loses what is in here; the board still holds the newest.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "aggregator/moments.hpp"
#include "aggregator/window_log.hpp"

namespace chappe::aggregator {

struct Row {
  WindowHead head;
  std::vector<Moments> channels;
};

class Rows {
 public:
  /// channels[i]: channels of stream i; count[i]: rows of it.
  Rows(const std::vector<std::uint32_t>& channels, const std::vector<std::size_t>& count);
  ~Rows();
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  /// The drain's thread. Null: none left.
  Row* try_empty(std::uint32_t stream) noexcept;
  /// The drain's thread: rows of this stream that try_empty would still give, at least.
  [[nodiscard]] std::size_t available(std::uint32_t stream) noexcept;
  void put_full(Row* row) noexcept;
  /// The worker's thread.
  Row* try_full() noexcept;
  void put_empty(Row* row) noexcept;
  void wait_full(std::int64_t deadline_ns) noexcept;
  void wake() noexcept;

 private:
  struct Queues;
  std::unique_ptr<Queues> queues_;
};

}  // namespace chappe::aggregator

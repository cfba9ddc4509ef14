// The board: window summaries, open windows, and the cursor `upto` that says how much of the ring they hold. One writer (the aggregator's
// drain), many readers. Three slots and `latest`, so that one is always readable; a reader accepts a slot only if its sequence equals the
// `latest` it read, before and after the copy, because the unpublished number of a killed writer is used again.
// A crash of the writer leaves at most one slot half-written, and never the one that `latest` names.
#pragma once
#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rt/result.hpp"
#include "shm/layout.hpp"
#include "shm/segment.hpp"

namespace chappe::shm {

/// Names and geometry of a board, copied and validated.
struct BoardTables {
  BoardGeometry geometry{};
  std::vector<StreamEntry> streams;
  std::vector<ChannelEntry> channels;
};

/// One publication in plain memory, laid out as a slot is.
class BoardImage {
 public:
  BoardImage() = default;
  explicit BoardImage(const BoardTables& tables);
  [[nodiscard]] BoardSlot& head() noexcept { return *reinterpret_cast<BoardSlot*>(bytes_.data()); }
  [[nodiscard]] const BoardSlot& head() const noexcept { return *reinterpret_cast<const BoardSlot*>(bytes_.data()); }
  [[nodiscard]] BoardStream& stream(std::size_t i) noexcept { return *at<BoardStream>(sizeof(BoardSlot) + i * sizeof(BoardStream)); }
  [[nodiscard]] const BoardStream& stream(std::size_t i) const noexcept { return const_cast<BoardImage*>(this)->stream(i); }
  /// record 0: the open window; 1 + k mod history: the k-th closed one. which = kPanes: pane_record().
  [[nodiscard]] BoardWindow& window(std::size_t stream, std::size_t which, std::size_t record) noexcept;
  [[nodiscard]] std::span<BoardMoments> moments(std::size_t stream, std::size_t which, std::size_t record) noexcept;
  [[nodiscard]] std::span<BoardShape> shapes(std::size_t stream, std::size_t which, std::size_t record) noexcept;
  [[nodiscard]] std::size_t closed_record(std::uint64_t k) const noexcept { return 1 + static_cast<std::size_t>(k % history_); }
  [[nodiscard]] std::uint32_t history() const noexcept { return history_; }
  static constexpr std::size_t kPanes = kWindowsPerStream;
  /// Of each specification.
  [[nodiscard]] std::uint32_t panes(std::size_t stream) const noexcept { return panes_[stream]; }
  [[nodiscard]] std::size_t pane_record(std::size_t stream, std::size_t which, std::size_t i) const noexcept {
    return which * panes_[stream] + i;
  }
  [[nodiscard]] std::span<std::byte> bytes() noexcept { return bytes_; }
  /// Records of a stream are numbered through: those of the specifications, then the panes.
  [[nodiscard]] std::size_t records(std::size_t stream) const noexcept { return kWindowsPerStream * (1 + history_ + panes_[stream]); }
  [[nodiscard]] std::size_t number_of(std::size_t which, std::size_t record) const noexcept { return which * (1 + history_) + record; }
  /// Bytes [begin, end) of one record.
  [[nodiscard]] std::pair<std::size_t, std::size_t> extent(std::size_t stream, std::size_t number) const noexcept;

 private:
  template <class T>
  [[nodiscard]] T* at(std::size_t offset) noexcept {
    return reinterpret_cast<T*>(bytes_.data() + offset);
  }
  [[nodiscard]] std::size_t record_at(std::size_t stream, std::size_t which, std::size_t record) const noexcept;
  std::vector<std::byte> bytes_;
  std::vector<std::size_t> at_;  ///< where each stream's windows begin
  std::vector<std::uint32_t> channels_, panes_;
  std::uint32_t history_ = 1;
};

std::size_t slot_bytes(std::span<const StreamEntry> streams, std::uint32_t history);

struct BoardSpec {
  std::string instance;
  std::vector<StreamEntry> streams;
  std::vector<ChannelEntry> channels;
  std::optional<gid_t> readers;
};

/// Adds the streams of an older board that `spec` lacks, as far as there is room, so that their account goes on when they return. Returns
/// how many found none: the longest gone, for each board has them behind those of its ring.
std::size_t keep_dormant(BoardSpec& spec, const BoardTables& older);

class BoardWriter {
 public:
  /// Adopts a board of the same streams, or builds a new one that takes over the account of streams of the same name, and their windows
  /// where the names and units of their channels agree. Only the aggregator's role lock holder may call it.
  /// `before`: this process's own until now; where somebody removed its name or cut it, the new one takes over from its image.
  static rt::Result<BoardWriter> open(const BoardSpec& spec, BoardWriter* before = nullptr);
  /// What the next publication will say. Starts as the last one of the predecessor.
  [[nodiscard]] BoardImage& image() noexcept { return image_; }
  [[nodiscard]] const BoardTables& tables() const noexcept { return tables_; }
  [[nodiscard]] BoardControl& control() const noexcept { return *segment_.at<BoardControl>(tables_.geometry.control_at); }
  [[nodiscard]] ProcessPage& process_page() const noexcept { return *segment_.at<ProcessPage>(tables_.geometry.process_at); }
  /// All windows of this stream may have changed since the last publication.
  void touch(std::size_t stream) noexcept;
  /// This record of the image changed.
  void touch(std::size_t stream, std::size_t which, std::size_t record) noexcept {
    ++changed_[stream].records[image_.number_of(which, record)];
    ++changed_[stream].changes;
  }
  /// STEP board 1-4. Real time: copies what changed, no system call.
  void publish() noexcept;
  void unlink();
  [[nodiscard]] bool still_named() const;

 private:
  rt::Done build(const BoardSpec& spec, std::uint32_t history);
  void inherit(const Segment& old, const BoardTables& old_tables, BoardImage& before);
  void inherit_windows(std::size_t stream, BoardImage& before, std::size_t old_stream);

  Segment segment_;
  BoardTables tables_;
  BoardImage image_;
  std::string path_;
  struct Changes {
    std::uint64_t changes = 0;
    std::vector<std::uint64_t> records;  ///< of each
  };
  std::vector<Changes> changed_;                 ///< per stream
  std::array<std::vector<Changes>, 3> written_;  ///< per slot and stream: the changes it holds
};

class BoardReader {
 public:
  static rt::Result<std::optional<BoardReader>> open(const std::string& instance);
  [[nodiscard]] const BoardTables& tables() const noexcept { return tables_; }
  [[nodiscard]] const BoardControl& control() const noexcept { return *segment_.at<BoardControl>(tables_.geometry.control_at); }
  [[nodiscard]] const ProcessPage& process_page() const noexcept { return *segment_.at<ProcessPage>(tables_.geometry.process_at); }
  [[nodiscard]] std::uint64_t latest() const noexcept { return control().latest.load(std::memory_order_acquire); }
  /// Copies the latest publication; false when the writer was faster every time. `image` must be made of tables().
  bool copy(BoardImage& image) const noexcept;
  [[nodiscard]] bool is_named(const std::string& path) const { return segment_.is_named(path); }

 private:
  Segment segment_;
  BoardTables tables_;
};

struct BoardCopy {
  BoardTables tables;
  BoardImage image;
};
/// The latest publication of an instance's board. nullopt: there is none, it cannot be trusted, or its writer was faster every time.
std::optional<BoardCopy> copy_board(const std::string& instance);
std::optional<BoardCopy> copy_board(const BoardReader& board);

rt::Result<BoardTables> read_board_tables(const Segment& board);

}  // namespace chappe::shm

// A recording on disk, read through a window of fixed size: a file of any length costs the same memory, also when the process locks all of
// its memory, and a file that is cut while it plays ends early instead of raising SIGBUS. Opened once; one thread at a time. Never written.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rt/counter.hpp"
#include "rt/descriptor.hpp"
#include "rt/result.hpp"

namespace chappe::producer {

class RecordedFile {
 public:
  static constexpr std::size_t kWindow = 256 * 1024;

  /// A regular file that can be read and is not empty; else an Error that names it and the cause.
  static rt::Result<RecordedFile> open(const std::string& path);

  /// What stands from `offset` on: at least `bytes` (up to kWindow), less only at the file's end or where reading failed. Valid until the
  /// next call.
  std::string_view at(std::uint64_t offset, std::size_t bytes) noexcept;
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Empty, or why at() had less than the file held when it was opened. Any thread.
  [[nodiscard]] std::string trouble() const;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  RecordedFile() = default;
  void note_trouble(int error) noexcept;
  std::string path_;
  rt::Descriptor fd_;
  std::uint64_t size_ = 0;
  std::vector<char> window_;
  std::uint64_t begin_ = 0;  ///< offset of the window's first byte
  std::size_t filled_ = 0;
  struct Trouble {
    rt::Flag seen;  ///< raised once the rest is written
    std::uint64_t at = 0;
    int error = 0;  ///< 0: there are no more bytes
  };
  std::unique_ptr<Trouble> trouble_ = std::make_unique<Trouble>();  ///< where both threads find it, wherever this is moved
};

}  // namespace chappe::producer

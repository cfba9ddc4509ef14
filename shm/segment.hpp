// A shared-memory object of an instance: built unnamed and complete, then linked into place, so that nobody ever sees a half-made one.
// Set-up code of ordinary threads. Only its maker's user unlinks, and only the inode that it found. A crash before the link leaves nothing;
// after it, a complete object that the next start adopts.
#pragma once
#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rt/descriptor.hpp"
#include "rt/result.hpp"
#include "shm/layout.hpp"

namespace chappe::shm {

/// Where objects live: /dev/shm.
std::string object_path(const std::string& instance, const std::string& kind);

/// A mapping with its descriptor.
class Segment {
 public:
  Segment() = default;
  Segment(Segment&& other) noexcept;
  Segment& operator=(Segment&& other) noexcept;
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  ~Segment();

  /// Builds an unnamed object of `bytes`, allocated in full and mapped for writing. Zero-filled. EX_IOERR when the file system is full.
  static rt::Result<Segment> build(std::size_t bytes);
  /// Fills in the common header fields and the checksum over table_bytes. Call last before linking.
  void seal(std::uint64_t magic, std::size_t table_bytes, std::uint64_t incarnation);
  /// Before it has its name: who may open it. `path` is for the message.
  rt::Done permit(const std::string& path, mode_t mode, std::optional<gid_t> group);
  /// The name. EX_TEMPFAIL when it is taken and `replace` is false.
  rt::Done link(const std::string& path, bool replace);

  /// Opens by name and checks everything before use. `writable`: O_RDWR, for its own maker (or, for the gates, a consumer).
  /// nullopt: no such object. An Error: it is there and cannot be trusted, with the reason.
  static rt::Result<std::optional<Segment>> open(const std::string& path, std::uint64_t magic, bool writable);

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  /// The header and tables as they were checked at open (a copy that nobody else can change), or the mapping's own after build.
  [[nodiscard]] const std::byte* table() const noexcept { return table_.empty() ? data_ : table_.data(); }
  [[nodiscard]] const ObjectHeader& header() const noexcept { return *reinterpret_cast<const ObjectHeader*>(table()); }
  [[nodiscard]] uid_t owner() const noexcept { return owner_; }
  /// True while `path` still refers to this object, and it is whole.
  [[nodiscard]] bool is_named(const std::string& path) const;
  /// False once somebody has truncated it; see shm/bus_fault.
  [[nodiscard]] bool is_whole() const;
  /// Removes the name if it still refers to this object.
  void unlink(const std::string& path) const;
  explicit operator bool() const noexcept { return data_ != nullptr; }
  template <class T>
  [[nodiscard]] T* at(std::size_t offset) const noexcept {
    return reinterpret_cast<T*>(data_ + offset);
  }

 private:
  void take_mapping(void* data, std::size_t bytes, bool writable) noexcept;
  void unmap() noexcept;
  rt::Descriptor fd_;
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  uid_t owner_ = 0;
  std::vector<std::byte> table_;
};

/// An object of our own, as a start finds it under its name.
struct OwnObject {
  std::optional<Segment> whole;
  bool damaged = false;  ///< there is one that cannot be trusted, or of another version: its place is taken
};
/// Opens it for writing. EX_NOPERM: it is another user's, and is never touched.
rt::Result<OwnObject> find_own(const std::string& path, std::uint64_t magic);
/// The kernel refused for want of descriptors or memory: what is under the name is neither missing nor damaged, and nobody may go on as if
/// it were.
inline bool is_unknown(const rt::Error& error) noexcept { return error.exit_code == EX_OSERR; }
/// `path` leads to the file that `fd` has open.
bool is_name_of(const std::string& path, int fd);

/// A 64-bit random number that is not 0.
std::uint64_t random_id();
/// FNV-1a, 64 bit.
std::uint64_t fnv1a(const void* data, std::size_t bytes, std::uint64_t start = 14695981039346656037ULL);
/// Start time of a process in clock ticks since boot (/proc/PID/stat), 0 if there is none.
std::uint64_t process_start(std::int32_t pid);
/// A process of that pid and start time exists and is no zombie.
bool process_lives(std::int32_t pid, std::uint64_t start);
/// Numeric or named group; nullopt for empty text.
rt::Result<std::optional<gid_t>> find_group(const std::string& name);

}  // namespace chappe::shm

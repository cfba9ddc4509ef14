#include "shm/segment.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <vector>

#include "rt/fault.hpp"
#include "shm/bus_fault.hpp"

namespace chappe::shm {
namespace {

constexpr const char* kDirectory = "/dev/shm";

void read_boot_id(std::uint64_t out[2]) {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string text;
  std::getline(file, text);
  out[0] = fnv1a(text.data(), text.size());
  out[1] = text.size();
}

std::uint64_t checksum_of(const std::byte* table, std::size_t bytes) {
  ObjectHeader header;
  std::memcpy(&header, table, sizeof header);
  header.checksum = 0;
  const std::uint64_t first = fnv1a(&header, sizeof header);
  return fnv1a(table + sizeof header, bytes - sizeof header, first);
}

/// Empty, or why this header is not one of ours. `size` is the file's.
std::string refusal(const ObjectHeader& h, std::uint64_t magic, std::uint64_t size) {
  std::uint64_t boot[2];
  read_boot_id(boot);
  if (h.magic != magic) return "it is not an object of this kind (magic)";
  if (h.version != kVersion)
    return "its format has version " + std::to_string(h.version) + ", this program knows " + std::to_string(kVersion);
  if (h.byte_order != 0x01020304 || h.word_bytes != sizeof(void*) || h.semaphore_bytes != sizeof(sem_t)) {
    return "it was made by a program of another byte order or word size";
  }
  if (h.object_bytes != size) return "its size is " + std::to_string(size) + " bytes, its header says " + std::to_string(h.object_bytes);
  if (h.table_bytes < sizeof h || h.table_bytes > size || h.table_bytes > (1U << 22)) return "its table size is out of range";
  if (h.boot_id[0] != boot[0] || h.boot_id[1] != boot[1]) return "it is from before the last boot";
  return {};
}

/// A start that is killed between the two names of an object leaves the first; whoever makes or unlinks that object next takes it away.
constexpr const char* kUnfinished = ".new";
void unlink_unfinished(const std::string& path) {
  const std::string left = path + kUnfinished;
  struct stat st {};
  if (lstat(left.c_str(), &st) == 0 && st.st_uid == geteuid()) ::unlink(left.c_str());
}

rt::Error refused(const std::string& path, const std::string& why) { return {EX_DATAERR, path + ": refused: " + why}; }

}  // namespace

std::string object_path(const std::string& instance, const std::string& kind) {
  return std::string(kDirectory) + "/chappe." + instance + "." + kind;
}

void Segment::take_mapping(void* data, std::size_t bytes, bool writable) noexcept {
  data_ = static_cast<std::byte*>(data);
  bytes_ = bytes;
  guard_mapping(data_, bytes_, writable);
}

void Segment::unmap() noexcept {
  if (data_ == nullptr) return;
  forget_mapping(data_);
  munmap(data_, bytes_);
}

Segment::Segment(Segment&& other) noexcept { *this = std::move(other); }
Segment& Segment::operator=(Segment&& other) noexcept {
  if (this == &other) return *this;
  unmap();
  fd_ = std::move(other.fd_);
  data_ = std::exchange(other.data_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  owner_ = other.owner_;
  table_ = std::move(other.table_);
  return *this;
}
Segment::~Segment() { unmap(); }

rt::Result<Segment> Segment::build(std::size_t bytes) {
  Segment made;
  made.fd_ = rt::Descriptor(CHAPPE_FAULT_ERRNO(object_to_make) ? -1 : ::open(kDirectory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!made.fd_) return rt::errno_error(std::string(kDirectory) + ": cannot make an object");
  int error = 0;
  do {
    error = CHAPPE_FAULT_ERRNO(object_to_fill) ? errno : posix_fallocate(made.fd_.get(), 0, static_cast<off_t>(bytes));  // 0, or the error
  } while (error == EINTR);
  if (error != 0) {
    return rt::Error{EX_IOERR, std::string(kDirectory) + ": cannot allocate " + std::to_string(bytes) + " bytes: " + std::strerror(error) +
                                   "; make the ring smaller ([ring] blocks) or mount a larger tmpfs"};
  }
  void* data = CHAPPE_FAULT_ERRNO(object_to_map)
                   ? MAP_FAILED
                   : mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, made.fd_.get(), 0);
  if (data == MAP_FAILED) return rt::errno_error("cannot map " + std::to_string(bytes) + " bytes");
  made.take_mapping(data, bytes, true);
  made.owner_ = geteuid();
  return made;
}

void Segment::seal(std::uint64_t magic, std::size_t table_bytes, std::uint64_t incarnation) {
  auto& h = *at<ObjectHeader>(0);
  h.magic = magic;
  h.version = kVersion;
  h.byte_order = 0x01020304;
  h.word_bytes = sizeof(void*);
  h.semaphore_bytes = sizeof(sem_t);
  h.table_bytes = table_bytes;
  h.object_bytes = bytes_;
  h.incarnation = incarnation;
  read_boot_id(h.boot_id);
  h.checksum = 0;
  h.checksum = checksum_of(data_, table_bytes);
}

rt::Done Segment::permit(const std::string& path, mode_t mode, std::optional<gid_t> group) {
  if (group && fchown(fd_.get(), static_cast<uid_t>(-1), *group) != 0) {
    return rt::errno_error(path + ": cannot give it to group " + std::to_string(*group) + " (is this process a member?)");
  }
  if (fchmod(fd_.get(), mode) != 0) return rt::errno_error(path + ": cannot set its mode");
  return rt::done();
}

rt::Done Segment::link(const std::string& path, bool replace) {
  const std::string self = "/proc/self/fd/" + std::to_string(fd_.get());
  const std::string target = replace ? path + kUnfinished : path;
  if (replace) unlink_unfinished(path);
  if (CHAPPE_FAULT_ERRNO(object_to_name) || linkat(AT_FDCWD, self.c_str(), AT_FDCWD, target.c_str(), AT_SYMLINK_FOLLOW) != 0) {
    if (errno == EEXIST) return rt::Error{EX_TEMPFAIL, path + ": another process made it at the same moment"};
    return rt::errno_error(path + ": cannot name the object");
  }
  if (replace && (CHAPPE_FAULT_ERRNO(object_to_rename) || rename(target.c_str(), path.c_str()) != 0)) {
    const int error = errno;
    ::unlink(target.c_str());
    return rt::errno_error(path + ": cannot take the name", error);
  }
  return rt::done();
}

rt::Result<std::optional<Segment>> Segment::open(const std::string& path, std::uint64_t magic, bool writable) {
  Segment opened;
  const int how = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;  // a FIFO under the name would let us hang
  const int fd = CHAPPE_FAULT_ERRNO(object_to_open) ? -1 : ::open(path.c_str(), how);
  if (fd < 0) {
    if (errno == ENOENT) return std::optional<Segment>{};
    rt::Error error = rt::errno_error(path + ": cannot open");
    if (error.exit_code == EX_NOPERM) error.text += writable ? " (only [permissions] consumers may)" : " (only [permissions] readers may)";
    return error;
  }
  opened.fd_ = rt::Descriptor(fd);
  struct stat st {};
  if (fstat(opened.fd_.get(), &st) != 0) return rt::errno_error(path + ": cannot stat");
  if (!S_ISREG(st.st_mode) || (st.st_mode & S_IWOTH) != 0) return refused(path, "it is not a regular file or all may write to it");
  ObjectHeader header{};
  if (pread(opened.fd_.get(), &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header)) return refused(path, "it is too short");
  const auto size = static_cast<std::uint64_t>(st.st_size);
  if (auto why = refusal(header, magic, size); !why.empty()) return refused(path, why);
  std::vector<std::byte> table(header.table_bytes);
  if (pread(opened.fd_.get(), table.data(), table.size(), 0) != static_cast<ssize_t>(table.size()) ||
      std::memcmp(table.data(), &header, sizeof header) != 0 || checksum_of(table.data(), table.size()) != header.checksum) {
    return refused(path, "its checksum is wrong");
  }
  void* data =
      mmap(nullptr, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED | (writable ? MAP_POPULATE : 0), opened.fd_.get(), 0);
  if (data == MAP_FAILED) return rt::errno_error(path + ": cannot map");
  opened.take_mapping(data, size, writable);
  opened.owner_ = st.st_uid;
  opened.table_ = std::move(table);
  return std::optional<Segment>{std::move(opened)};
}

bool Segment::is_named(const std::string& path) const { return is_whole() && is_name_of(path, fd_.get()); }

bool Segment::is_whole() const {
  struct stat mine {};
  return fstat(fd_.get(), &mine) == 0 && static_cast<std::uint64_t>(mine.st_size) == bytes_;
}

void Segment::unlink(const std::string& path) const {
  if (!is_name_of(path, fd_.get())) return;
  unlink_unfinished(path);
  ::unlink(path.c_str());
}

bool is_name_of(const std::string& path, int fd) {
  struct stat mine {
  }, named{};
  return fstat(fd, &mine) == 0 && stat(path.c_str(), &named) == 0 && mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
}

rt::Result<OwnObject> find_own(const std::string& path, std::uint64_t magic) {
  struct stat st {};
  if (lstat(path.c_str(), &st) == 0 && st.st_uid != geteuid()) {
    return rt::Error{EX_NOPERM, path + ": belongs to user " + std::to_string(st.st_uid) + ", this process is user " +
                                    std::to_string(geteuid()) +
                                    "; what is not its own is never touched: run as that user, or choose another --instance"};
  }
  auto opened = Segment::open(path, magic, true);
  if (opened) return OwnObject{.whole = std::move(*opened)};
  if (opened.error().exit_code != EX_DATAERR) return opened.error();
  return OwnObject{.whole = {}, .damaged = true};
}

std::uint64_t random_id() {
  std::uint64_t id = 0;
  while (id == 0) {
    if (getrandom(&id, sizeof id, 0) != static_cast<ssize_t>(sizeof id)) id = 0;
  }
  return id;
}

std::uint64_t fnv1a(const void* data, std::size_t bytes, std::uint64_t start) {
  const auto* byte = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < bytes; ++i) start = (start ^ byte[i]) * 1099511628211ULL;
  return start;
}

std::uint64_t process_start(std::int32_t pid) {
  // By hand: a process may go between open and read, which then fails with ESRCH, and the buffer of an ifstream would throw.
  const rt::Descriptor file(::open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(1024, '\0');
  const ssize_t got = file ? ::read(file.get(), text.data(), text.size()) : 0;
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  const auto end_of_name = text.rfind(')');  // the name may hold anything
  if (end_of_name == std::string::npos || end_of_name + 2 >= text.size()) return 0;
  if (text[end_of_name + 2] == 'Z' || text[end_of_name + 2] == 'X') return 0;
  std::size_t at = end_of_name + 2;
  for (int field = 3; field < 22; ++field) {
    at = text.find(' ', at);
    if (at == std::string::npos) return 0;
    ++at;
  }
  std::uint64_t start = 0;
  std::from_chars(text.data() + at, text.data() + text.size(), start);
  return start;
}

bool process_lives(std::int32_t pid, std::uint64_t start) { return pid > 0 && start != 0 && process_start(pid) == start; }

rt::Result<std::optional<gid_t>> find_group(const std::string& name) {
  if (name.empty()) return std::optional<gid_t>{};
  gid_t id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (error == std::errc{} && end == name.data() + name.size()) return std::optional<gid_t>{id};
  if (const group* found = getgrnam(name.c_str()); found != nullptr) return std::optional<gid_t>{found->gr_gid};
  return rt::Error{EX_NOUSER, "permissions: no group is called '" + name + "'; expected a group name of this system or a number"};
}

}  // namespace chappe::shm

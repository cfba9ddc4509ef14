#include "producer/recorded_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

namespace chappe::producer {

rt::Result<RecordedFile> RecordedFile::open(const std::string& path) {
  const auto failed = [&](int code, const std::string& why) { return rt::Error{code, "replay file " + path + ": " + why}; };
  RecordedFile file;
  // O_NONBLOCK: opening a pipe by mistake must not hang before fstat can refuse it.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return failed(errno == EACCES ? EX_NOPERM : EX_NOINPUT, std::strerror(errno));
  file.fd_ = rt::Descriptor(fd);
  struct stat status {};
  if (::fstat(file.fd_.get(), &status) != 0) return failed(EX_OSERR, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return failed(EX_NOINPUT, "not a regular file");
  if (status.st_size == 0) return failed(EX_DATAERR, "empty");
  ::posix_fadvise(file.fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);  // a hint: refused, it reads more slowly
  file.path_ = path;
  file.size_ = static_cast<std::uint64_t>(status.st_size);
  file.window_.resize(std::min<std::uint64_t>(kWindow, file.size_));
  return file;
}

std::string_view RecordedFile::at(std::uint64_t offset, std::size_t bytes) noexcept {
  if (offset >= size_) return {};
  const std::uint64_t wanted = std::min<std::uint64_t>(bytes, size_ - offset);
  if (offset < begin_ || offset + wanted > begin_ + filled_) {
    begin_ = offset;
    filled_ = 0;
    while (filled_ < window_.size() && begin_ + filled_ < size_) {
      const ssize_t got = ::pread(fd_.get(), window_.data() + filled_, window_.size() - filled_, static_cast<off_t>(begin_ + filled_));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {  // an error of the disk, or the file was cut: what is not there ends the recording
        note_trouble(got < 0 ? errno : 0);
        break;
      }
      filled_ += static_cast<std::size_t>(got);
    }
  }
  const std::size_t skip = static_cast<std::size_t>(offset - begin_);
  return skip < filled_ ? std::string_view(window_.data() + skip, filled_ - skip) : std::string_view();
}

void RecordedFile::note_trouble(int error) noexcept {
  if (trouble_->seen.is_up()) return;
  trouble_->at = begin_ + filled_;
  trouble_->error = error;
  trouble_->seen.raise();
}

std::string RecordedFile::trouble() const {
  if (!trouble_->seen.is_up()) return {};
  const std::string place = path_ + ": ends at byte " + std::to_string(trouble_->at) + " of " + std::to_string(size_) + ": ";
  return place + (trouble_->error != 0 ? std::strerror(trouble_->error) : "it was cut while it played");
}

}  // namespace chappe::producer

// The controlling side of the fault points: a page in a file, for the processes that are started with CHAPPE_FAULT_PAGE naming it.
#pragma once
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>
#include <string>
#include <utility>

#include "rt/fault_page.hpp"

namespace chappe::fault {

using rt::FaultAction;
using rt::FaultPoint;

inline const rt::FaultName& name_of(FaultPoint point) { return rt::kFaultNames[static_cast<std::size_t>(point)]; }

/// Makes the file anew; it stays, for whoever removes the folder. Several threads may use it.
class FaultControl {
 public:
  static constexpr const char* kVariable = "CHAPPE_FAULT_PAGE";

  explicit FaultControl(std::string path) : path_(std::move(path)) {
    const int fd = ::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    void* mapped = MAP_FAILED;
    if (fd >= 0 && ::ftruncate(fd, sizeof(rt::FaultPage)) == 0)
      mapped = mmap(nullptr, sizeof(rt::FaultPage), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0) ::close(fd);
    if (mapped != MAP_FAILED) page_ = new (mapped) rt::FaultPage;
  }
  FaultControl(const FaultControl&) = delete;
  FaultControl& operator=(const FaultControl&) = delete;
  ~FaultControl() {
    if (page_ != nullptr) munmap(page_, sizeof(rt::FaultPage));
  }

  [[nodiscard]] bool is_made() const { return page_ != nullptr; }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// For the environment of a process: CHAPPE_FAULT_PAGE=path.
  [[nodiscard]] std::string variable() const { return std::string(kVariable) + "=" + path_; }

  /// The action is taken once, when `pass` more hits have gone by. It fails with the error of the list.
  void arm(FaultPoint point, FaultAction action, int pass = 0) {
    rt::FaultCell& c = cell(point);
    c.error.store(name_of(point).error, std::memory_order_relaxed);
    c.countdown.store(pass, std::memory_order_relaxed);
    c.action.store(action, std::memory_order_release);
  }
  /// False: it had struck already.
  bool disarm(FaultPoint point) { return cell(point).action.exchange(FaultAction::none, std::memory_order_acq_rel) != FaultAction::none; }
  [[nodiscard]] std::uint64_t hits(FaultPoint point) { return cell(point).hits.load(std::memory_order_relaxed); }
  /// How often an action was taken here.
  [[nodiscard]] std::uint64_t struck(FaultPoint point) { return cell(point).struck.load(std::memory_order_acquire); }

 private:
  rt::FaultCell& cell(FaultPoint point) { return page_->cells[static_cast<std::size_t>(point)]; }
  std::string path_;
  rt::FaultPage* page_ = nullptr;
};

}  // namespace chappe::fault

// Looks through shm::Viewer, checked: a settled one closes on every stream, also while an adoption is under way or was killed unfinished,
// and no count falls from one look to the next.
#pragma once
#include <map>
#include <string>

#include "shm/viewer.hpp"
#include "torture_ring.hpp"

namespace chappe::shm::torture {

class Looks {
 public:
  Looks(std::string instance, Shared& shared) : viewer_(std::move(instance)), shared_(&shared) {}
  /// The snapshot, checked and counted.
  Snapshot look();

 private:
  void check(const Account& account, const Snapshot& s);
  Viewer viewer_;
  Shared* shared_;
  std::map<std::string, Account> before_;
};

}  // namespace chappe::shm::torture

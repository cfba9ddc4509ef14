#include "campaign_aim.hpp"

#ifdef CHAPPE_FAULT_POINTS

#include <csignal>
#include <cstdlib>
#include <vector>

#include "rt/clock.hpp"

namespace chappe::whole {
namespace {

using fault::FaultAction;
using fault::FaultPoint;

constexpr std::int64_t kComesThere = rt::kSecond / 4;

/// What a process passes again and again, and what it passes once in a start.
const std::vector<FaultPoint> kAtWork[] = {
    {FaultPoint::source_acquired, FaultPoint::source_filled, FaultPoint::source_handed_on, FaultPoint::publish_handed,
     FaultPoint::publish_1, FaultPoint::publish_3, FaultPoint::publish_4, FaultPoint::publish_5, FaultPoint::publish_committed,
     FaultPoint::publish_bell, FaultPoint::bell_posted},
    {FaultPoint::consume_3_measured, FaultPoint::consume_5_merged, FaultPoint::consume_6_tail, FaultPoint::consume_6_rung,
     FaultPoint::board_1, FaultPoint::board_2, FaultPoint::board_3, FaultPoint::board_4, FaultPoint::log_row_written}};
const std::vector<FaultPoint> kInStart[] = {
    {FaultPoint::adopt_1_lease, FaultPoint::adopt_3_head, FaultPoint::adopt_4_committed, FaultPoint::adopt_4_filled,
     FaultPoint::adopt_4_handed, FaultPoint::adopt_4_crash, FaultPoint::adopt_5_mirror, FaultPoint::adopt_5_verdict,
     FaultPoint::adopt_6_owner, FaultPoint::adopt_6_epoch, FaultPoint::adopt_6_rung, FaultPoint::create_3_lease, FaultPoint::create_4_gates,
     FaultPoint::create_4_ring, FaultPoint::supersede_1_linked, FaultPoint::supersede_1_kept, FaultPoint::supersede_2_named,
     FaultPoint::supersede_3_retired},
    {FaultPoint::attach_1_lease, FaultPoint::attach_2_owner, FaultPoint::attach_4_tail, FaultPoint::attach_5_live,
     FaultPoint::attach_6_rung, FaultPoint::log_cut, FaultPoint::queue_made}};

FaultPoint draw(const std::vector<FaultPoint>& of, std::mt19937_64& random) { return of[random() % of.size()]; }

}  // namespace

Aim::Aim(const Instance& instance) {
  for (const std::size_t role : {0U, 1U})
    page_[role] = std::make_unique<fault::FaultControl>(instance.path("faults" + std::to_string(role)));
}

void Aim::prepare(std::size_t role) const {
  if (role < page_.size())
    setenv(fault::FaultControl::kVariable, page_[role]->path().c_str(), 1);
  else
    unsetenv(fault::FaultControl::kVariable);
}

bool Aim::kills_at_work(std::size_t role, Child& child, std::mt19937_64& random) {
  if (random() % 4 == 0) return false;
  armed_[role] = draw(kAtWork[role], random);
  page_[role]->arm(armed_[role], FaultAction::kill, static_cast<int>(random() % 32));
  if (child.wait_for(kComesThere) == -SIGKILL) return true;
  disarm(role);
  return false;
}

bool Aim::arm_start(std::size_t role, std::mt19937_64& random) {
  if (random() % 4 == 0) return false;
  armed_[role] = draw(kInStart[role], random);
  page_[role]->arm(armed_[role], FaultAction::kill);
  return true;
}

void Aim::disarm(std::size_t role) { page_[role]->disarm(armed_[role]); }

std::map<std::string, std::uint64_t> Aim::landed() const {
  std::map<std::string, std::uint64_t> all;
  for (const auto& page : page_) {
    for (std::size_t i = 0; i < rt::kFaultPoints; ++i) {
      const std::uint64_t struck = page->struck(static_cast<FaultPoint>(i));
      if (struck > 0) all[rt::kFaultNames[i].name] += struck;
    }
  }
  return all;
}

}  // namespace chappe::whole

#endif

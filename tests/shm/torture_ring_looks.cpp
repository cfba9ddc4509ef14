#include "torture_ring_looks.hpp"

#include <algorithm>

namespace chappe::shm::torture {
namespace {

void count(Word& word) noexcept { word.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

Snapshot Looks::look() {
  const std::uint64_t starts = shared_->starts.load(std::memory_order_seq_cst);
  const bool adopting = shared_->adopting.load(std::memory_order_seq_cst) != 0;
  Snapshot s = viewer_.look();
  const bool quiet =
      !adopting && shared_->adopting.load(std::memory_order_seq_cst) == 0 && shared_->starts.load(std::memory_order_seq_cst) == starts;
  Findings& found = shared_->found;
  count(found.looks);
  if (!s.trouble.empty()) {
    count(found.troubles);
    shared_->tell("viewer: %s", s.trouble.c_str());
  }
  if (!s.ledger.settled) {
    count(found.unsettled_looks);
    return s;
  }
  if (!quiet) count(found.adoption_looks);
  for (const Account& a : s.ledger.streams) check(a, s);
  return s;
}

void Looks::check(const Account& a, const Snapshot& s) {
  const std::uint64_t known = a.aggregated + a.dropped.sum() + a.overrun + a.overrun_pending + a.in_flight;
  if (a.unexplained != 0 || a.acquired != known) {
    count(shared_->found.unexplained);
    shared_->tell(
        "stream %s: unexplained %ld; acquired %lu, filled %lu, handed %lu, committed %lu, aggregated %lu, overrun %lu, pending %lu, in "
        "ring "
        "%lu, in flight %lu, full %lu, pool %lu, crash %lu; ring %s, head %lu, upto %lu, epoch %lu",
        a.stream.c_str(), a.unexplained, a.acquired, a.filled, a.handed, a.committed, a.aggregated, a.overrun, a.overrun_pending, a.in_ring,
        a.in_flight, a.dropped.full, a.dropped.pool, a.dropped.crash, s.state.c_str(), s.head, s.upto, s.epoch);
  }
  Account& b = before_[a.stream];
  const bool back = a.acquired < b.acquired || a.committed < b.committed || a.aggregated < b.aggregated || a.overrun < b.overrun ||
                    a.dropped.sum() < b.dropped.sum();
  if (back) {
    count(shared_->found.went_back);
    shared_->tell("stream %s: a count fell: acquired %lu to %lu, committed %lu to %lu, aggregated %lu to %lu, overrun %lu to %lu",
                  a.stream.c_str(), b.acquired, a.acquired, b.committed, a.committed, b.aggregated, a.aggregated, b.overrun, a.overrun);
  }
  b = a;
}

}  // namespace chappe::shm::torture

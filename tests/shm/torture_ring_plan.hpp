// What a campaign means to do with one start of one role. All of it is drawn when the start begins, from the seed, the role and the number
// of the start alone: whatever time does to one start changes no draw of another.
#pragma once
#include <cstdint>
#include <random>

#include "torture_ring.hpp"

namespace chappe::shm::torture {

enum class Part : std::uint32_t { producer, consumer, viewers };

class Dice {
 public:
  Dice(std::uint64_t seed, Part part, std::uint64_t number);
  std::uint64_t draw(std::uint64_t below) { return random_() % below; }
  bool one_in(std::uint64_t n) { return draw(n) == 0; }
  std::int64_t us(std::uint64_t below) { return 1'000 * static_cast<std::int64_t>(draw(below)); }
  std::uint64_t seed() { return random_(); }

 private:
  std::mt19937_64 random_;
};

/// Times in ns.
struct Plan {
  std::uint64_t order = 0;         ///< to die by itself, see Seat
  std::int64_t early_ns = -1;      ///< struck so long after its fork, mostly while it starts; below 0: not
  std::int64_t after_data_ns = 0;  ///< struck so long after its first data
  bool is_patient = false;         ///< not struck for being slow
  bool stops = false, looks_while_stopped = false, dies_stopped = false;
  std::int64_t stop_ns = 0, go_on_ns = 0;
  bool ends = false;  ///< told to end, in place of a kill
  std::uint64_t end_order = 0;
  std::int64_t haste_ns = -1;  ///< killed so long after it was told to end; below 0: not
};

/// `supersedes`: this start of the producer finds a ring of another geometry.
Plan plan_of(Dice& dice, Part part, bool supersedes);

}  // namespace chappe::shm::torture

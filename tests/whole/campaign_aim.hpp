// Kills at points: where the programs have their fault points (preset `faults`), a campaign can let one die at a step of the protocol
// rather than at any time. Elsewhere there is nothing to aim at, and it strikes at random.
#pragma once
#include <cstdint>
#include <map>
#include <random>
#include <string>

#include "harness.hpp"

#ifdef CHAPPE_FAULT_POINTS
#include <array>
#include <memory>

#include "tests/fault/fault_control.hpp"
#endif

namespace chappe::whole {

/// One thread. Roles are those of the campaign: 0 producer, 1 aggregator.
class Aim {
 public:
#ifdef CHAPPE_FAULT_POINTS
  explicit Aim(const Instance& instance);
  /// For the process that is started next.
  void prepare(std::size_t role) const;
  /// Lets it die at a step of its work. False: it lives; it was not aimed at, or did not come there in time.
  bool kills_at_work(std::size_t role, Child& child, std::mt19937_64& random);
  /// The next start of this role is to die at a step of it; until disarmed. False: it was not aimed at.
  bool arm_start(std::size_t role, std::mt19937_64& random);
  void disarm(std::size_t role);
  /// Kills by point.
  [[nodiscard]] std::map<std::string, std::uint64_t> landed() const;

 private:
  std::array<std::unique_ptr<fault::FaultControl>, 2> page_;
  fault::FaultPoint armed_[2]{};
#else
  explicit Aim(const Instance& /*instance*/) {}
  void prepare(std::size_t /*role*/) const {}
  bool kills_at_work(std::size_t /*role*/, Child& /*child*/, std::mt19937_64& /*random*/) { return false; }
  bool arm_start(std::size_t /*role*/, std::mt19937_64& /*random*/) { return false; }
  void disarm(std::size_t /*role*/) {}
  [[nodiscard]] std::map<std::string, std::uint64_t> landed() const { return {}; }
#endif
};

}  // namespace chappe::whole

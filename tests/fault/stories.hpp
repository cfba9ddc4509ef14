// How each fault point is reached: a short story of the three programs that leads to it, with the point armed at the right moment.
#pragma once
#include <string>
#include <vector>

#include "tests/fault/scene.hpp"

namespace chappe::fault {

/// What happens to the process when the call behind the point fails.
enum class Failing { not_here, goes_on, exits };

struct Case;
using Story = void (*)(Scene&, const Case&, FaultAction);

struct Case {
  FaultPoint point;
  Role who;
  Story story;
  int pass = 0;  ///< hits to let pass
  Failing failing = Failing::not_here;
};

/// Every point of the list is in here, some in several roles.
const std::vector<Case>& cases();

}  // namespace chappe::fault

// What `chappectl describe` prints for people. Pure functions, any thread. Part of the program chappectl alone.
#pragma once
#include <string>

#include "shm/snapshot.hpp"

namespace chappe::control {

/// The last closed window of each specification, with all figures of each channel: a table of those that everybody asks for, and one of
/// the shape of the values.
std::string describe_text(const shm::StreamView& stream);

}  // namespace chappe::control

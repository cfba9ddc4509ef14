// Numbers as JSON has them. Used inside shm/*_json.cpp only, because of nlohmann.
#pragma once
#include <cmath>
#include <nlohmann/json.hpp>

namespace chappe::shm {

using Json = nlohmann::ordered_json;

/// Null: not a finite number.
inline Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

}  // namespace chappe::shm

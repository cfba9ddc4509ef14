// Entries of the object of alarms as plain values for readers. Pure; any thread.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "shm/alarm_layout.hpp"
#include "shm/snapshot.hpp"

namespace chappe::shm {

/// "ok", "warning", "alarm", "stale".
std::string state_word(AlarmState state);
/// `now_ns`: CLOCK_REALTIME, which says what is still shelved.
std::vector<AlarmView> alarm_views(std::span<const AlarmEntry> entries, std::int64_t now_ns);
/// "STREAM/CHANNEL", or the stream alone.
std::string place_of(const AlarmView& alarm);
/// "mean 81.2 degC, limit 80": what its state is about, for people.
std::string reason_of(const AlarmView& alarm);

}  // namespace chappe::shm

#include "shm/alarms.hpp"

#include <algorithm>
#include <cstring>

#include "rt/clock.hpp"
#include "shm/slots.hpp"

namespace chappe::shm {
namespace {

constexpr std::size_t kControlAt = kPage, kSlotsAt = 2 * kPage;
constexpr std::size_t kSlotBytes = sizeof(AlarmSlot) + kMaxAlarms * sizeof(AlarmEntry);
constexpr std::size_t kObjectBytes = kSlotsAt + 3 * round_up(kSlotBytes, kPage);

template <std::size_t N>
bool is_text(const char (&field)[N]) {
  return field[N - 1] == 0;
}

bool is_sound(const AlarmEntry& e) {
  return is_text(e.stream) && is_text(e.channel) && is_text(e.alarm) && is_text(e.unit) && is_text(e.kind) && is_text(e.of) &&
         e.stream[0] != 0 && e.alarm[0] != 0 && e.state <= static_cast<std::uint32_t>(AlarmState::stale);
}

bool read_entries(const Segment& object, std::vector<AlarmEntry>& entries) {
  const Word& latest = object.at<AlarmControl>(kControlAt)->latest;
  const bool whole = read_latest(object.data() + kSlotsAt, kSlotBytes, latest, [&](const std::byte* slot) {
    alignas(8) std::byte head[sizeof(AlarmSlot)];
    copy_racing(head, slot, sizeof head);
    std::uint64_t count = 0;
    std::memcpy(&count, head + offsetof(AlarmSlot, entries), sizeof count);
    entries.resize(std::min<std::uint64_t>(count, kMaxAlarms));
    copy_racing(reinterpret_cast<std::byte*>(entries.data()), slot + sizeof(AlarmSlot), entries.size() * sizeof(AlarmEntry));
  });
  if (whole && std::all_of(entries.begin(), entries.end(), is_sound)) return true;
  entries.clear();
  return false;
}

bool has_its_size(const Segment& object) { return object.bytes() == kObjectBytes && object.header().table_bytes == sizeof(ObjectHeader); }

}  // namespace

AlarmControl& AlarmWriter::control() const noexcept { return *segment_.at<AlarmControl>(kControlAt); }

rt::Result<AlarmWriter> AlarmWriter::open(const std::string& instance, std::optional<gid_t> readers, std::vector<AlarmEntry>& entries) {
  AlarmWriter writer;
  writer.path_ = object_path(instance, "alarms");
  entries.clear();
  auto found = find_own(writer.path_, kAlarmsMagic);
  if (!found) return found.error();
  if (found->whole && has_its_size(*found->whole) && read_entries(*found->whole, entries)) {
    writer.segment_ = std::move(*found->whole);
    return writer;
  }
  auto built = Segment::build(kObjectBytes);
  if (!built) return built.error();
  built->seal(kAlarmsMagic, sizeof(ObjectHeader), random_id());
  writer.segment_ = std::move(*built);
  writer.publish(entries, 0);  // complete before it has a name
  if (auto permitted = writer.segment_.permit(writer.path_, 0640, readers); !permitted) return permitted.error();
  if (auto linked = writer.segment_.link(writer.path_, true); !linked) return linked.error();
  return writer;
}

void AlarmWriter::publish(const std::vector<AlarmEntry>& entries, std::uint64_t generation) noexcept {
  publish_slot(segment_.data() + kSlotsAt, kSlotBytes, control().latest, [&](std::byte* slot, std::uint64_t) {
    auto& head = *reinterpret_cast<AlarmSlot*>(slot);
    head.entries = std::min<std::size_t>(entries.size(), kMaxAlarms);
    head.published_ns = rt::monotonic_ns();
    head.generation = generation;
    std::copy_n(entries.data(), head.entries, reinterpret_cast<AlarmEntry*>(slot + sizeof(AlarmSlot)));
  });
}

void AlarmWriter::unlink() { segment_.unlink(path_); }
bool AlarmWriter::still_named() const { return segment_.is_named(path_); }

rt::Result<std::optional<AlarmReader>> AlarmReader::open(const std::string& instance) {
  auto object = Segment::open(object_path(instance, "alarms"), kAlarmsMagic, false);
  if (!object) return object.error();
  if (!*object) return std::optional<AlarmReader>{};
  if (!has_its_size(**object)) return rt::Error{EX_DATAERR, "alarms refused: their size is out of range"};
  AlarmReader reader;
  reader.segment_ = std::move(**object);
  return std::optional<AlarmReader>{std::move(reader)};
}

bool AlarmReader::copy(std::vector<AlarmEntry>& entries) const { return read_entries(segment_, entries); }

}  // namespace chappe::shm

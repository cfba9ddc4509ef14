#include "shm/tables.hpp"

#include <algorithm>
#include <cstring>
#include <set>

namespace chappe::shm {
namespace {

std::string_view name_of(const StreamEntry& stream) { return {stream.name, strnlen(stream.name, kNameBytes)}; }

template <class T>
bool same(std::span<const T> one, std::span<const T> other) {
  return std::ranges::equal(std::as_bytes(one), std::as_bytes(other));
}

}  // namespace

std::size_t table_bytes(std::size_t streams, std::size_t channels) {
  return streams * sizeof(StreamEntry) + channels * sizeof(ChannelEntry);
}

void write_tables(std::byte* to, std::span<const StreamEntry> streams, std::span<const ChannelEntry> channels) {
  const auto rest = std::ranges::copy(std::as_bytes(streams), to).out;
  std::ranges::copy(std::as_bytes(channels), rest);
}

void read_tables(const std::byte* from, std::span<StreamEntry> streams, std::span<ChannelEntry> channels) {
  std::copy_n(from, streams.size_bytes(), std::as_writable_bytes(streams).begin());
  std::copy_n(from + streams.size_bytes(), channels.size_bytes(), std::as_writable_bytes(channels).begin());
}

bool have_names(std::span<const StreamEntry> streams) {
  std::set<std::string_view> names;
  return std::ranges::all_of(streams, [&](const StreamEntry& s) { return s.name[0] != 0 && names.insert(name_of(s)).second; });
}

std::optional<std::size_t> find_stream(std::span<const StreamEntry> streams, std::string_view name) {
  const auto found = std::ranges::find(streams, name, name_of);
  return found != streams.end() ? std::optional(static_cast<std::size_t>(found - streams.begin())) : std::nullopt;
}

bool same_tables(std::span<const StreamEntry> streams, std::span<const StreamEntry> other_streams, std::span<const ChannelEntry> channels,
                 std::span<const ChannelEntry> other_channels) {
  return same(streams, other_streams) && same(channels, other_channels);
}

bool same_channels(const StreamEntry& stream, std::span<const ChannelEntry> channels, const StreamEntry& other,
                   std::span<const ChannelEntry> other_channels) {
  return same(channels.subspan(stream.first_channel, stream.channels), other_channels.subspan(other.first_channel, other.channels));
}

}  // namespace chappe::shm

// The tables of streams and channels that ring and board both carry, one after the other, behind their geometry.
#pragma once
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "shm/layout.hpp"

namespace chappe::shm {

/// Bytes of both tables together.
std::size_t table_bytes(std::size_t streams, std::size_t channels);
void write_tables(std::byte* to, std::span<const StreamEntry> streams, std::span<const ChannelEntry> channels);
/// Fills both from `from`; how many there are is checked by the caller before.
void read_tables(const std::byte* from, std::span<StreamEntry> streams, std::span<ChannelEntry> channels);
/// Streams are found by name: no two have the same, and none is empty.
bool have_names(std::span<const StreamEntry> streams);
/// The index of the stream of that name.
std::optional<std::size_t> find_stream(std::span<const StreamEntry> streams, std::string_view name);
/// Equal in every byte, so that the same words mean the same frames.
bool same_tables(std::span<const StreamEntry> streams, std::span<const StreamEntry> other_streams, std::span<const ChannelEntry> channels,
                 std::span<const ChannelEntry> other_channels);

/// The same channels by name and unit, in the same order: only then a window of the one means what a window of the other does. Both tables
/// are checked.
bool same_channels(const StreamEntry& stream, std::span<const ChannelEntry> channels, const StreamEntry& other,
                   std::span<const ChannelEntry> other_channels);

}  // namespace chappe::shm

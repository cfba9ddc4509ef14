// The messages of the control queues: JSON of one version, at most 1,024 bytes. Pure; any ordinary thread.
// Everything decoded comes from a stranger: every byte string gives a message or a reason, and never throws. Unknown fields are ignored, so
// that a later program can add one; an unknown version is refused, so that it can change one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rt/result.hpp"

namespace chappe::control {

inline constexpr std::size_t kMessageBytes = 1024;
inline constexpr std::uint32_t kMessageVersion = 1;

/// What a command asks for. The first four come from an operator and are answered; the others from the producer and are not.
namespace verb {
inline constexpr std::string_view kReload = "reload";            ///< argument: empty
inline constexpr std::string_view kStop = "stop";                ///< argument: empty
inline constexpr std::string_view kAcknowledge = "acknowledge";  ///< argument: AlarmOrder
inline constexpr std::string_view kShelve = "shelve";            ///< argument: AlarmOrder
inline constexpr std::string_view kAttach = "attach";            ///< a ring was made or adopted: attach
inline constexpr std::string_view kSupersede = "supersede";      ///< a ring of another geometry took the name
inline constexpr std::string_view kEnd = "end";                  ///< the producer ends: drain and acknowledge
}  // namespace verb

struct Command {
  std::uint32_t version = kMessageVersion;
  std::string id{};      ///< chosen by the asker, repeated in the reply
  std::int32_t pid = 0;  ///< of the asker; with `reply` the address of the answer
  std::string reply{};   ///< suffix of the asker's queue, 16 hexadecimal digits; empty: no answer is wanted
  std::string verb{};
  std::string argument{};
  bool operator==(const Command&) const = default;
};

struct Reply {
  std::string id;
  bool ok = false;
  std::string text;  ///< the result, or the reason of the refusal
  bool operator==(const Reply&) const = default;
};

/// What an operator wants of the alarms of that name: of all, or of one stream or channel.
struct AlarmOrder {
  std::string alarm, stream{}, channel{};
  std::int64_t for_ms = 0;  ///< shelve: so long; 0: no longer
  bool operator==(const AlarmOrder&) const = default;
};
/// The argument of a command.
std::string encode(const AlarmOrder& order);
/// EX_DATAERR, with the reason, for anything else.
rt::Result<AlarmOrder> decode_alarm_order(std::string_view argument);

/// EX_USAGE if it does not fit a message.
rt::Result<std::string> encode(const Command& command);
/// A text too long for a message is cut and ends in "...".
std::string encode(const Reply& reply);

/// EX_DATAERR, with the reason, for anything but a command of this version.
rt::Result<Command> decode_command(std::string_view bytes);
rt::Result<Reply> decode_reply(std::string_view bytes);
/// Where a command of any version wants its answer (id, pid, reply alone are filled), so that its refusal can be told to the asker.
std::optional<Command> decode_address(std::string_view bytes);

}  // namespace chappe::control

#include "control/message.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

namespace chappe::control {
namespace {

using nlohmann::json;

constexpr std::int64_t kLongestShelf = std::int64_t{30} * 86'400'000;

// Bytes that are no UTF-8 become U+FFFD: the strict handler would throw.
std::string text_of(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

rt::Error refused(const std::string& reason) { return {EX_DATAERR, "message refused: " + reason}; }

/// The object of a message, or why it is none.
rt::Result<json> parse(std::string_view bytes) {
  if (bytes.size() > kMessageBytes) {
    return refused(std::to_string(bytes.size()) + " bytes, expected at most " + std::to_string(kMessageBytes));
  }
  json value = json::parse(bytes, nullptr, false);
  if (value.is_discarded()) return refused("it is not JSON");
  if (!value.is_object()) return refused("expected a JSON object");
  return value;
}

bool take(const json& object, const char* key, std::string& out) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return false;
  out = found->get_ref<const std::string&>();
  return true;
}

/// True for a whole number from 0 to the largest of T.
template <class T>
bool take(const json& object, const char* key, T& out) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) return false;
  const auto value = found->get<std::uint64_t>();
  if (value > static_cast<std::uint64_t>(std::numeric_limits<T>::max())) return false;
  out = static_cast<T>(value);
  return true;
}

/// Empty text: the object is of our version.
std::string version_fault(const json& object) {
  std::uint32_t version = 0;
  if (!take(object, "version", version)) return "it has no version";
  if (version == kMessageVersion) return {};
  return "version " + std::to_string(version) + " is unknown, this program speaks version " + std::to_string(kMessageVersion);
}

json object_of(const Reply& reply) { return {{"version", kMessageVersion}, {"id", reply.id}, {"ok", reply.ok}, {"text", reply.text}}; }

}  // namespace

std::string encode(const AlarmOrder& order) {
  return text_of({{"alarm", order.alarm}, {"stream", order.stream}, {"channel", order.channel}, {"for_ms", order.for_ms}});
}

rt::Result<AlarmOrder> decode_alarm_order(std::string_view argument) {
  const auto object = parse(argument);
  if (!object) return object.error();
  AlarmOrder order;
  if (!take(*object, "alarm", order.alarm)) return refused("expected \"alarm\", a string");
  if (!take(*object, "stream", order.stream)) return refused("expected \"stream\", a string");
  if (!take(*object, "channel", order.channel)) return refused("expected \"channel\", a string");
  if (!take(*object, "for_ms", order.for_ms) || order.for_ms > kLongestShelf) return refused("expected \"for_ms\", 0 to 30 days");
  return order;
}

rt::Result<std::string> encode(const Command& command) {
  std::string bytes = text_of({{"version", command.version},
                               {"id", command.id},
                               {"pid", command.pid},
                               {"reply", command.reply},
                               {"verb", command.verb},
                               {"argument", command.argument}});
  if (bytes.size() <= kMessageBytes) return bytes;
  return rt::Error{EX_USAGE, "command " + command.verb + ": " + std::to_string(bytes.size()) + " bytes as a message, expected at most " +
                                 std::to_string(kMessageBytes) + ": shorten its argument"};
}

std::string encode(const Reply& reply) {
  std::string bytes = text_of(object_of(reply));
  for (std::string kept = reply.text; bytes.size() > kMessageBytes && !kept.empty();) {
    // A byte of text takes up to six in JSON, so that a sixth of the excess is never too much. Three for the dots.
    const std::size_t excess = (bytes.size() - kMessageBytes + 5) / 6 + 3;
    kept.erase(kept.size() - std::min(kept.size(), excess));
    bytes = text_of(object_of({reply.id, reply.ok, kept + "..."}));
  }
  return bytes;
}

rt::Result<Command> decode_command(std::string_view bytes) {
  const auto object = parse(bytes);
  if (!object) return object.error();
  if (const std::string fault = version_fault(*object); !fault.empty()) return refused(fault);
  Command command;
  if (!take(*object, "id", command.id)) return refused("expected \"id\", a string");
  if (!take(*object, "pid", command.pid)) return refused("expected \"pid\", a process number");
  if (!take(*object, "reply", command.reply)) return refused("expected \"reply\", a string");
  if (!take(*object, "verb", command.verb)) return refused("expected \"verb\", a string");
  if (!take(*object, "argument", command.argument)) return refused("expected \"argument\", a string");
  return command;
}

rt::Result<Reply> decode_reply(std::string_view bytes) {
  const auto object = parse(bytes);
  if (!object) return object.error();
  if (const std::string fault = version_fault(*object); !fault.empty()) return refused(fault);
  Reply reply;
  const auto ok = object->find("ok");
  if (ok == object->end() || !ok->is_boolean()) return refused("expected \"ok\", true or false");
  reply.ok = ok->get<bool>();
  if (!take(*object, "id", reply.id)) return refused("expected \"id\", a string");
  if (!take(*object, "text", reply.text)) return refused("expected \"text\", a string");
  return reply;
}

std::optional<Command> decode_address(std::string_view bytes) {
  const auto object = parse(bytes);
  Command address;
  if (!object || !take(*object, "id", address.id) || !take(*object, "pid", address.pid) || !take(*object, "reply", address.reply)) {
    return std::nullopt;
  }
  return address;
}

}  // namespace chappe::control

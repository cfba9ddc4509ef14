// The log: a line to stderr with UTC time, level and program. Any ordinary thread; never a real-time one, because it allocates, locks
// and writes to a descriptor that may block (a real-time thread counts, and an ordinary one tells).
// A crash leaves the lines written so far: nothing is buffered.
#pragma once
#include <array>
#include <optional>
#include <string_view>

namespace chappe::rt {

enum class LogLevel { trace, debug, info, warn, error };
/// In the order of the enum, as the configuration writes them.
inline constexpr std::array<std::string_view, 5> kLogLevelNames{"trace", "debug", "info", "warn", "error"};

/// The level of one of these names, else nothing.
std::optional<LogLevel> log_level_named(std::string_view name);

/// Names the program in every line. Call once in main, before any thread.
void log_init(std::string_view program);
/// What is below `level` is left out from now on; `info` before the first call. Any thread, also while others log.
void set_log_level(LogLevel level);
/// Writes one message. Further lines of the text are indented and control characters replaced, so that no text can forge a line.
void log(LogLevel level, std::string_view text);

}  // namespace chappe::rt

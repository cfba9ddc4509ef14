// The only user of spdlog.
#include "rt/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>
#include <string>

namespace chappe::rt {
namespace {

spdlog::level::level_enum native(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::unique_ptr<spdlog::logger> make_logger(std::string_view program) {
  auto logger = std::make_unique<spdlog::logger>(std::string(program), std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern(program.empty() ? "%Y-%m-%dT%H:%M:%S.%eZ %l: %v" : "%Y-%m-%dT%H:%M:%S.%eZ %l %n: %v", spdlog::pattern_time_type::utc);
  return logger;
}

// Lives to the end of the process: a thread may still log while static objects are destroyed.
std::unique_ptr<spdlog::logger>& logger() {
  static auto* const instance = new std::unique_ptr<spdlog::logger>(make_logger(""));
  return *instance;
}

std::string harmless(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    if (c == '\n') {
      safe += "\n    ";
    } else {
      safe += (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f ? '?' : c;
    }
  }
  return safe;
}

}  // namespace

std::optional<LogLevel> log_level_named(std::string_view name) {
  for (std::size_t i = 0; i < kLogLevelNames.size(); ++i) {
    if (kLogLevelNames[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

void log_init(std::string_view program) {
  const auto level = logger()->level();
  logger() = make_logger(program);
  logger()->set_level(level);
}

void set_log_level(LogLevel level) { logger()->set_level(native(level)); }

void log(LogLevel level, std::string_view text) {
  if (logger()->should_log(native(level))) logger()->log(native(level), harmless(text));
}

}  // namespace chappe::rt

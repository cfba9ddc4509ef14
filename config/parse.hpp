// Text to values, without judging them: the inside of config/load and config/overrides. Every value keeps its place, so that what
// config/validate finds later is still told with line and column. Pure but for read_file; never throws.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "rt/result.hpp"

namespace chappe::config {

/// Where a value stands: a file with line and column, or what else gave it ("--rate"), with line 0.
struct Place {
  std::string source;
  std::uint32_t line = 0, column = 0;
};

struct Parsed {
  Config config;
  std::map<std::string, Place> places;  ///< by dotted key; only what was given
  std::vector<Fault> faults;            ///< with key and text; finish() adds the place
  int exit_code = EX_CONFIG;            ///< as LoadResult's
};

/// What holds where a file says nothing: endpoints and thread plans by name. It has no streams.
Config defaults();
/// The text of config/chappe.toml.
extern const char* const kBuiltinText;
inline constexpr const char* kBuiltinName = "built-in";

rt::Result<std::string> read_file(const std::string& path);
Parsed parse_text(const std::string& text, const std::string& name);
/// Reads and parses; a file that cannot be read is a fault of the file as a whole. An empty path: the built-in text.
Parsed parse_source(const std::string& path);
/// Validates, gives each fault its place and each value its origin, computes the hash. `file` stands in where a fault has no place.
LoadResult finish(Parsed parsed, const std::string& file);

/// Channels that have only a number: ch0, ch1 ...
std::vector<Channel> numbered_channels(std::uint64_t count);

/// One line of the canonical text: `key` is the dotted key, empty for headers and brackets.
struct PrintedLine {
  std::string key;
  std::string text;
};
std::vector<PrintedLine> printed_lines(const Config& config);

}  // namespace chappe::config

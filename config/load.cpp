// One way for every configuration: read, parse, (overrides,) validate, give each fault its place and each value its origin.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "config/parse.hpp"
#include "config/text.hpp"
#include "rt/descriptor.hpp"
#include "rt/fault.hpp"

namespace chappe::config {
namespace {

constexpr std::int64_t kLargestFile = 1 << 20;

/// "stream[0].channels[2].unit" -> "stream[0].channels[2]" -> "stream[0].channels" -> "stream[0]" -> "stream" -> "".
std::string parent_of(const std::string& key) {
  const std::size_t cut = key.find_last_of(".[");
  return cut == std::string::npos ? "" : key.substr(0, cut);
}

/// The place of the key, or of the nearest thing around it that has one.
void locate(Fault& fault, const std::map<std::string, Place>& places, const std::string& file) {
  for (std::string key = fault.key; !key.empty(); key = parent_of(key)) {
    const auto found = places.find(key);
    if (found == places.end()) continue;
    fault.file = found->second.source;
    fault.line = found->second.line;
    fault.column = found->second.column;
    return;
  }
  fault.file = file;
}

std::string origin_of(const std::map<std::string, Place>& places, const std::string& key) {
  auto found = places.find(key);
  for (const char* table : {".window[", ".metrics."}) {  // of what a stream does not say, the top level's
    const std::size_t at = key.find(table);
    if (found == places.end() && at != std::string::npos) found = places.find(key.substr(at + 1));
  }
  if (found == places.end()) return "default";
  return found->second.line == 0 ? found->second.source : found->second.source + ":" + std::to_string(found->second.line);
}

/// Whether `key` is one of `keys` or lies inside one of them, or is an array's element that one of them lies inside of.
bool is_covered(const std::set<std::string>& keys, std::string key) {
  if (key.ends_with(']')) {
    const auto inside = keys.lower_bound(key + ".");
    if (inside != keys.end() && inside->starts_with(key + ".")) return true;
  }
  for (; !key.empty(); key = parent_of(key)) {
    if (keys.contains(key)) return true;
  }
  return false;
}

/// Control characters cannot forge a line of a report.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text;
}

}  // namespace

rt::Result<std::string> read_file(const std::string& path) {
  // Non-blocking, because opening a pipe that nobody writes would wait for ever.
  const rt::Descriptor file(CHAPPE_FAULT_ERRNO(reload_to_open) ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return rt::Error{EX_NOINPUT, std::string("cannot be opened: ") + std::strerror(errno)};
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return rt::errno_error("cannot be examined");
  if (!S_ISREG(status.st_mode)) return rt::Error{EX_NOINPUT, "not a regular file"};
  std::string text;
  char buffer[65536];
  for (;;) {
    const ssize_t got = CHAPPE_FAULT_ERRNO(reload_to_read) ? -1 : ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return rt::errno_error("cannot be read");
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
    if (static_cast<std::int64_t>(text.size()) > kLargestFile) return rt::Error{EX_DATAERR, "larger than 1 MiB: this is no configuration"};
  }
}

Parsed parse_source(const std::string& path) {
  if (path.empty()) return parse_text(kBuiltinText, kBuiltinName);
  const auto text = read_file(path);
  if (text) return parse_text(*text, path);
  Parsed parsed;
  parsed.faults.push_back({path, 0, 0, "", text.error().text});
  parsed.exit_code = text.error().exit_code;
  return parsed;
}

LoadResult finish(Parsed parsed, const std::string& file) {
  LoadResult result;
  result.faults = std::move(parsed.faults);
  result.exit_code = parsed.exit_code;
  // A file that is no TOML at all has no values to judge.
  const bool has_values = std::none_of(result.faults.begin(), result.faults.end(), [](const Fault& f) { return f.key.empty(); });
  if (has_values) {
    // What could not be read is at its default: a judgement on that would mislead.
    std::set<std::string> unread;
    for (const Fault& fault : result.faults) unread.insert(fault.key);
    std::vector<Fault> more;
    validate(parsed.config, file, more, result.loaded.warnings);
    std::copy_if(more.begin(), more.end(), std::back_inserter(result.faults), [&](const Fault& f) { return !is_covered(unread, f.key); });
    for (Fault& fault : result.faults) locate(fault, parsed.places, file);
  }
  const auto place = [](const Fault& f) { return std::tie(f.file, f.line, f.column, f.key, f.text); };
  std::sort(result.faults.begin(), result.faults.end(), [&](const Fault& a, const Fault& b) { return place(a) < place(b); });
  for (const PrintedLine& line : printed_lines(parsed.config)) {
    if (!line.key.empty()) result.loaded.origins[line.key] = origin_of(parsed.places, line.key);
  }
  result.loaded.config = std::move(parsed.config);
  result.loaded.hash = hash_of(result.loaded.config);
  return result;
}

LoadResult load_text(const std::string& text, const std::string& name) { return finish(parse_text(text, name), name); }
LoadResult load_file(const std::string& path) { return finish(parse_source(path.empty() ? "." : path), path); }
LoadResult load_default() { return finish(parse_source(""), kBuiltinName); }

std::string describe(const std::vector<Fault>& faults) {
  std::string out;
  for (const Fault& f : faults) {
    if (!out.empty()) out += '\n';
    std::string line = f.file;
    if (f.line > 0) line += ":" + std::to_string(f.line) + ":" + std::to_string(f.column);
    if (!f.key.empty()) line += ": " + f.key;
    out += one_line(line + ": " + f.text);
  }
  return out;
}

Endpoint endpoint(const Config& config, const std::string& process) {
  const auto found = config.metrics.find(process);
  Endpoint endpoint = found != config.metrics.end() ? found->second : Endpoint{};
  if (endpoint.address == "localhost") endpoint.address = "127.0.0.1";
  return endpoint;
}

}  // namespace chappe::config

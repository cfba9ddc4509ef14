// What a stream's calibration and derived channels may say. Names of channels that only the recording knows are judged by the aggregator,
// when it sees the ring.
#include <algorithm>
#include <set>

#include "config/checker.hpp"
#include "config/names.hpp"

namespace chappe::config {
namespace {

constexpr std::size_t kMostEntries = 64;    // of a stream, of calibrations and of derived channels each
constexpr std::size_t kLargestMatrix = 64;  // its cost grows with the square, on a real-time thread
constexpr std::size_t kMostCoefficients = 16;

/// The channels that an entry may name; nothing is known of a recording's.
struct Known {
  bool all = false;
  std::vector<std::string> names;
};

Known known_channels(const Stream& stream) {
  Known known{.all = stream.channels.empty(), .names = {}};
  for (const Channel& channel : stream.channels) known.names.push_back(channel.name);
  return known;
}

void check_names(Checker& check, const std::vector<std::string>& names, const Known& known, const std::string& key) {
  std::set<std::string> seen;
  for (const std::string& name : names) {
    check.expect(seen.insert(name).second, key, quoted_short(name) + ": named twice");
    if (known.all || std::ranges::find(known.names, name) != known.names.end()) continue;
    const auto near = nearest(name, known.names);
    check.fault(key, quoted_short(name) + ": no channel of this stream" + (near ? "; nearest: " + *near : ""));
  }
}

void check_numbers(Checker& check, const std::vector<double>& numbers, const std::string& key) {
  for (const double number : numbers) check.number_within(key, number, -kLargest, kLargest);
}

void check_matrix(Checker& check, const Calibration& c, const std::string& here) {
  const std::size_t n = c.channels.size();
  const std::string size = std::to_string(n);
  if (!c.matrix.empty()) {
    const bool square = c.matrix.size() == n && std::ranges::all_of(c.matrix, [n](const auto& row) { return row.size() == n; });
    check.expect(square, here + ".matrix", "expected " + size + " rows of " + size + " numbers, as many as there are channels");
    check.expect(n <= kLargestMatrix, here + ".matrix", size + " channels: expected at most " + std::to_string(kLargestMatrix));
    for (const auto& row : c.matrix) check_numbers(check, row, here + ".matrix");
  }
  check.expect(c.bias.empty() || c.bias.size() == n, here + ".bias",
               std::to_string(c.bias.size()) + " numbers: expected " + size + ", one for each channel");
  check_numbers(check, c.bias, here + ".bias");
}

void check_entry(Checker& check, const Calibration& c, const Known& known, const std::string& here) {
  if (c.channels.empty()) return check.fault(here + ".channels", "none: expected names of channels");
  check_names(check, c.channels, known, here + ".channels");
  check.number_within(here + ".scale", c.scale, -kLargest, kLargest);
  check.expect(c.scale != 0, here + ".scale", "0: expected another number; it would make every value the same");
  check.number_within(here + ".offset", c.offset, -kLargest, kLargest);
  check.expect(c.polynomial.empty() || (c.polynomial.size() >= 2 && c.polynomial.size() <= kMostCoefficients), here + ".polynomial",
               std::to_string(c.polynomial.size()) + " coefficients: expected 2 to 16, the constant one first");
  check_numbers(check, c.polynomial, here + ".polynomial");
  check_matrix(check, c, here);
  check.expect(is_unit(c.unit), here + ".unit", quoted_short(c.unit) + ": expected at most 15 bytes without control characters");
  Calibration idle;
  idle.channels = c.channels;
  check.expect(c != idle, here, "changes nothing: expected scale, offset, polynomial, matrix, bias or unit");
}

/// Channels that the operation takes: exactly so many, or one and more.
std::size_t operands(Operation operation) {
  if (operation == Operation::derivative) return 1;
  return operation == Operation::difference || operation == Operation::ratio ? 2 : 0;
}

void check_derived(Checker& check, const Derived& d, Known& known, const std::string& here) {
  const bool good = is_channel_name(d.name);
  check.expect(good, here + ".name", quoted_short(d.name) + ": expected 1 to 47 bytes without control characters");
  check.expect(!good || std::ranges::find(known.names, d.name) == known.names.end(), here + ".name",
               quoted_short(d.name) + ": another channel of this stream has the same name");
  check.expect(is_unit(d.unit), here + ".unit", quoted_short(d.unit) + ": expected at most 15 bytes without control characters");
  const std::string word = name_of(kOperations, d.operation), key = here + "." + word;
  const std::size_t wanted = operands(d.operation);
  if (wanted > 0)
    check.expect(d.of.size() == wanted, key, std::to_string(d.of.size()) + " channels: a " + word + " is of " + std::to_string(wanted));
  else
    check.expect(!d.of.empty(), key, "none: expected names of channels");
  check_names(check, d.of, known, key);
  if (good) known.names.push_back(d.name);
}

}  // namespace

void check_calibration(Checker& check, const Stream& stream, const std::string& path) {
  Known known = known_channels(stream);
  const auto few = [&](std::size_t count, const std::string& key) {
    check.expect(count <= kMostEntries, path + key, std::to_string(count) + ": expected at most 64");
  };
  few(stream.calibration.size(), ".calibration");
  few(stream.derived.size(), ".derived");
  for (std::size_t i = 0; i < stream.calibration.size(); ++i)
    check_entry(check, stream.calibration[i], known, path + ".calibration[" + std::to_string(i) + "]");
  for (std::size_t i = 0; i < stream.derived.size(); ++i)
    check_derived(check, stream.derived[i], known, path + ".derived[" + std::to_string(i) + "]");
}

}  // namespace chappe::config

// Collects what config/validate finds. Used inside config/validate* only.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/text.hpp"

namespace chappe::config {

inline constexpr std::uint64_t kPage = 4096;
inline constexpr double kLargest = 1e30;  // a spike of 100 times this still fits f32

class Checker {
 public:
  Checker(const std::string& file, std::vector<Fault>& faults, std::vector<std::string>& warnings)
      : file_(file), faults_(faults), warnings_(warnings) {}

  /// `text` names the value and what was expected.
  void fault(const std::string& key, const std::string& text) { faults_.push_back({file_, 0, 0, key, text}); }
  void warning(const std::string& key, const std::string& text) { warnings_.push_back(file_ + ": " + key + ": " + text); }
  void expect(bool good, const std::string& key, const std::string& text) {
    if (!good) fault(key, text);
  }
  /// `text` tells who has no such name; the nearest that is known stands behind it.
  void known(const std::string& key, const std::string& name, const std::vector<std::string>& known, const std::string& text) {
    if (std::find(known.begin(), known.end(), name) != known.end()) return;
    const auto near = nearest(name, known);
    fault(key, quoted_short(name) + ": " + text + (near ? "; nearest: " + quoted(*near) : ""));
  }
  /// A whole number in a closed range.
  template <class T>
  void within(const std::string& key, T value, T low, T high, const std::string& unit = "") {
    expect(value >= low && value <= high, key,
           std::to_string(value) + ": expected a whole number from " + std::to_string(low) + " to " + std::to_string(high) + unit);
  }
  /// A number in a closed range; NaN is in none.
  void number_within(const std::string& key, double value, double low, double high, const std::string& unit = "") {
    expect(value >= low && value <= high, key,
           number_text(value) + ": expected a number from " + number_text(low) + " to " + number_text(high) + unit);
  }
  void duration_within(const std::string& key, std::int64_t ns, std::int64_t low, std::int64_t high) {
    expect(ns >= low && ns <= high, key, duration_text(ns) + ": expected " + duration_text(low) + " to " + duration_text(high));
  }

 private:
  const std::string& file_;
  std::vector<Fault>& faults_;
  std::vector<std::string>& warnings_;
};

/// What the tables in shared memory hold.
bool is_channel_name(const std::string& name);
bool is_unit(const std::string& unit);

/// Names of the stream's channels, derived ones among them; none of a recording, which alone knows its own.
std::vector<std::string> channel_names(const Stream& stream);

void check_calibration(Checker& check, const Stream& stream, const std::string& path);
void check_windows(Checker& check, const std::vector<Window>& windows, const std::string& path);
void check_alarms(Checker& check, const Stream& stream, const std::string& path);
/// All streams together: what the table of alarms has room for.
void check_alarm_count(Checker& check, const Config& config);
/// `path`: "analysis" or "stream[0].analysis".
void check_analysis(Checker& check, const Analysis& analysis, const std::string& path);
/// Which channels' figures are metrics, and how many series they make.
void check_channel_metrics(Checker& check, const Config& config);
void check_streams(Checker& check, const Config& config);
/// The ring against the streams that it is to carry.
void check_ring_depth(Checker& check, const Config& config);

}  // namespace chappe::config

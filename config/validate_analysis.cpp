#include <algorithm>
#include <set>

#include "config/checker.hpp"

namespace chappe::config {
namespace {

constexpr std::size_t kMostLevels = 16, kMostBands = 16;  // the table of the analysis object has room for these
constexpr std::int64_t kMillisecond = 1'000'000;

void check_quantiles(Checker& check, const std::vector<double>& levels, const std::string& path) {
  check.expect(levels.size() <= kMostLevels, path, std::to_string(levels.size()) + " levels: expected at most 16");
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const bool good = levels[i] >= 0 && levels[i] <= 1;
    check.expect(good, path, number_text(levels[i]) + ": expected levels from 0 to 1, such as 0.5 for the median");
    check.expect(!good || i == 0 || levels[i] > levels[i - 1], path, number_text(levels[i]) + ": expected ascending levels, each once");
  }
}

void check_spectrum(Checker& check, const Spectrum& s, const std::string& path) {
  check.expect(s.length == 0 || (s.length >= 16 && s.length <= 262'144), path + ".length",
               std::to_string(s.length) + ": expected 16 to 262144 values, or 0 for no spectrum");
  check.number_within(path + ".overlap", s.overlap, 0, 0.95);
  check.within<std::uint64_t>(path + ".peaks", s.peaks, 0, 16);
  check.expect(s.bands.size() <= kMostBands, path + ".bands", std::to_string(s.bands.size()) + " bands: expected at most 16");
  std::set<std::string> names;
  for (std::size_t i = 0; i < s.bands.size(); ++i) {
    const Band& band = s.bands[i];
    const std::string here = path + ".bands[" + std::to_string(i) + "]";
    const bool named = is_channel_name(band.name);
    check.expect(named, here + ".name", quoted_short(band.name) + ": expected 1 to 47 bytes without control characters");
    check.expect(!named || names.insert(band.name).second, here + ".name", quoted_short(band.name) + ": another band has the same name");
    check.expect(band.low_hz >= 0 && band.high_hz > band.low_hz && band.high_hz <= 1e9, here,
                 "low = " + number_text(band.low_hz) + ", high = " + number_text(band.high_hz) + ": expected 0 <= low < high <= 1e9 Hz");
  }
}

}  // namespace

void check_analysis(Checker& check, const Analysis& a, const std::string& path) {
  check_quantiles(check, a.quantiles, path + ".quantiles");
  check.within<std::uint64_t>(path + ".hold", a.hold, 0, 16'777'216, " values");
  check.number_within(path + ".relative_error", a.relative_error, 0.001, 0.1);
  check.within<std::uint64_t>(path + ".histogram", a.histogram, 0, 256, " bins, 0 for none");
  check.expect(a.ewma_ns == 0 || (a.ewma_ns >= kMillisecond && a.ewma_ns <= 86'400'000 * kMillisecond), path + ".ewma",
               duration_text(a.ewma_ns) + ": expected 1ms to 24h, or \"0s\" for none");
  check_spectrum(check, a.spectrum, path + ".spectrum");
}

}  // namespace chappe::config

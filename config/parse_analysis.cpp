#include "config/parse_analysis.hpp"

namespace chappe::config {
namespace {

Band read_band(Reader& in) {
  Band band;
  in.text("name", band.name);
  in.number("low", band.low_hz);
  in.number("high", band.high_hz);
  for (const char* key : {"name", "low", "high"}) {
    if (!in.has(key)) in.fault(key, "missing, and there is no default");
  }
  return band;
}

void read_spectrum(Reader& in, Spectrum& spectrum) {
  in.whole("length", spectrum.length);
  in.number("overlap", spectrum.overlap);
  in.choice("window", kWindowFunctions, spectrum.window);
  in.whole("peaks", spectrum.peaks);
  in.tables("bands", [&](Reader& t) { spectrum.bands.push_back(read_band(t)); });
}

}  // namespace

Analysis read_analysis(Reader& in) {
  Analysis analysis;
  in.numbers("quantiles", analysis.quantiles);
  in.whole("hold", analysis.hold);
  in.number("relative_error", analysis.relative_error);
  in.whole("histogram", analysis.histogram);
  in.duration("ewma", analysis.ewma_ns);
  in.boolean("covariance", analysis.covariance);
  in.table("spectrum", [&](Reader& t) { read_spectrum(t, analysis.spectrum); });
  return analysis;
}

}  // namespace chappe::config

// Families as the Prometheus text format, version 0.0.4. Any ordinary thread; keeps nothing.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "metrics/collect.hpp"

namespace chappe::metrics {

/// Families without a sample are left out. Label values that are not UTF-8 are mended, because one of them (a channel named by the
/// header of a recording in Latin-1, say) would cost the whole scrape.
std::string serialize(const std::vector<Family>& families);

/// The text with each byte that is not part of valid UTF-8 replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

}  // namespace chappe::metrics

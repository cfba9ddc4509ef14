// The keys that an analysis adds to a window's JSON. Used inside shm/*_json.cpp only, because of nlohmann.
#pragma once
#include "shm/analysis_view.hpp"
#include "shm/json.hpp"

namespace chappe::shm {

/// "p50", "p99.9"
std::string level_name(double level);
/// Of the channel: quantiles, quantiles_exact, histogram, ewma, spectrum; null what there is none of.
void add_analysis(Json& channel, const AnalysisView& window, const AnalysisChannelView& view);
/// Of the window: analysis (which window the figures are of, and how they were made), covariance, correlation.
void add_analysis(Json& window, const AnalysisView& view);

}  // namespace chappe::shm

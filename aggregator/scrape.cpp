#include "aggregator/scrape.hpp"

#include <utility>

#include "rt/build_info.hpp"

namespace chappe::aggregator {
namespace {

metrics::StreamChoice stream_choice(const std::string& name, const config::ChannelMetrics& chosen) {
  return {.stream = name, .all = chosen.all, .channels = chosen.channels, .figures = chosen.figures};
}

metrics::ChannelChoice choice_of(const config::Config& config) {
  metrics::ChannelChoice choice;
  for (const config::Stream& stream : config.streams) choice.streams.push_back(stream_choice(stream.name, stream.metrics));
  choice.others = stream_choice("", config.default_metrics);
  choice.max_series = config.max_series;
  return choice;
}

}  // namespace

Scrape::Scrape(const config::Config& config, Look look, metrics::Exporter::Log log)
    : look_(std::move(look)), log_(std::move(log)), choice_(std::make_shared<metrics::ChannelChoice>(choice_of(config))) {}

void Scrape::choose(const config::Config& config) {
  auto next = std::make_shared<metrics::ChannelChoice>(choice_of(config));
  const std::lock_guard lock(mutex_);
  choice_ = std::move(next);
  told_.clear();
}

std::vector<metrics::Family> Scrape::families() {
  const shm::Snapshot snapshot = look_();
  std::shared_ptr<const metrics::ChannelChoice> choice;
  {
    const std::lock_guard lock(mutex_);
    choice = choice_;
  }
  auto families = metrics::families_of(snapshot, metrics::Role::aggregator, {rt::kVersion, rt::kCommit});
  auto series = metrics::channel_series(snapshot, *choice);
  std::move(series.families.begin(), series.families.end(), std::back_inserter(families));
  for (const std::string& name : series.unknown) tell(choice, name + ", so none of its figures is a metric");
  if (series.left_out > 0)
    tell(choice, "series of channels are left out: more are chosen than [metrics] max_series = " + std::to_string(choice->max_series));
  return families;
}

void Scrape::tell(const std::shared_ptr<const metrics::ChannelChoice>& choice, const std::string& line) {
  const std::lock_guard lock(mutex_);
  if (choice == choice_ && told_.insert(line).second) log_(rt::LogLevel::warn, "metrics: " + line);
}

}  // namespace chappe::aggregator

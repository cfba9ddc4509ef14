// What the aggregator's endpoint answers: a look at the instance, and of its channels what the operator chose. `choose` from main,
// `families` from the exporter's threads; neither waits for the other for longer than a copy. A crash leaves nothing.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "metrics/channels.hpp"
#include "metrics/exporter.hpp"

namespace chappe::aggregator {

class Scrape {
 public:
  using Look = std::function<shm::Snapshot()>;
  Scrape(const config::Config& config, Look look, metrics::Exporter::Log log);
  /// From the next scrape on; what the log was told of the choice before is told again.
  void choose(const config::Config& config);
  std::vector<metrics::Family> families();

 private:
  /// Once of each choice.
  void tell(const std::shared_ptr<const metrics::ChannelChoice>& choice, const std::string& line);

  Look look_;
  metrics::Exporter::Log log_;
  std::mutex mutex_;  // of what follows
  std::shared_ptr<const metrics::ChannelChoice> choice_;
  std::set<std::string> told_;
};

}  // namespace chappe::aggregator

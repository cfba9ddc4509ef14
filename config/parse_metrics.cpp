#include "config/parse_metrics.hpp"

namespace chappe::config {

void read_channel_metrics(Reader& in, ChannelMetrics& metrics) {
  in.texts("figures", metrics.figures);
  const toml::node* value = in.node("channels");
  if (value == nullptr) return;
  metrics.channels.clear();
  metrics.all = value->is_string() && value->as_string()->get() == "all";
  if (metrics.all) return;
  if (!value->is_array()) return in.wrong_type("channels", *value, "\"all\", or an array of names in quotes");
  in.texts("channels", metrics.channels);
}

}  // namespace chappe::config

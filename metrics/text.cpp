#include "metrics/text.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <utility>

#include "rt/utf8.hpp"

namespace chappe::metrics {
namespace {

prometheus::MetricType type_of(Type type) {
  switch (type) {
    case Type::counter:
      return prometheus::MetricType::Counter;
    case Type::gauge:
      return prometheus::MetricType::Gauge;
    case Type::histogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

prometheus::ClientMetric metric_of(const Sample& sample, Type type) {
  prometheus::ClientMetric metric;
  for (const Label& label : sample.labels) metric.label.push_back({label.name, valid_utf8(label.value)});
  if (type == Type::counter) metric.counter.value = sample.value;
  if (type == Type::gauge) metric.gauge.value = sample.value;
  if (type == Type::histogram) {
    const Buckets& buckets = sample.buckets;
    metric.histogram.sample_count = buckets.count;
    metric.histogram.sample_sum = buckets.sum;
    for (std::size_t i = 0; i < buckets.upper_bounds.size(); ++i) {
      metric.histogram.bucket.push_back({buckets.cumulative[i], buckets.upper_bounds[i]});
    }
  }
  return metric;
}

}  // namespace

std::string valid_utf8(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    const std::size_t length = rt::character_at(text).bytes;
    if (length == 0) {
      valid += "\xEF\xBF\xBD";
    } else {
      valid += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return valid;
}

std::string serialize(const std::vector<Family>& families) {
  std::vector<prometheus::MetricFamily> converted;
  for (const Family& family : families) {
    if (family.samples.empty()) continue;
    prometheus::MetricFamily& next = converted.emplace_back();
    next.name = family.name;
    next.help = family.help;
    next.type = type_of(family.type);
    for (const Sample& sample : family.samples) next.metric.push_back(metric_of(sample, family.type));
  }
  return prometheus::TextSerializer{}.Serialize(converted);
}

}  // namespace chappe::metrics

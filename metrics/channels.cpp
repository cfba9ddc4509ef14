#include "metrics/channels.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <string_view>
#include <utility>

namespace chappe::metrics {
namespace {

using shm::ChannelFigures;
using shm::ChannelView;

/// One channel as a snapshot has it; null: nothing of that kind.
struct Seen {
  const ChannelView* view = nullptr;
  const ChannelFigures *closed = nullptr, *shaped = nullptr;
  const shm::AnalysisView* analysis = nullptr;
  const shm::AnalysisChannelView* analysed = nullptr;
};

/// A value, and that of the figure's own label where it has one.
struct Point {
  double value = 0;
  std::string label;
};
using Points = std::vector<Point>;

struct Figure {
  const char *word, *family, *help;
  Points (*points)(const Seen&);
  const char* label = nullptr;
};

/// The shortest text that reads back to the same number.
std::string number_text(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

template <auto Member>
Points of_view(const Seen& seen) {
  return {{static_cast<double>(seen.view->*Member), {}}};
}
template <auto Member>
Points of_closed(const Seen& seen) {
  return seen.closed != nullptr ? Points{{static_cast<double>(seen.closed->*Member), {}}} : Points{};
}
template <auto Member>
Points of_shape(const Seen& seen) {
  return seen.shaped != nullptr ? Points{{static_cast<double>(seen.shaped->*Member), {}}} : Points{};
}

Points deviation(const Seen& seen) { return seen.closed != nullptr ? Points{{std::sqrt(seen.closed->variance), {}}} : Points{}; }

Points quantiles(const Seen& seen) {
  Points points;
  if (seen.analysed == nullptr) return points;
  const std::size_t count = std::min(seen.analysis->levels.size(), seen.analysed->quantiles.size());
  for (std::size_t i = 0; i < count; ++i) points.push_back({seen.analysed->quantiles[i], number_text(seen.analysis->levels[i])});
  return points;
}

Points bands(const Seen& seen) {
  Points points;
  if (seen.analysed == nullptr) return points;
  const std::size_t count = std::min(seen.analysis->bands.size(), seen.analysed->bands.size());
  for (std::size_t i = 0; i < count; ++i) points.push_back({seen.analysed->bands[i], seen.analysis->bands[i].name});
  return points;
}

constexpr Figure kFigures[] = {
    {"values", "chappe_window_values", "Values in the statistics of the last window; NaN is not among them.", of_view<&ChannelView::count>},
    {"nan", "chappe_window_nan_values", "NaN values of the last window.", of_view<&ChannelView::nan>},
    {"mean", "chappe_window_mean", "Mean of the last window, in the channel's unit.", of_view<&ChannelView::mean>},
    {"min", "chappe_window_minimum", "Least value of the last window, in the channel's unit.", of_view<&ChannelView::min>},
    {"max", "chappe_window_maximum", "Greatest value of the last window, in the channel's unit.", of_view<&ChannelView::max>},
    {"rms", "chappe_window_rms", "Root mean square of the last window, in the channel's unit.", of_view<&ChannelView::rms>},
    {"variance", "chappe_window_variance", "Sample variance of the last window, in the channel's unit squared.",
     of_view<&ChannelView::variance>},
    {"deviation", "chappe_window_deviation", "Square root of the sample variance of the last window, in the channel's unit.", deviation},
    {"peak_to_peak", "chappe_window_peak_to_peak", "Greatest less least value of the last window, in the channel's unit.",
     of_closed<&ChannelFigures::peak_to_peak>},
    {"crest", "chappe_window_crest_ratio", "Largest magnitude of the last window, of its root mean square.",
     of_closed<&ChannelFigures::crest>},
    {"skewness", "chappe_window_skewness", "Skewness of the last window.", of_shape<&ChannelFigures::skewness>},
    {"kurtosis", "chappe_window_kurtosis", "Kurtosis of the last window; 3 for a normal distribution.",
     of_shape<&ChannelFigures::kurtosis>},
    {"zero_crossings", "chappe_window_zero_crossings", "Zero crossings of the last window.", of_shape<&ChannelFigures::zero_crossings>},
    {"flat", "chappe_window_flat_frames", "Frames of the longest run of equal values of the last window.", of_shape<&ChannelFigures::flat>},
    {"quantiles", "chappe_window_quantile", "Quantile of the last analysed window, in the channel's unit.", quantiles, "level"},
    {"bands", "chappe_window_band_power", "Mean square in a frequency band of the last analysed window, in the channel's unit squared.",
     bands, "band"},
};
constexpr std::size_t kCount = std::size(kFigures);

const StreamChoice& choice_of(const ChannelChoice& choice, const std::string& stream) {
  const auto found = std::ranges::find(choice.streams, stream, &StreamChoice::stream);
  return found != choice.streams.end() ? *found : choice.others;
}

class Collector {
 public:
  explicit Collector(std::uint64_t room) : room_(room) {
    for (const Figure& figure : kFigures) out_.families.push_back({figure.family, figure.help, Type::gauge, {}});
  }

  void add(const shm::StreamView& stream, const StreamChoice& choice) {
    const std::set<std::string_view> names(choice.channels.begin(), choice.channels.end());
    for (std::size_t c = 0; c < stream.channels.size(); ++c) {
      if (choice.all || names.contains(stream.channels[c].channel)) add_channel(stream, c, choice);
    }
    if (!choice.all && !stream.windows.empty()) judge(stream, choice);  // else derived channels are not there yet
  }

  ChannelSeries take() {
    Family left_out{"chappe_channel_series_left_out", "Chosen series of channels beyond max_series.", Type::gauge, {}};
    left_out.samples.push_back({{}, static_cast<double>(out_.left_out), {}});
    out_.families.push_back(std::move(left_out));
    return std::move(out_);
  }

 private:
  static Seen seen_of(const shm::StreamView& stream, std::size_t c) {
    Seen seen;
    seen.view = &stream.channels[c];
    if (!stream.windows.empty() && c < stream.windows[0].channels.size()) {
      seen.closed = &stream.windows[0].channels[c];
      if (stream.windows[0].shaped) seen.shaped = seen.closed;
    }
    seen.analysis = shm::analysis_of(stream, 0);
    if (seen.analysis != nullptr && c < seen.analysis->channels.size()) seen.analysed = &seen.analysis->channels[c];
    return seen;
  }

  void add_channel(const shm::StreamView& stream, std::size_t c, const StreamChoice& choice) {
    const Seen seen = seen_of(stream, c);
    Points points[kCount];
    std::uint64_t series = 0;
    for (std::size_t f = 0; f < kCount; ++f) {
      if (std::ranges::find(choice.figures, kFigures[f].word) == choice.figures.end()) continue;
      points[f] = kFigures[f].points(seen);
      series += points[f].size();
    }
    if (series > room_) {
      out_.left_out += series;
      room_ = 0;
      return;
    }
    room_ -= series;
    for (std::size_t f = 0; f < kCount; ++f) {
      for (Point& point : points[f]) {
        std::vector<Label> labels{{"stream", stream.stream}, {"channel", seen.view->channel}, {"unit", seen.view->unit}};
        if (kFigures[f].label != nullptr) labels.push_back({kFigures[f].label, std::move(point.label)});
        out_.families[f].samples.push_back({std::move(labels), point.value, {}});
      }
    }
  }

  void judge(const shm::StreamView& stream, const StreamChoice& choice) {
    std::set<std::string_view> there;
    for (const ChannelView& channel : stream.channels) there.insert(channel.channel);
    for (const std::string& name : choice.channels) {
      if (!there.contains(name)) out_.unknown.push_back("stream " + stream.stream + " has no channel \"" + name + "\"");
    }
  }

  std::uint64_t room_;
  ChannelSeries out_;
};

}  // namespace

ChannelSeries channel_series(const shm::Snapshot& snapshot, const ChannelChoice& choice) {
  Collector collector(choice.max_series);
  for (const shm::StreamView& stream : snapshot.streams) collector.add(stream, choice_of(choice, stream.stream));
  return collector.take();
}

std::vector<std::string> channel_figures() {
  std::vector<std::string> words;
  for (const Figure& figure : kFigures) words.emplace_back(figure.word);
  return words;
}

}  // namespace chappe::metrics

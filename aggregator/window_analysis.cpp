#include "aggregator/window_analysis.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "aggregator/peaks.hpp"
#include "config/names.hpp"

namespace chappe::aggregator {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class T>
void transpose(const std::byte* data, std::size_t frames, std::size_t stride, std::size_t channels, double* columns) {
  for (std::size_t f = 0; f < frames; ++f) {
    const T* const from = reinterpret_cast<const T*>(data + f * stride);
    for (std::size_t c = 0; c < channels; ++c) columns[c * frames + f] = static_cast<double>(from[c]);
  }
}

std::size_t overlap_of(const config::Spectrum& s) { return static_cast<std::size_t>(static_cast<double>(s.length) * s.overlap); }

bool has_covariance(const AnalysedStream& s) { return s.analysis.covariance && s.entry.channels <= shm::kMaxCovarianceChannels; }

}  // namespace

shm::AnalysisEntry entry_of(const AnalysedStream& s) {
  shm::AnalysisEntry e{};
  const config::Analysis& a = s.analysis;
  shm::put_name(e.name, s.entry.name);
  e.channels = s.entry.channels;
  e.levels = static_cast<std::uint32_t>(a.quantiles.size());
  e.bins = static_cast<std::uint32_t>(a.histogram);
  e.covariance = has_covariance(s) ? 1 : 0;
  e.ewma = a.ewma_ns > 0 ? 1 : 0;
  std::copy(a.quantiles.begin(), a.quantiles.end(), e.level);
  e.relative_error = a.relative_error;
  if (a.spectrum.length == 0) return e;
  e.peaks = static_cast<std::uint32_t>(a.spectrum.peaks);
  e.bands = static_cast<std::uint32_t>(a.spectrum.bands.size());
  e.length = a.spectrum.length;
  e.overlap = overlap_of(a.spectrum);
  shm::put_name(e.taper, config::name_of(config::kWindowFunctions, a.spectrum.window));
  for (std::size_t b = 0; b < a.spectrum.bands.size(); ++b) {
    shm::put_name(e.band[b], a.spectrum.bands[b].name);
    e.band_low[b] = a.spectrum.bands[b].low_hz;
    e.band_high[b] = a.spectrum.bands[b].high_hz;
  }
  return e;
}

StreamAnalysis::StreamAnalysis(const AnalysedStream& stream)
    : stream_(stream), channels_(stream.entry.channels), open_(stream.windows.size()), ewma_(channels_, kNone) {
  const config::Analysis& a = stream_.analysis;
  if (a.spectrum.length > 0) transform_ = std::make_shared<Transform>(a.spectrum.length, a.spectrum.window);
  if (transform_) density_.resize(transform_->bins());
  if (has_covariance(stream_)) matrix_.resize(channels_ * channels_);
  const bool distributed = !a.quantiles.empty() || a.histogram > 0;
  for (Open& open : open_) {
    for (std::size_t c = 0; c < channels_; ++c) {
      if (distributed) open.distributions.emplace_back(a.hold, a.relative_error);
      if (transform_) open.spectra.emplace_back(transform_, overlap_of(a.spectrum));
    }
    if (has_covariance(stream_)) open.covariance.emplace_back(channels_);
    clear(open);
  }
}

void StreamAnalysis::clear(Open& open) const {
  for (auto& d : open.distributions) d.clear();
  for (auto& s : open.spectra) s.clear();
  for (auto& c : open.covariance) c.clear();
  open.nan.assign(channels_, 0);
  open.count.assign(channels_, 0);
  open.low.assign(channels_, kInfinity);
  open.high.assign(channels_, -kInfinity);
  open.frames = 0;
}

std::size_t StreamAnalysis::take(const BlockCopy& block, shm::AnalysisImage& image, std::size_t index, const Analysed& analysed) {
  if (!std::exchange(has_begun_, true)) lost_ = block.lost;  // what was left out before it began was not its own
  if (block.lost != lost_) {                                 // what is open lacks frames that the board has
    lost_ = block.lost;
    for (Open& open : open_) {
      clear(open);
      open.began_here = false;
    }
  }
  if (block.frames > 0 && block.period_ns >= 0) period_ns_ = block.period_ns;
  std::vector<const Mark*> marks;
  for (std::size_t i = 0; i < block.marked; ++i) marks.push_back(&block.marks[i]);
  std::ranges::sort(marks, [](const Mark* a, const Mark* b) { return a->end != b->end ? a->end < b->end : a < b; });
  std::size_t written = 0, at = 0;
  const auto add_up_to = [&](std::uint64_t end) {
    const std::uint64_t behind = end > block.first_frame ? std::min<std::uint64_t>(end - block.first_frame, block.frames) : 0;
    if (behind <= at) return;
    add({block.data.data() + at * block.stride, block.first_frame + at, behind - at, block.stride});
    at = behind;
  };
  for (const Mark* mark : marks) {
    add_up_to(mark->end);
    if (!close(*mark, image, index)) continue;
    ++written;
    if (analysed) analysed(mark->head, image, index);
  }
  add_up_to(block.first_frame + block.frames);
  return written;
}

/// Exponentially weighted mean: y += (1 - exp(-t / tau)) (x - y), t since the last value of the channel, as far as the period tells.
void StreamAnalysis::add(const Piece& piece) {
  const std::size_t frames = piece.frames;
  columns_.resize(channels_ * frames);
  if (stream_.entry.value_bytes == sizeof(float))
    transpose<float>(piece.data, frames, piece.stride, channels_, columns_.data());
  else
    transpose<double>(piece.data, frames, piece.stride, channels_, columns_.data());
  if (stream_.analysis.ewma_ns > 0) {
    const double period = period_ns_ > 0 ? period_ns_ : stream_.entry.rate_hz > 0 ? 1e9 / stream_.entry.rate_hz : 0;
    const double weight = -std::expm1(-period / static_cast<double>(stream_.analysis.ewma_ns));
    for (std::size_t c = 0; c < channels_; ++c) {
      double y = ewma_[c];
      for (std::size_t f = 0; f < frames; ++f) {
        const double x = columns_[c * frames + f];
        if (std::isfinite(x)) y = std::isnan(y) ? x : y + weight * (x - y);
      }
      ewma_[c] = y;
    }
  }
  for (Open& open : open_) add_to(open, piece);
  next_ = piece.first + frames;
}

void StreamAnalysis::add_to(Open& open, const Piece& piece) {
  const std::size_t frames = piece.frames;
  if (open.frames == 0) open.first = piece.first;
  if (open.frames > 0 && piece.first != next_) {
    for (auto& spectrum : open.spectra) spectrum.gap();
  }
  open.frames += frames;
  for (std::size_t c = 0; c < channels_; ++c) {
    const std::span<const double> column(columns_.data() + c * frames, frames);
    double low = open.low[c], high = open.high[c];
    std::uint64_t nan = 0;
    for (const double x : column) {
      if (std::isnan(x)) ++nan;
      if (!std::isfinite(x)) continue;
      low = std::min(low, x);
      high = std::max(high, x);
    }
    open.low[c] = low;
    open.high[c] = high;
    open.nan[c] += nan;
    open.count[c] += frames - nan;
    if (!open.distributions.empty()) open.distributions[c].add(column);
    if (!open.spectra.empty()) open.spectra[c].add(column);
  }
  for (auto& covariance : open.covariance) covariance.add(piece.data, frames, piece.stride, stream_.entry.value_bytes);
}

/// Whole: the very frames that the board's window is made of. True: it was written.
bool StreamAnalysis::close(const Mark& mark, shm::AnalysisImage& image, std::size_t index) {
  if (mark.head.which >= open_.size()) return false;
  Open& open = open_[mark.head.which];
  const bool whole = open.frames == mark.head.frames && (open.frames == 0 || open.first == mark.head.first_frame);
  const bool partial = !whole && open.began_here && open.frames > 0 && open.frames < mark.head.frames;
  if (whole || partial)
    write(open, mark, partial, image, index);
  else if (!open.began_here || open.frames > 0)
    ++skipped_;
  clear(open);
  open.began_here = false;
  return whole || partial;
}

void StreamAnalysis::write(Open& open, const Mark& mark, bool partial, shm::AnalysisImage& image, std::size_t index) {
  const WindowHead& h = mark.head;
  const auto frames_over = static_cast<double>(h.frames + h.missing) - 1;
  const auto time_over = static_cast<double>(h.t_last_ns - h.t_first_ns);
  const double rate_hz = period_ns_ > 0 ? 1e9 / period_ns_ : time_over > 0 && frames_over > 0 ? frames_over * 1e9 / time_over : kNone;
  shm::AnalysisWindow& to = image.window(index, h.which);
  to = {.results = to.results + 1,
        .spec_frames = stream_.windows[h.which].frames,
        .spec_duration_ns = stream_.windows[h.which].duration_ns,
        .window = h.window,
        .first_frame = h.first_frame,
        .frames = h.frames,
        .missing = h.missing,
        .t_first_ns = h.t_first_ns,
        .t_last_ns = h.t_last_ns,
        .generation = h.generation,
        .analysed = open.frames,
        .partial = partial ? 1U : 0U,
        .complete = open.covariance.empty() ? 0 : open.covariance[0].count(),
        .rate_hz = rate_hz};
  for (std::size_t c = 0; c < channels_; ++c) write_channel(open, c, rate_hz, image.channel(index, h.which, c));
  if (open.covariance.empty()) return;
  open.covariance[0].covariance(matrix_);
  to.complete = open.covariance[0].count();
  auto half = image.covariance(index, h.which).begin();
  for (std::size_t r = 0; r < channels_; ++r) {
    for (std::size_t c = 0; c <= r; ++c) *half++ = matrix_[r * channels_ + c];
  }
}

void StreamAnalysis::write_channel(Open& open, std::size_t c, double rate_hz, const shm::AnalysisImage::Channel& to) {
  *to.head = {.count = open.count[c],
              .nan = open.nan[c],
              .exact = 0,
              .segments = 0,
              .left_out = 0,
              .low = open.low[c] <= open.high[c] ? open.low[c] : kNone,
              .high = open.low[c] <= open.high[c] ? open.high[c] : kNone,
              .ewma = stream_.analysis.ewma_ns > 0 ? ewma_[c] : kNone};
  if (!open.distributions.empty()) {
    Distribution& d = open.distributions[c];
    to.head->exact = d.is_exact() ? 1 : 0;
    d.quantiles(stream_.analysis.quantiles, to.quantiles);
    d.histogram(to.head->low, to.head->high, to.histogram);
  }
  std::fill(to.peaks.begin(), to.peaks.end(), shm::AnalysisPeak{kNone, kNone});
  if (open.spectra.empty()) return;
  const Welch& welch = open.spectra[c];
  to.head->segments = welch.segments();
  to.head->left_out = welch.left_out();
  welch.density(rate_hz, density_);
  const auto peaks = strongest_peaks(density_, rate_hz, *transform_, to.peaks.size());
  for (std::size_t i = 0; i < peaks.size(); ++i) to.peaks[i] = {peaks[i].hz, peaks[i].amplitude};
  const auto& bands = stream_.analysis.spectrum.bands;
  for (std::size_t b = 0; b < bands.size(); ++b)
    to.bands[b] = band_power(density_, rate_hz, transform_->length(), bands[b].low_hz, bands[b].high_hz);
}

}  // namespace chappe::aggregator

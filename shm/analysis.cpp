#include "shm/analysis.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "rt/clock.hpp"
#include "shm/slots.hpp"

namespace chappe::shm {
namespace {

constexpr const char* kKind = "analysis";

std::size_t channel_bytes(const AnalysisEntry& e) {
  return sizeof(AnalysisChannel) + (std::size_t{e.levels} + e.bins + e.bands) * sizeof(double) + e.peaks * sizeof(AnalysisPeak);
}
std::size_t halves(const AnalysisEntry& e) { return e.covariance != 0 ? std::size_t{e.channels} * (e.channels + 1) / 2 : 0; }
std::size_t record_bytes(const AnalysisEntry& e) {
  return sizeof(AnalysisWindow) + e.channels * channel_bytes(e) + halves(e) * sizeof(double);
}
std::size_t tables_bytes(std::size_t streams, std::size_t channels) {
  return kAnalysisTablesAt + streams * sizeof(AnalysisEntry) + channels * sizeof(ChannelEntry);
}

template <std::size_t N>
bool ends(const char (&text)[N]) {
  return text[N - 1] == 0;
}

bool is_sound(const AnalysisEntry& e, std::uint32_t channels) {
  if (!ends(e.name) || e.name[0] == 0 || !ends(e.taper) ||
      !std::all_of(std::begin(e.band), std::end(e.band), [](auto& b) { return ends(b); }))
    return false;
  if (e.first_channel > channels || e.channels > channels - e.first_channel) return false;
  if (e.covariance > 1 || (e.covariance == 1 && e.channels > kMaxCovarianceChannels)) return false;
  return e.levels <= kMaxLevels && e.bins <= kMaxBins && e.peaks <= kMaxPeaks && e.bands <= kMaxBands && e.ewma <= 1;
}

}  // namespace

std::size_t analysis_slot_bytes(std::span<const AnalysisEntry> streams) {
  std::size_t bytes = sizeof(AnalysisSlot);
  for (const auto& e : streams) bytes += kWindowsPerStream * record_bytes(e);
  return bytes;
}

AnalysisImage::AnalysisImage(const AnalysisTables& tables) : bytes_(analysis_slot_bytes(tables.streams)), entries_(tables.streams) {
  std::size_t at = sizeof(AnalysisSlot);
  for (const auto& e : entries_) {
    at_.push_back(at);
    at += kWindowsPerStream * record_bytes(e);
  }
}

AnalysisWindow& AnalysisImage::window(std::size_t stream, std::size_t which) noexcept {
  return *reinterpret_cast<AnalysisWindow*>(bytes_.data() + at_[stream] + which * record_bytes(entries_[stream]));
}

AnalysisImage::Channel AnalysisImage::channel(std::size_t stream, std::size_t which, std::size_t channel) noexcept {
  const AnalysisEntry& e = entries_[stream];
  std::byte* at = reinterpret_cast<std::byte*>(&window(stream, which) + 1) + channel * channel_bytes(e);
  const auto take = [&at]<class T>(std::size_t count, T*) {
    const std::span<T> taken(reinterpret_cast<T*>(at), count);
    at += taken.size_bytes();
    return taken;
  };
  Channel c{};
  c.head = take(1, static_cast<AnalysisChannel*>(nullptr)).data();
  c.quantiles = take(e.levels, static_cast<double*>(nullptr));
  c.histogram = take(e.bins, static_cast<std::uint64_t*>(nullptr));
  c.peaks = take(e.peaks, static_cast<AnalysisPeak*>(nullptr));
  c.bands = take(e.bands, static_cast<double*>(nullptr));
  return c;
}

std::span<double> AnalysisImage::covariance(std::size_t stream, std::size_t which) noexcept {
  const AnalysisEntry& e = entries_[stream];
  std::byte* const at = reinterpret_cast<std::byte*>(&window(stream, which) + 1) + e.channels * channel_bytes(e);
  return {reinterpret_cast<double*>(at), halves(e)};
}

rt::Result<AnalysisTables> read_analysis_tables(const Segment& object) {
  const auto fault = [](const char* what) { return rt::Error{EX_DATAERR, std::string("analysis refused: ") + what + " is out of range"}; };
  AnalysisTables t;
  const ObjectHeader& h = object.header();
  if (h.table_bytes < kAnalysisTablesAt) return fault("its table size");
  std::memcpy(&t.geometry, object.table() + sizeof(ObjectHeader), sizeof t.geometry);
  const AnalysisGeometry& g = t.geometry;
  if (g.streams > kMaxStreams || g.channels > kMaxChannels || tables_bytes(g.streams, g.channels) != h.table_bytes)
    return fault("its number of streams");
  t.streams.resize(g.streams);
  t.channels.resize(g.channels);
  const std::byte* const at = object.table() + kAnalysisTablesAt;
  std::memcpy(t.streams.data(), at, g.streams * sizeof(AnalysisEntry));
  std::memcpy(t.channels.data(), at + g.streams * sizeof(AnalysisEntry), g.channels * sizeof(ChannelEntry));
  for (const auto& e : t.streams) {
    if (!is_sound(e, g.channels)) return fault("a stream");
  }
  for (const auto& c : t.channels) {
    if (!ends(c.name) || !ends(c.unit)) return fault("a channel's name");
  }
  const std::uint64_t control_at = round_up(h.table_bytes, kPage);
  if (g.control_at != control_at || g.slots_at != control_at + kPage || g.slot_bytes != analysis_slot_bytes(t.streams) ||
      object.bytes() != g.slots_at + 3 * round_up(g.slot_bytes, kPage)) {
    return fault("the place of its parts");
  }
  return t;
}

rt::Result<AnalysisWriter> AnalysisWriter::open(const AnalysisSpec& spec) {
  AnalysisWriter writer;
  const std::string path = object_path(spec.instance, kKind);
  auto found = find_own(path, kAnalysisMagic);
  if (!found) return found.error();
  if (auto built = writer.build(spec); !built) return built.error();
  if (found->whole) {  // the same in every byte of the tables: what the predecessor published goes on
    const auto old = read_analysis_tables(*found->whole);
    const std::size_t tables = tables_bytes(spec.streams.size(), spec.channels.size()) - sizeof(ObjectHeader);
    if (old && found->whole->header().table_bytes == writer.segment_.header().table_bytes &&
        std::memcmp(found->whole->table() + sizeof(ObjectHeader), writer.segment_.data() + sizeof(ObjectHeader), tables) == 0) {
      const AnalysisGeometry& g = old->geometry;
      const auto& control = *found->whole->at<AnalysisControl>(g.control_at);
      copy_latest(found->whole->data() + g.slots_at, g.slot_bytes, control.latest, writer.image_.bytes().data());
      for (const auto count : {&AnalysisControl::windows, &AnalysisControl::windows_skipped, &AnalysisControl::blocks_lost})
        (writer.control().*count).set((control.*count).get());
    }
  }
  writer.control().writer_pid.store(static_cast<std::uint64_t>(getpid()), std::memory_order_relaxed);
  writer.control().writer_start.store(process_start(getpid()), std::memory_order_relaxed);
  writer.publish();  // complete before it has a name
  if (auto permitted = writer.segment_.permit(path, 0640, spec.readers); !permitted) return permitted.error();
  if (auto linked = writer.segment_.link(path, true); !linked) return linked.error();
  return writer;
}

rt::Done AnalysisWriter::build(const AnalysisSpec& spec) {
  AnalysisGeometry g{};
  g.streams = static_cast<std::uint32_t>(spec.streams.size());
  g.channels = static_cast<std::uint32_t>(spec.channels.size());
  const std::size_t tables = tables_bytes(g.streams, g.channels);
  g.control_at = round_up(tables, kPage);
  g.slots_at = g.control_at + kPage;
  g.slot_bytes = analysis_slot_bytes(spec.streams);
  auto built = Segment::build(g.slots_at + 3 * round_up(g.slot_bytes, kPage));
  if (!built) return built.error();
  std::memcpy(built->data() + sizeof(ObjectHeader), &g, sizeof g);
  std::byte* const at = built->data() + kAnalysisTablesAt;
  std::memcpy(at, spec.streams.data(), spec.streams.size() * sizeof(AnalysisEntry));
  std::memcpy(at + spec.streams.size() * sizeof(AnalysisEntry), spec.channels.data(), spec.channels.size() * sizeof(ChannelEntry));
  built->seal(kAnalysisMagic, tables, random_id());
  segment_ = std::move(*built);
  auto read = read_analysis_tables(segment_);
  if (!read) return read.error();
  tables_ = std::move(*read);
  image_ = AnalysisImage(tables_);
  return rt::done();
}

void AnalysisWriter::publish() noexcept {
  image_.head().published_ns = rt::monotonic_ns();
  publish_slot(segment_.data() + tables_.geometry.slots_at, tables_.geometry.slot_bytes, control().latest,
               [this](std::byte* slot, std::uint64_t) {
                 std::memcpy(slot + sizeof(Word), image_.bytes().data() + sizeof(Word), image_.bytes().size() - sizeof(Word));
               });
  control().publications.add();
}

void unlink_analysis(const std::string& instance) {
  const std::string path = object_path(instance, kKind);
  if (const auto found = find_own(path, kAnalysisMagic); found && found->whole) found->whole->unlink(path);
}

rt::Result<std::optional<AnalysisReader>> AnalysisReader::open(const std::string& instance) {
  auto object = Segment::open(object_path(instance, kKind), kAnalysisMagic, false);
  if (!object) return object.error();
  if (!*object) return std::optional<AnalysisReader>{};
  auto tables = read_analysis_tables(**object);
  if (!tables) return tables.error();
  AnalysisReader reader;
  reader.segment_ = std::move(**object);
  reader.tables_ = std::move(*tables);
  return std::optional<AnalysisReader>{std::move(reader)};
}

bool AnalysisReader::copy(AnalysisImage& image) const noexcept {
  if (image.bytes().size() != tables_.geometry.slot_bytes) return false;
  return copy_latest(segment_.data() + tables_.geometry.slots_at, tables_.geometry.slot_bytes, control().latest, image.bytes().data());
}

}  // namespace chappe::shm

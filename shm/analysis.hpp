// The object chappe.NAME.analysis: what an ordinary thread of the aggregator computed of each stream's last windows. One writer, many
// readers, three slots as the board has them (shm/slots.hpp). A crash leaves the last publication; the next start adopts it where streams
// and configuration are the same, else it is made anew, empty.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rt/result.hpp"
#include "shm/analysis_layout.hpp"
#include "shm/segment.hpp"

namespace chappe::shm {

struct AnalysisTables {
  AnalysisGeometry geometry{};
  std::vector<AnalysisEntry> streams;
  std::vector<ChannelEntry> channels;
};

/// One publication in plain memory, laid out as a slot is.
class AnalysisImage {
 public:
  struct Channel {
    AnalysisChannel* head;
    std::span<double> quantiles;
    std::span<std::uint64_t> histogram;
    std::span<AnalysisPeak> peaks;
    std::span<double> bands;
  };
  AnalysisImage() = default;
  explicit AnalysisImage(const AnalysisTables& tables);
  [[nodiscard]] AnalysisSlot& head() noexcept { return *reinterpret_cast<AnalysisSlot*>(bytes_.data()); }
  [[nodiscard]] AnalysisWindow& window(std::size_t stream, std::size_t which) noexcept;
  [[nodiscard]] Channel channel(std::size_t stream, std::size_t which, std::size_t channel) noexcept;
  /// Lower half, row by row; empty where there is none.
  [[nodiscard]] std::span<double> covariance(std::size_t stream, std::size_t which) noexcept;
  [[nodiscard]] std::span<std::byte> bytes() noexcept { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
  std::vector<AnalysisEntry> entries_;
  std::vector<std::size_t> at_;  ///< where each stream's records begin
};

std::size_t analysis_slot_bytes(std::span<const AnalysisEntry> streams);

struct AnalysisSpec {
  std::string instance;
  std::vector<AnalysisEntry> streams;
  std::vector<ChannelEntry> channels;
  std::optional<gid_t> readers;
};

class AnalysisWriter {
 public:
  static rt::Result<AnalysisWriter> open(const AnalysisSpec& spec);
  /// What the next publication will say.
  [[nodiscard]] AnalysisImage& image() noexcept { return image_; }
  [[nodiscard]] AnalysisControl& control() const noexcept { return *segment_.at<AnalysisControl>(tables_.geometry.control_at); }
  [[nodiscard]] const AnalysisTables& tables() const noexcept { return tables_; }
  void publish() noexcept;

 private:
  rt::Done build(const AnalysisSpec& spec);
  Segment segment_;
  AnalysisTables tables_;
  AnalysisImage image_;
};

/// Of an aggregator that ends in order, or computes none: the object of its own user goes.
void unlink_analysis(const std::string& instance);

class AnalysisReader {
 public:
  static rt::Result<std::optional<AnalysisReader>> open(const std::string& instance);
  [[nodiscard]] const AnalysisTables& tables() const noexcept { return tables_; }
  [[nodiscard]] const AnalysisControl& control() const noexcept { return *segment_.at<AnalysisControl>(tables_.geometry.control_at); }
  /// Copies the latest publication; `image` must be made of tables(). False: there is none, or the writer was faster every time.
  bool copy(AnalysisImage& image) const noexcept;
  [[nodiscard]] bool is_named(const std::string& path) const { return segment_.is_named(path); }

 private:
  Segment segment_;
  AnalysisTables tables_;
};

rt::Result<AnalysisTables> read_analysis_tables(const Segment& object);

}  // namespace chappe::shm

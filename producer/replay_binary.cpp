#include "producer/replay_binary.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace chappe::producer {
namespace {

static_assert(std::endian::native == std::endian::little, "samples are taken from the file as they lie");

std::size_t bytes_of(SampleFormat format) {
  switch (format) {
    case SampleFormat::u8:
      return 1;
    case SampleFormat::i16:
      return 2;
    case SampleFormat::i24:
      return 3;
    case SampleFormat::i32:
    case SampleFormat::f32:
      return 4;
    case SampleFormat::f64:
      return 8;
  }
  return 8;
}

template <class T>
double load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return static_cast<double>(value);
}

double load_i24(const char* from) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, from, 3);
  return static_cast<std::int32_t>(bits << 8) >> 8;  // to the top and back, which carries the sign along
}

double load(const char* from, SampleFormat format) {
  switch (format) {
    case SampleFormat::u8:
      return load<std::uint8_t>(from);
    case SampleFormat::i16:
      return load<std::int16_t>(from);
    case SampleFormat::i24:
      return load_i24(from);
    case SampleFormat::i32:
      return load<std::int32_t>(from);
    case SampleFormat::f32:
      return load<float>(from);
    case SampleFormat::f64:
      return load<double>(from);
  }
  return 0;
}

class InterleavedRecording final : public Recording {
 public:
  InterleavedRecording(RecordedFile file, Samples samples, config::SampleType type)
      : file_(std::move(file)), samples_(std::move(samples)), sample_bytes_(bytes_of(samples_.format)) {
    shape_ = {.channels = samples_.channels, .type = type, .rate_hz = samples_.rate_hz, .explicit_times = false, .clock = Clock::recorded};
    frame_bytes_ = sample_bytes_ * shape_.channels.size();
    rows_ = samples_.bytes / frame_bytes_;
    if (const auto rest = samples_.bytes % frame_bytes_; rest != 0) {
      const std::string text =
          "the last " + std::to_string(rest) + " bytes are no whole frame of " + std::to_string(frame_bytes_) + " and are left out";
      samples_.complaint += (samples_.complaint.empty() ? "" : "; ") + text;
    }
  }
  [[nodiscard]] const StreamShape& shape() const override { return shape_; }
  [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::string complaints() const override {
    const std::string trouble = file_.trouble();
    if (samples_.complaint.empty()) return trouble;
    return (trouble.empty() ? "" : trouble + "; ") + file_.path() + ": " + samples_.complaint;
  }
  void rewind() noexcept override { row_ = 0; }
  std::uint64_t skip(std::uint64_t rows) noexcept override {
    const std::uint64_t passed = std::min(rows, rows_ - row_);
    row_ += passed;
    return passed;
  }
  bool next(std::byte* values, std::int64_t*) noexcept override {
    if (row_ == rows_) return false;
    const std::string_view frame = file_.at(samples_.begin + row_ * frame_bytes_, frame_bytes_);
    if (frame.size() < frame_bytes_) return false;  // the file was cut while it played
    for (std::size_t at = 0; at < frame_bytes_; at += sample_bytes_, values += static_cast<std::size_t>(shape_.type)) {
      const double value = load(frame.data() + at, samples_.format);
      const float narrow = static_cast<float>(value);
      if (shape_.type == config::SampleType::f64)
        std::memcpy(values, &value, sizeof value);
      else
        std::memcpy(values, &narrow, sizeof narrow);
    }
    ++row_;
    return true;
  }

 private:
  RecordedFile file_;
  Samples samples_;
  std::size_t sample_bytes_;
  StreamShape shape_;
  std::size_t frame_bytes_ = 0;
  std::uint64_t rows_ = 0, row_ = 0;
};

SampleFormat sample_format(config::ReplayFormat format) {
  switch (format) {
    case config::ReplayFormat::i16le:
      return SampleFormat::i16;
    case config::ReplayFormat::i32le:
      return SampleFormat::i32;
    case config::ReplayFormat::f32le:
      return SampleFormat::f32;
    default:
      return SampleFormat::f64;
  }
}

}  // namespace

rt::Result<std::unique_ptr<Recording>> make_interleaved(RecordedFile file, Samples samples, config::SampleType type) {
  const std::string path = file.path();
  const std::uint64_t bytes = samples.bytes;
  auto recording = std::make_unique<InterleavedRecording>(std::move(file), std::move(samples), type);
  if (recording->rows() == 0) {
    return rt::Error{EX_DATAERR, "replay file " + path + ": " + std::to_string(bytes) + " bytes of samples are less than one frame of " +
                                     std::to_string(recording->shape().channels.size()) + " channels"};
  }
  return std::unique_ptr<Recording>(std::move(recording));
}

rt::Result<std::unique_ptr<Recording>> open_binary(const config::Stream& stream, config::ReplayFormat format) {
  if (stream.channels.empty()) {
    return rt::Error{EX_CONFIG, "stream " + stream.name + ": " + stream.replay.file +
                                    " does not say how many channels it has; set channels (on the command line: --channels N)"};
  }
  auto file = RecordedFile::open(stream.replay.file);
  if (!file) return file.error();
  Samples samples;
  samples.bytes = file->size();
  samples.format = sample_format(format);
  samples.channels = stream.channels;
  samples.rate_hz = stream.rate_hz;
  return make_interleaved(std::move(*file), std::move(samples), stream.type);
}

}  // namespace chappe::producer

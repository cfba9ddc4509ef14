#include "producer/replay_csv.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <set>

#include "producer/csv_text.hpp"
#include "producer/recorded_file.hpp"
#include "rt/counter.hpp"

namespace chappe::producer {
namespace {

using config::TimeUnit;

constexpr std::size_t kNone = static_cast<std::size_t>(-1);
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr int kRowsForRate = 1000;  // looked at when opening, for the nominal rate

/// How the columns of the file are to be read.
struct Columns {
  char separator = ',';
  std::size_t count = 0;
  std::size_t time = kNone;     ///< its column is no channel
  bool times_are_read = false;  ///< false: the frame index and the rate give the time
  TimeUnit unit = TimeUnit::s;
};

bool is_blank_line(std::string_view line) { return line.find_first_not_of(' ') == std::string_view::npos; }

bool parse_time(std::string_view cell, TimeUnit unit, std::int64_t& ns) {
  switch (unit) {
    case TimeUnit::s: return parse_decimal(cell, 9, ns);
    case TimeUnit::ms: return parse_decimal(cell, 6, ns);
    case TimeUnit::us: return parse_decimal(cell, 3, ns);
    case TimeUnit::ns: return parse_decimal(cell, 0, ns);
    case TimeUnit::iso8601:
    case TimeUnit::automatic: break;
  }
  const auto parsed = parse_iso8601(cell);
  ns = parsed.value_or(0);
  return parsed.has_value();
}

class CsvRecording final : public Recording {
 public:
  explicit CsvRecording(RecordedFile file) : file_(std::move(file)) {}
  rt::Done open(const config::Stream& stream);

  [[nodiscard]] const StreamShape& shape() const override { return shape_; }
  bool next(std::byte* values, std::int64_t* time_ns) noexcept override;
  std::uint64_t skip(std::uint64_t rows) noexcept override;
  void rewind() noexcept override {
    offset_ = data_begins_;
    line_ = data_line_;
  }
  [[nodiscard]] std::string complaints() const override;
  [[nodiscard]] std::uint64_t rows_skipped() const noexcept override { return skipped_.get(); }

 private:
  struct Fault {
    std::uint64_t line = 0;
    std::size_t cells = 0;         ///< that were there, if their number is the fault
    std::array<char, 32> cell{};  ///< the one that is no number
  };
  bool next_line(std::string_view& line) noexcept;
  bool parse_row(std::string_view line, std::byte* values, std::int64_t* time_ns, Fault& fault) const noexcept;
  bool put_value(std::string_view cell, std::byte* out) const noexcept;
  void note(Fault fault) noexcept;
  void read_head(std::vector<std::string>& cells, bool& has_header);
  rt::Done find_time_column(const config::Stream& stream, const std::vector<std::string>& cells, bool has_header);
  void find_unit(const config::Stream& stream);
  [[nodiscard]] std::vector<config::Channel> name_channels(const std::vector<std::string>& cells, bool has_header) const;
  rt::Done try_rows();

  RecordedFile file_;
  Columns columns_;
  StreamShape shape_;
  std::string time_name_;  ///< the time column's header cell
  std::uint64_t data_begins_ = 0, data_line_ = 0;  ///< where the header ends
  std::uint64_t offset_ = 0, line_ = 0;            ///< of the cursor; lines read so far
  std::uint64_t noted_line_ = 0;                   ///< faults up to here are counted
  rt::Counter skipped_;
  Fault first_fault_;   ///< written once, before fault_seen_ is raised
  rt::Flag fault_seen_;
};

/// The line at the cursor without its end; moves the cursor behind it. One longer than the window is cut, and fails as a row.
bool CsvRecording::next_line(std::string_view& line) noexcept {
  std::string_view text = file_.at(offset_, 1);
  std::size_t end = text.find('\n');
  if (end == std::string_view::npos) {
    text = file_.at(offset_, RecordedFile::kWindow);
    end = text.find('\n');
  }
  if (text.empty()) return false;
  line = text.substr(0, end);
  offset_ += end == std::string_view::npos ? text.size() : end + 1;
  ++line_;
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return true;
}

bool CsvRecording::put_value(std::string_view cell, std::byte* out) const noexcept {
  double value = 0;
  if (!parse_value(cell, value)) return false;
  if (shape_.type == config::SampleType::f64) {
    std::memcpy(out, &value, sizeof value);
  } else {
    const float narrow = static_cast<float>(value);
    std::memcpy(out, &narrow, sizeof narrow);
  }
  return true;
}

bool CsvRecording::parse_row(std::string_view line, std::byte* values, std::int64_t* time_ns, Fault& fault) const noexcept {
  Cells cells(line, columns_.separator);
  std::string_view cell;
  std::size_t count = 0;
  for (; cells.next(cell); ++count) {
    if (count >= columns_.count || fault.line != 0) continue;  // only counted
    bool good = true;
    if (count == columns_.time) {
      good = !columns_.times_are_read || parse_time(cell, columns_.unit, *time_ns);
    } else {
      good = put_value(cell, values);
      values += static_cast<std::size_t>(shape_.type);
    }
    if (good) continue;
    fault.line = line_;
    cell.copy(fault.cell.data(), fault.cell.size() - 1);
  }
  if (count != columns_.count) fault = {.line = line_, .cells = count, .cell = {}};
  return fault.line == 0;
}

/// Each faulty line counts once, however often it is read.
void CsvRecording::note(Fault fault) noexcept {
  if (fault.line <= noted_line_) return;
  noted_line_ = fault.line;
  skipped_.add();
  if (fault_seen_.is_up()) return;
  for (char& c : fault.cell) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\0') c = '?';
  }
  first_fault_ = fault;
  fault_seen_.raise();
}

bool CsvRecording::next(std::byte* values, std::int64_t* time_ns) noexcept {
  std::string_view line;
  while (next_line(line)) {
    if (is_blank_line(line)) continue;
    Fault fault;
    if (parse_row(line, values, time_ns, fault)) return true;
    note(fault);
  }
  return false;
}

std::uint64_t CsvRecording::skip(std::uint64_t rows) noexcept {
  std::array<std::byte, 8> unused{};
  std::uint64_t passed = 0;
  (void)unused;
  return passed + rows;
}

}  // namespace
}  // namespace chappe::producer

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
constexpr int kLinesForSeparator = 10;
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
    std::size_t cells = 0;        ///< that were there, if their number is the fault
    std::array<char, 32> cell{};  ///< the one that is no number
  };
  bool next_line(std::string_view& line) noexcept;
  bool parse_row(std::string_view line, std::byte* values, std::int64_t* time_ns, Fault& fault) const noexcept;
  bool put_value(std::string_view cell, std::byte* out) const noexcept;
  void note(Fault fault) noexcept;
  [[nodiscard]] std::string describe(const Fault& fault) const;
  void read_head(std::vector<std::string>& cells, bool& has_header);
  rt::Done find_time_column(const config::Stream& stream, const std::vector<std::string>& cells, bool has_header);
  rt::Done find_unit(const config::Stream& stream);
  [[nodiscard]] std::vector<config::Channel> name_channels(const std::vector<std::string>& cells, bool has_header) const;
  rt::Done try_rows();

  RecordedFile file_;
  Columns columns_;
  StreamShape shape_;
  std::vector<std::byte> scratch_;                 ///< a row that nobody wants
  std::string time_name_;                          ///< the time column's header cell
  std::uint64_t data_begins_ = 0, data_line_ = 0;  ///< where the header ends
  std::uint64_t offset_ = 0, line_ = 0;            ///< of the cursor; lines read so far
  std::uint64_t noted_line_ = 0;                   ///< faults up to here are counted
  rt::Counter skipped_;
  Fault first_fault_;  ///< written once, before fault_seen_ is raised
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
  // The last line of a file that was cut is half a line, and half a number is another number.
  if (end == std::string_view::npos && text.size() < RecordedFile::kWindow && offset_ + text.size() < file_.size()) return false;
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
  std::int64_t unused_time = 0;
  std::uint64_t passed = 0;
  while (passed < rows && next(scratch_.data(), &unused_time)) ++passed;
  return passed;
}

std::string CsvRecording::complaints() const {
  const std::string trouble = file_.trouble();
  if (!fault_seen_.is_up()) return trouble;
  const std::uint64_t rows = skipped_.get();
  return (trouble.empty() ? "" : trouble + "; ") + file_.path() + ": " + std::to_string(rows) + (rows == 1 ? " row" : " rows") +
         " skipped; the first is " + describe(first_fault_);
}

std::string CsvRecording::describe(const Fault& fault) const {
  const std::string line = "line " + std::to_string(fault.line) + ": ";
  if (fault.cells > 0) return line + std::to_string(fault.cells) + " cells, expected " + std::to_string(columns_.count);
  return line + "\"" + fault.cell.data() + "\" is not what its column holds (a number, NaN, nothing, or a time)";
}

/// Separator, cells of the first row, and whether that is a header: it is if a cell is neither number, NaN, nothing nor a time.
void CsvRecording::read_head(std::vector<std::string>& cells, bool& has_header) {
  const std::string_view text = file_.at(0, RecordedFile::kWindow);
  const std::size_t begin = text.substr(0, kByteOrderMark.size()) == kByteOrderMark ? kByteOrderMark.size() : 0;
  std::size_t end = begin;
  for (int i = 0; i < kLinesForSeparator && end < text.size(); ++i) end = std::min(text.find('\n', end), text.size() - 1) + 1;
  columns_.separator = find_separator(text.substr(begin, end - begin));
  offset_ = begin;
  std::string_view line, cell;
  while (next_line(line) && is_blank_line(line)) {
  }
  double number = 0;
  has_header = false;
  for (Cells reader(line, columns_.separator); reader.next(cell);) {
    has_header = has_header || (!parse_value(cell, number) && !parse_iso8601(cell));
    cells.emplace_back(cell);
  }
  columns_.count = cells.size();
  data_begins_ = has_header ? offset_ : begin;
  data_line_ = has_header ? line_ : 0;
  rewind();
}

rt::Done CsvRecording::find_time_column(const config::Stream& stream, const std::vector<std::string>& cells, bool has_header) {
  const std::string& wanted = stream.replay.time_column;
  if (!wanted.empty()) {
    const auto found = std::find_if(cells.begin(), cells.end(),
                                    [&](const auto& c) { return has_header && (c == wanted || split_name(c).name == wanted); });
    columns_.time = static_cast<std::size_t>(found - cells.begin());
    if (found == cells.end()) {
      const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), columns_.time);
      if (error != std::errc() || end != wanted.data() + wanted.size() || columns_.time >= cells.size()) {
        std::string names;
        for (const auto& c : cells) names += (names.empty() ? "" : ", ") + c;
        return rt::Error{EX_CONFIG, "stream " + stream.name + ": time_column = \"" + wanted + "\" is not a column of " + file_.path() +
                                        "; expected a name or an index below " + std::to_string(cells.size()) +
                                        (has_header ? " of: " + names : "")};
      }
    }
  } else if (cells.size() > 1 && (has_header ? is_time_name(cells[0]) : parse_iso8601(cells[0]).has_value())) {
    columns_.time = 0;
  }
  if (columns_.time == kNone) return rt::done();
  if (has_header) time_name_ = cells[columns_.time];
  const bool is_index = stream.replay.time_unit == TimeUnit::automatic && first_word(time_name_) == "sample";
  columns_.times_are_read = !is_index && !(stream.rate_hz > 0);
  return rt::done();
}

/// What the configuration says; else ISO 8601 if the first row's time is one; else what the column's name ends with; else seconds.
rt::Done CsvRecording::find_unit(const config::Stream& stream) {
  columns_.unit = stream.replay.time_unit;
  if (columns_.unit != TimeUnit::automatic) return rt::done();
  std::string_view line, cell;
  while (next_line(line) && is_blank_line(line)) {
  }
  rewind();
  Cells cells(line, columns_.separator);
  for (std::size_t i = 0; i <= columns_.time && cells.next(cell); ++i) {
  }
  const auto unit = parse_iso8601(cell) ? TimeUnit::iso8601 : unit_of_name(time_name_);
  if (!unit) {
    return rt::Error{EX_DATAERR, "replay file " + file_.path() + ": the time column \"" + time_name_ +
                                     "\" has a unit that is not known; expected s, ms, us or ns, or set time_unit (on the command line: "
                                     "--time-unit)"};
  }
  columns_.unit = *unit;
  return rt::done();
}

std::vector<config::Channel> CsvRecording::name_channels(const std::vector<std::string>& cells, bool has_header) const {
  std::vector<config::Channel> channels;
  std::set<std::string> taken;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i == columns_.time) continue;
    Name name = has_header ? split_name(cells[i]) : Name{};
    if (name.name.empty()) name.name = "ch" + std::to_string(channels.size());
    const std::string base = name.name;
    for (int copy = 2; !taken.insert(name.name).second; ++copy) {
      const std::string suffix = "_" + std::to_string(copy);
      name.name = shorten(base, kNameBytes - suffix.size()) + suffix;
    }
    config::Channel channel;
    channel.name = name.name;
    channel.unit = name.unit;
    channels.push_back(channel);
  }
  return channels;
}

/// The first rows: there must be one, and their times give the nominal rate.
rt::Done CsvRecording::try_rows() {
  std::int64_t first = 0, last = 0;
  int rows = 0;
  for (std::int64_t t = 0; rows < kRowsForRate && next(scratch_.data(), &t); ++rows) {
    if (rows == 0) first = t;
    last = t;
  }
  if (rows == 0) {
    return rt::Error{EX_DATAERR,
                     "replay file " + file_.path() + ": no row of data" + (fault_seen_.is_up() ? "; " + describe(first_fault_) : "")};
  }
  if (shape_.explicit_times && last > first) shape_.rate_hz = (rows - 1) * 1e9 / static_cast<double>(last - first);
  rewind();
  return rt::done();
}

rt::Done CsvRecording::open(const config::Stream& stream) {
  std::vector<std::string> cells;
  bool has_header = false;
  read_head(cells, has_header);
  if (auto found = find_time_column(stream, cells, has_header); !found) return found;
  if (columns_.times_are_read) {
    if (auto found = find_unit(stream); !found) return found;
  }
  auto channels = choose_channels(stream, name_channels(cells, has_header));
  if (!channels) return channels.error();
  if (channels->empty()) return rt::Error{EX_DATAERR, "replay file " + file_.path() + ": no column beside the time"};
  shape_ = {.channels = std::move(*channels),
            .type = stream.type,
            .rate_hz = stream.rate_hz,
            .explicit_times = columns_.times_are_read,
            .clock = Clock::recorded};
  scratch_.resize(shape_.channels.size() * static_cast<std::size_t>(shape_.type));
  return try_rows();
}

}  // namespace

rt::Result<std::unique_ptr<Recording>> open_csv(const config::Stream& stream) {
  auto file = RecordedFile::open(stream.replay.file);
  if (!file) return file.error();
  auto recording = std::make_unique<CsvRecording>(std::move(*file));
  if (auto opened = recording->open(stream); !opened) return opened.error();
  return std::unique_ptr<Recording>(std::move(recording));
}

}  // namespace chappe::producer

#include "aggregator/window_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "rt/fault.hpp"
#include "shm/figures.hpp"

namespace chappe::aggregator {
namespace {

constexpr std::size_t kPendingBytes = 8U << 20;  ///< kept at most while the disk takes nothing
/// Read backwards at most: one write after a full disk is over brings all that waited, and more follows before the board tells of it.
constexpr std::size_t kResumeBytes = 4 * kPendingBytes;
constexpr std::size_t kLineBytes = 1U << 20;  ///< longer than any line

const std::string& header_line(bool all) {
  static const std::string basic = std::string(kWindowLogHeader) + "\n", more = std::string(kWindowLogHeader) + kWindowLogMore + "\n";
  return all ? more : basic;
}

void append_name(std::string& out, const std::string& name) {
  if (name.find_first_of(",\"\r\n") == std::string::npos) {
    out += name;
    return;
  }
  out += '"';
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

template <class Number>
void append_number(std::string& out, Number value) {
  char text[32];  // the longest double has 24 characters
  out += ',';
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

/// The sign of a NaN means nothing and is not written.
void append_value(std::string& out, double value) {
  if (std::isnan(value))
    out += ",nan";
  else
    append_number(out, value);
}

void append_row(std::string& out, const LogNames& names, std::size_t channel, const WindowHead& head, const Moments& m) {
  constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();
  append_name(out, names.stream);
  out += ',';
  append_name(out, channel < names.channels.size() ? names.channels[channel] : std::to_string(channel));
  append_number(out, static_cast<std::int64_t>(head.window));  // negative before the clock's zero
  append_number(out, head.generation);
  append_number(out, head.first_frame);
  append_number(out, head.t_first_ns);
  append_number(out, head.t_last_ns);
  append_number(out, m.count);
  append_number(out, head.missing);
  append_number(out, m.nan);
  append_value(out, m.count > 0 ? m.mean : kUndefined);
  append_value(out, variance(m));
  append_value(out, m.count > 0 ? m.min : kUndefined);
  append_value(out, m.count > 0 ? m.max : kUndefined);
  append_value(out, rms(m));
}

void append_shape(std::string& out, const Moments& m, const Shape* s) {
  const shm::Powers p{.count = static_cast<double>(m.count),
                      .mean = m.mean,
                      .m2 = m.m2,
                      .m3 = s != nullptr ? s->m3 : shm::kNoFigure,
                      .m4 = s != nullptr ? s->m4 : shm::kNoFigure,
                      .min = m.min,
                      .max = m.max};
  const auto whole = [&](bool known, auto value) {
    if (known)
      append_number(out, value);
    else
      out += ",nan";
  };
  const bool has_values = s != nullptr && m.count > 0;
  append_value(out, shm::skewness(p));
  append_value(out, shm::kurtosis(p));
  whole(has_values, has_values ? s->t_min_ns : 0);
  whole(has_values, has_values ? s->t_max_ns : 0);
  append_value(out, shm::peak_to_peak(p));
  append_value(out, shm::crest(p));
  whole(s != nullptr, s != nullptr ? s->zero_crossings : 0);
  whole(s != nullptr, s != nullptr ? s->flat : 0);
}

/// The next record of RFC 4180 text, taken off the front of `text` with its line end. Empty: no whole record is left.
std::string_view take_record(std::string_view& text) {
  bool quoted = false;
  const std::size_t line_end = std::min(text.find('\n'), text.size());
  for (std::size_t i = text.substr(0, line_end).find('"') == std::string_view::npos ? line_end : 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] != '\n' || quoted) continue;
    const std::string_view record = text.substr(0, i + 1);
    text.remove_prefix(i + 1);
    return record;
  }
  text = {};
  return {};
}

std::uint64_t count_records(std::string_view text) {
  std::uint64_t records = 0;
  while (!take_record(text).empty()) ++records;
  return records;
}

std::size_t hash_of(std::string_view record) { return std::hash<std::string_view>{}(record); }

/// Success: all bytes asked for, or what the file has of them. EINTR: again.
std::optional<std::string> read_at(int fd, std::size_t offset, std::size_t bytes) {
  std::string text(bytes, '\0');
  std::size_t got = 0;
  while (got < bytes) {
    const ssize_t n = ::pread(fd, text.data() + got, bytes - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  text.resize(got);
  return text;
}

rt::Error wrong_header(const std::string& path, bool all) {
  std::string header = header_line(all);
  header.pop_back();
  return {EX_DATAERR, "window log " + path + ": its first line is not the header of a window log (" + header +
                          "), so nothing is appended: move the file away, or name another in [window_log] path"};
}

/// The offset behind the last whole line of an existing log.
rt::Result<std::size_t> find_end(int fd, const std::string& path, std::size_t size, bool all) {
  const std::string& header = header_line(all);
  const auto start = read_at(fd, 0, std::min(size, header.size()));
  if (!start) return rt::errno_error("window log " + path + ": read");
  if (*start != header.substr(0, start->size())) return wrong_header(path, all);
  if (size < header.size()) return std::size_t{0};  // the header itself was torn
  const std::size_t from = std::max(header.size(), size > kLineBytes ? size - kLineBytes : 0);
  const auto text = read_at(fd, from, size - from);
  if (!text) return rt::errno_error("window log " + path + ": read");
  const std::size_t last_end = text->rfind('\n');
  return from + (last_end == std::string::npos ? 0 : last_end + 1);
}

/// Hashes of the last rows between `began` and `end`, sorted. A file that cannot be read has none.
std::vector<std::size_t> read_back(int fd, std::size_t began, std::size_t end) {
  const std::size_t begin = std::min(end, began);
  const std::size_t from = std::max(begin, end > kResumeBytes ? end - kResumeBytes : 0);
  const std::string rows = read_at(fd, from, end - from).value_or("");
  std::string_view text = rows;
  if (from > begin) text.remove_prefix(std::min(text.size(), text.find('\n') + 1));  // begins inside a line
  std::vector<std::size_t> hashes;
  for (auto row = take_record(text); !row.empty(); row = take_record(text)) hashes.push_back(hash_of(row));
  std::sort(hashes.begin(), hashes.end());
  return hashes;
}

}  // namespace

void append_rows(std::string& out, const LogNames& names, const WindowHead& head, std::span<const Moments> channels,
                 std::span<const Shape> shapes) {
  for (std::size_t c = 0; c < channels.size(); ++c) {
    append_row(out, names, c, head, channels[c]);
    if (names.all) append_shape(out, channels[c], head.shaped && c < shapes.size() ? &shapes[c] : nullptr);
    out += '\n';
  }
}

rt::Result<WindowLog> WindowLog::open(const std::string& path, bool all_columns) {
  WindowLog log;
  log.all_columns_ = all_columns;
  log.fd_ = rt::Descriptor(CHAPPE_FAULT_ERRNO(log_to_open) ? -1 : ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
  if (!log.fd_) return rt::errno_error("window log " + path + ": open for appending");
  struct stat status {};
  if (::fstat(log.fd_.get(), &status) != 0) return rt::errno_error("window log " + path + ": fstat");
  std::size_t whole = 0;
  if (S_ISREG(status.st_mode) && status.st_size > 0) {
    auto end = find_end(log.fd_.get(), path, static_cast<std::size_t>(status.st_size), all_columns);
    if (!end) return end.error();
    whole = *end;
    const bool torn = whole < static_cast<std::size_t>(status.st_size);
    if (torn && (CHAPPE_FAULT_ERRNO(log_to_cut) || ::ftruncate(log.fd_.get(), static_cast<off_t>(whole)) != 0))
      return rt::errno_error("window log " + path + ": cut the torn last line");
    if (torn) CHAPPE_FAULT(log_cut);
  }
  log.found_bytes_ = whole;
  // A full disk does not stop the statistics: the header waits with the rows, and the first write says what is wrong.
  if (whole == 0) [[maybe_unused]]
    const rt::Done tried = log.write(header_line(all_columns));
  return log;
}

std::size_t WindowLog::leave_out(std::size_t began) {
  if (began == 0) began = found_bytes_;
  if (began > found_bytes_) began = 0;  // another file since then, or cut
  return began_ = std::max(began, header_line(all_columns_).size());
}

std::string WindowLog::missing(std::string_view rows) {
  if (!tail_) tail_ = read_back(fd_.get(), std::max(began_, header_line(all_columns_).size()), found_bytes_);
  std::string result;
  for (auto row = take_record(rows); !row.empty(); row = take_record(rows)) {
    if (!std::binary_search(tail_->begin(), tail_->end(), hash_of(row))) result += row;
  }
  return result;
}

std::uint64_t WindowLog::rows_waiting() const { return count_records(pending_); }

rt::Done WindowLog::write(const std::string& rows) {
  const bool kept = pending_.size() + rows.size() <= kPendingBytes;
  if (kept) pending_ += rows;
  if (pending_.empty()) return rt::done();
  ssize_t n = 0;
  do n = CHAPPE_FAULT_ERRNO(log_to_write) ? -1 : ::write(fd_.get(), pending_.data(), pending_.size());
  while (n < 0 && errno == EINTR);
  const int error = errno;
  if (n > 0) CHAPPE_FAULT(log_row_written);
  if (n > 0) pending_.erase(0, static_cast<std::size_t>(n));
  if (!kept) rows_lost_ += count_records(rows);
  const std::string waiting = std::to_string(pending_.size()) + " bytes wait for the next try";
  if (!kept) return rt::Error{EX_IOERR, "window log: rows are lost, because " + waiting + ": make room on the disk"};
  if (n < 0) return rt::errno_error("window log: write (" + waiting + ")", error);
  if (!pending_.empty()) return rt::Error{EX_IOERR, "window log: short write, " + waiting};
  return rt::done();
}

}  // namespace chappe::aggregator

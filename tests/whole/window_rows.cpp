#include "window_rows.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

namespace chappe::whole {
namespace {

constexpr std::uint64_t kPeriod = 65536;

std::string where(const Row& row) {
  return "channel " + row.channel + ", window " + std::to_string(row.window) + " of generation " + std::to_string(row.generation) +
         ", frames from " + std::to_string(row.first) + " on, " + std::to_string(row.count) + " of them: ";
}

}  // namespace

std::vector<Row> rows_of(const std::string& file, const std::string& stream, std::uint64_t last_bytes) {
  std::vector<Row> rows;
  std::ifstream log(file, std::ios::ate);
  const std::streamoff end = log.tellg();
  const bool whole = end < 0 || static_cast<std::uint64_t>(end) <= last_bytes;
  log.seekg(whole ? 0 : end - static_cast<std::streamoff>(last_bytes));
  if (std::string half_line; !whole) std::getline(log, half_line);
  for (std::string line; std::getline(log, line);) {
    std::vector<std::string> c;
    std::istringstream text(line);
    for (std::string cell; std::getline(text, cell, ',');) c.push_back(cell);
    if (c.size() != 15 || c[0] != stream) continue;
    rows.push_back({c[1], std::stoull(c[2]), std::stoull(c[3]), std::stoull(c[4]), std::stoull(c[7]), std::stoull(c[8]), std::stoull(c[9]),
                    std::stod(c[10]), std::stod(c[12]), std::stod(c[13])});
  }
  return rows;
}

std::string not_of_index(const Row& row, double channel) {
  double sum = 0;
  const std::uint64_t start = row.first % kPeriod, end = start + row.count;
  for (std::uint64_t i = start; i < end; ++i) sum += static_cast<double>(i % kPeriod);
  const double mean = sum / static_cast<double>(row.count) + channel;
  const double min = (end > kPeriod ? 0 : static_cast<double>(start)) + channel;
  const double max = static_cast<double>(end > kPeriod ? kPeriod - 1 : end - 1) + channel;
  if (row.nan != 0) return where(row) + "NaN";
  if (row.min != min) return where(row) + "min " + std::to_string(row.min) + ", expected " + std::to_string(min);
  if (row.max != max) return where(row) + "max " + std::to_string(row.max) + ", expected " + std::to_string(max);
  if (std::abs(row.mean - mean) <= 1e-9 * kPeriod) return {};
  return where(row) + "mean " + std::to_string(row.mean) + ", expected " + std::to_string(mean);
}

/// The missing ones may also lie before the first: the span is then counted too long, never too short.
std::string not_of_span(const Row& row, double channel) {
  if (row.missing == 0) return not_of_index(row, channel);
  const std::uint64_t start = row.first % kPeriod, end = start + row.count + row.missing;
  const double first = static_cast<double>(start) + channel;
  const double min = end > kPeriod ? channel : first, max = static_cast<double>(end > kPeriod ? kPeriod - 1 : end - 1) + channel;
  if (row.nan != 0) return where(row) + "NaN";
  if (row.count == 0) return where(row) + "no frame, and is a row";
  if (row.min < min || row.min > first || row.max > max || row.max < first || row.mean < row.min || row.mean > row.max)
    return where(row) + std::to_string(row.missing) + " missing, min " + std::to_string(row.min) + ", mean " + std::to_string(row.mean) +
           ", max " + std::to_string(row.max) + ", expected within " + std::to_string(min) + " to " + std::to_string(max);
  return {};
}

std::string not_each_frame_once(const std::vector<Row>& rows, const std::string& channel, std::uint64_t frames) {
  std::vector<Row> mine;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(mine), [&](const Row& row) { return row.channel == channel; });
  std::sort(mine.begin(), mine.end(), [](const Row& a, const Row& b) { return a.first < b.first; });
  std::uint64_t next = 0;
  for (const Row& row : mine) {
    if (row.first != next) return where(row) + "expected frame " + std::to_string(next);
    if (row.missing != 0) return where(row) + std::to_string(row.missing) + " are missing";
    next += row.count;
  }
  return next == frames ? "" : "channel " + channel + ": rows up to frame " + std::to_string(next) + ", expected " + std::to_string(frames);
}

}  // namespace chappe::whole

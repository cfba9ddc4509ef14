// The recordings of real sensors beside the tree, as columns of doubles.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace chappe::aggregator {

using nlohmann::json;
using Columns = std::vector<std::vector<double>>;

inline std::filesystem::path recordings() {
  const char* folder = std::getenv("CHAPPE_DATA");
  return folder != nullptr ? folder : CHAPPE_SOURCE_DIR "/../shared/data";
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline std::vector<std::string> channel_names(const json& about) {
  std::vector<std::string> names;
  for (const auto& channel : about.at("channels")) names.push_back(channel.at("name"));
  return names;
}

/// Of a LabVIEW recording, too: strtod passes over the tabs between its values.
inline Columns parse_csv(const std::string& text, const json& format, std::size_t channels) {
  const bool has_time = !format.at("time_column").is_null();
  Columns columns(channels);
  std::istringstream lines(text);
  std::string line;
  for (int header = format.at("header_lines").get<int>(); header > 0; --header) std::getline(lines, line);
  while (std::getline(lines, line)) {
    const char* at = line.c_str();
    if (has_time) at = std::strchr(at, ',') + 1;
    for (auto& column : columns) {
      char* end = nullptr;
      column.push_back(std::strtod(at, &end));
      at = end + (*end == ',' ? 1 : 0);
    }
  }
  return columns;
}

template <class T>
inline Columns parse_binary(const std::string& bytes, std::size_t at, std::size_t channels) {
  Columns columns(channels);
  for (std::size_t c = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T), c = (c + 1) % channels) {
    T value;
    std::memcpy(&value, &bytes[at], sizeof value);
    columns[c].push_back(static_cast<double>(value));
  }
  return columns;
}

inline Columns parse(const std::string& file, const json& about, std::size_t channels) {
  const std::string bytes = read_file(recordings() / file);
  const std::string layout = about.at("format").value("layout", "");
  if (file.ends_with(".csv") || file.ends_with(".lvm")) return parse_csv(bytes, about.at("format"), channels);
  if (file.ends_with(".wav")) return parse_binary<std::int16_t>(bytes, bytes.find("data") + 8, channels);
  if (layout.starts_with("interleaved int16")) return parse_binary<std::int16_t>(bytes, 0, channels);
  return parse_binary<double>(bytes, 0, channels);
}

}  // namespace chappe::aggregator

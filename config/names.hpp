// The words of the configuration for the values of each enum: one table for the parser, the printer and the command lines.
// Used inside config/, and by who keeps such a word for others to read. Pure.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "rt/log.hpp"

namespace chappe::config {

template <class E, std::size_t N>
using Names = std::array<std::pair<std::string_view, E>, N>;

inline constexpr Names<SampleType, 2> kSampleTypes{{{"f32", SampleType::f32}, {"f64", SampleType::f64}}};
inline constexpr Names<SourceKind, 3> kSourceKinds{
    {{"simulator", SourceKind::simulator}, {"replay", SourceKind::replay}, {"memory", SourceKind::memory}}};
inline constexpr Names<bool, 2> kColumns{{{"basic", false}, {"all", true}}};  ///< of the window log
inline constexpr Names<bool, 2> kAligns{{{"clock", false}, {"wall", true}}};  ///< of windows
inline constexpr Names<OnFull, 2> kOnFulls{{{"drop", OnFull::drop}, {"wait", OnFull::wait}}};
inline constexpr Names<rt::Policy, 2> kPolicies{{{"fifo", rt::Policy::fifo}, {"other", rt::Policy::other}}};
inline constexpr Names<Waveform, 6> kWaveforms{{{"sine", Waveform::sine},
                                                {"square", Waveform::square},
                                                {"random_walk", Waveform::random_walk},
                                                {"noise", Waveform::noise},
                                                {"constant", Waveform::constant},
                                                {"index", Waveform::index}}};
inline constexpr Names<Operation, 5> kOperations{{{"magnitude", Operation::magnitude},
                                                  {"sum", Operation::sum},
                                                  {"difference", Operation::difference},
                                                  {"ratio", Operation::ratio},
                                                  {"derivative", Operation::derivative}}};
inline constexpr Names<AlarmKind, 7> kAlarmKinds{{{"limit", AlarmKind::limit},
                                                  {"rate", AlarmKind::rate},
                                                  {"flat", AlarmKind::flat},
                                                  {"stale", AlarmKind::stale},
                                                  {"nan", AlarmKind::nan},
                                                  {"zscore", AlarmKind::zscore},
                                                  {"band", AlarmKind::band}}};
inline constexpr Names<Figure, 7> kFigures{{{"mean", Figure::mean},
                                            {"min", Figure::min},
                                            {"max", Figure::max},
                                            {"rms", Figure::rms},
                                            {"deviation", Figure::deviation},
                                            {"peak_to_peak", Figure::peak_to_peak},
                                            {"last", Figure::last}}};
inline constexpr Names<WindowFunction, 5> kWindowFunctions{{{"rect", WindowFunction::rect},
                                                            {"hann", WindowFunction::hann},
                                                            {"hamming", WindowFunction::hamming},
                                                            {"blackman", WindowFunction::blackman},
                                                            {"flattop", WindowFunction::flattop}}};
inline constexpr Names<TimeUnit, 6> kTimeUnits{{{"automatic", TimeUnit::automatic},
                                                {"s", TimeUnit::s},
                                                {"ms", TimeUnit::ms},
                                                {"us", TimeUnit::us},
                                                {"ns", TimeUnit::ns},
                                                {"iso8601", TimeUnit::iso8601}}};
inline constexpr Names<ReplayFormat, 7> kReplayFormats{{{"automatic", ReplayFormat::automatic},
                                                        {"csv", ReplayFormat::csv},
                                                        {"wav", ReplayFormat::wav},
                                                        {"i16le", ReplayFormat::i16le},
                                                        {"i32le", ReplayFormat::i32le},
                                                        {"f32le", ReplayFormat::f32le},
                                                        {"f64le", ReplayFormat::f64le}}};

template <class E, std::size_t N>
std::string name_of(const Names<E, N>& names, E value) {
  for (const auto& [name, known] : names) {
    if (known == value) return std::string(name);
  }
  return "?";
}

template <class E, std::size_t N>
std::optional<E> named(const Names<E, N>& names, std::string_view text) {
  for (const auto& [name, value] : names) {
    if (name == text) return value;
  }
  return std::nullopt;
}

template <class E, std::size_t N>
std::vector<std::string> words_of(const Names<E, N>& names) {
  std::vector<std::string> words;
  for (const auto& entry : names) words.emplace_back(entry.first);
  return words;
}

inline std::vector<std::string> log_levels() { return {rt::kLogLevelNames.begin(), rt::kLogLevelNames.end()}; }

/// Raw samples without a header: the recording cannot say how many channels it has.
inline bool is_raw(ReplayFormat format) { return format >= ReplayFormat::i16le; }

}  // namespace chappe::config

#include "producer/replay.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "rt/clock.hpp"

namespace chappe::producer {

namespace {

/// Of the file's place, size and time of change; never 0.
std::uint64_t identity_of(const std::string& path) {
  struct stat st {};
  char* const absolute = ::realpath(path.c_str(), nullptr);
  std::string text = absolute != nullptr ? absolute : path;
  std::free(absolute);
  if (::stat(path.c_str(), &st) == 0) {
    for (const std::int64_t part : {std::int64_t{st.st_size}, std::int64_t{st.st_mtim.tv_sec}, std::int64_t{st.st_mtim.tv_nsec}})
      text += '\n' + std::to_string(part);
  }
  return std::hash<std::string>{}(text) | 1;
}

}  // namespace

rt::Result<std::vector<config::Channel>> choose_channels(const config::Stream& stream, const std::vector<config::Channel>& recorded) {
  if (stream.channels.empty()) return recorded;
  if (stream.channels.size() != recorded.size()) {
    return rt::Error{EX_CONFIG, "stream " + stream.name + ": " + std::to_string(stream.channels.size()) + " channels are configured, but " +
                                    stream.replay.file + " has " + std::to_string(recorded.size()) + "; name them all or none"};
  }
  std::vector<config::Channel> channels = stream.channels;
  for (std::size_t i = 0; i < channels.size(); ++i) {
    if (channels[i].unit.empty()) channels[i].unit = recorded[i].unit;
  }
  return channels;
}

Replay::Replay(std::unique_ptr<Recording> recording, const config::Stream& stream)
    : recording_(std::move(recording)),
      identity_(identity_of(stream.replay.file)),
      loops_(stream.replay.loop),
      row_(shape().channels.size() * static_cast<std::size_t>(shape().type)) {
  paced_ = !stream.replay.as_fast_as_possible && (shape().explicit_times || shape().rate_hz > 0);
  period_ns_ = shape().rate_hz > 0 ? 1e9 / shape().rate_hz : 1;  // without a rate the frame index is the time
}

std::int64_t Replay::regular_time(std::uint64_t frame) const noexcept {
  if (!(shape().rate_hz > 0)) return static_cast<std::int64_t>(frame);
  return std::llroundl(static_cast<long double>(frame) * 1e9L / static_cast<long double>(shape().rate_hz));
}

void Replay::note_time(std::int64_t time_ns) noexcept {
  if (lap_known_) return;
  if (lap_rows_ == 0) first_ns_ = latest_ns_ = time_ns;
  latest_ns_ = std::max(latest_ns_, time_ns);
  ++lap_rows_;
}

void Replay::close_lap() noexcept {
  if (lap_known_) return;
  lap_known_ = true;
  const std::int64_t span = latest_ns_ - first_ns_;
  const std::int64_t steps = lap_rows_ > 1 ? static_cast<std::int64_t>(lap_rows_ - 1) : 1;
  lap_ns_ = span + std::max<std::int64_t>(span / steps, 1);
}

bool Replay::fetch_row() noexcept {
  if (recording_->next(row_.data(), &row_time_ns_)) return true;
  if (!loops_) return false;
  close_lap();
  shift_ns_ += lap_ns_;
  recording_->rewind();
  return recording_->next(row_.data(), &row_time_ns_);
}

/// The next row, with its time on the stream's clock, into the hand.
bool Replay::fetch() noexcept {
  if (in_hand_) return true;
  if (!fetch_row()) return false;
  if (shape().explicit_times) {
    note_time(row_time_ns_);
    row_time_ns_ += shift_ns_;
  } else {
    row_time_ns_ = regular_time(frame_);
  }
  in_hand_ = true;
  return true;
}

/// When the row in hand is due. One that is late by more than a second (the process was stopped, or the recording's time steps back) is due
/// now, and those behind it follow at recorded speed: a replay neither bursts nor skips.
std::int64_t Replay::due_ns(std::int64_t now_ns) noexcept {
  if (!paced_) return now_ns;
  if (!anchored_ || row_time_ns_ + anchor_ns_ < now_ns - rt::kSecond) anchor_ns_ = now_ns - row_time_ns_;
  anchored_ = true;
  return row_time_ns_ + anchor_ns_;
}

Read Replay::read(const Room& room, const FrameLayout& layout, std::int64_t deadline_ns) noexcept {
  Read done;
  std::int64_t last_due = rt::monotonic_ns();
  const std::int64_t until = std::max(deadline_ns, last_due);
  while (done.frames < room.frames) {
    if (!fetch()) {
      done.ended = true;
      break;
    }
    const std::int64_t due = due_ns(last_due);
    if (due > until) break;
    last_due = std::max(last_due, due);
    if (room.times_ns != nullptr)
      room.times_ns[done.frames] = row_time_ns_;
    else if (done.frames == 0)
      *room.t_first_ns = row_time_ns_;
    std::memcpy(room.data + std::size_t{done.frames} * layout.stride, row_.data(), row_.size());
    in_hand_ = false;
    ++frame_;
    ++done.frames;
  }
  if (room.times_ns == nullptr && done.frames > 0) *room.period_ns = period_ns_;
  if (paced_) rt::sleep_until(done.frames > 0 || done.ended ? last_due : deadline_ns);
  return done;
}

std::uint64_t Replay::pass(std::uint64_t rows) noexcept {
  if (!shape().explicit_times) return recording_->skip(rows);
  std::uint64_t passed = 0;
  for (; passed < rows && recording_->next(row_.data(), &row_time_ns_); ++passed) note_time(row_time_ns_);
  return passed;
}

bool Replay::resume_at(std::uint64_t frame, std::uint64_t began) noexcept {
  frame_ = frame;
  recording_->rewind();
  in_hand_ = false;
  const std::uint64_t played = frame - began;
  const std::uint64_t rows = pass(played);
  if (rows == played || rows == 0 || !loops_) return loops_ || fetch();  // in the first lap, or at the end for good
  close_lap();
  shift_ns_ = static_cast<std::int64_t>(played / rows) * lap_ns_;
  recording_->rewind();
  pass(played % rows);
  return true;
}

}  // namespace chappe::producer

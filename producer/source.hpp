// Where data comes from. A source has a thread of its own (ordinary or SCHED_FIFO by plan), run by producer/pump: it is asked again and
// again to fill the rest of a buffer, and told how long it may wait. Nothing here touches shared memory.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "producer/buffer.hpp"

namespace chappe::producer {

enum class Clock : std::uint32_t { monotonic = 0, realtime = 1, recorded = 2 };

/// What a stream looks like once its source is open.
struct StreamShape {
  std::vector<config::Channel> channels;  ///< names and units
  config::SampleType type = config::SampleType::f32;
  double rate_hz = 0;           ///< nominal, 0 if unknown
  bool explicit_times = false;  ///< the source writes a time for every frame
  Clock clock = Clock::monotonic;
};

/// What one call of read() did.
struct Read {
  std::uint32_t frames = 0;  ///< frames written
  std::uint64_t lost = 0;    ///< frames that the device lost BEFORE the ones written (a gap in the frame index; dropped.source)
  bool ended = false;        ///< no frame will ever come again
};

/// Where read() writes: room for `frames` frames, frame i at data + i * layout.stride, padding already zero.
struct Room {
  std::byte* data = nullptr;
  std::int64_t* times_ns = nullptr;  ///< one per frame where the shape says explicit_times, else null
  std::uint32_t frames = 0;
  bool waits = false;                  ///< the pipeline waits (on_full = "wait"): what it kept the source from is late, not lost
  std::int64_t* t_first_ns = nullptr;  ///< out: stream-clock time of the first frame written (regular streams)
  double* period_ns = nullptr;         ///< out: distance between frames (regular streams)
};

class Source {
 public:
  virtual ~Source() = default;
  [[nodiscard]] virtual const StreamShape& shape() const = 0;
  /// Fills room with the frames that are there, waiting no longer than until `deadline_ns` (CLOCK_MONOTONIC) for the first or the next one;
  /// returns early when the room is full. Paced by the clock, or at once where the source is as fast as possible. A gap (`lost` > 0) is
  /// reported alone or before frames: when frames were already written in this call, it waits for the next call. Allocates nothing,
  /// throws nothing, locks nothing after the first call.
  virtual Read read(const Room& room, const FrameLayout& layout, std::int64_t deadline_ns) noexcept = 0;
  /// Takes over the live-changeable keys of its stream (rate, waveform parameters). Called between two reads by the source's own thread.
  virtual void reconfigure(const config::Stream& stream) noexcept = 0;
  /// Continues at this frame index after a restart of the producer; called before the first read. `began` is the index that the first
  /// frame of the recording had: a recording that is played again after it ended begins anew under higher indices. False: no frame is left.
  virtual bool resume_at(std::uint64_t frame, std::uint64_t began) noexcept = 0;
  /// Names a recording, so that no other one is taken for its rest. 0: frames are a function of their index.
  [[nodiscard]] virtual std::uint64_t identity() const noexcept { return 0; }
  /// The clock says when its frames come. False: it is as fast as the pipeline takes them.
  [[nodiscard]] virtual bool is_paced() const noexcept { return true; }
  /// What went wrong so far and did not stop it (rows skipped...), for the log; empty if nothing. Called by an ordinary thread after
  /// `ended` or at any time; must be safe then.
  [[nodiscard]] virtual std::string complaints() const { return {}; }
  [[nodiscard]] virtual std::uint64_t rows_skipped() const noexcept { return 0; }
};

/// Opens the source a stream asks for. Errors name the file, the line, the value and what was expected.
rt::Result<std::unique_ptr<Source>> make_source(const config::Stream& stream);

}  // namespace chappe::producer

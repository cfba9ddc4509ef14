#include "torture_ring_windows.hpp"

namespace chappe::shm::torture {
namespace {

void add(Word& count, std::uint64_t n) noexcept { count.fetch_add(n, std::memory_order_relaxed); }

/// The open window, and the totals of the closed ones: two records of the board that nothing else uses here.
struct Record {
  BoardWindow& open;
  std::uint64_t& merged_sum;
  std::uint64_t& missing_sum;
  BoardWindow& closed;
};
Record record_of(BoardImage& image, std::size_t stream) noexcept {
  BoardMoments& m = image.moments(stream, 0, 0)[0];
  return {image.window(stream, 0, 0), m.count, m.nan, image.window(stream, 1, 0)};
}

void close_if_full(Record& r, Findings& found) noexcept {
  if (r.open.next_frame != (r.open.window + 1) * kWindow) return;
  const std::uint64_t first = r.open.window * kWindow;
  const bool right = r.open.frames + r.open.missing == kWindow && r.merged_sum + r.missing_sum == sum_between(first, first + kWindow);
  if (!right) add(found.wrong_windows, 1);
  r.closed.frames += r.open.frames;
  r.closed.missing += r.open.missing;
  ++r.open.window;
  r.open.frames = r.open.missing = r.merged_sum = r.missing_sum = 0;
}

void skip_to(Record& r, std::uint64_t frame, Findings& found) noexcept {
  while (r.open.next_frame < frame) {
    const std::uint64_t end = std::min(frame, (r.open.window + 1) * kWindow);
    r.open.missing += end - r.open.next_frame;
    r.missing_sum += sum_between(r.open.next_frame, end);
    r.open.next_frame = end;
    close_if_full(r, found);
  }
}

}  // namespace

BlockSums sums_of(const StreamEntry& e, const std::byte* payload, const BlockHead& block) noexcept {
  BlockSums sums;
  const auto* word = reinterpret_cast<const volatile std::uint64_t*>(payload);
  for (std::uint32_t i = 0; i < block.frames; ++i) {
    const std::size_t part = (block.first_frame + i) / kWindow != block.first_frame / kWindow ? 1 : 0;
    ++sums.frames[part];
    sums.sum[part] += word[std::size_t{i} * e.channels];
  }
  return sums;
}

void merge(BoardImage& image, std::size_t stream, const BlockHead& block, const BlockSums& sums, Findings& found) noexcept {
  Record r = record_of(image, stream);
  if (block.first_frame < r.open.next_frame) {
    add(found.doubled, r.open.next_frame - block.first_frame);
    return;
  }
  skip_to(r, block.first_frame, found);
  for (std::size_t part = 0; part < 2; ++part) {
    if (sums.frames[part] == 0) continue;
    r.open.frames += sums.frames[part];
    r.merged_sum += sums.sum[part];
    r.open.next_frame += sums.frames[part];
    close_if_full(r, found);
  }
}

bool is_sound(BoardImage& image, std::size_t stream) noexcept {
  const BoardStream& b = image.stream(stream);
  const Record r = record_of(image, stream);
  return b.next_frame == b.aggregated + b.overrun + b.drops && r.closed.frames + r.open.frames == b.aggregated &&
         r.open.next_frame <= b.next_frame;
}

}  // namespace chappe::shm::torture

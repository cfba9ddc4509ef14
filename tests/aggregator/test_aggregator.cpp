// The aggregator as a whole, driven as main drives it, over a ring of this process's own.
#include <sys/stat.h>

#include <functional>

#include "aggregator/aggregator.hpp"
#include "rt/clock.hpp"
#include "shm/process_page.hpp"
#include "tests/shm/fixture.hpp"

namespace chappe::aggregator {
namespace {

class AggregatorTest : public shm::RingTest {
 protected:
  [[nodiscard]] config::Config config() const {
    config::Config c;
    c.instance = instance_;
    c.default_windows = {{.frames = 8, .duration_ns = 0}};
    return c;
  }
  std::unique_ptr<Aggregator> open(std::uint64_t hash = 1) { return open(config(), hash); }
  std::unique_ptr<Aggregator> open(const config::Config& c, std::uint64_t hash = 1) {
    auto opened = Aggregator::open(c, hash, notes_);
    if (!opened) ADD_FAILURE() << opened.error().text;
    return std::move(*opened);
  }
  /// Ticks until `done` says so; false: not within a time that only a hang needs.
  bool tick_until(Aggregator& aggregator, const std::function<bool()>& done) {
    return rt::wait_until(rt::monotonic_ns() + 20 * rt::kSecond, [&] {
      auto ticked = aggregator.tick(notes_);
      if (!ticked) ADD_FAILURE() << ticked.error().text;
      return !ticked || done();
    });
  }
  [[nodiscard]] std::string path(const char* kind) const { return shm::object_path(instance_, kind); }
  [[nodiscard]] bool has(const char* kind) const {
    struct stat st {};
    return stat(path(kind).c_str(), &st) == 0;
  }
  /// What the board has published of a stream.
  [[nodiscard]] shm::BoardStream published(std::size_t stream = 0) const {
    auto board = shm::BoardReader::open(instance_);
    if (!board || !*board) return {};
    shm::BoardImage image((*board)->tables());
    return (*board)->copy(image) && stream < (*board)->tables().streams.size() ? image.stream(stream) : shm::BoardStream{};
  }
  std::vector<std::string> notes_;
};

TEST_F(AggregatorTest, leaves_a_ring_that_lost_its_name_once_all_of_it_is_merged) {
  shm::RingWriter ring = make();
  ring.open_for_business();
  auto aggregator = open();
  ASSERT_TRUE(tick_until(*aggregator, [&] { return aggregator->is_attached(); }));
  ASSERT_EQ(unlink(path("ring").c_str()), 0);
  for (std::uint64_t i = 0; i < 4; ++i) put(ring, i);
  ASSERT_TRUE(tick_until(*aggregator, [&] { return !aggregator->is_attached(); }));
  EXPECT_EQ(published().aggregated, 16U);
}

TEST_F(AggregatorTest, gives_no_generation_to_two_configurations) {
  constexpr std::uint64_t kOld = 1, kNew = 2;
  const auto generation_after = [&](std::uint64_t of_rows, std::uint32_t of_page, std::uint64_t hash_of_page, std::uint64_t hash) {
    unlink(path("board").c_str());
    const shm::RingSpec ring = spec();
    auto board = shm::BoardWriter::open({.instance = instance_, .streams = ring.streams, .channels = ring.channels, .readers = {}});
    board->image().head().generation = of_rows;
    board->publish();
    shm::ProcessReport report;
    report.config_generation = of_page;
    report.config_hash = hash_of_page;
    if (of_page > 0) shm::write_process_page(board->process_page(), report);
    return open(hash)->generation();
  };
  EXPECT_EQ(generation_after(0, 0, 0, kOld), 1U) << "nobody has written anything";
  EXPECT_EQ(generation_after(3, 3, kOld, kOld), 3U);
  EXPECT_EQ(generation_after(3, 3, kOld, kNew), 4U);
  EXPECT_EQ(generation_after(4, 3, kOld, kOld), 5U) << "killed in a reload to kNew, whose rows are of 4";
  EXPECT_EQ(generation_after(4, 3, kOld, kNew), 5U);
  EXPECT_EQ(generation_after(3, 4, kNew, kNew), 4U) << "reloaded while there was no ring: rows of 3 are of the old";
  EXPECT_EQ(generation_after(3, 4, kNew, kOld), 5U);
  EXPECT_EQ(generation_after(3, 0, 0, kOld), 4U) << "the page tells nothing";
}

}  // namespace
}  // namespace chappe::aggregator

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

}  // namespace
}  // namespace chappe::aggregator

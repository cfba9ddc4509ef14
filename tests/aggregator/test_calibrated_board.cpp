// Calibrated and derived channels on the board: with their units, live at a reload, and after a kill as if there had been none. Driven as
// main drives the aggregator, over a ring of this process's own.
#include <cmath>
#include <fstream>
#include <functional>
#include <sstream>

#include "aggregator/aggregator.hpp"
#include "rt/clock.hpp"
#include "shm/analysis.hpp"
#include "shm/viewer.hpp"
#include "tests/aggregator/reference.hpp"
#include "tests/shm/fixture.hpp"

namespace chappe::aggregator {
namespace {

using config::Operation;
using testing::ElementsAre;

/// Four frames a second apart in each block: x of frame i is i squared, y is 100 + i.
class CalibratedBoard : public shm::RingTest {
 protected:
  void SetUp() override {
    RingTest::SetUp();
    shm::RingSpec wanted = spec();
    shm::put_name(wanted.channels[0].name, "x");
    shm::put_name(wanted.channels[0].unit, "raw");
    shm::put_name(wanted.channels[1].name, "y");
    auto ring = shm::RingWriter::open(wanted);
    ASSERT_TRUE(ring);
    ring_.emplace(std::move(*ring));
    ring_->open_for_business();
  }
  void TearDown() override {
    unlink(log_path().c_str());
    unlink(shm::object_path(instance_, "analysis").c_str());
    RingTest::TearDown();
  }
  [[nodiscard]] std::string log_path() const { return testing::TempDir() + "chappe." + instance_ + ".csv"; }
  [[nodiscard]] config::Config config() const {
    config::Config c;
    c.instance = instance_;
    c.window_log = log_path();
    config::Stream& s = c.streams.emplace_back();
    s.name = "proof";
    s.windows = {{.frames = 8, .duration_ns = 0}};
    return c;
  }
  [[nodiscard]] config::Config scaled(double scale) const {
    config::Config c = config();
    c.streams[0].calibration = {{{"x"}, scale, 0, {}, {}, {}, ""}};
    return c;
  }
  static config::Derived derived(const char* name, Operation operation, std::vector<std::string> of) {
    return {name, "V", operation, std::move(of)};
  }
  std::unique_ptr<Aggregator> open(const config::Config& c) {
    auto opened = Aggregator::open(c, config::hash_of(c), notes_);
    if (!opened) ADD_FAILURE() << opened.error().text;
    return std::move(*opened);
  }
  void put(std::size_t blocks = 1) {
    for (std::size_t b = 0; b < blocks; ++b) {
      const std::uint64_t first = 4 * ring_->head();
      auto* values = reinterpret_cast<double*>(ring_->begin());
      for (std::uint64_t i = 0; i < 4; ++i) {
        values[2 * i] = static_cast<double>((first + i) * (first + i));
        values[2 * i + 1] = static_cast<double>(100 + first + i);
      }
      ring_->commit({.frames = 4,
                     .first_frame = first,
                     .committed = first + 4,
                     .t_first_ns = static_cast<std::int64_t>(first) * rt::kSecond,
                     .period_ns = 1e9});
    }
  }
  /// Ticks until the board has all of the ring.
  void merge(Aggregator& aggregator) {
    ASSERT_TRUE(rt::wait_until(rt::monotonic_ns() + 20 * rt::kSecond, [&] {
      if (auto ticked = aggregator.tick(notes_); !ticked) ADD_FAILURE() << ticked.error().text;
      const auto board = shm::copy_board(instance_);
      return board && board->image.head().incarnation == ring_->tables().incarnation && board->image.head().upto == ring_->head();
    }));
  }
  void reload(Aggregator& aggregator, const config::Config& c) {
    aggregator.reconfigure(c);
    ASSERT_TRUE(rt::wait_until(rt::monotonic_ns() + 20 * rt::kSecond, [&] { return aggregator.has_applied(); }));
  }
  /// channel, first frame, count, NaN, mean and generation of each row of the log.
  [[nodiscard]] std::vector<std::string> rows() const {
    std::vector<std::string> rows;
    std::ifstream file(log_path());
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
      std::vector<std::string> f;
      std::istringstream in(line);
      for (std::string field; std::getline(in, field, ',');) f.push_back(field);
      if (f.size() == 15) rows.push_back(f[1] + " " + f[4] + "+" + f[7] + "/" + f[9] + " " + f[10].substr(0, 6) + " g" + f[3]);
    }
    return rows;
  }
  [[nodiscard]] std::vector<std::string> channels() const {
    std::vector<std::string> names;
    const auto board = shm::copy_board(instance_);
    for (const auto& channel : board.value().tables.channels) names.push_back(std::string(channel.name) + " " + channel.unit);
    return names;
  }
  void read_analysis(shm::AnalysisImage& image, std::uint64_t& blocks_lost) const {
    auto reader = shm::AnalysisReader::open(instance_);
    ASSERT_TRUE(reader && *reader);
    image = shm::AnalysisImage((*reader)->tables());
    ASSERT_TRUE((*reader)->copy(image));
    blocks_lost = (*reader)->control().blocks_lost.get();
  }
  std::optional<shm::RingWriter> ring_;
  std::vector<std::string> notes_;
};

TEST_F(CalibratedBoard, has_the_channels_and_units_that_the_configuration_makes) {
  config::Config c = scaled(0.5);
  c.streams[0].calibration[0].unit = "m";
  c.streams[0].derived = {derived("s", Operation::sum, {"x", "y"}), derived("v", Operation::derivative, {"x"})};
  auto aggregator = open(c);
  put(2);
  merge(*aggregator);
  EXPECT_THAT(channels(), ElementsAre("x m", "y ", "s V", "v V"));
  const shm::Snapshot seen = shm::Viewer(instance_).look();
  ASSERT_EQ(seen.streams.size(), 1U);
  const shm::StreamView& v = seen.streams[0];
  ASSERT_EQ(v.channels.size(), 4U);
  EXPECT_EQ(v.sampled(), 2U);
  EXPECT_FALSE(v.calibration_refused);
  EXPECT_EQ(v.channels[0].channel + " " + v.channels[0].unit, "x m");
  EXPECT_EQ(v.channels[0].mean, 8.75) << "half the mean of 0, 1, 4 ... 49";
  EXPECT_EQ(v.channels[1].mean, 103.5);
  EXPECT_EQ(v.channels[2].mean, 112.25);
  EXPECT_EQ(v.channels[3].nan, 1U) << "the first frame has none before it";
  EXPECT_EQ(v.channels[3].mean, 3.5) << "half of 1, 3, 5 ... 13 a second";
  EXPECT_EQ(seen.ledger.streams[0].aggregated, 8U) << "frames of the ring, whatever is made of them";
}

TEST_F(CalibratedBoard, changes_coefficients_at_a_reload_and_no_window_holds_values_of_two) {
  auto aggregator = open(scaled(1));
  put();
  merge(*aggregator);
  reload(*aggregator, scaled(10));
  put();
  merge(*aggregator);
  config::Config same = scaled(10);
  same.log_level = "debug";
  reload(*aggregator, same);
  put(2);
  merge(*aggregator);
  reload(*aggregator, config());
  put(2);
  merge(*aggregator);
  aggregator.reset();
  EXPECT_THAT(rows(), ElementsAre("x 0+4/0 3.5 g1", "y 0+4/0 101.5 g1", "x 4+4/0 315 g2", "y 4+4/0 105.5 g2", "x 8+8/0 1375 g3",
                                  "y 8+8/0 111.5 g3", "x 16+8/0 385.5 g4", "y 16+8/0 119.5 g4"));
  EXPECT_EQ(shm::copy_board(instance_)->image.stream(0).calibration, 0U);
}

TEST_F(CalibratedBoard, is_made_anew_when_a_reload_changes_its_channels_and_keeps_the_account) {
  auto aggregator = open(config());
  put();
  merge(*aggregator);
  config::Config more = config();
  more.streams[0].derived = {derived("d", Operation::difference, {"y", "x"})};
  reload(*aggregator, more);
  put(2);
  merge(*aggregator);
  EXPECT_THAT(channels(), ElementsAre("x raw", "y ", "d V"));
  more.streams[0].calibration = {{{"y"}, 1, 0, {}, {}, {}, "A"}};
  reload(*aggregator, more);
  put();
  merge(*aggregator);
  EXPECT_THAT(channels(), ElementsAre("x raw", "y A", "d V"));
  const auto board = shm::copy_board(instance_);
  EXPECT_EQ(board->image.stream(0).aggregated, 16U);
  EXPECT_EQ(board->image.stream(0).overrun, 0U);
  EXPECT_EQ(board->image.head().generation, 3U);
  const shm::Snapshot seen = shm::Viewer(instance_).look();
  EXPECT_EQ(seen.ledger.streams[0].aggregated, 16U);
  aggregator.reset();
  EXPECT_THAT(rows(),
              ElementsAre("x 0+4/0 3.5 g1", "y 0+4/0 101.5 g1", "x 4+4/0 31.5 g2", "y 4+4/0 105.5 g2", "d 4+4/0 74 g2", "x 8+4/0 91.5 g2",
                          "y 8+4/0 109.5 g2", "d 8+4/0 18 g2", "x 12+4/0 183.5 g3", "y 12+4/0 113.5 g3", "d 12+4/0 -70 g3"));
}

/// The same blocks, with a new aggregator after each or none: the board's windows have the same bits.
TEST_F(CalibratedBoard, goes_on_after_a_kill_as_if_there_had_been_none) {
  config::Config c = scaled(1.0 / 3);
  c.window_log.clear();
  c.streams[0].windows = {{.frames = 64, .duration_ns = 0}, {.frames = 5, .duration_ns = 0}};
  c.streams[0].derived = {derived("a", Operation::magnitude, {"x", "y"}), derived("v", Operation::derivative, {"a"})};
  auto aggregator = open(c);
  std::vector<std::vector<shm::BoardMoments>> got[2];
  for (const bool killed : {false, true}) {
    for (int block = 0; block < 6; ++block) {
      put();
      merge(*aggregator);
      if (killed) {
        aggregator.reset();
        aggregator = open(c);
        merge(*aggregator);
      }
      auto board = shm::copy_board(instance_);
      for (const std::size_t w : {0U, 1U}) {
        const auto moments = board->image.moments(0, w, 0);
        got[killed ? 1 : 0].emplace_back(moments.begin(), moments.end());
      }
    }
    if (killed) break;
    aggregator.reset();
    TearDown();
    SetUp();
    aggregator = open(c);
  }
  ASSERT_EQ(got[0].size(), got[1].size());
  for (std::size_t i = 0; i < got[0].size(); ++i) {
    for (std::size_t ch = 0; ch < 4; ++ch)
      EXPECT_TRUE(same_bits(std::bit_cast<Moments>(got[0][i][ch]), std::bit_cast<Moments>(got[1][i][ch]))) << i << " channel " << ch;
  }
  EXPECT_EQ(got[1][10][3].nan, 1U) << "the first frame's, and no other";
}

TEST_F(CalibratedBoard, closes_at_a_start_what_was_calibrated_with_other_coefficients) {
  auto aggregator = open(scaled(1));
  put();
  merge(*aggregator);
  aggregator.reset();
  aggregator = open(scaled(2));
  put();
  merge(*aggregator);
  put();
  merge(*aggregator);
  aggregator.reset();
  EXPECT_THAT(rows(), ElementsAre("x 0+4/0 3.5 g1", "y 0+4/0 101.5 g1", "x 4+4/0 63 g2", "y 4+4/0 105.5 g2"));
}

TEST_F(CalibratedBoard, has_its_analysis_of_calibrated_and_derived_values) {
  config::Config c = scaled(0.5);
  c.streams[0].derived = {derived("s", Operation::sum, {"x", "y"})};
  c.streams[0].analysis.quantiles = {0.5};
  c.streams[0].analysis.covariance = true;
  auto aggregator = open(c);
  put(2);
  merge(*aggregator);
  aggregator.reset();
  std::uint64_t blocks_lost = 0;
  shm::AnalysisImage image;
  read_analysis(image, blocks_lost);
  EXPECT_EQ(image.window(0, 0).results, 1U);
  EXPECT_EQ(image.channel(0, 0, 0).quantiles[0], 6.25) << "half of 9 and 16, and between them";
  EXPECT_EQ(image.channel(0, 0, 1).quantiles[0], 103.5);
  EXPECT_EQ(image.channel(0, 0, 2).quantiles[0], 109.75);
  EXPECT_NEAR(image.covariance(0, 0)[2], 6, 1e-12) << "of y alone: 8 whole numbers in a row";
}

TEST_F(CalibratedBoard, goes_on_with_its_analysis_when_a_reload_makes_wider_frames) {
  ring_.reset();
  shm::RingSpec full = spec();
  full.streams[0].value_bytes = 4;
  full.streams[0].stride = 8;
  full.streams[0].capacity = 512;  // which fill a block; calibrated frames are of f64
  shm::put_name(full.channels[0].name, "x");
  shm::put_name(full.channels[1].name, "y");
  auto ring = shm::RingWriter::open(full);
  ASSERT_TRUE(ring) << ring.error().text;
  ring_.emplace(std::move(*ring));
  ring_->open_for_business();
  const auto put_full = [&] {
    const std::uint64_t first = 512 * ring_->head();
    for (std::size_t i = 0; i < 1024; ++i) reinterpret_cast<float*>(ring_->begin())[i] = static_cast<float>(i / 2);
    ring_->commit({.frames = 512, .first_frame = first, .committed = first + 512, .period_ns = 1e9});
  };
  config::Config c = config();
  c.streams[0].windows = {{.frames = 512, .duration_ns = 0}};
  c.streams[0].analysis.quantiles = {0.5};
  auto aggregator = open(c);
  put_full();
  merge(*aggregator);
  c.streams[0].calibration = {{{"x"}, 2, 0, {}, {}, {}, ""}};
  reload(*aggregator, c);
  put_full();
  merge(*aggregator);
  aggregator.reset();
  std::uint64_t blocks_lost = 0;
  shm::AnalysisImage image;
  read_analysis(image, blocks_lost);
  EXPECT_EQ(blocks_lost, 0U);
  EXPECT_EQ(image.channel(0, 0, 0).quantiles[0], 511) << "twice 255.5";
  EXPECT_EQ(image.channel(0, 0, 1).quantiles[0], 255.5);
}

TEST_F(CalibratedBoard, goes_on_uncalibrated_where_names_are_not_the_streams_and_says_so) {
  config::Config c = scaled(2);
  c.streams[0].calibration.push_back({{"z"}, 3, 0, {}, {}, {}, "m"});
  c.streams[0].derived = {derived("d", Operation::sum, {"x"})};
  auto aggregator = open(c);
  put(2);
  merge(*aggregator);
  EXPECT_THAT(channels(), ElementsAre("x raw", "y "));
  const shm::Snapshot seen = shm::Viewer(instance_).look();
  EXPECT_TRUE(seen.streams[0].calibration_refused);
  EXPECT_EQ(seen.streams[0].channels[0].mean, 17.5);
  c.streams[0].calibration.pop_back();
  reload(*aggregator, c);
  put(2);
  merge(*aggregator);
  EXPECT_FALSE(shm::Viewer(instance_).look().streams[0].calibration_refused);
  EXPECT_THAT(channels(), ElementsAre("x raw", "y ", "d V"));
}

}  // namespace
}  // namespace chappe::aggregator

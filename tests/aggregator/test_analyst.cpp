// From the ring to the analysis object: drain and analyst as threads on one mapping, for a race detector; and what a reader finds.
#include "aggregator/analyst.hpp"

#include <sys/stat.h>

#include <cmath>

#include "aggregator/drain.hpp"
#include "rt/clock.hpp"
#include "shm/viewer.hpp"
#include "tests/shm/fixture.hpp"

namespace chappe::aggregator {
namespace {

class AnalystTest : public shm::RingTest {
 protected:
  static constexpr std::uint32_t kFrames = 16;  // of a block
  void SetUp() override {
    RingTest::SetUp();
    shm::RingSpec wanted = spec();
    wanted.blocks = 256;
    auto ring = shm::RingWriter::open(wanted);
    ASSERT_TRUE(ring) << ring.error().text;
    ring_.emplace(std::move(*ring));
    reader_.emplace(shm::RingReader::on(*ring_));
    auto board = shm::BoardWriter::open({.instance = instance_, .streams = wanted.streams, .channels = wanted.channels, .readers = {}});
    ASSERT_TRUE(board) << board.error().text;
    board_.emplace(std::move(*board));
  }
  void TearDown() override {
    unlink(path().c_str());
    RingTest::TearDown();
  }
  [[nodiscard]] std::string path() const { return shm::object_path(instance_, "analysis"); }
  [[nodiscard]] AnalysisPlan analysis(std::uint64_t window, std::uint32_t generation = 1) const {
    AnalysisPlan plan{.generation = generation, .streams = {}, .channels = reader_->tables().channels};
    AnalysedStream s{
        .entry = reader_->tables().streams[0], .windows = {{.frames = window, .duration_ns = 0}}, .calibration = 0, .analysis = {}};
    s.analysis.quantiles = {0.5};
    s.analysis.covariance = true;
    plan.streams.push_back(s);
    return plan;
  }
  [[nodiscard]] static WindowPlan windows(std::uint64_t frames, Blocks& blocks, std::uint32_t generation = 1) {
    return {.generation = generation,
            .windows = {{{.frames = frames, .duration_ns = 0}}},
            .calibrations = {},
            .blocks = &blocks,
            .analysed = {true}};
  }
  /// Frame i of the stream is (i, -i).
  void put(std::uint64_t blocks) {
    for (std::uint64_t n = 0; n < blocks; ++n) {
      auto* values = reinterpret_cast<double*>(ring_->begin());
      for (std::uint32_t f = 0; f < kFrames; ++f, ++frame_) {
        values[2 * f] = static_cast<double>(frame_);
        values[2 * f + 1] = -static_cast<double>(frame_);
      }
      shm::BlockHead head;
      head.frames = kFrames;
      head.first_frame = frame_ - kFrames;
      head.committed = frame_;
      head.period_ns = 1e6;
      ring_->commit(head);
    }
  }
  void end() { ring_->status().state.store(static_cast<std::uint64_t>(shm::RingState::ended), std::memory_order_release); }

  std::uint64_t frame_ = 0;
  std::optional<shm::RingWriter> ring_;
  std::optional<shm::RingReader> reader_;
  std::optional<shm::BoardWriter> board_;
};

TEST_F(AnalystTest, publishes_what_a_reader_reads_of_the_windows_that_the_board_has) {
  Blocks blocks(1, 256, 4096);
  auto analyst = Analyst::start(instance_, std::nullopt, blocks, analysis(100));
  ASSERT_TRUE(analyst) << analyst.error().text;
  put(50);
  end();
  Drain drain(*reader_, nullptr, *board_, nullptr, windows(100, blocks));
  drain.run();
  (*analyst)->finish();
  auto reader = shm::AnalysisReader::open(instance_);
  ASSERT_TRUE(reader && *reader);
  shm::AnalysisImage image((*reader)->tables());
  ASSERT_TRUE((*reader)->copy(image));
  const shm::AnalysisWindow& w = image.window(0, 0);
  EXPECT_EQ(w.results, 8U);
  EXPECT_EQ(w.results, board_->image().stream(0).closed[0]);
  EXPECT_EQ(w.window, 7U);
  EXPECT_EQ(w.frames, 100U);
  EXPECT_EQ(w.partial, 0U);
  EXPECT_EQ(image.channel(0, 0, 0).quantiles[0], 749.5);
  EXPECT_EQ(image.channel(0, 0, 1).quantiles[0], -749.5);
  const double variance = 100.0 * 101 / 12;  // of 100 whole numbers in a row
  EXPECT_NEAR(image.covariance(0, 0)[0], variance, 1e-9);
  EXPECT_NEAR(image.covariance(0, 0)[1], -variance, 1e-9);
  EXPECT_EQ((*reader)->control().windows.get(), 8U);
  EXPECT_EQ((*reader)->control().windows_skipped.get(), 0U);
  const shm::Snapshot snapshot = shm::Viewer(instance_).look();
  EXPECT_TRUE(snapshot.analysis.present);
  EXPECT_EQ(snapshot.analysis.windows, 8U);
  ASSERT_EQ(snapshot.streams.at(0).analysis.size(), shm::kWindowsPerStream);
  const shm::AnalysisView& view = snapshot.streams[0].analysis[0];
  EXPECT_EQ(view.number, 7);
  EXPECT_EQ(view.spec_frames, 100U);
  EXPECT_EQ(view.channels.at(1).quantiles, std::vector<double>{-749.5});
  EXPECT_EQ(view.correlation, (std::vector<double>{1, -1, -1, 1}));
  EXPECT_EQ(snapshot.streams[0].analysis[1].results, 0U) << "the stream has one specification";
  struct stat st {};
  ASSERT_EQ(stat(path().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777U, 0640U);
}

TEST_F(AnalystTest, that_cannot_keep_up_costs_whole_windows_which_are_counted_and_the_board_nothing) {
  Blocks blocks(1, 0, 4096);
  ASSERT_EQ(blocks.buffers(), 8U);
  put(100);
  end();
  Drain drain(*reader_, nullptr, *board_, nullptr, windows(100, blocks));
  drain.run();  // nobody takes blocks meanwhile: 8 of 100 pass, which hold one window whole
  EXPECT_EQ(board_->image().stream(0).closed[0], 16U);
  EXPECT_EQ(blocks.blocks_lost(), 92U);
  auto analyst = Analyst::start(instance_, std::nullopt, blocks, analysis(100));
  ASSERT_TRUE(analyst) << analyst.error().text;
  (*analyst)->finish();
  auto reader = shm::AnalysisReader::open(instance_);
  ASSERT_TRUE(reader && *reader);
  EXPECT_EQ((*reader)->control().windows.get(), 1U);
  EXPECT_EQ((*reader)->control().windows_skipped.get(), 15U);
  EXPECT_EQ((*reader)->control().blocks_lost.get(), 92U);
}

TEST_F(AnalystTest, follows_a_reload_at_the_drains_block_boundary) {
  Blocks blocks(1, 256, 4096);
  auto analyst = Analyst::start(instance_, std::nullopt, blocks, analysis(100));
  ASSERT_TRUE(analyst) << analyst.error().text;
  put(20);
  Drain drain(*reader_, nullptr, *board_, nullptr, windows(100, blocks));
  (*analyst)->follow(analysis(160, 2));
  drain.reconfigure(windows(160, blocks, 2));
  end();
  auto thread = rt::Thread::start({.name = "drain"}, [&] { drain.run(); });
  ASSERT_TRUE(thread);
  thread->join();
  (*analyst)->finish();
  auto reader = shm::AnalysisReader::open(instance_);
  ASSERT_TRUE(reader && *reader);
  shm::AnalysisImage image((*reader)->tables());
  ASSERT_TRUE((*reader)->copy(image));
  EXPECT_EQ(image.window(0, 0).spec_frames, 160U);
  EXPECT_EQ(image.window(0, 0).generation, 2U);
  EXPECT_EQ(image.window(0, 0).results, 2U);
  EXPECT_EQ((*reader)->control().windows_skipped.get(), 0U);
}

TEST_F(AnalystTest, takes_over_what_its_predecessor_published_where_the_tables_are_the_same) {
  put(50);
  end();
  {
    Blocks blocks(1, 256, 4096);
    auto analyst = Analyst::start(instance_, std::nullopt, blocks, analysis(100));
    ASSERT_TRUE(analyst);
    Drain drain(*reader_, nullptr, *board_, nullptr, windows(100, blocks));
    drain.run();
  }
  for (const bool same : {true, false}) {
    Blocks blocks(1, 256, 4096);
    AnalysisPlan plan = analysis(100);
    if (!same) plan.streams[0].analysis.quantiles = {0.25, 0.75};
    auto analyst = Analyst::start(instance_, std::nullopt, blocks, plan);
    ASSERT_TRUE(analyst);
    auto reader = shm::AnalysisReader::open(instance_);
    ASSERT_TRUE(reader && *reader);
    shm::AnalysisImage image((*reader)->tables());
    ASSERT_TRUE((*reader)->copy(image));
    EXPECT_EQ(image.window(0, 0).results, same ? 8U : 0U);
  }
  shm::unlink_analysis(instance_);
  EXPECT_NE(access(path().c_str(), F_OK), 0);
}

}  // namespace
}  // namespace chappe::aggregator

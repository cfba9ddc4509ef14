#include "shm/board.hpp"

#include "fixture.hpp"
#include "rt/counter.hpp"
#include "rt/thread.hpp"
#include "shm/retired.hpp"
#include "shm/viewer.hpp"

namespace chappe::shm {
namespace {

class BoardTest : public RingTest {
 protected:
  [[nodiscard]] BoardSpec board_spec(std::uint32_t channels = 2) const {
    const RingSpec ring = spec(channels);
    return {.instance = instance_, .streams = ring.streams, .channels = ring.channels, .readers = {}};
  }
  [[nodiscard]] BoardWriter make_board(std::uint32_t channels = 2) const {
    auto board = BoardWriter::open(board_spec(channels));
    if (!board) ADD_FAILURE() << board.error().text;
    return std::move(*board);
  }
  [[nodiscard]] BoardReader read_board() const {
    auto board = BoardReader::open(instance_);
    if (!board || !*board) ADD_FAILURE() << "no board";
    return std::move(**board);
  }
};

TEST_F(BoardTest, what_is_published_is_what_a_reader_copies) {
  BoardWriter writer = make_board();
  const BoardReader reader = read_board();
  BoardImage seen(reader.tables());
  for (std::uint64_t n = 1; n <= 10; ++n) {
    writer.image().head().upto = n;
    writer.image().stream(0).aggregated = 4 * n;
    writer.image().moments(0, 1, 2)[1].mean = static_cast<double>(n);
    writer.touch(0);
    writer.publish();
    ASSERT_TRUE(reader.copy(seen));
    EXPECT_EQ(seen.head().upto, n);
    EXPECT_EQ(seen.stream(0).aggregated, 4 * n);
    EXPECT_EQ(seen.moments(0, 1, 2)[1].mean, static_cast<double>(n));
  }
}

TEST_F(BoardTest, each_slot_gets_every_record_that_changed_since_it_was_written) {
  BoardWriter writer = make_board();
  const BoardReader reader = read_board();
  BoardImage seen(reader.tables());
  for (std::uint64_t n = 0; n < 40; ++n) {  // another record each time, and three slots
    const std::size_t which = n % kWindowsPerStream, record = n % 9;
    writer.image().window(0, which, record).frames = n + 1;
    writer.image().shapes(0, which, record)[1].flat = n + 1;
    writer.touch(0, which, record);
    writer.publish();
    ASSERT_TRUE(reader.copy(seen));
    for (std::size_t w = 0; w < kWindowsPerStream; ++w) {
      for (std::size_t r = 0; r < 9; ++r) {
        ASSERT_EQ(seen.window(0, w, r).frames, writer.image().window(0, w, r).frames) << n;
        ASSERT_EQ(seen.shapes(0, w, r)[1].flat, writer.image().shapes(0, w, r)[1].flat) << n;
      }
    }
  }
}

TEST_F(BoardTest, a_viewer_tells_the_figures_of_the_last_window_of_each_specification) {
  BoardWriter writer = make_board();
  BoardImage& image = writer.image();
  BoardStream& b = image.stream(0);
  b.windows = 3;
  b.spec_frames[0] = 1000;
  b.spec_duration_ns[1] = 1'500'000'000;
  b.spec_duration_ns[2] = 2'000'000'000;
  b.closed[1] = 10;
  const std::size_t record = image.closed_record(9);
  BoardWindow& last = image.window(0, 1, record);
  last.window = static_cast<std::uint64_t>(-2);
  last.frames = 4;
  last.next_frame = 77;
  last.shaped = 1;
  image.moments(0, 1, record)[0] = {.count = 4, .nan = 0, .mean = 0, .mean_low = 0, .m2 = 4, .min = -1, .max = 3, .last = 0};
  BoardShape& shape = image.shapes(0, 1, record)[0];
  shape.m3 = 8;
  shape.m4 = 16;
  shape.t_max_ns = 6;
  shape.flat = 3;
  writer.touch(0);
  writer.publish();
  const std::vector<WindowView> windows = Viewer(instance_).look().streams.at(0).windows;
  ASSERT_EQ(windows.size(), 3U);
  EXPECT_EQ(windows[0].window, "1000 frames");
  EXPECT_EQ(windows[0].closed, 0U);
  EXPECT_EQ(windows[2].window, "2s");
  const WindowView& w = windows[1];
  EXPECT_EQ(w.window, "1500ms");
  EXPECT_EQ(w.number, -2);
  EXPECT_EQ(w.upto, 77U);
  const ChannelFigures& f = w.channels.at(0);
  EXPECT_EQ(f.skewness, 2);  // (8 / 4) / 1
  EXPECT_EQ(f.kurtosis, 4);
  EXPECT_EQ(f.rms, 1);
  EXPECT_EQ(f.crest, 3);
  EXPECT_EQ(f.peak_to_peak, 4);
  EXPECT_EQ(f.t_max_ns, 6);
  EXPECT_EQ(f.flat, 3U);
  EXPECT_TRUE(std::isnan(w.channels.at(1).mean)) << "no values";
}

TEST_F(BoardTest, a_retired_ring_is_ahead_of_a_board_that_has_less_of_a_stream_than_its_last_block) {
  {
    RingWriter first = make();
    first.open_for_business();
    put(first, 4);  // frames 16 to 19
    put(first, 5);
  }
  const auto second = RingWriter::open(spec(3));
  const auto retired = RingReader::open(instance_, "ring.draining");
  ASSERT_TRUE(second && retired && *retired);
  BoardWriter board = make_board();
  for (const std::uint64_t next : {0U, 16U, 20U}) {
    board.image().stream(0).next_frame = next;
    EXPECT_TRUE(is_ahead_of_board(**retired, board.tables(), board.image())) << next;
  }
  board.image().stream(0).next_frame = 24;
  EXPECT_FALSE(is_ahead_of_board(**retired, board.tables(), board.image()));
}

TEST_F(BoardTest, a_retired_ring_is_drained_until_the_board_that_speaks_of_it_has_all_of_it) {
  {
    RingWriter first = make();
    first.open_for_business();
    put(first, 0);
    put(first, 1);  // head 2, frames to 7
  }
  const auto second = RingWriter::open(spec(3));
  const auto retired = RingReader::open(instance_, "ring.draining");
  const RingReader ring = read();
  ASSERT_TRUE(second && retired && *retired);
  BoardWriter board = make_board();
  const auto drained = [&](const RingReader& of, const RingReader* current) {
    return is_to_drain(of, current, board.tables(), board.image());
  };
  EXPECT_TRUE(drained(**retired, &ring)) << "the board speaks of none";
  EXPECT_FALSE(drained(ring, &ring)) << "both names are one ring";
  if (geteuid() == 0) {
    const std::string path = object_path(instance_, "ring.draining");
    ASSERT_EQ(chown(path.c_str(), 65534, static_cast<gid_t>(-1)), 0);
    const auto planted = RingReader::open(instance_, "ring.draining");
    ASSERT_TRUE(planted && *planted);
    EXPECT_FALSE(drained(**planted, &ring)) << "another user put it there";
    ASSERT_EQ(chown(path.c_str(), 0, static_cast<gid_t>(-1)), 0);
  }
  BoardSlot& head = board.image().head();
  head.incarnation = (*retired)->tables().incarnation;
  head.upto = 1;
  EXPECT_TRUE(drained(**retired, &ring));
  head.upto = 2;
  EXPECT_FALSE(drained(**retired, &ring)) << "it has all of it";
  EXPECT_FALSE(drained(**retired, nullptr)) << "also where its successor lost its name";
  head.incarnation = ring.tables().incarnation;
  EXPECT_FALSE(drained(**retired, &ring)) << "the successor was come to";
  head.incarnation = ring.tables().incarnation ^ 1;
  EXPECT_TRUE(drained(**retired, &ring)) << "upto counts blocks of another ring: that it equals this one's head says nothing";
  board.image().stream(0).next_frame = 8;
  EXPECT_FALSE(drained(**retired, &ring)) << "all its frames are merged";
}

TEST_F(BoardTest, a_publication_that_was_never_finished_is_never_seen) {
  BoardWriter writer = make_board();
  writer.image().head().upto = 1;
  writer.publish();
  const BoardReader reader = read_board();
  const std::uint64_t next = writer.control().latest.load() + 1;
  auto raw = Segment::open(object_path(instance_, "board"), kBoardMagic, true);
  const auto& g = writer.tables().geometry;
  auto* slot = (*raw)->at<BoardSlot>(g.slots_at + (next % 3) * round_up(g.slot_bytes, kPage));
  slot->upto = 99;
  slot->sequence.store(next);  // killed before latest
  BoardImage seen(reader.tables());
  ASSERT_TRUE(reader.copy(seen));
  EXPECT_EQ(seen.head().upto, 1U);
}

TEST_F(BoardTest, a_restart_goes_on_from_the_last_publication) {
  {
    BoardWriter first = make_board();
    first.image().head().upto = 42;
    first.image().stream(0).overrun = 7;
    first.publish();
    first.image().head().upto = 43;  // never published
  }
  BoardWriter second = make_board();
  EXPECT_EQ(second.image().head().upto, 42U);
  EXPECT_EQ(second.image().stream(0).overrun, 7U);
}

TEST_F(BoardTest, another_geometry_inherits_the_account_of_streams_of_the_same_name) {
  {
    BoardWriter first = make_board(2);
    first.image().stream(0).aggregated = 1000;
    first.publish();
  }
  BoardWriter second = make_board(3);
  EXPECT_EQ(second.image().stream(0).aggregated, 1000U);
  EXPECT_EQ(second.tables().streams[0].channels, 3U);
}

void fill(BoardImage& image, std::size_t which, std::size_t record, std::uint64_t value) {
  image.window(0, which, record).first_frame = value;
  for (auto& m : image.moments(0, which, record)) m.count = value;
}

class BoardOfManyTest : public BoardTest {
 protected:
  /// The fixture's stream, and beside it one of `others` channels.
  [[nodiscard]] BoardSpec with_others(std::uint32_t others) const {
    BoardSpec spec = board_spec();
    StreamEntry e = spec.streams[0];
    put_name(e.name, "other");
    e.first_channel = static_cast<std::uint32_t>(spec.channels.size());
    e.channels = others;
    spec.streams.push_back(e);
    spec.channels.resize(spec.channels.size() + others);
    return spec;
  }
  [[nodiscard]] BoardWriter make(const BoardSpec& spec) const {
    auto board = BoardWriter::open(spec);
    if (!board) ADD_FAILURE() << board.error().text;
    return std::move(*board);
  }
  /// Five windows closed of the third specification, the newest 15, and one open.
  static void put_windows(BoardWriter& board) {
    BoardImage& image = board.image();
    image.stream(0).closed[2] = 5;
    image.stream(0).logged[2] = 4;
    for (std::uint64_t n = 0; n < 5; ++n) fill(image, 2, image.closed_record(n), 11 + n);
    fill(image, 2, 0, 99);
    image.window(0, 2, 0).open = 1;
    board.touch(0);
    board.publish();
  }
};

TEST_F(BoardOfManyTest, a_stream_that_stays_keeps_its_open_window_and_the_newest_closed_ones_when_the_history_grows_shorter_and_longer) {
  {
    BoardWriter few = make(with_others(1));
    ASSERT_EQ(few.image().history(), 8U);
    put_windows(few);
  }
  for (const std::uint32_t others : {600U, 1U}) {
    BoardWriter board = make(with_others(others));
    BoardImage& image = board.image();
    EXPECT_EQ(image.history(), others > 512 ? 2U : 8U);
    EXPECT_EQ(image.stream(0).closed[2], 5U);
    EXPECT_EQ(image.stream(0).logged[2], 4U);
    EXPECT_EQ(image.window(0, 2, 0).open, 1U);
    EXPECT_EQ(image.moments(0, 2, 0)[1].count, 99U);
    for (const std::uint64_t n : {3U, 4U}) {
      EXPECT_EQ(image.window(0, 2, image.closed_record(n)).first_frame, 11 + n);
      EXPECT_EQ(image.moments(0, 2, image.closed_record(n))[1].count, 11 + n);
    }
  }
}

TEST_F(BoardOfManyTest, streams_that_the_ring_no_longer_has_stay_behind_those_it_has_as_far_as_there_is_room) {
  BoardTables older;
  {
    const BoardSpec had = with_others(3);
    older.streams = had.streams;
    older.channels = had.channels;
  }
  BoardSpec spec = board_spec();
  EXPECT_EQ(keep_dormant(spec, older), 0U);
  EXPECT_TRUE(make(spec).tables().streams.size() == 2 && spec.channels.size() == 5);
  EXPECT_STREQ(spec.streams[1].name, "other");
  EXPECT_EQ(spec.streams[1].first_channel, 2U);
  BoardSpec full = board_spec(kMaxChannels - 2);
  EXPECT_EQ(keep_dormant(full, older), 1U);
  EXPECT_EQ(full.streams.size(), 1U);
}

TEST_F(BoardOfManyTest, windows_of_channels_that_got_another_name_or_unit_are_not_taken_over) {
  for (const bool unit : {false, true}) {
    {
      BoardWriter first = make(board_spec());
      put_windows(first);
    }
    BoardSpec changed = board_spec();
    if (unit)
      put_name(changed.channels[1].unit, "other");
    else
      put_name(changed.channels[1].name, "other");
    BoardWriter second = make(changed);
    EXPECT_EQ(second.image().stream(0).closed[2], 0U);
    EXPECT_EQ(second.image().window(0, 2, 0).open, 0U);
    EXPECT_EQ(second.image().moments(0, 2, 0)[1].count, 0U);
    second.unlink();
  }
}

TEST_F(BoardTest, an_image_of_another_board_is_not_written_to) {
  BoardWriter small = make_board(2);
  BoardImage image(read_board().tables());
  small.unlink();
  BoardWriter large = make_board(40);
  EXPECT_FALSE(read_board().copy(image));
}

TEST_F(BoardTest, a_viewer_looks_on_while_boards_of_other_sizes_take_the_name) {
  rt::Flag stop;
  rt::ThreadPlan plan;
  plan.name = "writer";
  auto thread = rt::Thread::start(plan, [&] {
    for (std::uint32_t n = 0; !stop.is_up(); ++n) static_cast<void>(make_board(n % 2 == 0 ? 2 : 40));
  });
  ASSERT_TRUE(thread);
  Viewer viewer(instance_);
  int seen = 0;
  while (seen < 500) {
    const Snapshot snapshot = viewer.look();
    if (!snapshot.board_present) continue;
    ++seen;
    ASSERT_EQ(snapshot.streams.size(), 1U);
  }
  stop.raise();
  thread->join();
}

TEST_F(BoardTest, readers_never_accept_a_torn_publication) {
  BoardWriter writer = make_board();
  const BoardReader reader = read_board();
  rt::Flag stop;
  rt::ThreadPlan plan;
  plan.name = "writer";
  auto thread = rt::Thread::start(plan, [&] {
    for (std::uint64_t n = 1; !stop.is_up(); ++n) {
      writer.image().head().upto = n;
      writer.image().stream(0).aggregated = n;
      for (auto& m : writer.image().moments(0, 3, 0)) m.count = n;
      writer.touch(0);
      writer.publish();
    }
  });
  ASSERT_TRUE(thread);
  BoardImage seen(reader.tables());
  std::uint64_t copies = 0;
  for (int i = 0; i < 20000; ++i) {
    if (!reader.copy(seen) || seen.head().upto == 0) continue;
    ++copies;
    ASSERT_EQ(seen.stream(0).aggregated, seen.head().upto);
    ASSERT_EQ(seen.moments(0, 3, 0)[1].count, seen.head().upto);
  }
  stop.raise();
  thread->join();
  EXPECT_GT(copies, 0U);
}

}  // namespace
}  // namespace chappe::shm

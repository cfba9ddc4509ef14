#include <gmock/gmock.h>

#include <limits>

#include "display/text.hpp"
#include "display/view.hpp"

namespace chappe::display {
namespace {

using testing::HasSubstr;
using testing::Not;

shm::ProcessReport process(std::int32_t pid) {
  shm::ProcessReport p;
  p.known = p.alive = true;
  p.pid = pid;
  p.age_ms = 3;
  return p;
}

shm::Snapshot running(std::size_t channels = 2) {
  shm::Snapshot s;
  s.instance = "demo";
  s.ring_present = s.board_present = true;
  s.blocks = 512;
  s.fill = 0.25;
  s.epoch = 4;
  s.producer = process(100);
  s.aggregator = process(200);
  s.ledger.settled = true;
  s.ledger.streams.emplace_back().stream = "imu";
  shm::StreamView v;
  v.stream = "imu";
  v.rate_hz = 4000;
  for (std::size_t c = 0; c < channels; ++c) {
    shm::ChannelView channel;
    channel.channel = "ch" + std::to_string(c);
    channel.unit = "g";
    channel.last = 1.5;
    channel.rms = 2.5;
    v.channels.push_back(channel);
  }
  s.streams.push_back(v);
  return s;
}

std::string text_of(const std::vector<Line>& lines) {
  std::string text;
  for (const Line& line : lines) {
    for (const Span& span : line) text += span.text;
    text += '\n';
  }
  return text;
}

std::string picture(const shm::Snapshot& s, const Look& look = {.width = 160, .height = 50, .unicode = true, .first_row = 0}) {
  return text_of(render(s, {}, look));
}

TEST(View, shows_streams_channels_and_health) {
  const std::string text = picture(running());
  for (const char* part : {"demo", "producer 100: alive", "aggregator 200: alive", "epoch 4", "25 % of 512 blocks", "ledger closes", "imu",
                           "4000 /s", "ch1", "1.5", "2.5"})
    EXPECT_THAT(text, HasSubstr(part));
}

TEST(View, carries_the_generations_of_the_configuration_and_windows_before_the_clocks_zero) {
  shm::Snapshot s = running();
  s.producer.config_generation = 4;
  s.aggregator.config_generation = 5;
  s.streams[0].window = -2;
  s.streams[0].generation = 3;
  EXPECT_THAT(picture(s), HasSubstr("configuration 4 / 5"));
  EXPECT_THAT(picture(s), HasSubstr("window -2  missing 0  generation 3"));
  EXPECT_THAT(plain_line(s), HasSubstr("configuration 4 / 5"));
  s.producer = {};
  EXPECT_THAT(plain_line(s), HasSubstr("configuration - / 5"));
}

TEST(View, says_that_the_producer_is_dead_and_how_old_the_values_are) {
  shm::Snapshot s = running();
  s.producer.alive = false;
  s.producer.age_ms = 5300;
  EXPECT_THAT(picture(s), HasSubstr("producer 100: DEAD, last sign 5.3 s ago"));
  EXPECT_THAT(picture(s), HasSubstr("the producer is dead: values are as of 5.3 s ago"));
  EXPECT_THAT(plain_line(s), HasSubstr("producer 100: DEAD"));
  s.producer.ended = true;
  EXPECT_THAT(picture(s), HasSubstr("producer 100: ended 5.3 s ago"));
  EXPECT_THAT(picture(s), HasSubstr("the producer has ended: values are as of 5.3 s ago"));
  s.producer.alive = true;
  EXPECT_THAT(picture(s), HasSubstr("producer 100: ends, once all is read"));
}

TEST(View, tells_a_stalled_process_from_a_dead_one_and_from_none) {
  shm::Snapshot s = running();
  s.aggregator.age_ms = 4000;
  s.producer = {};
  EXPECT_THAT(picture(s), HasSubstr("aggregator 200: stalled for 4.0 s"));
  EXPECT_THAT(picture(s), HasSubstr("producer: not there"));
}

TEST(View, says_who_stands_at_the_gate_and_what_it_costs) {
  shm::Snapshot s = running();
  s.gates = {{.gate = 0, .held = true, .state = "stalled", .pid = 200, .lag = 300, .standing_ms = 4000}};
  EXPECT_THAT(picture(s), HasSubstr("gate 0 (process 200): stalled for 4.0 s, 300 blocks wait"));
  s.gates[0].state = "evicted";
  EXPECT_THAT(picture(s), HasSubstr("gate 0 (process 200): EVICTED, stands for 4.0 s"));
  s.gates[0].state = "live";
  EXPECT_THAT(picture(s), Not(HasSubstr("gate 0")));
}

TEST(View, of_nothing_at_all_still_says_what_is_missing) {
  shm::Snapshot s;
  s.instance = "none";
  s.trouble = "/dev/shm/chappe.none.ring: refused: its checksum is wrong";
  EXPECT_THAT(picture(s), HasSubstr("producer: not there"));
  EXPECT_THAT(picture(s), HasSubstr("checksum"));
}

TEST(View, of_no_account_does_not_say_that_it_closes) {
  shm::Snapshot s = running();
  s.ledger.streams.clear();
  for (const std::string& text : {picture(s), plain_line(s)}) {
    EXPECT_THAT(text, HasSubstr("no ledger"));
    EXPECT_THAT(text, Not(HasSubstr("closes")));
  }
}

TEST(View, shows_a_dash_for_what_is_no_number) {
  shm::Snapshot s = running(1);
  auto& channel = s.streams[0].channels[0];
  channel.last = channel.mean = std::numeric_limits<double>::quiet_NaN();
  channel.min = -std::numeric_limits<double>::infinity();
  channel.max = channel.rms = std::numeric_limits<double>::infinity();
  s.streams[0].rate_hz = s.fill = std::numeric_limits<double>::quiet_NaN();
  History history;
  history.feed(s);
  const std::string text = text_of(render(s, history, {.width = 160, .height = 50, .unicode = true, .first_row = 0}));
  std::string dashes = column("ch0", 16) + ' ' + column("g", 6);
  for (int i = 0; i < 5; ++i) dashes += "          -";
  EXPECT_THAT(text, HasSubstr(dashes));
  for (const std::string& all : {text, plain_line(s)}) {
    EXPECT_THAT(all, Not(HasSubstr("nan")));
    EXPECT_THAT(all, Not(HasSubstr("inf")));
  }
}

TEST(View, names_losses_and_what_nothing_explains) {
  shm::Snapshot s = running();
  s.ledger.streams[0].dropped.full = 30;
  s.ledger.streams[0].dropped.pool = 12;
  s.ledger.streams[0].overrun = 5;
  s.ledger.streams[0].overrun_pending = 2;
  EXPECT_THAT(picture(s), HasSubstr("ledger closes  dropped 42  overrun 7"));
  s.ledger.streams[0].unexplained = -3;
  EXPECT_THAT(picture(s), HasSubstr("UNEXPLAINED 3"));
  s.ledger.settled = false;
  EXPECT_THAT(picture(s), HasSubstr("ledger in motion"));
}

TEST(View, bounds_the_latency_by_its_bucket_and_by_the_greatest_value) {
  shm::Snapshot s = running();
  s.latency.counts.assign(25, 0);
  s.latency.counts[0] = 90;   // up to 1.024 us
  s.latency.counts[10] = 10;  // up to 1.05 ms
  s.latency.max_ns = 700'000;
  EXPECT_THAT(picture(s), HasSubstr("p50 <=0.00102 ms  p99 <=0.7 ms  max 0.7 ms"));
}

TEST(View, shows_what_real_time_was_asked_and_granted) {
  shm::Snapshot s = running();
  s.producer.threads.push_back({.name = "chappe-feed", .asked_fifo = true, .asked_priority = 70});
  s.aggregator.threads.push_back(
      {.name = "chappe-drain", .asked_fifo = true, .asked_priority = 60, .granted_fifo = true, .granted_priority = 60});
  s.aggregator.locked_bytes = 1;
  const std::string text = picture(s);
  EXPECT_THAT(text, HasSubstr("producer: chappe-feed other (asked fifo 70) not locked"));
  EXPECT_THAT(text, HasSubstr("aggregator: chappe-drain fifo 60 locked"));
}

TEST(View, shows_a_refused_reload) {
  shm::Snapshot s = running();
  s.aggregator.reload_ok = false;
  s.aggregator.reload_error = "chappe.toml:3: unknown key 'blokcs'";
  EXPECT_THAT(picture(s), HasSubstr("aggregator: last reload refused: chappe.toml:3: unknown key 'blokcs'"));
}

TEST(View, of_hostile_names_sends_no_control_to_the_terminal_and_keeps_its_columns) {
  shm::Snapshot s = running(1);
  s.streams[0].stream = "\x1b]0;owned\a";
  s.streams[0].channels[0].channel = "温\x9b\xff" + std::string(300, 'x');
  s.streams[0].channels[0].unit = "\r\n";
  s.instance = "\x1b[31m";
  for (const bool unicode : {true, false}) {
    for (const Line& line : render(s, {}, {.width = 100, .height = 50, .unicode = unicode, .first_row = 0})) {
      std::size_t width = 0;
      for (const Span& span : line) {
        for (const char c : span.text) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
        width += width_of(span.text);
      }
      EXPECT_LE(width, 100U);
    }
  }
  const std::string text = picture(s);
  EXPECT_THAT(text, HasSubstr("  ???" + std::string(13, 'x') + " ??     ")) << text;
}

TEST(View, without_unicode_is_ascii) {
  shm::Snapshot s = running();
  s.streams[0].channels[0].unit = "°C";
  History history;
  for (int i = 0; i < 5; ++i) history.feed(s);
  for (const char c : text_of(render(s, history, {.width = 160, .height = 50, .unicode = false, .first_row = 0})))
    EXPECT_LT(static_cast<unsigned char>(c), 0x80U);
}

TEST(View, fits_any_size) {
  const shm::Snapshot s = running(40);
  for (const std::size_t width : {0U, 1U, 7U, 80U}) {
    for (const std::size_t height : {0U, 1U, 5U, 24U}) {
      const auto lines = render(s, {}, {.width = width, .height = height, .unicode = true, .first_row = 1000});
      EXPECT_LE(lines.size(), height);
      for (const Line& line : lines) {
        std::size_t columns = 0;
        for (const Span& span : line) columns += width_of(span.text);
        EXPECT_LE(columns, width);
      }
    }
  }
}

TEST(View, scrolls_and_keeps_the_end_of_the_table_in_sight) {
  const shm::Snapshot s = running(100);
  const auto seen = [&](std::size_t first_row) {
    return picture(s, {.width = 160, .height = 20, .unicode = true, .first_row = first_row});
  };
  EXPECT_THAT(seen(0), HasSubstr("ch0 "));
  EXPECT_THAT(seen(10), Not(HasSubstr("ch3 ")));
  EXPECT_THAT(seen(10), HasSubstr("ch10 "));
  EXPECT_THAT(seen(5000), HasSubstr("ch99 "));
  const std::size_t last = last_first_row(s, {.width = 160, .height = 20, .unicode = true, .first_row = 0});
  EXPECT_EQ(seen(5000), seen(last));
  EXPECT_NE(seen(last - 1), seen(last)) << "the first key up moves the table";
}

TEST(View, of_ten_thousand_channels_draws_what_fits) {
  const auto lines = render(running(10'000), {}, {.width = 80, .height = 24, .unicode = true, .first_row = 0});
  EXPECT_EQ(lines.size(), 24U);
}

TEST(History, keeps_the_newest_values_of_each_channel) {
  History history;
  shm::Snapshot s = running(1);
  for (int i = 0; i < 100; ++i) {
    s.streams[0].channels[0].last = i;
    history.feed(s);
  }
  const auto* values = history.of("imu", "ch0");
  ASSERT_NE(values, nullptr);
  EXPECT_EQ(values->size(), History::kLength);
  EXPECT_EQ(values->back(), 99);
  EXPECT_EQ(history.of("imu", "other"), nullptr);
}

TEST(Csv, has_a_row_for_each_channel_and_leaves_unknown_numbers_empty) {
  shm::Snapshot s = running(1);
  s.streams[0].channels[0].mean = std::numeric_limits<double>::quiet_NaN();
  s.streams[0].channels[0].count = 7;
  s.streams[0].window = -3;
  s.streams[0].generation = 2;
  EXPECT_EQ(to_csv(s), "stream,channel,unit,last,mean,min,max,rms,count,nan,age_ms,window,generation\nimu,ch0,g,1.5,,0,0,2.5,7,0,0,-3,2\n");
}

TEST(Csv, quotes_names_with_commas_and_quotes) {
  shm::Snapshot s = running(1);
  s.streams[0].channels[0].channel = "a,\"b\"";
  EXPECT_THAT(to_csv(s), HasSubstr("imu,\"a,\"\"b\"\"\",g,"));
}

TEST(Csv, of_hostile_names_has_one_line_for_each_channel_and_no_control) {
  shm::Snapshot s = running(1);
  s.streams[0].stream = "\x1b]0;owned\a";
  s.streams[0].channels[0].channel = "a\r\nb\x9b";
  s.streams[0].channels[0].unit = "温";
  EXPECT_THAT(to_csv(s), HasSubstr("\n?]0;owned?,a??b?,温,1.5,"));
}

shm::AlarmView alarm(const char* name, const char* state, unsigned level) {
  shm::AlarmView a;
  a.stream = "imu";
  a.channel = "ch0";
  a.alarm = name;
  a.kind = "limit";
  a.of = "mean";
  a.unit = "g";
  a.state = state;
  a.level = level;
  a.value = 81.5;
  a.limit = 80;
  return a;
}

TEST(View, names_what_is_raised_and_is_silent_of_what_is_ok_or_shelved) {
  shm::Snapshot s = running();
  s.alarms = {alarm("calm", "ok", 0), alarm("hot", "alarm", 2)};
  EXPECT_THAT(picture(s), HasSubstr("ALARM imu/ch0 hot: mean 81.5 g, limit 80"));
  EXPECT_THAT(picture(s), Not(HasSubstr("calm")));
  s.alarms[1].acknowledged = true;
  EXPECT_THAT(picture(s), HasSubstr("limit 80 (acknowledged)"));
  s.alarms[1].shelved_until_ns = 1;
  EXPECT_THAT(picture(s), Not(HasSubstr("hot")));
  s.alarms.assign(5, alarm("warm", "warning", 1));
  EXPECT_THAT(picture(s), HasSubstr("WARNING imu/ch0 warm"));
  EXPECT_THAT(picture(s), HasSubstr("and 2 alarms more"));
  s.alarms = {alarm("\x1b[2J", "alarm", 2)};
  EXPECT_THAT(picture(s), Not(HasSubstr("\x1b"))) << "a name steers no terminal";
}

}  // namespace
}  // namespace chappe::display

// The three real processes: kill, restart, reload, stop, refuse. What is asserted is the ledger and the window rows, never a time.
#include <gmock/gmock.h>

#include <mqueue.h>
#include <sysexits.h>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <tuple>

#include "harness.hpp"
#include "rt/clock.hpp"
#include "window_rows.hpp"

namespace chappe::whole {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// `proof` is a function of the frame index, so that each window row can be proved; `noise` makes the ring turn.
std::string proof_config(int frames, const std::string& more_windows = "") {
  return "[ring]\nblocks = 256\nblock_bytes = 4096\nmax_delay = \"5ms\"\n[realtime]\nlock_memory = false\n"
         "[[stream]]\nname = \"proof\"\nrate = 20000\nchannels = [{name = \"a\", waveform = \"index\"}, {name = \"b\", waveform = "
         "\"index\"}]\n"
         "[[stream.window]]\nframes = " +
         std::to_string(frames) + "\n" + more_windows +
         "[[stream]]\nname = \"noise\"\nrate = 5000\nchannels = 8\n[[stream.window]]\nduration = \"100ms\"\n";
}

std::uint64_t aggregated(const Json& ledger, std::size_t stream = 0) {
  return ledger.is_object() && ledger.contains("streams") && ledger["streams"].size() > stream
             ? ledger["streams"][stream]["aggregated"].get<std::uint64_t>()
             : 0;
}

class Processes : public ::testing::Test {
 protected:
  void expect_orderly_end(Child& producer, Child& aggregator) {
    producer.signal(SIGTERM);
    EXPECT_EQ(producer.wait_for(20 * rt::kSecond), 0) << instance_.log("chappe-producer");
    const Json closing = instance_.ledger();
    EXPECT_EQ(Instance::does_not_close(closing), "");
    aggregator.signal(SIGTERM);
    EXPECT_EQ(aggregator.wait_for(20 * rt::kSecond), 0) << instance_.log("chappe-aggregator");
    EXPECT_THAT(instance_.objects(), IsEmpty());
  }
  bool flows(std::uint64_t more = 2000) {
    const std::uint64_t before = aggregated(instance_.ledger());
    return instance_.until([&] { return aggregated(instance_.ledger()) > before + more; });
  }
  Instance instance_;
};

TEST_F(Processes, data_flows_and_an_orderly_stop_closes_the_ledger_and_leaves_nothing) {
  instance_.configure(proof_config(1000));
  Child aggregator = instance_.aggregator();
  Child producer = instance_.producer();
  ASSERT_TRUE(flows()) << instance_.log("chappe-producer") << instance_.log("chappe-aggregator");
  const Json ledger = instance_.ledger();
  EXPECT_EQ(Instance::does_not_close(ledger), "");
  EXPECT_EQ(ledger["streams"][0]["dropped"]["full"], 0);
  expect_orderly_end(producer, aggregator);
}

TEST_F(Processes, the_order_of_starting_does_not_matter) {
  instance_.configure(proof_config(1000));
  Child producer = instance_.producer();
  ASSERT_TRUE(instance_.until([&] { return instance_.ledger().contains("streams"); }));
  Child aggregator = instance_.aggregator();
  ASSERT_TRUE(flows());
  expect_orderly_end(producer, aggregator);
}

TEST_F(Processes, with_the_aggregator_killed_the_producer_goes_on_and_a_restart_resumes_with_the_overrun_named) {
  instance_.configure(proof_config(1000));
  Child aggregator = instance_.aggregator();
  Child producer = instance_.producer();
  ASSERT_TRUE(flows());
  aggregator.kill_it();
  const std::uint64_t before = instance_.ledger()["streams"][0]["acquired"];
  ASSERT_TRUE(instance_.until([&] { return instance_.ledger()["streams"][0]["acquired"].get<std::uint64_t>() > before + 40000; }))
      << "the producer waited";
  aggregator = instance_.aggregator();
  ASSERT_TRUE(flows());
  EXPECT_EQ(Instance::does_not_close(instance_.ledger()), "");
  EXPECT_GT(instance_.ledger()["streams"][0]["overrun"].get<std::uint64_t>(), 0U) << "256 blocks do not hold two seconds";
  expect_orderly_end(producer, aggregator);
}

TEST_F(Processes, with_the_producer_killed_the_display_says_so_and_a_restart_adopts_the_ring) {
  instance_.configure(proof_config(1000));
  Child aggregator = instance_.aggregator();
  Child producer = instance_.producer();
  ASSERT_TRUE(flows());
  producer.kill_it();
  const Json view = instance_.display();
  ASSERT_TRUE(view.is_object());
  EXPECT_FALSE(view["producer"]["alive"].get<bool>());
  EXPECT_TRUE(view["aggregator"]["alive"].get<bool>());
  producer = instance_.producer();
  ASSERT_TRUE(flows());
  EXPECT_THAT(instance_.log("chappe-producer"), HasSubstr("adopted"));
  EXPECT_EQ(Instance::does_not_close(instance_.ledger()), "");
  expect_orderly_end(producer, aggregator);
}

TEST_F(Processes, after_random_kills_of_both_the_ledger_closes_and_each_window_row_is_exact_and_once) {
  instance_.configure(proof_config(500, "[[stream.window]]\nframes = 700\n"));
  const std::string log = instance_.path("windows.csv");
  Child aggregator = instance_.aggregator({"--window-log", log});
  Child producer = instance_.producer();
  ASSERT_TRUE(flows());
  std::mt19937 random(7);
  for (int i = 0; i < 30; ++i) {
    rt::sleep_until(rt::monotonic_ns() + 20 * rt::kMillisecond +
                    static_cast<std::int64_t>(random() % 80) * rt::kMillisecond);  // the random instant
    if (random() % 2 == 0) {
      aggregator.kill_it();
      aggregator = instance_.aggregator({"--window-log", log});
    } else {
      producer.kill_it();
      producer = instance_.producer();
    }
  }
  ASSERT_TRUE(flows()) << instance_.log("chappe-producer") << instance_.log("chappe-aggregator");
  expect_orderly_end(producer, aggregator);
  std::set<std::tuple<std::string, std::uint64_t, std::uint64_t>> seen;
  const auto rows = rows_of(log, "proof");
  ASSERT_GT(rows.size(), 20U);
  for (const auto& row : rows) {
    if (row.window < 3) continue;  // from here on the frames of a window tell of which length it is
    const std::uint64_t frames = row.first / 500 == row.window ? 500 : 700;
    EXPECT_EQ(row.first / frames, row.window);
    EXPECT_TRUE(seen.insert({row.channel, frames, row.window}).second) << "window " << row.window << " is in the log twice";
    if (row.missing > 0) continue;
    EXPECT_EQ(not_of_index(row, row.channel == "b" ? 1 : 0), "");
  }
}

TEST_F(Processes, a_second_producer_and_a_second_aggregator_are_refused_with_one_clear_line) {
  instance_.configure(proof_config(1000));
  Child aggregator = instance_.aggregator();
  Child producer = instance_.producer();
  ASSERT_TRUE(flows());
  Child second = instance_.producer();
  EXPECT_EQ(second.wait_for(10 * rt::kSecond), EX_TEMPFAIL);
  second = instance_.aggregator();
  EXPECT_EQ(second.wait_for(10 * rt::kSecond), EX_TEMPFAIL);
  ASSERT_TRUE(flows());
  expect_orderly_end(producer, aggregator);
}

TEST_F(Processes, reloads_good_and_bad_under_load_lose_nothing_and_the_last_good_file_is_in_force) {
  instance_.configure(proof_config(1000));
  Child aggregator = instance_.aggregator();
  Child producer = instance_.producer();
  ASSERT_TRUE(flows());
  for (int i = 1; i <= 20; ++i) {
    const bool bad = i % 3 == 0;
    instance_.configure(bad ? proof_config(1000) + "[unknown]\n" : proof_config(500 + i));
    aggregator.signal(SIGUSR1);
    producer.signal(SIGUSR1);
    ASSERT_TRUE(instance_.until([&] {
      const Json s = instance_.status();
      return s["processes"]["aggregator"]["last_reload"]["count"] == i && s["processes"]["producer"]["last_reload"]["count"] == i;
    })) << instance_.status().dump();
    EXPECT_EQ(instance_.status()["processes"]["aggregator"]["last_reload"]["ok"], !bad);
  }
  const Json ledger = instance_.ledger();
  EXPECT_EQ(Instance::does_not_close(ledger), "");
  EXPECT_EQ(ledger["streams"][0]["dropped"]["full"], 0);
  EXPECT_EQ(ledger["streams"][0]["overrun"], 0);
  expect_orderly_end(producer, aggregator);
}

TEST_F(Processes, a_reload_that_leaves_the_windows_alone_cuts_none_of_them) {
  instance_.configure(proof_config(1000));
  const std::string log = instance_.path("windows.csv");
  Child aggregator = instance_.aggregator({"--window-log", log});
  Child producer = instance_.producer();
  for (int i = 1; i <= 5; ++i) {
    ASSERT_TRUE(flows());
    instance_.configure(proof_config(1000) + "[log]\nlevel = \"" + (i % 2 == 0 ? "info" : "debug") + "\"\n");
    aggregator.signal(SIGUSR1);
    ASSERT_TRUE(instance_.until([&] { return instance_.status()["processes"]["aggregator"]["last_reload"]["count"] == i; }));
  }
  ASSERT_TRUE(flows());
  expect_orderly_end(producer, aggregator);
  auto rows = rows_of(log, "proof");
  ASSERT_GT(rows.size(), 10U);
  EXPECT_GT(rows.back().generation, 1U);
  rows.resize(rows.size() - 2);  // the last window is as long as the stream was
  for (const auto& row : rows) EXPECT_EQ(row.count, 1000U) << "window " << row.window;
}

TEST_F(Processes, the_display_follows_a_reload_of_the_others_and_refuses_by_name_what_cannot_change) {
  instance_.configure(proof_config(1000));
  Child aggregator = instance_.aggregator();
  Child producer = instance_.producer();
  ASSERT_TRUE(flows());
  Child display = instance_.start("chappe-display", {"--plain", "--refresh", "20"});
  const auto display_says = [&](const std::string& text) {
    return instance_.until([&] { return instance_.log("chappe-display").find(text) != std::string::npos; });
  };
  ASSERT_TRUE(display_says("samples/s"));
  instance_.configure(proof_config(500));
  EXPECT_EQ(run("chappectl", {"reload", "--instance", instance_.name()}).exit_code, 0);
  EXPECT_TRUE(display_says("reloaded: configuration generation 2")) << instance_.log("chappe-display");
  std::string other = proof_config(500);
  other.replace(other.find("blocks = 256"), 12, "blocks = 512");
  instance_.configure(other);
  display.signal(SIGUSR1);
  EXPECT_TRUE(display_says("reload refused, nothing changed: cannot change while running: ring.blocks")) << instance_.log("chappe-display");
  display.signal(SIGTERM);
  EXPECT_EQ(display.wait_for(20 * rt::kSecond), 0);
  expect_orderly_end(producer, aggregator);
}

TEST_F(Processes, a_process_that_runs_without_a_queue_is_not_called_missing) {
  instance_.configure(proof_config(1000));
  Child aggregator = instance_.aggregator();
  Child producer = instance_.producer();
  ASSERT_TRUE(flows());
  producer.signal(SIGSTOP);  // it would make another queue within a second
  ASSERT_EQ(mq_unlink(("/chappe." + instance_.name() + ".producer").c_str()), 0);
  const Output reload = run("chappectl", {"reload", "--process", "producer", "--instance", instance_.name()});
  const Output stop = run("chappectl", {"stop", "--instance", instance_.name()});
  producer.signal(SIGCONT);
  EXPECT_EQ(reload.exit_code, EX_TEMPFAIL);
  EXPECT_THAT(reload.err, HasSubstr("serves no queue; use kill -USR1 " + std::to_string(producer.pid())));
  EXPECT_EQ(stop.exit_code, EX_TEMPFAIL);
  EXPECT_THAT(stop.err, HasSubstr("serves no queue; use kill -TERM " + std::to_string(producer.pid())));
  ASSERT_TRUE(flows());
  expect_orderly_end(producer, aggregator);
}

TEST_F(Processes, a_rate_that_changes_live_is_declared_anew_and_a_pool_that_is_small_for_it_is_named) {
  instance_.configure(proof_config(1000));
  Child aggregator = instance_.aggregator();
  Child producer = instance_.producer();
  ASSERT_TRUE(flows());
  EXPECT_EQ(instance_.display()["streams"][0]["nominal_hz"], 20000);
  std::string faster = proof_config(1000);
  faster.replace(faster.find("rate = 20000"), 12, "rate = 90000");
  faster.replace(faster.find("rate = 5000"), 11, "rate = 60000");  // its frames are four times as large
  instance_.configure(faster);
  EXPECT_EQ(run("chappectl", {"reload", "--instance", instance_.name()}).exit_code, 0);
  EXPECT_TRUE(instance_.until([&] {
    const Json view = instance_.display();
    return std::abs(view["streams"][0]["nominal_hz"].get<double>() - 90000) < 0.1;
  })) << instance_.display().dump();
  EXPECT_THAT(instance_.log("chappe-producer"), HasSubstr("stream noise: its pool of"));
  EXPECT_EQ(Instance::does_not_close(instance_.ledger()), "");
  expect_orderly_end(producer, aggregator);
}

TEST_F(Processes, another_geometry_supersedes_the_ring_and_loses_nothing_that_was_committed) {
  instance_.configure(proof_config(1000));
  Child aggregator = instance_.aggregator();
  Child producer = instance_.producer();
  ASSERT_TRUE(flows());
  producer.kill_it();
  std::string other = proof_config(1000);
  other.replace(other.find("blocks = 256"), 12, "blocks = 512");
  instance_.configure(other);
  producer = instance_.producer();
  ASSERT_TRUE(flows()) << instance_.log("chappe-producer") << instance_.log("chappe-aggregator");
  const Json ledger = instance_.ledger();
  EXPECT_EQ(Instance::does_not_close(ledger), "");
  EXPECT_EQ(ledger["streams"][0]["overrun"], 0) << ledger.dump();
  expect_orderly_end(producer, aggregator);
}

TEST_F(Processes, two_new_geometries_while_the_aggregator_stands_lose_nothing_that_the_predecessor_holds) {
  const auto with_blocks = [](const std::string& blocks) {
    std::string text = proof_config(1000);
    return text.replace(text.find("blocks = 256"), 12, "blocks = " + blocks);
  };
  instance_.configure(with_blocks("256"));
  Child aggregator = instance_.aggregator();
  Child producer = instance_.producer();
  ASSERT_TRUE(flows());
  producer.kill_it();
  ASSERT_TRUE(instance_.until([&] {
    const Json l = instance_.ledger();
    return l["streams"][0]["aggregated"] == l["streams"][0]["committed"] && l["streams"][1]["aggregated"] == l["streams"][1]["committed"];
  }));
  aggregator.signal(SIGSTOP);
  for (const char* blocks : {"8192", "4096"}) {
    const auto committed = [&] { return instance_.ledger()["streams"][0]["committed"].get<std::uint64_t>(); };
    const std::uint64_t before = committed();
    if (std::string(blocks) == "4096") producer.kill_it();
    instance_.configure(with_blocks(blocks));
    producer = instance_.producer();
    ASSERT_TRUE(instance_.until([&] { return committed() > before + 2000; })) << instance_.log("chappe-producer");
    EXPECT_EQ(Instance::does_not_close(instance_.ledger()), "");
  }
  aggregator.signal(SIGCONT);
  ASSERT_TRUE(flows()) << instance_.log("chappe-aggregator");
  const Json ledger = instance_.ledger();
  EXPECT_EQ(Instance::does_not_close(ledger), "");
  EXPECT_EQ(ledger["streams"][0]["overrun"], 0) << ledger.dump();
  EXPECT_EQ(ledger["streams"][1]["overrun"], 0) << ledger.dump();
  expect_orderly_end(producer, aggregator);
}

TEST_F(Processes, chappectl_stops_both_in_order) {
  instance_.configure(proof_config(1000));
  Child aggregator = instance_.aggregator();
  Child producer = instance_.producer();
  ASSERT_TRUE(flows());
  EXPECT_EQ(run("chappectl", {"stop", "--instance", instance_.name()}).exit_code, 0);
  EXPECT_EQ(producer.wait_for(10 * rt::kSecond), 0);
  EXPECT_EQ(aggregator.wait_for(10 * rt::kSecond), 0);
  EXPECT_THAT(instance_.objects(), IsEmpty());
}

TEST_F(Processes, without_an_aggregator_an_orderly_stop_keeps_the_data_and_says_so) {
  instance_.configure(proof_config(1000));
  Child producer = instance_.producer();
  ASSERT_TRUE(instance_.until([&] {
    const Json l = instance_.ledger();
    return l.contains("streams") && !l["streams"].empty() && l["streams"][0]["acquired"].get<std::uint64_t>() > 1000;
  }));
  producer.signal(SIGTERM);
  ASSERT_EQ(producer.wait_for(20 * rt::kSecond), 0);
  EXPECT_THAT(instance_.log("chappe-producer"), HasSubstr("blocks stay in the ring"));
  Child aggregator = instance_.aggregator();
  ASSERT_TRUE(instance_.until([&] { return aggregated(instance_.ledger()) > 1000; }));
  const Json ledger = instance_.ledger();
  EXPECT_EQ(Instance::does_not_close(ledger), "");
}

TEST_F(Processes, chappectl_calls_orderly_ends_that_nobody_hurries_done) {
  instance_.configure(proof_config(1000));
  std::ofstream recording(instance_.path("log.csv"));
  for (int i = 0; i < 200'000; ++i) recording << i << '\n';
  recording.close();
  // The feed waits for an aggregator to make room, and the acknowledgement never comes.
  Child producer = instance_.producer({"--replay", instance_.path("log.csv"), "--as-fast-as-possible"});
  ASSERT_TRUE(instance_.until([&] { return instance_.status()["ring"].is_object() && instance_.status()["ring"]["waiting_for_gate"]; }));
  const Output stopped = run("chappectl", {"stop", "--process", "producer", "--instance", instance_.name()});
  EXPECT_EQ(stopped.exit_code, 0) << stopped.err;
  EXPECT_EQ(producer.wait_for(20 * rt::kSecond), 0);
  // The ring of an ended producer stays, and nobody will unlink it.
  Child aggregator = instance_.aggregator();
  ASSERT_TRUE(instance_.until([&] { return instance_.display()["streams"][0]["ended"] == true; }));
  const Output ended = run("chappectl", {"stop", "--process", "aggregator", "--instance", instance_.name()});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(aggregator.wait_for(20 * rt::kSecond), 0);
}

TEST_F(Processes, a_replay_that_was_stopped_without_an_aggregator_goes_on_where_it_was_and_is_mixed_with_no_other) {
  instance_.configure(proof_config(1000));
  const auto record = [&](int first) {
    std::ofstream file(instance_.path("log.csv"));
    file << "x\n";
    for (int i = 0; i < 20000; ++i) file << first + i << '\n';
  };
  const std::vector<std::string> replay = {"--replay", instance_.path("log.csv"), "--once", "--as-fast-as-possible"};
  record(0);
  Child stopped = instance_.producer(replay);
  ASSERT_TRUE(instance_.until([&] {
    const Json l = instance_.ledger();
    return l.contains("streams") && !l["streams"].empty() && l["streams"][0]["acquired"].get<std::uint64_t>() > 0;
  }));
  stopped.signal(SIGTERM);
  ASSERT_EQ(stopped.wait_for(30 * rt::kSecond), 0);
  EXPECT_EQ(Instance::losses(instance_.ledger()), "");
  const std::filesystem::file_time_type unchanged = std::filesystem::last_write_time(instance_.path("log.csv"));

  record(1'000'000);
  Child other = instance_.producer(replay);
  EXPECT_EQ(other.wait_for(20 * rt::kSecond), EX_DATAERR);
  EXPECT_THAT(instance_.log("chappe-producer"), HasSubstr("not of " + instance_.path("log.csv")));

  record(0);
  std::filesystem::last_write_time(instance_.path("log.csv"), unchanged);
  Child aggregator = instance_.aggregator({"--window-frames", "5000", "--window-log", instance_.path("rows.csv")});
  for (int lap = 1; lap <= 2; ++lap) {  // what is left of it; then, after its end, all of it once more
    Child producer = instance_.producer(replay);
    EXPECT_EQ(producer.wait_for(20 * rt::kSecond), 0);
    const Json ledger = instance_.ledger();
    EXPECT_EQ(Instance::does_not_close(ledger) + Instance::losses(ledger), "");
    EXPECT_EQ(aggregated(ledger), 20000U * static_cast<unsigned>(lap));
  }
}

TEST_F(Processes, rows_that_the_disk_does_not_take_are_told_and_cost_the_exit_code) {
  instance_.configure(proof_config(100));
  Child aggregator = instance_.aggregator({"--window-log", "/dev/full"});
  Child producer = instance_.producer();
  ASSERT_TRUE(flows());
  producer.signal(SIGTERM);
  EXPECT_EQ(producer.wait_for(20 * rt::kSecond), 0);
  EXPECT_EQ(Instance::does_not_close(instance_.ledger()), "");
  aggregator.signal(SIGTERM);
  EXPECT_EQ(aggregator.wait_for(20 * rt::kSecond), EX_IOERR);
  EXPECT_THAT(instance_.log("chappe-aggregator"), HasSubstr("No space left"));
  EXPECT_THAT(instance_.log("chappe-aggregator"), HasSubstr("lines are not in it"));
}

TEST_F(Processes, a_bad_file_is_refused_at_the_start_with_place_and_nearest_key) {
  instance_.configure("[ring]\nblokcs = 512\n");
  Child producer = instance_.producer();
  EXPECT_EQ(producer.wait_for(10 * rt::kSecond), EX_CONFIG);
  EXPECT_THAT(instance_.log("chappe-producer"), HasSubstr("blokcs"));
  EXPECT_THAT(instance_.log("chappe-producer"), HasSubstr("blocks"));
  EXPECT_THAT(instance_.objects(), IsEmpty());
}

}  // namespace
}  // namespace chappe::whole

#include <gtest/gtest.h>
#include <poll.h>

#include "control/signals.hpp"
#include "tests/control/child.hpp"

namespace chappe::control {
namespace {

using test::in_child;

/// What a process sees that blocked, opened, and then was sent `numbers`: 1 reload, 2 stop, 4 nothing left afterwards.
int seen_after(std::initializer_list<int> numbers, int times = 1) {
  return in_child([&] {
    Signals::block();
    auto signals = Signals::open();
    if (!signals) return 100;
    for (int i = 0; i < times; ++i) {
      for (const int number : numbers) kill(getpid(), number);
    }
    const auto event = signals->drain();
    pollfd more{signals->fd(), POLLIN, 0};
    return (event.reload ? 1 : 0) | (event.stop ? 2 : 0) | (poll(&more, 1, 0) == 0 ? 4 : 0);
  });
}

TEST(Signals, usr1_and_hup_ask_for_a_reload) {
  EXPECT_EQ(seen_after({SIGUSR1}), 4 | 1);
  EXPECT_EQ(seen_after({SIGHUP}), 4 | 1);
}

TEST(Signals, term_and_int_ask_for_a_stop) {
  EXPECT_EQ(seen_after({SIGTERM}), 4 | 2);
  EXPECT_EQ(seen_after({SIGINT}), 4 | 2);
}

TEST(Signals, one_drain_takes_all_of_a_storm) { EXPECT_EQ(seen_after({SIGUSR1, SIGTERM, SIGHUP, SIGINT}, 1000), 4 | 2 | 1); }

TEST(Signals, nothing_sent_is_nothing_seen_and_does_not_wait) { EXPECT_EQ(seen_after({}), 4); }

TEST(Signals, a_signal_between_block_and_open_is_kept) {
  EXPECT_EQ(in_child([] {
              Signals::block();
              kill(getpid(), SIGUSR1);
              auto signals = Signals::open();
              return signals && signals->drain().reload ? 0 : 1;
            }),
            0);
}

TEST(Signals, a_signal_that_the_launcher_ignored_arrives_once_it_is_blocked) {
  EXPECT_EQ(in_child([] {
              std::signal(SIGUSR1, SIG_IGN);
              Signals::block();
              auto signals = Signals::open();
              kill(getpid(), SIGUSR1);
              return signals && signals->drain().reload ? 0 : 1;
            }),
            0);
}

TEST(Signals, a_broken_pipe_does_not_kill) {
  EXPECT_EQ(in_child([] {
              Signals::block();
              int ends[2];
              if (pipe(ends) != 0) return 1;
              close(ends[0]);
              return write(ends[1], "x", 1) == -1 && errno == EPIPE ? 0 : 2;
            }),
            0);
}

}  // namespace
}  // namespace chappe::control

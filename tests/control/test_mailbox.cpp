#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/stat.h>

#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "control/mailbox.hpp"
#include "tests/control/child.hpp"

namespace chappe::control {
namespace {

using test::become;
using test::Child;
using test::in_child;
using test::say_ready;
using testing::HasSubstr;

constexpr int kLong = 60'000;  // ms: a timeout that no working test reaches
constexpr gid_t kOperators = 54321;

class Mailboxes : public testing::Test {
 protected:
  ~Mailboxes() override {
    mq_unlink(name_.c_str());
    mq_unlink(queue_name(instance_, "producer").c_str());
  }
  static std::string unique() {
    static int count = 0;
    return "test-" + std::to_string(getpid()) + "-" + std::to_string(++count);
  }
  const std::string instance_ = unique();
  const std::string name_ = queue_name(instance_, "control");

  /// Serves until a stop; answers with the argument; refuses what is called "no". `kDie` is read and answered by dying.
  int run_server(int ready, gid_t operators = kOwnGroup) const {
    auto mailbox = Mailbox::serve(name_, operators);
    if (!mailbox) return mailbox.error().exit_code;
    say_ready(ready);
    while (true) {
      pollfd waiting{mailbox->fd(), POLLIN, 0};
      poll(&waiting, 1, -1);
      while (auto command = mailbox->receive()) {
        if (command->verb == "die") raise(SIGKILL);
        mailbox->answer(*command, {command->id, command->verb != "no", command->argument});
        if (command->verb != verb::kStop) continue;
        mailbox->unlink_own();
        return 0;
      }
    }
  }
  std::unique_ptr<Child> server(gid_t operators = kOwnGroup) const {
    auto child = std::make_unique<Child>([&](int ready) { return run_server(ready, operators); });
    EXPECT_TRUE(child->wait_ready());
    return child;
  }
  [[nodiscard]] int ask_code(const std::string& verb, int timeout_ms = kLong) const {
    const auto reply = ask(instance_, "control", verb, "x", timeout_ms);
    return reply ? (reply->ok ? 0 : 1) : reply.error().exit_code;
  }
  void send_raw(const std::string& bytes) const {
    const mqd_t queue = mq_open(name_.c_str(), O_WRONLY);
    ASSERT_GE(queue, 0);
    ASSERT_EQ(mq_send(queue, bytes.data(), bytes.size(), 0), 0);
    mq_close(queue);
  }
};

TEST_F(Mailboxes, a_command_is_answered_with_its_result) {
  const auto running = server();
  const auto reply = ask(instance_, "control", verb::kReload, "how are you", kLong);
  ASSERT_TRUE(reply) << reply.error().text;
  EXPECT_TRUE(reply->ok);
  EXPECT_EQ(reply->text, "how are you");
}

TEST_F(Mailboxes, a_refusal_brings_its_reason) {
  const auto running = server();
  const auto reply = ask(instance_, "control", "no", "because", kLong);
  ASSERT_TRUE(reply) << reply.error().text;
  EXPECT_FALSE(reply->ok);
  EXPECT_EQ(reply->text, "because");
}

TEST_F(Mailboxes, an_orderly_stop_is_answered_and_leaves_no_queue) {
  const auto running = server();
  EXPECT_EQ(ask_code("stop"), 0);
  EXPECT_EQ(running->exit_code(), 0);
  EXPECT_EQ(mq_open(name_.c_str(), O_WRONLY), -1);
  EXPECT_EQ(errno, ENOENT);
}

TEST_F(Mailboxes, without_a_queue_the_missing_process_is_one_clear_line) {
  const auto control = ask(instance_, "control", verb::kReload, "", kLong);
  ASSERT_FALSE(control);
  EXPECT_EQ(control.error().exit_code, EX_UNAVAILABLE);
  EXPECT_THAT(control.error().text, HasSubstr("no aggregator runs in instance " + instance_));
  const auto producer = ask(instance_, "producer", verb::kReload, "", kLong);
  ASSERT_FALSE(producer);
  EXPECT_THAT(producer.error().text, HasSubstr("no producer runs in instance " + instance_));
}

TEST_F(Mailboxes, names_that_could_leave_the_instance_are_refused) {
  for (const std::string bad : {"", "a.b", "../x", "A", "a/b", "abcdefghijklmnopqrstuvwxyz0123456"}) {
    EXPECT_EQ(ask(bad, "control", verb::kReload, "", kLong).error().exit_code, EX_USAGE) << bad;
    EXPECT_EQ(Mailbox::serve(queue_name(bad, "control")).error().exit_code, EX_USAGE) << bad;
  }
}

TEST_F(Mailboxes, a_second_server_is_refused_as_already_running) {
  const auto running = server();
  const auto second = Mailbox::serve(name_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().exit_code, EX_TEMPFAIL);
  EXPECT_THAT(second.error().text, HasSubstr("already running"));
  EXPECT_EQ(ask_code("reload"), 0) << "the first one goes on";
}

TEST_F(Mailboxes, the_queue_of_a_killed_server_is_told_apart_and_taken_over) {
  const auto first = server();
  first->signal(SIGKILL);
  first->exit_code();
  const auto orphan = ask(instance_, "control", verb::kReload, "", kLong);
  ASSERT_FALSE(orphan);
  EXPECT_EQ(orphan.error().exit_code, EX_UNAVAILABLE);
  EXPECT_THAT(orphan.error().text, HasSubstr("killed"));
  const auto second = server();
  EXPECT_EQ(ask_code("reload"), 0);
}

TEST_F(Mailboxes, a_server_killed_while_it_works_is_noticed_before_the_timeout) {
  const auto running = server();
  const auto reply = ask(instance_, "control", "die", "", kLong);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().exit_code, EX_UNAVAILABLE);
  EXPECT_THAT(reply.error().text, HasSubstr("ended before it answered"));
}

TEST_F(Mailboxes, of_many_that_take_over_at_once_exactly_one_serves) {
  for (int round = 0; round < 30; ++round) {
    server()->signal(SIGKILL);
    std::vector<std::unique_ptr<Child>> rivals;
    for (int i = 0; i < 6; ++i) {
      rivals.push_back(std::make_unique<Child>([&](int ready) {
        const auto mailbox = Mailbox::serve(name_);
        if (mailbox) {
          say_ready(ready);
          pause();
        }
        return mailbox.error().exit_code;
      }));
    }
    int serving = 0;
    for (const auto& rival : rivals) {
      if (rival->wait_ready()) {
        ++serving;
      } else {
        EXPECT_EQ(rival->exit_code(), EX_TEMPFAIL);
      }
    }
    ASSERT_EQ(serving, 1) << "in round " << round;
  }
}

TEST_F(Mailboxes, a_command_whose_asker_gave_up_is_not_carried_out_later) {
  auto mailbox = Mailbox::serve(name_);
  ASSERT_TRUE(mailbox);
  const auto reply = ask(instance_, "control", verb::kStop, "", 1);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().exit_code, EX_TEMPFAIL);
  EXPECT_THAT(reply.error().text, HasSubstr("did not answer within 1 ms"));
  EXPECT_EQ(mailbox->receive(), std::nullopt);
  EXPECT_EQ(mailbox->counts().abandoned, 1U);
}

TEST_F(Mailboxes, an_announcement_outlives_the_server_that_did_not_read_it) {
  {
    const auto first = server();
    first->stop();
    ASSERT_TRUE(announce(instance_, verb::kAttach, "epoch 2"));
  }
  auto second = Mailbox::serve(name_);
  ASSERT_TRUE(second) << second.error().text;
  const auto command = second->receive();
  ASSERT_TRUE(command);
  EXPECT_EQ(command->verb, verb::kAttach);
  EXPECT_EQ(command->argument, "epoch 2");
  EXPECT_EQ(command->reply, "");
}

TEST_F(Mailboxes, an_announcement_to_nobody_is_an_error_and_no_more) {
  EXPECT_EQ(announce(instance_, verb::kAttach, "").error().exit_code, EX_UNAVAILABLE);
}

TEST_F(Mailboxes, a_full_queue_is_told_at_once) {
  const auto mailbox = Mailbox::serve(name_);
  ASSERT_TRUE(mailbox);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(announce(instance_, verb::kAttach, "")) << i;
  EXPECT_EQ(announce(instance_, verb::kAttach, "").error().exit_code, EX_TEMPFAIL);
  EXPECT_EQ(ask_code("reload"), EX_TEMPFAIL);
}

// The kernel allows 256 queues: if a single ask in 300 left its own, the last ones would fail otherwise.
TEST_F(Mailboxes, asking_leaves_no_queue_behind) {
  const auto mailbox = Mailbox::serve(name_);
  ASSERT_TRUE(mailbox);
  for (int i = 0; i < 10; ++i) ASSERT_EQ(ask_code("reload", 0), EX_TEMPFAIL) << i;
  for (int i = 0; i < 300; ++i) ASSERT_EQ(ask_code("reload"), EX_TEMPFAIL) << i;
}

TEST_F(Mailboxes, an_asker_that_is_killed_leaves_no_queue_behind) {
  auto mailbox = Mailbox::serve(name_);
  ASSERT_TRUE(mailbox);
  auto asker = std::make_unique<Child>([&](int) { return ask(instance_, "control", verb::kReload, "", kLong) ? 0 : 1; });
  pollfd waiting{mailbox->fd(), POLLIN, 0};
  ASSERT_EQ(poll(&waiting, 1, kLong), 1);
  const auto command = mailbox->receive();
  ASSERT_TRUE(command);
  const std::string name = queue_name(instance_, "reply." + std::to_string(command->pid) + "." + command->reply);
  const mqd_t before = mq_open(name.c_str(), O_WRONLY);
  EXPECT_GE(before, 0);
  mq_close(before);
  kill(command->pid, SIGKILL);
  mqd_t after = 0;
  for (int i = 0; i < kLong && (after = mq_open(name.c_str(), O_WRONLY)) >= 0; ++i) {
    mq_close(after);
    poll(nullptr, 0, 1);
  }
  EXPECT_EQ(after, -1);
  EXPECT_EQ(errno, ENOENT);
}

TEST_F(Mailboxes, many_askers_at_once_get_each_its_own_answer) {
  const auto running = server();
  std::vector<std::unique_ptr<Child>> askers;
  for (int i = 0; i < 8; ++i) {
    askers.push_back(std::make_unique<Child>([&, i](int) {
      for (int n = 0; n < 50; ++n) {
        const std::string own = std::to_string(i * 1000 + n);
        const auto reply = ask(instance_, "control", verb::kReload, own, kLong);
        if (!reply) return reply.error().exit_code;
        if (reply->text != own) return 1;
      }
      return 0;
    }));
  }
  for (const auto& asker : askers) EXPECT_EQ(asker->exit_code(), 0);
}

TEST_F(Mailboxes, bad_messages_of_every_length_are_counted_and_stop_nothing) {
  auto mailbox = Mailbox::serve(name_);
  ASSERT_TRUE(mailbox);
  const std::string good = *encode(Command{.id = "1", .pid = getpid(), .reply = {}, .verb = "reload", .argument = {}});
  std::mt19937 random(1);
  for (std::size_t size = 0; size <= kMessageBytes; ++size) {
    std::string bytes = good.substr(0, std::min(size, good.size() - 1));
    while (bytes.size() < size) bytes += static_cast<char>(random());
    send_raw(bytes);
    ASSERT_EQ(mailbox->receive(), std::nullopt) << size;
  }
  EXPECT_EQ(mailbox->counts().malformed, kMessageBytes + 1);
  send_raw(good);
  EXPECT_TRUE(mailbox->receive());
}

TEST_F(Mailboxes, an_asker_of_another_version_is_told_so) {
  auto mailbox = Mailbox::serve(name_);
  ASSERT_TRUE(mailbox);
  const std::string suffix = "00000000deadbeef";
  const std::string replies = queue_name(instance_, "reply." + std::to_string(getpid()) + "." + suffix);
  mq_attr attributes{};
  attributes.mq_maxmsg = 2;
  attributes.mq_msgsize = 1024;
  const mqd_t queue = mq_open(replies.c_str(), O_CREAT | O_EXCL | O_RDONLY | O_NONBLOCK, 0600, &attributes);
  ASSERT_GE(queue, 0);
  send_raw(*encode(Command{.version = 7, .id = "i", .pid = getpid(), .reply = suffix, .verb = "reload", .argument = {}}));
  EXPECT_EQ(mailbox->receive(), std::nullopt);
  char buffer[1024];
  const ssize_t size = mq_receive(queue, buffer, sizeof buffer, nullptr);
  mq_close(queue);
  mq_unlink(replies.c_str());
  ASSERT_GT(size, 0);
  const auto reply = decode_reply({buffer, static_cast<std::size_t>(size)});
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->id, "i");
  EXPECT_FALSE(reply->ok);
  EXPECT_THAT(reply->text, HasSubstr("version 7 is unknown"));
}

TEST_F(Mailboxes, an_address_that_is_none_of_ours_gets_no_answer) {
  auto mailbox = Mailbox::serve(name_);
  ASSERT_TRUE(mailbox);
  std::uint64_t unanswered = 0;
  for (const std::string suffix : {"0", "../../etc/passwd", "0123456789ABCDEF", "0123456789abcdef0", "0123456789abcde/"}) {
    mailbox->answer({.id = "i", .pid = getpid(), .reply = suffix, .verb = "reload", .argument = {}}, {"i", true, ""});
    EXPECT_EQ(mailbox->counts().unanswered, ++unanswered) << suffix;
  }
  mailbox->answer({.id = "i", .pid = 0, .reply = "0123456789abcdef", .verb = "reload", .argument = {}}, {"i", true, ""});
  EXPECT_EQ(mailbox->counts().unanswered, ++unanswered);
  EXPECT_EQ(mailbox->receive(), std::nullopt) << "nothing came into the own queue";
}

TEST_F(Mailboxes, a_lost_name_is_noticed_and_the_new_owner_is_left_alone) {
  auto mailbox = Mailbox::serve(name_);
  ASSERT_TRUE(mailbox);
  EXPECT_TRUE(mailbox->still_named());
  mq_unlink(name_.c_str());
  EXPECT_FALSE(mailbox->still_named());
  const auto other = Mailbox::serve(name_);
  ASSERT_TRUE(other);
  EXPECT_FALSE(mailbox->still_named());
  mailbox->unlink_own();
  EXPECT_TRUE(other->still_named());
}

TEST_F(Mailboxes, a_queue_that_lost_its_name_is_served_anew) {
  std::optional<Mailbox> mailbox;
  ASSERT_TRUE(keep_serving(mailbox, name_, kOwnGroup));
  const int before = mailbox->fd();
  ASSERT_TRUE(keep_serving(mailbox, name_, kOwnGroup));
  EXPECT_EQ(mailbox->fd(), before);
  mq_unlink(name_.c_str());
  ASSERT_TRUE(keep_serving(mailbox, name_, kOwnGroup));
  EXPECT_TRUE(mailbox->still_named());
}

TEST_F(Mailboxes, a_server_that_ends_answers_every_stop_and_refuses_what_else_waits) {
  auto mailbox = Mailbox::serve(name_);
  ASSERT_TRUE(mailbox);
  const auto asks = [this](std::string_view what, std::string answer) {
    return std::make_unique<Child>([this, what, answer](int) {
      const auto reply = ask(instance_, "control", what, "", kLong);
      return reply ? (reply->ok ? 0 : 1) + (reply->text == answer ? 0 : 2) : reply.error().exit_code;
    });
  };
  const auto wait_for_message = [&] {
    pollfd waiting{mailbox->fd(), POLLIN, 0};
    return poll(&waiting, 1, kLong) == 1;
  };
  std::vector<Command> stops;
  std::vector<std::unique_ptr<Child>> askers;
  for (int i = 0; i < 2; ++i) {
    askers.push_back(asks(verb::kStop, "stopped"));
    ASSERT_TRUE(wait_for_message());
    stops.push_back(mailbox->receive().value());
  }
  askers.push_back(asks(verb::kStop, "stopped"));  // these two come while the server is busy ending
  const auto refused = asks(verb::kReload, "stopping");
  mq_attr attributes{};
  while (mq_getattr(mailbox->fd(), &attributes) == 0 && attributes.mq_curmsgs < 2) std::this_thread::yield();
  end_serving(*mailbox, stops, true, "stopped");
  for (const auto& asker : askers) EXPECT_EQ(asker->exit_code(), 0);
  EXPECT_EQ(refused->exit_code(), 1);
  EXPECT_EQ(mq_open(name_.c_str(), O_WRONLY), -1);
}

TEST_F(Mailboxes, the_umask_has_no_say_in_the_mode) {
  const mode_t before = umask(0777);
  const auto mailbox = Mailbox::serve(name_);
  umask(before);
  ASSERT_TRUE(mailbox);
  struct stat status {};
  fstat(mailbox->fd(), &status);
  EXPECT_EQ(status.st_mode & 07777U, 0620U);
}

TEST_F(Mailboxes, a_queue_of_other_sizes_is_refused_with_them) {
  mq_attr attributes{};
  attributes.mq_maxmsg = 3;
  attributes.mq_msgsize = 64;
  mq_close(mq_open(name_.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600, &attributes));
  const auto mailbox = Mailbox::serve(name_);
  ASSERT_FALSE(mailbox);
  EXPECT_EQ(mailbox.error().exit_code, EX_CANTCREAT);
  EXPECT_THAT(mailbox.error().text, HasSubstr("3 x 64 bytes, expected 10 x 1024"));
}

// ---- between users

class MailboxesOfUsers : public Mailboxes {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, to become other users";
  }
  std::unique_ptr<Child> server_as(unsigned user) const {
    return std::make_unique<Child>([this, user](int ready) {
      if (!become(user, kOperators)) return 98;
      return run_server(ready, kOperators);
    });
  }
};

TEST_F(MailboxesOfUsers, two_users_talk_who_share_only_the_operators_group) {
  const auto running = server_as(65534);
  ASSERT_TRUE(running->wait_ready());
  EXPECT_EQ(in_child([this] { return become(65533, kOperators) ? ask_code("reload") : 98; }), 0);
  EXPECT_EQ(ask_code("reload"), 0) << "root is an operator too";
}

TEST_F(MailboxesOfUsers, one_outside_the_group_may_not_command) {
  const auto running = server_as(65534);
  ASSERT_TRUE(running->wait_ready());
  EXPECT_EQ(in_child([this] { return become(65533, 65533) ? ask_code("reload") : 98; }), EX_NOPERM);
}

TEST_F(MailboxesOfUsers, an_operator_may_not_read_the_commands_of_others) {
  const auto running = server_as(65534);
  ASSERT_TRUE(running->wait_ready());
  EXPECT_EQ(
      in_child([this] { return !become(65533, kOperators)                                  ? 98
                               : mq_open(name_.c_str(), O_RDONLY) == -1 && errno == EACCES ? 0
                                                                                           : 1; }), 0);
}

TEST_F(MailboxesOfUsers, the_queue_of_another_user_is_refused_by_its_owner) {
  const auto squatter = server_as(65533);
  ASSERT_TRUE(squatter->wait_ready());
  squatter->signal(SIGKILL);
  squatter->exit_code();
  const auto as_root = Mailbox::serve(name_);
  ASSERT_FALSE(as_root);
  EXPECT_EQ(as_root.error().exit_code, EX_NOPERM);
  EXPECT_THAT(as_root.error().text, HasSubstr("user 65533 owns it"));
  for (const gid_t group : {kOperators, gid_t{65534}}) {
    EXPECT_EQ(in_child([&] {
                if (!become(65534, group)) return 98;
                const auto mailbox = Mailbox::serve(name_);
                return mailbox ? 0 : mailbox.error().exit_code;
              }),
              EX_NOPERM);
  }
}

TEST_F(MailboxesOfUsers, a_group_that_cannot_be_given_is_refused_and_leaves_no_queue) {
  EXPECT_EQ(in_child([this] {
              if (!become(65534, 65534)) return 98;
              const auto mailbox = Mailbox::serve(name_, kOperators);
              return mailbox ? 0 : mailbox.error().exit_code;
            }),
            EX_NOPERM);
  EXPECT_EQ(mq_open(name_.c_str(), O_WRONLY), -1);
}

}  // namespace
}  // namespace chappe::control

#include "tests/fault/stories.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "shm/layout.hpp"
#include "shm/segment.hpp"

namespace chappe::fault {
namespace {

using P = FaultPoint;

void arm(Scene& s, const Case& c, FaultAction action) { s.page(c.who).arm(c.point, action, c.pass); }

bool has_struck(Scene& s, const Case& c) { return s.page(c.who).struck(c.point) > 0; }

void arm_and_start(Scene& s, const Case& c, FaultAction action) {
  arm(s, c, action);
  s.start(c.who);
}

/// Dies at another point first, where its successor has something to mend.
void die_at(Scene& s, Role role, FaultPoint point) {
  s.page(role).arm(point, FaultAction::kill);
  s.child(role).wait_for(kPatience);
}

void fresh_producer(Scene& s, const Case& c, FaultAction action) {
  s.start(Role::aggregator);
  Scene::until([&] { return s.look().board_present; });
  arm_and_start(s, c, action);
}

void fresh_aggregator(Scene& s, const Case& c, FaultAction action) {
  s.start(Role::producer);
  Scene::until([&] { return s.account().acquired > 0; });
  arm_and_start(s, c, action);
}

/// The successor of one that was killed.
void successor(Scene& s, const Case& c, FaultAction action) {
  s.start_both_and_flow();
  s.child(c.who).kill_it();
  arm_and_start(s, c, action);
}

void successor_of_publish_4(Scene& s, const Case& c, FaultAction action) {
  s.start_both_and_flow();
  die_at(s, Role::producer, P::publish_4);
  arm_and_start(s, c, action);
}

void damaged_gates(Scene& s, const Case& c, FaultAction action) {
  s.start_both_and_flow();
  s.child(Role::producer).kill_it();
  const int fd = ::open(shm::object_path(s.instance().name(), "gates").c_str(), O_RDWR | O_CLOEXEC);
  const std::uint64_t nonsense = 0;
  static_cast<void>(::pwrite(fd, &nonsense, sizeof nonsense, 0));
  ::close(fd);
  arm_and_start(s, c, action);
}

void another_geometry(Scene& s, const Case& c, FaultAction action) {
  s.start_both_and_flow();
  s.child(Role::producer).kill_it();
  s.configure({.blocks = 256, .window = 500, .more = {}});
  arm_and_start(s, c, action);
}

/// The last run ended in order; the board tells its totals.
void after_an_end(Scene& s, const Case& c, FaultAction action) {
  s.start_both_and_flow();
  s.tell_to_end(Role::producer);
  s.child(Role::producer).wait_for(kPatience);
  arm_and_start(s, c, action);
}

void running(Scene& s, const Case& c, FaultAction action) {
  s.start_both_and_flow();
  arm(s, c, action);
}

void full_ring(Scene& s, const Case& c, FaultAction action) {
  s.configure({.blocks = 32, .window = 500, .more = {}});
  s.start_both_and_flow();
  s.child(Role::aggregator).signal(SIGSTOP);
  arm(s, c, action);
  Scene::until([&] { return has_struck(s, c); });
  s.child(Role::aggregator).signal(SIGCONT);
}

void standing_aggregator(Scene& s, const Case& c, FaultAction action) {
  s.configure({.blocks = 32, .window = 500, .ring = "stall_timeout = \"100ms\"\n", .more = {}});
  s.start_both_and_flow();
  s.child(Role::aggregator).signal(SIGSTOP);
  arm(s, c, action);
  Scene::until([&] { return has_struck(s, c); });
  s.child(Role::aggregator).signal(SIGCONT);
}

/// The producer waits for room, deep asleep: whoever gives blocks back rings it.
void waiting_producer(Scene& s, const Case& c, FaultAction action) {
  s.configure({.blocks = 32, .window = 500, .more = "[producer]\non_full = \"wait\"\n"});
  s.start_both_and_flow();
  s.child(Role::aggregator).signal(SIGSTOP);
  auto gates = shm::Segment::open(shm::object_path(s.instance().name(), "gates"), shm::kGatesMagic, true);
  if (!gates || !*gates) return;
  shm::Gate& gate = (*gates)->at<shm::Gate>(shm::kPage)[shm::kAggregatorGate];
  Scene::until([&] {
    int value = 1;  // until the producer has taken what was left of the aggregator's coming
    return s.look().fill >= 1 && sem_getvalue(&gate.free, &value) == 0 && value == 0;
  });
  arm(s, c, action);
  s.child(Role::aggregator).signal(SIGCONT);
}

void dead_aggregator(Scene& s, const Case& c, FaultAction action) {
  s.start_both_and_flow();
  arm(s, c, action);
  s.child(Role::aggregator).kill_it();
}

void lying_tail(Scene& s, const Case& c, FaultAction action) {
  s.start_both_and_flow();
  arm(s, c, action);
  auto gates = shm::Segment::open(shm::object_path(s.instance().name(), "gates"), shm::kGatesMagic, true);
  if (!gates || !*gates) return;
  Scene::until([&] {
    (*gates)->at<shm::Gate>(shm::kPage)[shm::kAggregatorGate].tail.store(~std::uint64_t{0} >> 1, std::memory_order_release);
    return has_struck(s, c);
  });
}

void torn_log(Scene& s, const Case& c, FaultAction action) {
  s.start_both_and_flow();
  s.child(Role::aggregator).kill_it();
  std::ofstream(s.window_log(), std::ios::app) << "proof,a,12";
  arm_and_start(s, c, action);
}

void log_behind_the_board(Scene& s, const Case& c, FaultAction action) {
  s.start_both_and_flow();
  die_at(s, Role::aggregator, P::log_to_write);
  arm_and_start(s, c, action);
}

void good_reload(Scene& s, const Case& c, FaultAction action) {
  s.start_both_and_flow();
  s.configure({.blocks = 512, .window = 400, .more = {}});
  arm(s, c, action);
  s.child(c.who).signal(SIGUSR1);
}

void bad_reload(Scene& s, const Case& c, FaultAction action) {
  s.start_both_and_flow();
  s.configure({.blocks = 512, .window = 500, .more = "[unknown]\n"});
  arm(s, c, action);
  s.child(c.who).signal(SIGUSR1);
  Scene::until([&] { return has_struck(s, c); });
  s.configure({});  // a start that reads a bad file is refused, and rightly
}

void command(Scene& s, const Case& c, FaultAction action) {
  s.start_both_and_flow();
  const Role asked = c.who == Role::chappectl ? Role::aggregator : c.who;
  arm(s, c, action);
  s.start(Role::chappectl, {"reload", "--process", name_of(asked), "--timeout", action == FaultAction::fail ? "0.5" : "2"});
}

void producer_ends(Scene& s, const Case& c, FaultAction action) {
  s.start_both_and_flow();
  arm(s, c, action);
  s.tell_to_end(Role::producer);
}

void aggregator_ends(Scene& s, const Case& c, FaultAction action) {
  s.start_both_and_flow();
  s.tell_to_end(Role::producer);
  s.child(Role::producer).wait_for(kPatience);
  s.note_totals();
  arm(s, c, action);
  s.tell_to_end(Role::aggregator);
}

}  // namespace

const std::vector<Case>& cases() {
  constexpr Role kProducer = Role::producer, kAggregator = Role::aggregator, kAsker = Role::chappectl;
  constexpr Failing kExits = Failing::exits, kGoesOn = Failing::goes_on;
  static const std::vector<Case> all = {
      {P::object_to_make, kProducer, fresh_producer, 0, kExits},  // the ring, the gates, the ledger
      {P::object_to_make, kProducer, fresh_producer, 1, kExits},
      {P::object_to_make, kProducer, fresh_producer, 2, kExits},
      {P::object_to_make, kAggregator, fresh_aggregator, 0, kExits},  // the board: for no stream yet, then for the ring's
      {P::object_to_make, kAggregator, fresh_aggregator, 1, kExits},
      {P::object_to_fill, kProducer, fresh_producer, 0, kExits},
      {P::object_to_fill, kProducer, fresh_producer, 2, kExits},
      {P::object_to_fill, kAggregator, fresh_aggregator, 1, kGoesOn},  // it waits for room
      {P::object_to_map, kProducer, fresh_producer, 1, kExits},
      {P::object_to_map, kAggregator, fresh_aggregator, 1, kExits},
      {P::object_to_name, kProducer, fresh_producer, 0, kExits},
      {P::object_to_name, kProducer, fresh_producer, 1, kExits},
      {P::object_to_name, kProducer, fresh_producer, 2, kExits},
      {P::object_to_name, kAggregator, fresh_aggregator, 1, kGoesOn},
      {P::object_to_name, kProducer, another_geometry, 1, kExits},
      {P::object_to_rename, kProducer, fresh_producer, 0, kExits},
      {P::object_to_rename, kProducer, fresh_producer, 1, kExits},
      {P::object_to_rename, kAggregator, fresh_aggregator, 1, kExits},
      {P::object_to_rename, kProducer, another_geometry, 1, kExits},
      {P::object_to_open, kProducer, successor, 0, kExits},
      {P::object_to_open, kProducer, successor, 1, kExits},
      {P::object_to_open, kProducer, successor, 2, kExits},     // the predecessor, which may have the last word on a stream
      {P::object_to_open, kProducer, successor, 3, kExits},     // the ledger
      {P::object_to_open, kProducer, after_an_end, 4, kExits},  // the board, which knows the totals
      {P::object_to_open, kAggregator, successor, 0, kExits},   // the board: who writes it, what it holds, to go on with it
      {P::object_to_open, kAggregator, successor, 1, kExits},
      {P::object_to_open, kAggregator, successor, 2, kExits},
      {P::object_to_open, kAggregator, successor, 3, kGoesOn},  // a retired ring, then the ring: at the next tick
      {P::object_to_open, kAggregator, successor, 4, kGoesOn},
      {P::object_to_open, kAggregator, successor, 5, kGoesOn},      // the gates
      {P::object_to_open, kAggregator, producer_ends, 0, kGoesOn},  // the ledger
      {P::object_to_open, kAsker, command, 0, kGoesOn},             // whoever it asks has a queue
      {P::create_1_ring, kProducer, fresh_producer},
      {P::create_2_gates, kProducer, fresh_producer},
      {P::create_3_lease, kProducer, fresh_producer},
      {P::create_4_gates, kProducer, fresh_producer},
      {P::create_4_gates, kProducer, another_geometry},
      {P::create_4_ring, kProducer, fresh_producer},
      {P::create_4_ring, kProducer, another_geometry},
      {P::adopt_1_lease, kProducer, successor},
      {P::adopt_1_untrusted, kProducer, damaged_gates},
      {P::adopt_3_head, kProducer, successor_of_publish_4},
      {P::adopt_4_marked, kProducer, successor},
      {P::adopt_4_committed, kProducer, successor_of_publish_4},
      {P::adopt_4_filled, kProducer, successor},
      {P::adopt_4_handed, kProducer, successor},
      {P::adopt_4_crash, kProducer, successor},
      {P::adopt_4_crash, kProducer, fresh_producer},
      {P::adopt_5_mirror, kProducer, successor},
      {P::adopt_5_verdict, kProducer, successor},
      {P::adopt_6_owner, kProducer, successor},
      {P::adopt_6_owner, kProducer, fresh_producer},
      {P::adopt_6_epoch, kProducer, successor},
      {P::adopt_6_rung, kProducer, successor},
      {P::supersede_1_to_link, kProducer, another_geometry, 0, kExits},
      {P::supersede_1_linked, kProducer, another_geometry, 0},
      {P::supersede_1_kept, kProducer, another_geometry, 0},
      {P::supersede_1_kept, kProducer, damaged_gates, 0},
      {P::supersede_2_named, kProducer, another_geometry},
      {P::supersede_3_retired, kProducer, another_geometry},
      {P::supersede_4_forgotten, kProducer, another_geometry},
      {P::ledger_named, kProducer, fresh_producer},
      {P::entry_named, kProducer, fresh_producer},
      {P::entry_restored, kProducer, after_an_end},
      {P::entry_claimed, kProducer, fresh_producer},
      {P::entry_used, kProducer, fresh_producer},
      {P::source_acquired, kProducer, running},
      {P::source_filled, kProducer, running},
      {P::source_handed_on, kProducer, running},
      {P::publish_handed, kProducer, running},
      {P::publish_full, kProducer, full_ring},
      {P::publish_1, kProducer, running},
      {P::publish_3, kProducer, running},
      {P::publish_4, kProducer, running},
      {P::publish_5, kProducer, running},
      {P::publish_committed, kProducer, running},
      {P::publish_bell, kProducer, running},
      {P::bell_posted, kProducer, running},
      {P::bell_posted, kAggregator, waiting_producer},
      {P::attach_1_lease, kAggregator, fresh_aggregator},
      {P::attach_1_lease, kAggregator, successor},
      {P::attach_2_owner, kAggregator, fresh_aggregator},
      {P::attach_2_owner, kAggregator, successor},
      {P::attach_4_tail, kAggregator, successor},
      {P::attach_5_live, kAggregator, successor},
      {P::attach_6_rung, kAggregator, successor},
      {P::watch_dead, kProducer, dead_aggregator},
      {P::watch_evicted, kProducer, standing_aggregator},
      {P::gate_detached, kProducer, lying_tail},
      {P::consume_3_measured, kAggregator, running},
      {P::consume_5_merged, kAggregator, running},
      {P::consume_6_tail, kAggregator, running},
      {P::consume_6_rung, kAggregator, running},
      {P::consume_rows, kAggregator, running},
      {P::board_complete, kAggregator, fresh_aggregator, 0},
      {P::board_complete, kAggregator, fresh_aggregator, 1},
      {P::board_named, kAggregator, fresh_aggregator, 0},
      {P::board_named, kAggregator, fresh_aggregator, 1},
      {P::board_1, kAggregator, running},
      {P::board_2, kAggregator, running},
      {P::board_3, kAggregator, running},
      {P::board_4, kAggregator, running},
      {P::end_1_published, kProducer, producer_ends},
      {P::end_1_ended, kProducer, producer_ends},
      {P::end_1_rung, kProducer, producer_ends},
      {P::end_2_merged, kAggregator, producer_ends},
      {P::end_2_totals, kAggregator, producer_ends},
      {P::end_3_ledger, kProducer, producer_ends},
      {P::end_3_predecessor, kProducer, producer_ends},
      {P::end_3_ring, kProducer, producer_ends},
      {P::end_3_gates, kProducer, producer_ends},
      {P::end_4_closing_ledger, kAggregator, aggregator_ends},
      {P::end_4_board, kAggregator, aggregator_ends},
      {P::end_queue, kProducer, producer_ends},
      {P::end_queue, kAggregator, aggregator_ends},
      {P::reload_to_open, kProducer, good_reload, 0, kGoesOn},
      {P::reload_to_open, kAggregator, good_reload, 0, kGoesOn},
      {P::reload_to_read, kProducer, good_reload, 0, kGoesOn},
      {P::reload_to_read, kAggregator, good_reload, 0, kGoesOn},
      {P::reload_refused, kProducer, bad_reload},
      {P::reload_refused, kAggregator, bad_reload},
      {P::reload_parsed, kProducer, good_reload},
      {P::reload_parsed, kAggregator, good_reload},
      {P::reload_offered, kProducer, good_reload},
      {P::reload_offered, kAggregator, good_reload},
      {P::reload_source, kProducer, good_reload},
      {P::reload_windows_closed, kAggregator, good_reload},
      {P::reload_windows_swapped, kAggregator, good_reload},
      {P::reload_reported, kProducer, good_reload},
      {P::reload_reported, kAggregator, bad_reload},
      {P::queue_to_make, kProducer, fresh_producer, 0, kGoesOn},
      {P::queue_to_make, kAggregator, fresh_aggregator, 0, kGoesOn},
      {P::queue_to_make, kAsker, command, 0, kExits},
      {P::queue_made, kProducer, fresh_producer},
      {P::queue_made, kAggregator, successor},
      {P::queue_to_lock, kProducer, successor, 0, kGoesOn},
      {P::queue_to_lock, kAggregator, successor, 0, kGoesOn},
      {P::queue_to_share, kProducer, fresh_producer, 0, kGoesOn},
      {P::queue_to_share, kAggregator, successor, 0, kGoesOn},
      {P::command_received, kProducer, command},
      {P::command_received, kAggregator, command},
      {P::command_done, kProducer, command},
      {P::command_done, kAggregator, command},
      {P::command_to_answer, kProducer, command, 0, kGoesOn},
      {P::command_to_answer, kAggregator, command, 0, kGoesOn},
      {P::command_answered, kProducer, command},
      {P::command_answered, kAggregator, command},
      {P::ask_to_send, kAsker, command, 0, kExits},
      {P::ask_sent, kAsker, command},
      {P::ask_to_send, kProducer, fresh_producer, 0, kGoesOn},  // it announces its coming and its end
      {P::ask_to_send, kProducer, producer_ends, 0, kGoesOn},
      {P::ask_sent, kProducer, fresh_producer},
      {P::ask_sent, kProducer, producer_ends},
      {P::ask_answered, kAsker, command},
      {P::log_to_open, kAggregator, successor, 0, kExits},
      {P::log_to_cut, kAggregator, torn_log, 0, kExits},
      {P::log_cut, kAggregator, torn_log},
      {P::log_to_write, kAggregator, running, 0, kGoesOn},
      {P::log_to_write, kAggregator, fresh_aggregator, 0, kGoesOn},  // the header
      {P::log_row_written, kAggregator, running},
      {P::log_told, kAggregator, running},
      {P::log_rewritten, kAggregator, log_behind_the_board},
  };
  return all;
}

}  // namespace chappe::fault

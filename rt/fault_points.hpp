// The fault points: every one that there is, by the steps of docs/protocol.md. The list is the enum and the table; docs/fault-points.md
// says of each what the others see there, and tests/check_fault_points that the three agree. A point stands after the side-effect that it
// is named for, and before the next that another process (or the disk) can see. Those with an error stand before a system call, which can
// be made to fail there once, and are named for what is about to be done.
#pragma once
#include <cerrno>
#include <cstddef>
#include <cstdint>

// X(name, error): error is what the call fails with, 0 where there is no call.
#define CHAPPE_FAULT_POINTS_LIST(X)                     \
  /* any object, by whoever makes, opens or names it */ \
  X(object_to_make, EMFILE)                             \
  X(object_to_fill, ENOSPC)                             \
  X(object_to_map, ENOMEM)                              \
  X(object_to_name, ENOSPC)                             \
  X(object_to_rename, EACCES)                           \
  X(object_to_open, EMFILE)                             \
  /* create */                                          \
  X(create_1_ring, 0)                                   \
  X(create_2_gates, 0)                                  \
  X(create_3_lease, 0)                                  \
  X(create_4_gates, 0)                                  \
  X(create_4_ring, 0)                                   \
  /* adopt */                                           \
  X(adopt_1_lease, 0)                                   \
  X(adopt_1_untrusted, 0)                               \
  X(adopt_3_head, 0)                                    \
  X(adopt_4_marked, 0)                                  \
  X(adopt_4_committed, 0)                               \
  X(adopt_4_filled, 0)                                  \
  X(adopt_4_handed, 0)                                  \
  X(adopt_4_crash, 0)                                   \
  X(adopt_5_mirror, 0)                                  \
  X(adopt_5_verdict, 0)                                 \
  X(adopt_6_owner, 0)                                   \
  X(adopt_6_epoch, 0)                                   \
  X(adopt_6_rung, 0)                                    \
  /* supersede */                                       \
  X(supersede_1_to_link, ENOSPC)                        \
  X(supersede_1_linked, 0)                              \
  X(supersede_1_kept, 0)                                \
  X(supersede_2_named, 0)                               \
  X(supersede_3_retired, 0)                             \
  X(supersede_4_forgotten, 0)                           \
  /* the ledger's entries */                            \
  X(ledger_named, 0)                                    \
  X(entry_named, 0)                                     \
  X(entry_restored, 0)                                  \
  X(entry_claimed, 0)                                   \
  X(entry_used, 0)                                      \
  /* a source, and publish */                           \
  X(source_acquired, 0)                                 \
  X(source_filled, 0)                                   \
  X(source_handed_on, 0)                                \
  X(publish_handed, 0)                                  \
  X(publish_full, 0)                                    \
  X(publish_1, 0)                                       \
  X(publish_3, 0)                                       \
  X(publish_4, 0)                                       \
  X(publish_5, 0)                                       \
  X(publish_committed, 0)                               \
  X(publish_bell, 0)                                    \
  X(bell_posted, 0)                                     \
  /* the gate */                                        \
  X(attach_1_lease, 0)                                  \
  X(attach_2_owner, 0)                                  \
  X(attach_4_tail, 0)                                   \
  X(attach_5_live, 0)                                   \
  X(attach_6_rung, 0)                                   \
  X(watch_dead, 0)                                      \
  X(watch_evicted, 0)                                   \
  X(gate_detached, 0)                                   \
  /* consume */                                         \
  X(consume_3_measured, 0)                              \
  X(consume_5_merged, 0)                                \
  X(consume_6_tail, 0)                                  \
  X(consume_6_rung, 0)                                  \
  X(consume_rows, 0)                                    \
  /* the board */                                       \
  X(board_complete, 0)                                  \
  X(board_named, 0)                                     \
  X(board_1, 0)                                         \
  X(board_2, 0)                                         \
  X(board_3, 0)                                         \
  X(board_4, 0)                                         \
  /* end */                                             \
  X(end_1_published, 0)                                 \
  X(end_1_ended, 0)                                     \
  X(end_1_rung, 0)                                      \
  X(end_2_merged, 0)                                    \
  X(end_2_totals, 0)                                    \
  X(end_3_ledger, 0)                                    \
  X(end_3_predecessor, 0)                               \
  X(end_3_ring, 0)                                      \
  X(end_3_gates, 0)                                     \
  X(end_4_closing_ledger, 0)                            \
  X(end_4_board, 0)                                     \
  X(end_queue, 0)                                       \
  /* reload */                                          \
  X(reload_to_open, EMFILE)                             \
  X(reload_to_read, EIO)                                \
  X(reload_refused, 0)                                  \
  X(reload_parsed, 0)                                   \
  X(reload_offered, 0)                                  \
  X(reload_source, 0)                                   \
  X(reload_windows_closed, 0)                           \
  X(reload_windows_swapped, 0)                          \
  X(reload_reported, 0)                                 \
  /* queues and commands */                             \
  X(queue_to_make, EMFILE)                              \
  X(queue_made, 0)                                      \
  X(queue_to_lock, ENOLCK)                              \
  X(queue_to_share, EPERM)                              \
  X(command_received, 0)                                \
  X(command_done, 0)                                    \
  X(command_to_answer, EAGAIN)                          \
  X(command_answered, 0)                                \
  X(ask_to_send, EAGAIN)                                \
  X(ask_sent, 0)                                        \
  X(ask_answered, 0)                                    \
  /* the window log */                                  \
  X(log_to_open, EACCES)                                \
  X(log_to_cut, EIO)                                    \
  X(log_cut, 0)                                         \
  X(log_to_write, ENOSPC)                               \
  X(log_row_written, 0)                                 \
  X(log_told, 0)                                        \
  X(log_rewritten, 0)

namespace chappe::rt {

enum class FaultPoint : std::uint32_t {
#define CHAPPE_FAULT_ENUM(name, error) name,
  CHAPPE_FAULT_POINTS_LIST(CHAPPE_FAULT_ENUM)
#undef CHAPPE_FAULT_ENUM
};

struct FaultName {
  const char* name;
  int error;
};
inline constexpr FaultName kFaultNames[] = {
#define CHAPPE_FAULT_ROW(name, error) {#name, error},
    CHAPPE_FAULT_POINTS_LIST(CHAPPE_FAULT_ROW)
#undef CHAPPE_FAULT_ROW
};
inline constexpr std::size_t kFaultPoints = sizeof kFaultNames / sizeof kFaultNames[0];

}  // namespace chappe::rt

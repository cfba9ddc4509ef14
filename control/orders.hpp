// The orders of an operator: reload and stop, to producer and aggregator in that order, and those to the alarms; each answered. Part of the
// program chappectl alone. One thread; waits, but never longer than the timeout for each answer and each end. A crash in the middle leaves
// the processes as they are: each order is complete in itself, and may be given again.
#pragma once
#include <string>
#include <vector>

namespace chappe::control {

/// What became of the order at one process.
struct Obeyed {
  std::string process;  ///< "producer" or "aggregator"
  int exit_code = 0;    ///< of sysexits.h
  std::string text;     ///< the answer, or why there is none; one line
};

struct Orders {
  std::string instance;
  std::string only;  ///< one process, or empty: both
  int timeout_ms = 10'000;
  std::string argument;  ///< of the command; of the alarms' orders a control::AlarmOrder
};

/// Both read their configuration anew. A refusal is EX_CONFIG, a process that is not there EX_UNAVAILABLE; the other is asked all the same.
std::vector<Obeyed> reload(const Orders& orders);
/// The aggregator's alarms: see AlarmOrder. An alarm that is not there is EX_USAGE.
std::vector<Obeyed> acknowledge(const Orders& orders);
std::vector<Obeyed> shelve(const Orders& orders);
/// The producer ends first, then the aggregator, so that what is in the ring is still delivered. If the producer does not end, the
/// aggregator is not asked.
std::vector<Obeyed> stop(const Orders& orders);

}  // namespace chappe::control

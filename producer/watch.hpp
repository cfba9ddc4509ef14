// The producer's watching thread, an ordinary one: looks after the gate and tells the log what became of its consumer.
#pragma once
#include "rt/counter.hpp"
#include "shm/gate.hpp"

namespace chappe::producer {

/// The thread's body, until `stop` is raised.
void watch_gate(shm::GateKeeper& gate, const rt::Flag& stop);

}  // namespace chappe::producer

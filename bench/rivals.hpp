// The two rings that bench/ring_cost compares, under the same work: every word of a block written, every word read and summed.
#pragma once
#include <cstdint>

namespace chappe::bench {

struct Work {
  std::uint64_t blocks, block_bytes, messages;
};

/// Gigabytes a second, from the second pass through the ring on; 0: a wrong sum.
double plain_ring(const Work& work);   ///< release/acquire cursors, each side keeps the other's last one; checks nothing
double chappe_ring(const Work& work);  ///< gate, marks, sequences, headers, ledger, bell; read as the drain reads

}  // namespace chappe::bench

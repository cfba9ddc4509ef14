// What a run leaves in shared memory that was killed together with all its children, or as their parent.
#pragma once

namespace chappe::bench {

/// Removes the objects of runs whose process is gone: those that fresh_name (bench/kinds.hpp) has named.
void remove_leftovers() noexcept;

}  // namespace chappe::bench

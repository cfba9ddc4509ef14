// The ways that are compared.
#pragma once
#include <span>
#include <string_view>

#include "bench/transport.hpp"

namespace chappe::bench {

struct Kind {
  std::string_view name;
  std::string_view group;  ///< limit, ours, kernel, middleware
  std::string_view about;
  std::string_view why_not;  ///< not empty: this build or machine has it not
  Wait when_full_speed;      ///< how its consumer waits where the rate is measured: as it carries most
  Made (*make)(const Work&);

  [[nodiscard]] bool is_there() const noexcept { return why_not.empty(); }
};

std::span<const Kind> kinds() noexcept;
/// Null: there is none of that name.
const Kind* find_kind(std::string_view name) noexcept;
/// For an object of the run: chappe-bench-PID-N. bench/leftovers.hpp knows it.
std::string fresh_name();

Made make_bare(const Work& work);
Made make_chappe(const Work& work);
Made make_pipe(const Work& work);
Made make_large_pipe(const Work& work);
Made make_mq(const Work& work);
Made make_unix(const Work& work);
Made make_tcp(const Work& work);
Made make_boost(const Work& work);
Made make_zeromq(const Work& work);
Made make_iceoryx(const Work& work);

}  // namespace chappe::bench

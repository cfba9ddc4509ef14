// chappe-bench: measures Chappe's ring beside a bare one and other ways between two processes, and the whole
// pipeline in instances of its own. Touches no running instance.
#include <algorithm>
#include <cstdio>

#include "bench/campaign.hpp"
#include "bench/leftovers.hpp"
#include "bench/options.hpp"
#include "bench/pair.hpp"
#include "bench/summary.hpp"

namespace chappe::bench {
namespace {

bool print(const std::string& text) { return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0; }

int give_up(const rt::Error& error) {
  std::fprintf(stderr, "chappe-bench: %s\n", error.text.c_str());
  return error.exit_code;
}

int measure(const Options& options) {
  const Machine here = machine();
  if (here.processors < 2) return give_up({EX_UNAVAILABLE, "two processors are needed, and this machine has one"});
  catch_interrupts();
  remove_leftovers();
  Campaign campaign(options);
  const bool good = campaign.run();
  const Records& records = campaign.records();
  if (!print(options.json ? to_json(records, here, options.full) : to_table(records, here))) return EX_IOERR;
  if (interrupted()) return give_up({EX_TEMPFAIL, "interrupted; what was measured until then is printed"});
  const bool failed = std::ranges::any_of(records, [](const Record& r) { return r.end == Measurement::End::failed; });
  const bool missed = options.check && !std::ranges::all_of(kTargets, [&](const Target& t) { return holds(records, t); });
  return good && !failed && !missed ? EX_OK : 1;
}

}  // namespace
}  // namespace chappe::bench

int main(int argc, char** argv) {
  using namespace chappe::bench;
  const auto options = parse_options(argc, argv);
  if (!options) return give_up(options.error());
  if (!*options) return EX_OK;  // --help or --version
  if ((*options)->list) return print(list_of_kinds()) ? EX_OK : EX_IOERR;
  return measure(**options);
}

// Kills producer, consumer and viewers of one small ring by the thousand, and checks every promise of docs/protocol.md all the while.
#include <sys/mman.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "torture_ring_report.hpp"

namespace {

using namespace chappe::shm::torture;

constexpr const char* kHelp = R"(Usage: torture_ring [--kills N] [--seed S] [--json]

Kills (SIGKILL) and stops a producer and a consumer on a small ring of their own, at random and aimed instants, restarts them, changes the
geometry, lets viewers come and go, and ends in order. Prints what happened, and the seed that draws the same events again.

  --kills N   of producer and consumer together (default 2000)
  --seed S    default 1
  --json      one object instead of the table

Exit: 0 everything held; 1 something did not; 64 wrong option.
)";

std::optional<Options> parse(int count, char** words) {
  Options options{.kills = 2000, .seed = 1};
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--json") {
      options.json = true;
      continue;
    }
    if ((word != "--kills" && word != "--seed") || i + 1 == count) return std::nullopt;
    const std::string_view text = words[++i];
    std::uint64_t& value = word == "--kills" ? options.kills : options.seed;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  }
  return options;
}

}  // namespace

int main(int count, char** words) {
  if (count > 1 && std::strcmp(words[1], "--help") == 0) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  const auto options = parse(count, words);
  if (!options) {
    std::fputs("torture_ring: wrong option; expected --kills N, --seed S, --json or --help\n", stderr);
    return 64;
  }
  void* page = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return 71;
  auto& shared = *new (page) Shared{};
  const Outcome outcome = Campaign(*options, "torture" + std::to_string(getpid()), shared).run();
  options->json ? print_json(*options, outcome, shared) : print_table(*options, outcome, shared);
  return broken(outcome, shared).empty() ? 0 : 1;
}

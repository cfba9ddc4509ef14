#include "bench/options.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "rt/build_info.hpp"

namespace chappe::bench {
namespace {

constexpr const char* kAbout =
    "chappe-bench: what Chappe's ring carries and costs, beside a bare ring and other ways between two processes, and the whole\n"
    "pipeline with the programs beside this one.\n"
    "Processors 0 and 1 are used; the figures mean something on a quiet machine alone.";
constexpr const char* kExamples = R"(Examples:
  chappe-bench                            the short form: under a minute
  chappe-bench --only ring --check        exit 1 unless the ring reaches its targets
  chappe-bench --full --json > all.json   everything, for the report

Exit: 0 good; 1 a sum was wrong, or a run failed, or what --check says; 64 wrong option; 75 interrupted.)";

rt::Error wrong(const std::string& what) { return {EX_USAGE, what + "; chappe-bench --help shows what is possible"}; }

void add_options(CLI::App& app, Options& o) {
  auto* quick = app.add_flag("--quick", o.quick, "the short form, as without it: both rings, pipe, boost, wakes, the pipeline");
  app.add_flag("--full", o.full, "every way, size and kind of waiting: some half an hour; progress on stderr")->excludes(quick);
  app.add_flag("--json", o.json, "one object instead of the tables; with --full each single run too");
  app.add_option("--rounds", o.rounds, "how often each is measured (default 5; with --full or --check 9)")
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1000}));
  app.add_option("--megabytes", o.megabytes, "carried in each run of ring and throughput (default 1024, with --full or --check 2048)")
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000}));
  app.add_option("--only", o.only,
                 "these tests alone: ring, throughput, latency, cost, wake, host, pipeline, cpu, kernel, scaling, hops, viewers")
      ->type_name("TEST,...")
      ->delimiter(',')
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(kTests), std::end(kTests))));
  app.add_flag("--list", o.list, "the ways that are compared, and why one is not; measures nothing");
  app.add_flag("--check", o.check,
               "a target of the ring that is missed in a placement with five rounds, or that none could judge, is an error");
}

}  // namespace

rt::Result<std::optional<Options>> parse_options(int argc, const char* const* argv) {
  Options options;
  CLI::App app(kAbout, "chappe-bench");
  app.set_help_flag("-h,--help", "this text");
  app.set_version_flag("--version", std::string("chappe-bench ") + rt::kVersion + " (" + rt::kCommit + ")", "version and commit");
  add_options(app, options);
  app.footer(kExamples);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return std::optional<Options>{};
  } catch (const CLI::CallForVersion& version) {
    std::printf("%s\n", version.what());
    return std::optional<Options>{};
  } catch (const CLI::Error& error) {
    return wrong(error.what());
  } catch (const std::exception& error) {
    return wrong(error.what());
  }
  if (options.check && !options.only.empty() && std::ranges::find(options.only, "ring") == options.only.end())
    return wrong("--check judges the test ring, and --only leaves it out");
  return std::optional<Options>(std::move(options));
}

}  // namespace chappe::bench

// What chappectl says of a configuration file: whether it is good, and what is in force with it. Part of the program chappectl alone.
// Reads the file and nothing else; no process need run.
#pragma once
#include <string>

namespace chappe::control {

/// What a command leaves behind: text for standard output, text for standard error, and the exit code of sysexits.h.
struct Outcome {
  int exit_code = 0;
  std::string out, err;
};

/// EX_CONFIG with all faults, EX_NOINPUT if the file cannot be read.
Outcome check_config(const std::string& file, bool json);
/// The effective configuration with the origin of each value; without a file the defaults.
Outcome show_config(const std::string& file, bool json);

}  // namespace chappe::control

// The readers of [[stream]] and of windows, apart from the rest of config/parse because streams are the larger half.
#pragma once
#include "config/parse_reader.hpp"

namespace chappe::config {

Stream read_stream(Reader& in);
Window read_window(Reader& in);

}  // namespace chappe::config

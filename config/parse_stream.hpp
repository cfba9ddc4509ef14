// The readers of [[stream]] and of windows, apart from the rest of config/parse because streams are the larger half.
#pragma once
#include "config/parse_reader.hpp"

namespace chappe::config {

/// `shape`: what holds where the stream says nothing.
Stream read_stream(Reader& in, bool shape);
Window read_window(Reader& in);

}  // namespace chappe::config

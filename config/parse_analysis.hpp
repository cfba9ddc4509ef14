// The reader of [analysis] and [stream.analysis].
#pragma once
#include "config/parse_reader.hpp"

namespace chappe::config {

Analysis read_analysis(Reader& in);

}  // namespace chappe::config

// What the display shows, as text: a Snapshot rendered into lines of styled spans for a given size. Pure: no terminal, no clock, no shared
// memory; tests compare strings. One thread.
#pragma once
#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "shm/snapshot.hpp"

namespace chappe::display {

enum class Style { normal, heading, good, warning, bad, dim };

struct Span {
  std::string text;  ///< UTF-8, or ASCII where the look says so
  Style style = Style::normal;
};
using Line = std::vector<Span>;

/// How much there is to draw on, and with which characters.
struct Look {
  std::size_t width = 80, height = 24;
  bool unicode = true;
  std::size_t first_row = 0;  ///< rows of the stream table scrolled off
};

/// The last values of each channel, for sparklines. Fed with each snapshot.
class History {
 public:
  static constexpr std::size_t kLength = 32;
  void feed(const shm::Snapshot& snapshot);
  [[nodiscard]] const std::deque<double>* of(const std::string& stream, const std::string& channel) const;

 private:
  std::map<std::pair<std::string, std::string>, std::deque<double>> values_;
};

/// The greatest `first_row` of use: with it the table's end stands at the bottom. render() goes no further whatever the look says.
std::size_t last_first_row(const shm::Snapshot& snapshot, const Look& look);
/// At most look.height lines of at most look.width characters.
std::vector<Line> render(const shm::Snapshot& snapshot, const History& history, const Look& look);
/// One line: what `--plain` prints at each refresh.
std::string plain_line(const shm::Snapshot& snapshot);
/// The whole picture as plain text (without `unicode` in ASCII), and as CSV with a header.
std::string to_text(const shm::Snapshot& snapshot, bool unicode);
std::string to_csv(const shm::Snapshot& snapshot);

}  // namespace chappe::display

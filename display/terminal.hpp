// The terminal: puts rendered lines on it and says which keys were pressed. The only file that knows ncurses. One thread; one at a time.
// The terminal is given back on every orderly way out; after a kill -9 `reset` mends it.
#pragma once
#include <memory>
#include <vector>

#include "display/view.hpp"

namespace chappe::display {

/// The locale of the environment says UTF-8.
bool locale_is_unicode();

class Terminal {
 public:
  enum class Key { none, quit, up, down, page_up, page_down, resized, other };
  /// Null: this terminal cannot be drawn on (TERM unknown, no tty).
  static std::unique_ptr<Terminal> open();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  /// Its size now, and whether it shows more than ASCII.
  [[nodiscard]] Look look() const;
  void draw(const std::vector<Line>& lines);
  /// The next key that waits, or none.
  Key key();

 private:
  Terminal() = default;
  bool unicode_ = false, colours_ = false;
  void* screen_ = nullptr;
};

}  // namespace chappe::display

#include "display/terminal.hpp"

#include <langinfo.h>
#include <ncurses.h>
#include <term.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cstring>

#undef lines  // term.h takes the word

namespace chappe::display {
namespace {

/// Asked beforehand: newterm leaks where it fails.
bool can_draw_on_terminal() {
  int found = 0;
  if (setupterm(nullptr, STDOUT_FILENO, &found) != OK) return false;
  del_curterm(cur_term);
  return true;
}

int attributes_of(Style style, bool colours) {
  const auto pair = [&](short number, int more) { return (colours ? static_cast<int>(COLOR_PAIR(number)) : 0) | more; };
  switch (style) {
    case Style::heading:
      return static_cast<int>(A_BOLD);
    case Style::good:
      return pair(1, 0);
    case Style::warning:
      return pair(2, static_cast<int>(A_BOLD));
    case Style::bad:
      return pair(3, static_cast<int>(A_BOLD));
    case Style::dim:
      return static_cast<int>(A_DIM);
    case Style::normal:
      break;
  }
  return 0;
}

}  // namespace

bool locale_is_unicode() {
  std::setlocale(LC_CTYPE, "");
  return std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

std::unique_ptr<Terminal> Terminal::open() {
  if (isatty(0) == 0 || isatty(1) == 0 || !can_draw_on_terminal()) return nullptr;
  std::unique_ptr<Terminal> t(new Terminal);
  t->unicode_ = locale_is_unicode();
  SCREEN* const screen = newterm(nullptr, stdout, stdin);
  if (screen == nullptr) return nullptr;
  t->screen_ = screen;
  cbreak();
  noecho();
  keypad(stdscr, TRUE);
  nodelay(stdscr, TRUE);
  curs_set(0);
  t->colours_ = has_colors() && start_color() == OK;
  if (t->colours_) {
    use_default_colors();
    init_pair(1, COLOR_GREEN, -1);
    init_pair(2, COLOR_YELLOW, -1);
    init_pair(3, COLOR_RED, -1);
  }
  return t;
}

Terminal::~Terminal() {
  if (screen_ == nullptr) return;
  endwin();
  delscreen(static_cast<SCREEN*>(screen_));
}

Look Terminal::look() const {
  return {.width = static_cast<std::size_t>(COLS > 0 ? COLS : 1),
          .height = static_cast<std::size_t>(LINES > 0 ? LINES : 1),
          .unicode = unicode_,
          .first_row = 0};
}

void Terminal::draw(const std::vector<Line>& lines) {
  erase();
  int row = 0;
  for (const auto& line : lines) {
    move(row++, 0);
    for (const auto& span : line) {
      const int attributes = attributes_of(span.style, colours_);
      attron(attributes);
      addstr(span.text.c_str());
      attroff(attributes);
    }
  }
  refresh();
}

Terminal::Key Terminal::key() {
  switch (getch()) {
    case 'q':
    case 'Q':
      return Key::quit;
    case KEY_UP:
    case 'k':
      return Key::up;
    case KEY_DOWN:
    case 'j':
      return Key::down;
    case KEY_PPAGE:
      return Key::page_up;
    case KEY_NPAGE:
      return Key::page_down;
    case KEY_RESIZE:
      return Key::resized;
    case ERR:
      return Key::none;
    default:
      return Key::other;
  }
}

}  // namespace chappe::display

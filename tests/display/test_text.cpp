#include <gmock/gmock.h>

#include <limits>

#include "display/text.hpp"

namespace chappe::display {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(Text, of_names_and_units_is_shown_as_it_is) {
  for (const char* text : {"", "imu.x-1", "µV", "°C", "m/s²", "Ω", "Größe", "Ток"}) EXPECT_EQ(shown(text, true), text);
}

TEST(Text, cannot_steer_the_terminal) {
  EXPECT_EQ(shown("\x1b[2Jx\a\n\t\x7f", true), "?[2Jx????");
  EXPECT_EQ(shown("\xC2\x9B"
                  "31m",
                  true),
            "?31m")
      << "CSI as a C1 control";
  EXPECT_EQ(shown("a\xE2\x80\xAE"
                  "b",
                  true),
            "a?b")
      << "right-to-left override";
}

TEST(Text, that_is_no_utf8_is_marked_byte_by_byte_and_ends_where_it_ends) {
  EXPECT_EQ(shown("\xFF\xFE", true), "??");
  EXPECT_EQ(shown("a\xC3", true), "a?");
  EXPECT_EQ(shown("\xE2\x82", true), "?");
  EXPECT_EQ(shown("\xC0\xAFx", true), "?x") << "overlong";
}

TEST(Text, of_more_or_less_than_one_column_cannot_shift_the_next) {
  EXPECT_EQ(shown("温度", true), "??");
  EXPECT_EQ(shown("e\xCC\x81", true), "e?") << "a combining accent";
  EXPECT_EQ(shown("🌡x", true), "?x");
}

TEST(Text, without_unicode_is_ascii) { EXPECT_EQ(shown("µV °C", false), "?V ?C"); }

TEST(Text, for_programs_keeps_every_letter_and_no_control) {
  for (const char* text : {"µV", "温度", "🌡", "a\"b,c"}) EXPECT_EQ(without_controls(text), text);
  EXPECT_EQ(without_controls("\x1b[2J\r\n\x7f"), "?[2J???");
  EXPECT_EQ(without_controls("\xC2\x9B"), "?") << "CSI as a C1 control";
  EXPECT_EQ(without_controls("\x9B"), "?") << "the same as one byte";
  EXPECT_EQ(without_controls("\xED\xA0\x80"), "?") << "a surrogate";
  EXPECT_EQ(without_controls("\xF4\x90\x80\x80"), "?") << "beyond Unicode";
}

TEST(Text, in_a_column_has_exactly_its_width) {
  EXPECT_EQ(column("µV", 4), "µV  ");
  EXPECT_EQ(column("µµµµµ", 4), "µµµµ");
  EXPECT_EQ(column("x", 0), "");
  EXPECT_EQ(width_of("µV·"), 3U);
}

TEST(Text, of_what_is_not_finite_is_a_dash) {
  EXPECT_EQ(value_text(kNan), "         -");
  EXPECT_EQ(value_text(-kInfinity), "         -");
  EXPECT_EQ(value_text(1.23456e-7), " 1.235e-07");
  EXPECT_EQ(rate_text(kNan), "-");
}

TEST(Text, of_an_age_grows_coarser) {
  EXPECT_EQ(age_text(999), "999 ms");
  EXPECT_EQ(age_text(1500), "1.5 s");
  EXPECT_EQ(age_text(3'600'000), "60 min");
}

TEST(Sparkline, spans_from_the_least_to_the_greatest) {
  EXPECT_EQ(sparkline({0, 1, 2, 3, 4, 5, 6, 7}, 8, true), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(sparkline({0, 7}, 8, false), "_@");
}

TEST(Sparkline, of_one_value_or_equal_ones_is_flat) { EXPECT_EQ(sparkline({5, 5, 5}, 8, true), "▁▁▁"); }

TEST(Sparkline, leaves_out_what_is_not_finite_and_keeps_the_newest) {
  EXPECT_EQ(sparkline({kNan, 0, kInfinity, 7, kNan}, 8, false), "_@");
  EXPECT_EQ(sparkline({9, 9, 0, 7}, 2, false), "_@");
  EXPECT_EQ(sparkline({kNan}, 8, true), "");
  EXPECT_EQ(sparkline({1, 2}, 0, true), "");
}

TEST(Sparkline, bears_the_greatest_doubles) {
  constexpr double kMost = std::numeric_limits<double>::max();
  EXPECT_EQ(sparkline({-kMost, kMost}, 8, false), "_@");
}

TEST(Bar, is_as_wide_as_asked_whatever_the_fill) {
  EXPECT_EQ(bar(0.5, 4, false), "##..");
  EXPECT_EQ(bar(0.5, 4, true), "██░░");
  EXPECT_EQ(bar(-3, 4, false), "....");
  EXPECT_EQ(bar(1e300, 4, false), "####");
  EXPECT_EQ(bar(kNan, 4, false), "....");
}

}  // namespace
}  // namespace chappe::display

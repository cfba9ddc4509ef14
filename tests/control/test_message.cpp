#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "control/message.hpp"

namespace chappe::control {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

Command some_command() {
  return {.id = "17", .pid = 4711, .reply = "0123456789abcdef", .verb = "reload", .argument = "a \"quoted\"\n\xc3\xa9 text"};
}

TEST(Message, a_command_comes_back_as_it_was) {
  const auto bytes = encode(some_command());
  ASSERT_TRUE(bytes);
  const auto command = decode_command(*bytes);
  ASSERT_TRUE(command) << command.error().text;
  EXPECT_EQ(*command, some_command());
}

TEST(Message, a_reply_comes_back_as_it_was) {
  const Reply reply{"17", true, "generation 3"};
  const auto decoded = decode_reply(encode(reply));
  ASSERT_TRUE(decoded) << decoded.error().text;
  EXPECT_EQ(*decoded, reply);
}

TEST(Message, a_command_too_long_is_refused_with_its_size) {
  Command command = some_command();
  command.argument.assign(1000, 'x');
  const auto bytes = encode(command);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().exit_code, EX_USAGE);
  EXPECT_THAT(bytes.error().text, HasSubstr("expected at most 1024"));
}

TEST(Message, a_reply_too_long_is_cut_and_says_so) {
  for (const std::string piece : {"x", "\n", "\x01", "\xc3\xa9"}) {
    std::string text;
    for (int i = 0; i < 2000; ++i) text += piece;
    const std::string bytes = encode(Reply{"17", false, text});
    EXPECT_LE(bytes.size(), kMessageBytes);
    EXPECT_GT(bytes.size(), kMessageBytes - 40) << "more was cut than needed";
    const auto reply = decode_reply(bytes);
    ASSERT_TRUE(reply) << reply.error().text;
    EXPECT_THAT(reply->text, StartsWith(piece + piece));
    EXPECT_THAT(reply->text, EndsWith("..."));
  }
}

TEST(Message, bytes_that_are_no_utf8_are_replaced) {
  const auto reply = decode_reply(encode(Reply{"17", false, "bad \xff byte"}));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->text, "bad \xef\xbf\xbd byte");
}

TEST(Message, another_version_is_refused_by_its_number) {
  Command command = some_command();
  command.version = 2;
  const auto decoded = decode_command(*encode(command));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().exit_code, EX_DATAERR);
  EXPECT_THAT(decoded.error().text, HasSubstr("version 2 is unknown, this program speaks version 1"));
}

TEST(Message, the_asker_of_another_version_can_still_be_found) {
  const auto address = decode_address(R"({"version":9,"id":"i","pid":3,"reply":"r","colour":"red"})");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->id, "i");
  EXPECT_EQ(address->pid, 3);
  EXPECT_EQ(address->reply, "r");
}

TEST(Message, unknown_fields_are_ignored) {
  const auto command = decode_command(R"({"version":1,"id":"i","pid":3,"reply":"","verb":"reload","argument":"","deadline":[1,{}]})");
  ASSERT_TRUE(command) << command.error().text;
  EXPECT_EQ(command->verb, "reload");
}

TEST(Message, each_missing_or_mistyped_field_is_named) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"id":"i","pid":3,"reply":"","verb":"v","argument":""})", "no version"},
      {R"({"version":"1","id":"i","pid":3,"reply":"","verb":"v","argument":""})", "no version"},
      {R"({"version":1,"id":7,"pid":3,"reply":"","verb":"v","argument":""})", "\"id\""},
      {R"({"version":1,"id":"i","pid":-3,"reply":"","verb":"v","argument":""})", "\"pid\""},
      {R"({"version":1,"id":"i","pid":2147483648,"reply":"","verb":"v","argument":""})", "\"pid\""},
      {R"({"version":1,"id":"i","pid":18446744073709551616,"reply":"","verb":"v","argument":""})", "\"pid\""},
      {R"({"version":1,"id":"i","pid":3,"verb":"v","argument":""})", "\"reply\""},
      {R"({"version":1,"id":"i","pid":3,"reply":"","verb":null,"argument":""})", "\"verb\""},
      {R"({"version":1,"id":"i","pid":3,"reply":"","verb":"v","argument":{}})", "\"argument\""},
      {R"([1])", "a JSON object"},
      {R"({"version":1)", "not JSON"},
      {"", "not JSON"},
  };
  for (const auto& [bytes, named] : cases) {
    const auto command = decode_command(bytes);
    ASSERT_FALSE(command) << bytes;
    EXPECT_THAT(command.error().text, HasSubstr(named)) << bytes;
  }
}

TEST(Message, more_than_a_message_is_refused_unread) {
  const auto command = decode_command(std::string(100'000, '['));
  ASSERT_FALSE(command);
  EXPECT_THAT(command.error().text, HasSubstr("100000 bytes"));
}

TEST(Message, every_beginning_of_a_message_is_refused) {
  const std::string whole = *encode(some_command());
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(decode_command(whole.substr(0, size))) << size;
}

TEST(Message, a_changed_byte_gives_a_message_or_a_reason) {
  const std::string whole = *encode(some_command());
  std::size_t refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(byte);
      const auto command = decode_command(bytes);
      if (!command && !command.error().text.empty()) ++refused;
      if (command) {
        EXPECT_TRUE(encode(*command)) << "what was decoded can be encoded again";
      }
    }
  }
  EXPECT_GT(refused, whole.size());
}

TEST(Message, noise_and_nesting_of_any_length_are_refused) {
  std::mt19937 random(1);
  for (std::size_t size = 0; size <= kMessageBytes; ++size) {
    std::string noise(size, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    EXPECT_FALSE(decode_command(noise));
    EXPECT_FALSE(decode_reply(noise));
    EXPECT_FALSE(decode_command(std::string(size, '[')));
  }
}

TEST(AlarmOrder, comes_back_as_it_was_and_nothing_else_is_one) {
  const AlarmOrder order{"a \"hot\" one", "s", "c\xc3\xa9", 3'600'000};
  const auto decoded = decode_alarm_order(encode(order));
  ASSERT_TRUE(decoded) << decoded.error().text;
  EXPECT_EQ(*decoded, order);
  for (const char* bad :
       {"", "[]", "{}", R"({"alarm":1,"stream":"","channel":"","for_ms":0})", R"({"alarm":"a","stream":"","channel":"","for_ms":-1})",
        R"({"alarm":"a","stream":"","channel":"","for_ms":2592000001})", R"({"alarm":"a","stream":"","for_ms":1})"}) {
    EXPECT_FALSE(decode_alarm_order(bad)) << bad;
  }
}

}  // namespace
}  // namespace chappe::control

// One table of the file, read key by key into typed values. What is asked for is what is known: reject_unknown() reports the rest, so that
// the readers in config/parse and config/parse_stream are the schema. Only the config/parse* sources include this, because of toml++.
#pragma once
#include <toml++/toml.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/names.hpp"
#include "config/parse.hpp"
#include "config/text.hpp"

namespace chappe::config {

class Reader {
 public:
  /// Records the place of every key of the table. `path` is the table's dotted key, empty for the file.
  Reader(Parsed& out, const std::string& file, const toml::table& table, std::string path);

  [[nodiscard]] bool has(const std::string& key) const { return table_.contains(key); }
  [[nodiscard]] std::string path_of(const std::string& key) const { return path_.empty() ? key : path_ + "." + key; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Parsed& out() { return out_; }
  [[nodiscard]] const std::string& file() const { return file_; }

  // Each leaves `into` as it is if the key is missing, and reports a value of another type.
  void text(const std::string& key, std::string& into);
  void boolean(const std::string& key, bool& into);
  void number(const std::string& key, double& into);
  void whole(const std::string& key, std::uint64_t& into);  ///< 0 and up
  void whole(const std::string& key, int& into);
  void whole_or_auto(const std::string& key, std::uint64_t& into);  ///< 1 and up; "auto": kAutomatic
  void duration(const std::string& key, std::int64_t& into_ns);
  void texts(const std::string& key, std::vector<std::string>& into);
  void numbers(const std::string& key, std::vector<double>& into);
  void rows(const std::string& key, std::vector<std::vector<double>>& into);  ///< an array of arrays of numbers
  template <class E, std::size_t N>
  void choice(const std::string& key, const Names<E, N>& names, E& into) {
    const std::optional<std::string> word = word_of(key, words_of(names));
    if (word) into = *named(names, *word);
  }
  /// The value itself; null if it is missing.
  const toml::node* node(const std::string& key);
  /// Calls `read` with the table of that name, if there is one.
  void table(const std::string& key, const std::function<void(Reader&)>& read);
  /// Calls `read` for each table of the array of that name.
  void tables(const std::string& key, const std::function<void(Reader&)>& read);

  /// Reports `key`, which is known but has no place here.
  void misplaced(const std::string& key, const std::string& why);
  void fault(const std::string& key, const std::string& text) { out_.faults.push_back({{}, 0, 0, path_of(key), text}); }
  /// Reports that the value is of another type than expected.
  void wrong_type(const std::string& key, const toml::node& value, const std::string& expected);
  /// Reports every key that nobody asked for, with the nearest that somebody did.
  void reject_unknown();

 private:
  std::optional<std::string> word_of(const std::string& key, const std::vector<std::string>& words);

  Parsed& out_;
  const std::string& file_;
  const toml::table& table_;
  std::string path_;
  std::vector<std::string> known_;
};

inline void require(Reader& in, const std::string& key) {
  if (!in.has(key)) in.fault(key, "missing, and there is no default");
}

/// "text \"5\"", "number 5": what stands there, for messages.
std::string shown(const toml::node& value);

}  // namespace chappe::config

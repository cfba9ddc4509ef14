#include "config/parse_reader.hpp"

#include <algorithm>
#include <limits>

namespace chappe::config {
namespace {

/// The first element that is no number, if any.
const toml::node* read_numbers(const toml::array& array, std::vector<double>& into) {
  into.clear();
  for (const toml::node& element : array) {
    if (!element.is_number()) return &element;
    into.push_back(element.is_integer() ? static_cast<double>(element.as_integer()->get()) : element.as_floating_point()->get());
  }
  return nullptr;
}

}  // namespace

std::string shown(const toml::node& value) {
  if (const auto* v = value.as_string()) return quoted_short(v->get());
  if (const auto* v = value.as_integer()) return std::to_string(v->get());
  if (const auto* v = value.as_floating_point()) return number_text(v->get());
  if (const auto* v = value.as_boolean()) return v->get() ? "true" : "false";
  if (value.is_table()) return "a table";
  if (value.is_array()) return "an array";
  return "a date or time";
}

Reader::Reader(Parsed& out, const std::string& file, const toml::table& table, std::string path)
    : out_(out), file_(file), table_(table), path_(std::move(path)) {
  for (const auto& [key, value] : table_) {
    const toml::source_position begin = value.source().begin;
    out_.places[path_of(std::string(key.str()))] = {file_, begin.line, begin.column};
  }
}

const toml::node* Reader::node(const std::string& key) {
  known_.push_back(key);
  return table_.get(key);
}

void Reader::wrong_type(const std::string& key, const toml::node& value, const std::string& expected) {
  fault(key, shown(value) + ": expected " + expected);
}

void Reader::text(const std::string& key, std::string& into) {
  const toml::node* value = node(key);
  if (value == nullptr) return;
  if (const auto* v = value->as_string())
    into = v->get();
  else
    wrong_type(key, *value, "text in quotes");
}

void Reader::boolean(const std::string& key, bool& into) {
  const toml::node* value = node(key);
  if (value == nullptr) return;
  if (const auto* v = value->as_boolean())
    into = v->get();
  else
    wrong_type(key, *value, "true or false");
}

void Reader::number(const std::string& key, double& into) {
  const toml::node* value = node(key);
  if (value == nullptr) return;
  if (const auto* v = value->as_floating_point())
    into = v->get();
  else if (const auto* w = value->as_integer())
    into = static_cast<double>(w->get());
  else
    wrong_type(key, *value, "a number");
}

void Reader::whole(const std::string& key, std::uint64_t& into) {
  const toml::node* value = node(key);
  if (value == nullptr) return;
  const auto* v = value->as_integer();
  if (v != nullptr && v->get() >= 0)
    into = static_cast<std::uint64_t>(v->get());
  else
    wrong_type(key, *value, "a whole number, 0 or more");
}

void Reader::whole_or_auto(const std::string& key, std::uint64_t& into) {
  const toml::node* value = node(key);
  if (value == nullptr) return;
  const auto* number = value->as_integer();
  const auto* word = value->as_string();
  if (number != nullptr && number->get() > 0)
    into = static_cast<std::uint64_t>(number->get());
  else if (word != nullptr && word->get() == "auto")
    into = kAutomatic;
  else
    wrong_type(key, *value, "a whole number, 1 or more, or \"auto\"");
}

void Reader::whole(const std::string& key, int& into) {
  std::uint64_t wide = 0;
  const std::size_t faults = out_.faults.size();
  whole(key, wide);
  if (!has(key) || out_.faults.size() != faults) return;
  // What does not fit is out of every range that config/validate knows.
  into = static_cast<int>(std::min<std::uint64_t>(wide, std::numeric_limits<int>::max()));
}

void Reader::duration(const std::string& key, std::int64_t& into_ns) {
  const toml::node* value = node(key);
  if (value == nullptr) return;
  const auto* v = value->as_string();
  const std::optional<std::int64_t> ns = v != nullptr ? parse_duration(v->get()) : std::nullopt;
  if (ns)
    into_ns = *ns;
  else
    wrong_type(key, *value, "a duration in quotes, such as \"250us\", \"10ms\" or \"1s\"");
}

void Reader::texts(const std::string& key, std::vector<std::string>& into) {
  const toml::node* value = node(key);
  if (value == nullptr) return;
  const auto* array = value->as_array();
  if (array == nullptr) return wrong_type(key, *value, "an array of texts in quotes");
  into.clear();
  for (const toml::node& element : *array) {
    if (!element.is_string()) return wrong_type(key, element, "an array of texts in quotes");
    into.push_back(element.as_string()->get());
  }
}

void Reader::numbers(const std::string& key, std::vector<double>& into) {
  const toml::node* value = node(key);
  if (value == nullptr) return;
  const auto* array = value->as_array();
  if (array == nullptr) return wrong_type(key, *value, "an array of numbers");
  if (const toml::node* odd = read_numbers(*array, into)) wrong_type(key, *odd, "an array of numbers");
}

void Reader::rows(const std::string& key, std::vector<std::vector<double>>& into) {
  constexpr const char* kExpected = "an array of rows, each an array of numbers";
  const toml::node* value = node(key);
  if (value == nullptr) return;
  const auto* array = value->as_array();
  if (array == nullptr) return wrong_type(key, *value, kExpected);
  into.clear();
  for (const toml::node& row : *array) {
    if (!row.is_array()) return wrong_type(key, row, kExpected);
    if (const toml::node* odd = read_numbers(*row.as_array(), into.emplace_back())) return wrong_type(key, *odd, kExpected);
  }
}

std::optional<std::string> Reader::word_of(const std::string& key, const std::vector<std::string>& words) {
  const toml::node* value = node(key);
  if (value == nullptr) return std::nullopt;
  const auto* v = value->as_string();
  if (v != nullptr && std::find(words.begin(), words.end(), v->get()) != words.end()) return v->get();
  std::vector<std::string> in_quotes;
  in_quotes.reserve(words.size());
  for (const std::string& word : words) in_quotes.push_back(quoted(word));
  const auto near = v != nullptr ? nearest(v->get(), words) : std::nullopt;
  wrong_type(key, *value, listed(in_quotes) + (near ? "; nearest: " + quoted(*near) : ""));
  return std::nullopt;
}

void Reader::table(const std::string& key, const std::function<void(Reader&)>& read) {
  const toml::node* value = node(key);
  if (value == nullptr) return;
  if (const auto* v = value->as_table()) {
    Reader inner(out_, file_, *v, path_of(key));
    read(inner);
    inner.reject_unknown();
  } else {
    wrong_type(key, *value, "a table: [" + path_of(key) + "]");
  }
}

void Reader::tables(const std::string& key, const std::function<void(Reader&)>& read) {
  const toml::node* value = node(key);
  if (value == nullptr) return;
  const auto* array = value->as_array();
  const bool good = array != nullptr && std::all_of(array->begin(), array->end(), [](const toml::node& n) { return n.is_table(); });
  if (!good) return wrong_type(key, *value, "one table or more, each under [[" + key + "]]");
  for (std::size_t i = 0; i < array->size(); ++i) {
    const std::string path = path_of(key) + "[" + std::to_string(i) + "]";
    const toml::node& element = *array->get(i);
    out_.places[path] = {file_, element.source().begin.line, element.source().begin.column};
    Reader inner(out_, file_, *element.as_table(), path);
    read(inner);
    inner.reject_unknown();
  }
}

void Reader::misplaced(const std::string& key, const std::string& why) {
  if (has(key)) fault(key, why);
  known_.push_back(key);
}

void Reader::reject_unknown() {
  for (const auto& [key, value] : table_) {
    const std::string name(key.str());
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const toml::source_position begin = key.source().begin;
    out_.places[path_of(name)] = {file_, begin.line, begin.column};
    const auto near = nearest(name, known_);
    fault(name, "unknown key" + (near ? "; nearest known: " + *near : "; known here: " + listed(known_)));
  }
}

}  // namespace chappe::config

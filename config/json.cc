#include "config/json.h"

#include <algorithm>
#include <array>
#include <exception>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"

namespace config {
namespace {

// What the lexer has read so far. It tells a SAX handler no positions, so the iterator that feeds
// it keeps count.
struct Progress {
  const char* begin = nullptr;
  const char* read = nullptr;
};

class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, Progress* progress) : at_(at), progress_(progress) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    progress_->read = at_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator old = *this;
    ++*this;
    return old;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  Progress* progress_;
};

constexpr int kNumberOverflow = 406;  // nlohmann's number for it

// The library's message ends with what it last read, which may be a password; only its fixed words
// are taken over.
void split_message(std::string_view message, Mistake* mistake) {
  static constexpr std::array<std::string_view, 9> kTokens = {
      "end of input", "string literal",        "'['", "']'", "'{'", "'}'", "':'",
      "','",          "'[', '{', or a literal"};
  const std::size_t dash = message.find(" - ");
  std::string_view found = dash == message.npos ? "a mistake" : message.substr(dash + 3);
  found = found.substr(0, std::min(found.find("; last read: "), found.find("; expected ")));
  if (found.starts_with("unexpected ")) found.remove_prefix(std::string_view("unexpected ").size());
  mistake->found = fmt::format("invalid JSON: {}", found);
  const std::size_t expected = message.rfind("; expected ");
  if (expected == message.npos) return;
  const std::string_view token = message.substr(expected + std::string_view("; expected ").size());
  if (std::ranges::find(kTokens, token) == kTokens.end()) return;
  mistake->expected = token == "'[', '{', or a literal" ? "a value"
                      : token == "string literal"       ? "a key in quotation marks"
                      : token == "'}'"                  ? "',' or '}'"
                      : token == "']'"                  ? "',' or ']'"
                                                        : token;
}

// Builds the tree from the parser's events.
class Builder {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = std::string;
  using binary_t = nlohmann::json::binary_t;

  Builder(std::string_view text, const Progress* progress) : text_(text), progress_(progress) {}

  bool null() {
    add(Json::Type::kNull, {});
    return true;
  }
  bool boolean(bool value) {
    add(Json::Type::kBoolean, {}).boolean = value;
    return true;
  }
  bool number_integer(number_integer_t value) {
    add(Json::Type::kInteger, fmt::to_string(value)).integer = value;
    return true;
  }
  bool number_unsigned(number_unsigned_t value) {
    if (std::in_range<std::int64_t>(value)) {
      return number_integer(static_cast<number_integer_t>(value));
    }
    add(Json::Type::kReal, fmt::to_string(value));
    return true;
  }
  bool number_float(number_float_t, const string_t& written) {
    add(Json::Type::kReal, written);
    return true;
  }
  bool string(string_t& value) {
    add(Json::Type::kString, std::move(value));
    return true;
  }
  bool binary(binary_t&) { return false; }  // not in JSON text

  bool start_object(std::size_t) { return open(Json::Type::kObject); }
  bool start_array(std::size_t) { return open(Json::Type::kList); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(string_t& name) {
    open_.back().members.push_back({.key = std::move(name), .line = line(), .value = {}});
    return true;
  }

  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::json::exception& error) {
    // Points at the beginning of a string or a number; of other tokens the lexer knows only the
    // end.
    std::size_t at = std::min(position == 0 ? 0 : position - 1, text_.size());
    const std::string_view message = error.what();
    const bool is_whole = error.id == kNumberOverflow ||
                          message.find("unexpected string literal") != message.npos ||
                          message.find("unexpected number literal") != message.npos;
    if (is_whole && position >= token.size() && position <= text_.size() &&
        text_.substr(position - token.size(), token.size()) == token) {
      at = position - token.size();
    }
    const std::string_view before = text_.substr(0, at);
    const std::size_t line_start = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
    mistake_.line = 1 + static_cast<std::size_t>(std::ranges::count(before, '\n'));
    mistake_.column = at - line_start + 1;
    if (error.id == kNumberOverflow) {
      mistake_.found = "a number too large";
    } else {
      split_message(message, &mistake_);
    }
    return false;
  }

  Json take_root() { return std::move(root_); }
  Mistake take_mistake() { return std::move(mistake_); }

 private:
  // Counts on from where it last was, so the whole costs one pass.
  std::size_t line(bool is_number = false) {
    std::size_t upto = static_cast<std::size_t>(progress_->read - progress_->begin);
    if (is_number && upto > 0) --upto;  // the lexer looks one byte past a number
    if (upto > counted_) {
      line_ += static_cast<std::size_t>(
          std::ranges::count(text_.substr(counted_, upto - counted_), '\n'));
      counted_ = upto;
    }
    return line_;
  }

  Json& add(Json::Type type, std::string text) {
    Json value;
    value.type = type;
    value.text = std::move(text);
    value.line = line(type == Json::Type::kInteger || type == Json::Type::kReal);
    return place(std::move(value));
  }
  Json& place(Json value) {
    if (open_.empty()) return root_ = std::move(value);
    Json& parent = open_.back();
    if (parent.type == Json::Type::kObject) {
      return parent.members.back().value = std::move(value);
    }
    return parent.items.emplace_back(std::move(value));
  }
  bool open(Json::Type type) {
    if (open_.size() == kMaxJsonDepth) {
      mistake_.line = line();
      mistake_.found = "nesting that is too deep";
      mistake_.expected = fmt::format("at most {} levels", kMaxJsonDepth);
      return false;
    }
    Json& value = open_.emplace_back();
    value.type = type;
    value.line = line();
    return true;
  }
  bool close() {
    Json done = std::move(open_.back());
    open_.pop_back();
    place(std::move(done));
    return true;
  }

  std::string_view text_;
  const Progress* progress_;
  std::vector<Json> open_;
  Json root_;
  Mistake mistake_;
  std::size_t counted_ = 0;
  std::size_t line_ = 1;
};

}  // namespace

std::expected<Json, Mistake> parse_json(std::string_view text) {
  Progress progress{.begin = text.data(), .read = text.data()};
  Builder builder(text, &progress);
  try {
    const CountingIterator begin(text.data(), &progress);
    const CountingIterator end(text.data() + text.size(), &progress);
    if (nlohmann::json::sax_parse(begin, end, &builder, nlohmann::json::input_format_t::json,
                                  /*strict=*/true, /*ignore_comments=*/true)) {
      return builder.take_root();
    }
    return std::unexpected(builder.take_mistake());
  } catch (const std::exception&) {
    // Its text may repeat the input.
    Mistake mistake;
    mistake.found = "JSON that cannot be parsed";
    return std::unexpected(std::move(mistake));
  }
}

}  // namespace config

#include "config/reader.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "config/units.h"

namespace config {
namespace {

bool is_plain_word(std::string_view key) {
  return !key.empty() && key.size() <= 64 && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

// Whether `path` is `top` or a part of it.
bool is_at_or_below(std::string_view path, std::string_view top) {
  if (!path.starts_with(top)) return false;
  return path.size() == top.size() || top.empty() || path[top.size()] == '.' ||
         path[top.size()] == '[';
}

}  // namespace

std::string path_part(std::string_view key) {
  return is_plain_word(key) ? std::string(key) : in_quotes(key);
}

std::string_view type_name(const Json& json) {
  switch (json.type) {
    case Json::Type::kNull:
      return "null";
    case Json::Type::kBoolean:
      return "true or false";
    case Json::Type::kInteger:
    case Json::Type::kReal:
      return "a number";
    case Json::Type::kString:
      return "a string";
    case Json::Type::kList:
      return "a list";
    case Json::Type::kObject:
      return "an object";
  }
  return "a value";
}

Reader::Scope::Scope(Reader* reader, std::string_view key, std::size_t line)
    : reader_(reader), path_size_(reader->path_.size()), line_(reader->line_) {
  if (!reader_->path_.empty()) reader_->path_ += '.';
  reader_->path_ += path_part(key);
  enter(line);
}

Reader::Scope::Scope(Reader* reader, std::size_t index, std::size_t line)
    : reader_(reader), path_size_(reader->path_.size()), line_(reader->line_) {
  reader_->path_ += fmt::format("[{}]", index);
  enter(line);
}

void Reader::Scope::enter(std::size_t line) {
  reader_->line_ = line;
  reader_->lines_.try_emplace(reader_->path_, line);
}

Reader::Scope::~Scope() {
  reader_->path_.resize(path_size_);
  reader_->line_ = line_;
}

void Reader::add(Mistake mistake) {
  if (mistake.severity == Mistake::Severity::kError) ++errors_;
  if (mistakes_.size() >= kMaxMistakes) {
    cut_off_ = true;
    return;
  }
  // In the order of the file; those of one line in the order in which they were found.
  const auto place = std::ranges::upper_bound(mistakes_, mistake.line, {}, &Mistake::line);
  mistakes_.insert(place, std::move(mistake));
}

void Reader::error(std::string found, std::string expected, std::string hint) {
  add({.path = path_,
       .line = line_,
       .found = std::move(found),
       .expected = std::move(expected),
       .hint = std::move(hint)});
}

void Reader::warning(std::string found, std::string expected, std::string hint) {
  add({.severity = Mistake::Severity::kWarning,
       .path = path_,
       .line = line_,
       .found = std::move(found),
       .expected = std::move(expected),
       .hint = std::move(hint)});
}

void Reader::wrong(const Json& json, std::string expected, std::string hint) {
  std::string found;
  switch (json.type) {
    case Json::Type::kString:
      found = in_quotes(json.text);
      break;
    case Json::Type::kInteger:
    case Json::Type::kReal:
      found = json.text.substr(0, 40);
      break;
    case Json::Type::kBoolean:
      found = json.boolean ? "true" : "false";
      break;
    case Json::Type::kNull:
    case Json::Type::kList:
    case Json::Type::kObject:
      found = type_name(json);
      break;
  }
  error(std::move(found), std::move(expected), std::move(hint));
}

void Reader::wrong_secret(const Json& json, std::string expected) {
  error(std::string(type_name(json)), std::move(expected));
}

std::size_t Reader::line_of(std::string_view path) const {
  while (!path.empty()) {
    if (const auto found = lines_.find(path); found != lines_.end()) return found->second;
    const std::size_t cut = path.find_last_of(".[");
    path = path.substr(0, cut == path.npos ? 0 : cut);
  }
  return 1;
}

void Reader::error_at(std::string_view path, std::string found, std::string expected,
                      std::string hint) {
  add({.path = std::string(path),
       .line = line_of(path),
       .found = std::move(found),
       .expected = std::move(expected),
       .hint = std::move(hint)});
}

void Reader::warning_at(std::string_view path, std::string found, std::string expected) {
  add({.severity = Mistake::Severity::kWarning,
       .path = std::string(path),
       .line = line_of(path),
       .found = std::move(found),
       .expected = std::move(expected)});
}

bool Reader::has_error_below(std::string_view path) const {
  return std::ranges::any_of(mistakes_, [path](const Mistake& mistake) {
    return mistake.severity == Mistake::Severity::kError && is_at_or_below(mistake.path, path);
  });
}

Mistakes Reader::take_mistakes() {
  if (cut_off_) {
    mistakes_.push_back(
        {.severity = errors_ > 0 ? Mistake::Severity::kError : Mistake::Severity::kWarning,
         .found = "more mistakes than are listed here"});
  }
  return std::move(mistakes_);
}

}  // namespace config

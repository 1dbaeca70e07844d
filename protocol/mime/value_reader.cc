#include "protocol/mime/value_reader.h"

#include "base/check.h"
#include "protocol/mime/ascii.h"

namespace mime {

bool ValueReader::take(char c) {
  if (rest_.empty() || rest_.front() != c) return false;
  rest_.remove_prefix(1);
  skip_cfws();
  return true;
}

void ValueReader::skip_cfws() {
  while (!rest_.empty()) {
    if (is_blank_or_eol(rest_.front())) {
      rest_.remove_prefix(1);
    } else if (rest_.front() == '(') {
      skip_comment();
    } else {
      return;
    }
  }
}

void ValueReader::skip_comment() {
  last_comment_.clear();
  std::size_t depth = 0;  // a counter, not recursion: a comment can nest as deep as it is long
  std::size_t i = 0;
  for (; i < rest_.size(); ++i) {
    const char c = rest_[i];
    if (c == '(' && ++depth == 1) continue;
    if (c == ')' && --depth == 0) {
      ++i;
      break;
    }
    if (c == '\r' || c == '\n') continue;
    if (c == '\\' && i + 1 < rest_.size()) {
      last_comment_ += rest_[++i];
      continue;
    }
    last_comment_ += c;
  }
  rest_.remove_prefix(i);
}

bool ValueReader::append_atom(std::string* out, bool with_dots) {
  std::size_t size = 0;
  while (size < rest_.size() && (is_atext(rest_[size]) || (with_dots && rest_[size] == '.'))) {
    ++size;
  }
  out->append(rest_.substr(0, size));
  rest_.remove_prefix(size);
  return size != 0;
}

bool ValueReader::append_token(std::string* out) {
  std::size_t size = 0;
  while (size < rest_.size() && is_token(rest_[size])) ++size;
  out->append(rest_.substr(0, size));
  rest_.remove_prefix(size);
  return size != 0;
}

bool ValueReader::append_quoted(std::string* out) {
  CHECK(peek() == '"');
  for (std::size_t i = 1; i < rest_.size(); ++i) {
    const char c = rest_[i];
    if (c == '"') {
      rest_.remove_prefix(i + 1);
      return true;
    }
    if (c == '\n' || (c == '\r' && i + 1 < rest_.size() && rest_[i + 1] == '\n')) continue;
    if (c == '\\' && i + 1 < rest_.size()) {
      out->push_back(rest_[++i]);
    } else {
      out->push_back(c);
    }
  }
  rest_ = {};
  return false;
}

bool ValueReader::append_domain(std::string* out) {
  if (peek() == '[') {
    const std::size_t end = rest_.find(']');
    const std::size_t size = end == std::string_view::npos ? rest_.size() : end + 1;
    out->append(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return true;
  }
  bool any = false;
  while (append_atom(out, /*with_dots=*/true)) {
    any = true;
    const bool more = out->back() == '.';
    const std::string_view before = rest_;
    skip_cfws();
    // Obsolete syntax (RFC 5322 4.4) has white space on either side of a dot.
    if (!more && peek() != '.') {
      rest_ = before;
      break;
    }
  }
  return any;
}

}  // namespace mime

#include "protocol/imap/flags.h"

#include <algorithm>
#include <array>
#include <utility>

namespace imap {
namespace {

constexpr std::size_t kMaxKeyword = 255;

constexpr std::array kSystemFlags = {
    std::pair{SystemFlag::kAnswered, std::string_view("\\Answered")},
    std::pair{SystemFlag::kFlagged, std::string_view("\\Flagged")},
    std::pair{SystemFlag::kDeleted, std::string_view("\\Deleted")},
    std::pair{SystemFlag::kSeen, std::string_view("\\Seen")},
    std::pair{SystemFlag::kDraft, std::string_view("\\Draft")},
};

bool add_system_flag(std::string_view name, FlagList& flags) {
  for (const auto& [flag, flag_name] : kSystemFlags) {
    if (!equals_ignoring_case(name, flag_name)) continue;
    flags.system.add(flag);
    return true;
  }
  return false;
}

// Takes whatever stands up to a space or a parenthesis for a flag, and keeps it if it can be one.
void decode_tolerant_flag(Lexer& lexer, FlagList& flags) {
  const bool in_quotes = lexer.accept('"');
  const std::size_t begin = lexer.position();
  while (!lexer.at_end()) {
    const char c = lexer.peek();
    if (c == ' ' || c == '(' || c == ')' || c == '"') break;
    lexer.seek(lexer.position() + 1);
  }
  const std::string_view name = lexer.slice(begin);
  if (in_quotes) lexer.accept('"');
  if (equals_ignoring_case(name, "NIL")) return;  // no flag, in quotes neither: it would not last
  if (add_system_flag(name, flags)) return;
  if (equals_ignoring_case(name, "\\Recent")) {
    flags.recent = true;
  } else if (name == "\\*") {
    flags.wildcard = true;
  } else if (is_keyword(name) || (name.starts_with('\\') && is_keyword(name.substr(1)))) {
    flags.add_keyword(name);
  }
}

}  // namespace

std::string_view name_of(SystemFlag flag) {
  for (const auto& [known, name] : kSystemFlags) {
    if (known == flag) return name;
  }
  return "";
}

void append_system_flags(std::string& out, SystemFlags flags) {
  bool first = true;
  for (const auto& [flag, name] : kSystemFlags) {
    if (!flags.has(flag)) continue;
    if (!first) out.push_back(' ');
    first = false;
    out.append(name);
  }
}

bool is_keyword(std::string_view text) { return is_atom(text) && text.size() <= kMaxKeyword; }

bool FlagList::has_keyword(std::string_view keyword) const {
  return std::any_of(keywords.begin(), keywords.end(),
                     [&](const std::string& have) { return equals_ignoring_case(have, keyword); });
}

void FlagList::add_keyword(std::string_view keyword) {
  if (!has_keyword(keyword)) keywords.emplace_back(keyword);
}

Result<> decode_flag(Lexer& lexer, FlagList& flags) {
  if (lexer.is_tolerant()) {
    decode_tolerant_flag(lexer, flags);
    return {};
  }
  const std::size_t begin = lexer.position();
  const bool is_system = lexer.accept('\\');
  TRY(const std::string_view name, lexer.atom());
  if (is_system) {
    if (add_system_flag(lexer.slice(begin), flags)) return {};
    lexer.seek(begin);
    return lexer.expected("a system flag that a client may use");
  }
  if (name.size() > kMaxKeyword) return fail(Errc::kLimit, "keyword too long");
  flags.add_keyword(name);
  return {};
}

Result<FlagList> decode_flag_list(Lexer& lexer, std::size_t max_flags) {
  FlagList flags;
  if (lexer.is_tolerant() && lexer.accept_word("NIL")) return flags;
  TRY_VOID(lexer.expect('('));
  if (lexer.is_tolerant()) lexer.skip_spaces();
  std::size_t count = 0;
  while (!lexer.accept(')')) {
    if (count > 0) TRY_VOID(lexer.space());
    if (lexer.is_tolerant() && lexer.accept(')')) break;  // a space before the end
    if (++count > max_flags) return fail(Errc::kLimit, "too many flags");
    const std::size_t before = lexer.position();
    TRY_VOID(decode_flag(lexer, flags));
    if (lexer.position() == before) return lexer.expected("a flag");
  }
  return flags;
}

void encode_flag_list(Writer& writer, const FlagList& flags) {
  writer.open();
  const std::size_t start = writer.out().size();
  append_system_flags(writer.out(), flags.system);
  bool first = writer.out().size() == start;
  const auto put = [&](std::string_view name) {
    writer.separate(first);
    writer.atom(name);
  };
  if (flags.recent) put("\\Recent");
  for (const std::string& keyword : flags.keywords) put(keyword);
  if (flags.wildcard) put("\\*");
  writer.close();
}

}  // namespace imap

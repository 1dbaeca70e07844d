#include "protocol/imap/search_key.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "protocol/imap/flags.h"

namespace imap {
namespace {

struct Row {
  std::string_view name;
  SearchKind kind;
};

constexpr std::array kRows = {
    Row{"ALL", SearchKind::kAll},
    Row{"ANSWERED", SearchKind::kAnswered},
    Row{"BCC", SearchKind::kBcc},
    Row{"BEFORE", SearchKind::kBefore},
    Row{"BODY", SearchKind::kBody},
    Row{"CC", SearchKind::kCc},
    Row{"DELETED", SearchKind::kDeleted},
    Row{"DRAFT", SearchKind::kDraft},
    Row{"EMAILID", SearchKind::kEmailId},
    Row{"FLAGGED", SearchKind::kFlagged},
    Row{"FROM", SearchKind::kFrom},
    Row{"HEADER", SearchKind::kHeader},
    Row{"KEYWORD", SearchKind::kKeyword},
    Row{"LARGER", SearchKind::kLarger},
    Row{"MODSEQ", SearchKind::kModSeq},
    Row{"NEW", SearchKind::kNew},
    Row{"NOT", SearchKind::kNot},
    Row{"OLD", SearchKind::kOld},
    Row{"OLDER", SearchKind::kOlder},
    Row{"ON", SearchKind::kOn},
    Row{"OR", SearchKind::kOr},
    Row{"RECENT", SearchKind::kRecent},
    Row{"SEEN", SearchKind::kSeen},
    Row{"SENTBEFORE", SearchKind::kSentBefore},
    Row{"SENTON", SearchKind::kSentOn},
    Row{"SENTSINCE", SearchKind::kSentSince},
    Row{"SINCE", SearchKind::kSince},
    Row{"SMALLER", SearchKind::kSmaller},
    Row{"SUBJECT", SearchKind::kSubject},
    Row{"TEXT", SearchKind::kText},
    Row{"THREADID", SearchKind::kThreadId},
    Row{"TO", SearchKind::kTo},
    Row{"UID", SearchKind::kUid},
    Row{"UNANSWERED", SearchKind::kUnanswered},
    Row{"UNDELETED", SearchKind::kUndeleted},
    Row{"UNDRAFT", SearchKind::kUndraft},
    Row{"UNFLAGGED", SearchKind::kUnflagged},
    Row{"UNKEYWORD", SearchKind::kUnkeyword},
    Row{"UNSEEN", SearchKind::kUnseen},
    Row{"YOUNGER", SearchKind::kYounger},
};

std::string_view name_of(SearchKind kind) {
  for (const Row& row : kRows) {
    if (row.kind == kind) return row.name;
  }
  return "";
}

bool is_object_id(std::string_view text) {
  // RFC 8474 section 7: 1*255(ALPHA / DIGIT / "_" / "-").
  const auto fits = [](char c) {
    return is_digit(c) || c == '_' || c == '-' || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
  };
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), fits);
}

class Decoder {
 public:
  Decoder(Lexer& lexer, const SearchLimits& limits) : lexer_(lexer), limits_(limits) {}

  Result<SearchKey> key_list(std::size_t depth) {
    std::vector<SearchKey> keys;
    do {
      TRY(SearchKey one, key(depth));
      keys.push_back(std::move(one));
    } while (lexer_.accept(' '));
    if (keys.size() == 1) return std::move(keys.front());
    return SearchKey{.kind = SearchKind::kAnd, .children = std::move(keys)};
  }

 private:
  Result<SearchKey> key(std::size_t depth) {
    // Both the stack and whoever walks the tree later rely on this.
    if (depth > limits_.depth) return fail(Errc::kLimit, "search keys nested too deeply");
    if (++keys_ > limits_.keys) return fail(Errc::kLimit, "too many search keys");
    if (lexer_.accept('(')) {
      TRY(SearchKey group, key_list(depth + 1));
      TRY_VOID(lexer_.expect(')'));
      return group;
    }
    SearchKey key;
    if (is_digit(lexer_.peek()) || lexer_.peek() == '*') {
      key.kind = SearchKind::kSequence;
      TRY(key.set, decode_sequence_set(lexer_, limits_.set_ranges));
      return key;
    }
    const std::size_t begin = lexer_.position();
    TRY(const std::string_view word, lexer_.atom());
    const auto row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& candidate) {
      return equals_ignoring_case(candidate.name, word);
    });
    if (row == kRows.end()) {
      lexer_.seek(begin);
      return lexer_.expected("a search key");
    }
    key.kind = row->kind;
    TRY_VOID(arguments(key, depth));
    return key;
  }

  Result<> arguments(SearchKey& key, std::size_t depth) {
    switch (key.kind) {
      case SearchKind::kBcc:
      case SearchKind::kBody:
      case SearchKind::kCc:
      case SearchKind::kFrom:
      case SearchKind::kSubject:
      case SearchKind::kText:
      case SearchKind::kTo:
        return text(key.text);
      case SearchKind::kHeader:
        TRY_VOID(text(key.header));
        return text(key.text);
      case SearchKind::kKeyword:
      case SearchKind::kUnkeyword:
        return word(key.text, is_keyword, "a keyword");
      case SearchKind::kEmailId:
      case SearchKind::kThreadId:
        return word(key.text, is_object_id, "an object id");
      case SearchKind::kBefore:
      case SearchKind::kOn:
      case SearchKind::kSince:
      case SearchKind::kSentBefore:
      case SearchKind::kSentOn:
      case SearchKind::kSentSince: {
        TRY_VOID(lexer_.space());
        TRY(key.date, decode_date(lexer_));
        return {};
      }
      case SearchKind::kLarger:
      case SearchKind::kSmaller:
        return number(key.number);
      case SearchKind::kOlder:
      case SearchKind::kYounger:
        TRY_VOID(number(key.number));
        // RFC 5032 section 4: nz-number.
        if (key.number == 0) return lexer_.error("an interval of 0");
        return {};
      case SearchKind::kModSeq:
        return mod_seq(key);
      case SearchKind::kUid: {
        TRY_VOID(lexer_.space());
        TRY(key.set, decode_sequence_set(lexer_, limits_.set_ranges));
        return {};
      }
      case SearchKind::kNot:
        return children(key, 1, depth);
      case SearchKind::kOr:
        return children(key, 2, depth);
      default:
        return {};
    }
  }

  Result<> text(std::string& out) {
    TRY_VOID(lexer_.space());
    TRY(out, lexer_.astring_value());
    return {};
  }

  Result<> word(std::string& out, bool (*fits)(std::string_view), std::string_view what) {
    TRY_VOID(lexer_.space());
    const std::size_t begin = lexer_.position();
    TRY(const std::string_view atom, lexer_.atom());
    if (!fits(atom)) {
      lexer_.seek(begin);
      return lexer_.expected(what);
    }
    out = atom;
    return {};
  }

  Result<> number(std::uint64_t& out) {
    TRY_VOID(lexer_.space());
    TRY(out, lexer_.number64());
    return {};
  }

  // RFC 7162 3.1.5: MODSEQ ["/flags/\\seen" all] 715194045007
  Result<> mod_seq(SearchKey& key) {
    TRY_VOID(lexer_.space());
    if (!is_digit(lexer_.peek())) {
      TRY(key.header, lexer_.string_value());
      TRY_VOID(lexer_.space());
      TRY(const std::string_view type, lexer_.atom());
      key.text = type;
      TRY_VOID(lexer_.space());
    }
    TRY(key.number, lexer_.number64());
    return {};
  }

  Result<> children(SearchKey& key, std::size_t count, std::size_t depth) {
    for (std::size_t i = 0; i < count; ++i) {
      TRY_VOID(lexer_.space());
      TRY(SearchKey child, this->key(depth + 1));
      key.children.push_back(std::move(child));
    }
    return {};
  }

  Lexer& lexer_;
  const SearchLimits& limits_;
  std::size_t keys_ = 0;
};

void encode_key(Writer& writer, const SearchKey& key);

void encode_list(Writer& writer, const std::vector<SearchKey>& keys) {
  // No condition at all holds for every message.
  if (keys.empty()) return writer.atom("ALL");
  bool first = true;
  for (const SearchKey& key : keys) {
    writer.separate(first);
    encode_key(writer, key);
  }
}

void encode_key(Writer& writer, const SearchKey& key) {
  switch (key.kind) {
    case SearchKind::kAnd:
      writer.open();
      encode_list(writer, key.children);
      writer.close();
      return;
    case SearchKind::kSequence:
      key.set.encode_to(writer.out());
      return;
    default:
      break;
  }
  writer.atom(name_of(key.kind));
  switch (key.kind) {
    case SearchKind::kBcc:
    case SearchKind::kBody:
    case SearchKind::kCc:
    case SearchKind::kFrom:
    case SearchKind::kSubject:
    case SearchKind::kText:
    case SearchKind::kTo:
      writer.space();
      writer.string(key.text);
      break;
    case SearchKind::kHeader:
      writer.space();
      writer.astring(key.header);
      writer.space();
      writer.string(key.text);
      break;
    case SearchKind::kKeyword:
    case SearchKind::kUnkeyword:
    case SearchKind::kEmailId:
    case SearchKind::kThreadId:
      writer.space();
      writer.atom(key.text);
      break;
    case SearchKind::kBefore:
    case SearchKind::kOn:
    case SearchKind::kSince:
    case SearchKind::kSentBefore:
    case SearchKind::kSentOn:
    case SearchKind::kSentSince:
      writer.space();
      encode_date(writer, key.date);
      break;
    case SearchKind::kModSeq:
      if (!key.text.empty()) {
        writer.space();
        writer.string(key.header);
        writer.space();
        writer.atom(key.text);
      }
      [[fallthrough]];
    case SearchKind::kLarger:
    case SearchKind::kSmaller:
    case SearchKind::kOlder:
    case SearchKind::kYounger:
      writer.space();
      writer.number(key.number);
      break;
    case SearchKind::kUid:
      writer.space();
      key.set.encode_to(writer.out());
      break;
    case SearchKind::kNot:
    case SearchKind::kOr:
      CHECK(key.children.size() == (key.kind == SearchKind::kNot ? 1U : 2U));
      writer.space();
      encode_list(writer, key.children);
      break;
    default:
      break;
  }
}

bool has_8bit(std::string_view text) { return std::any_of(text.begin(), text.end(), is_8bit); }

}  // namespace

bool SearchKey::mentions(SearchKind wanted) const {
  return kind == wanted || std::any_of(children.begin(), children.end(),
                                       [&](const auto& child) { return child.mentions(wanted); });
}

Result<SearchKey> decode_search_keys(Lexer& lexer, const SearchLimits& limits) {
  return Decoder(lexer, limits).key_list(0);
}

void encode_search_keys(Writer& writer, const SearchKey& key) {
  if (key.kind == SearchKind::kAnd) {
    encode_list(writer, key.children);
  } else {
    encode_key(writer, key);
  }
}

bool needs_charset(const SearchKey& key) {
  return has_8bit(key.text) || has_8bit(key.header) ||
         std::any_of(key.children.begin(), key.children.end(), needs_charset);
}

}  // namespace imap

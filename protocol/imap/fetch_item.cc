#include "protocol/imap/fetch_item.h"

#include <algorithm>
#include <array>

namespace imap {
namespace {

struct Row {
  std::string_view name;
  FetchKind kind;
  bool from_client;
};

constexpr std::array kRows = {
    Row{"ENVELOPE", FetchKind::kEnvelope, true},
    Row{"FLAGS", FetchKind::kFlags, true},
    Row{"INTERNALDATE", FetchKind::kInternalDate, true},
    Row{"RFC822", FetchKind::kRfc822, true},
    Row{"RFC822.HEADER", FetchKind::kRfc822Header, true},
    Row{"RFC822.SIZE", FetchKind::kRfc822Size, true},
    Row{"RFC822.TEXT", FetchKind::kRfc822Text, true},
    Row{"BODYSTRUCTURE", FetchKind::kBodyStructure, true},
    Row{"UID", FetchKind::kUid, true},
    Row{"MODSEQ", FetchKind::kModSeq, true},
    Row{"EMAILID", FetchKind::kEmailId, true},
    Row{"THREADID", FetchKind::kThreadId, true},
    Row{"X-GM-MSGID", FetchKind::kGmailMessageId, false},
    Row{"X-GM-THRID", FetchKind::kGmailThreadId, false},
    Row{"X-GM-LABELS", FetchKind::kGmailLabels, false},
};

void add(std::vector<FetchItem>& items, FetchItem item) {
  if (std::find(items.begin(), items.end(), item) == items.end()) items.push_back(std::move(item));
}

Result<FetchItem> decode_item(Lexer& lexer) {
  if (lexer.accept_word("BODYSTRUCTURE")) return FetchItem{.kind = FetchKind::kBodyStructure};
  const bool peek = lexer.accept_prefix("BODY.PEEK");
  if (peek || lexer.accept_prefix("BODY")) {
    if (!peek && lexer.peek() != '[') {
      if (!lexer.at_end() && is_atom_char(lexer.peek())) return lexer.expected("a FETCH item");
      return FetchItem{.kind = FetchKind::kBody};
    }
    TRY(Section section, decode_section(lexer));
    TRY(const std::optional<Partial> partial, decode_partial(lexer));
    return FetchItem::body(std::move(section), peek, partial);
  }
  for (const Row& row : kRows) {
    if ((row.from_client || lexer.is_tolerant()) && lexer.accept_word(row.name)) {
      return FetchItem{.kind = row.kind};
    }
  }
  return lexer.expected("a FETCH item");
}

// RFC 3501 6.4.5: the macros stand alone, never in a list.
bool accept_macro(Lexer& lexer, std::vector<FetchItem>& items) {
  const bool fast = lexer.accept_word("FAST");
  const bool all = !fast && lexer.accept_word("ALL");
  const bool full = !fast && !all && lexer.accept_word("FULL");
  if (!fast && !all && !full) return false;
  const auto put = [&items](FetchKind kind) { items.push_back(FetchItem{.kind = kind}); };
  put(FetchKind::kFlags);
  put(FetchKind::kInternalDate);
  put(FetchKind::kRfc822Size);
  if (all || full) put(FetchKind::kEnvelope);
  if (full) put(FetchKind::kBody);
  return true;
}

}  // namespace

std::string_view name_of(FetchKind kind) {
  for (const Row& row : kRows) {
    if (row.kind == kind) return row.name;
  }
  return "BODY";
}

Result<std::vector<FetchItem>> decode_fetch_items(Lexer& lexer, std::size_t max_items) {
  std::vector<FetchItem> items;
  if (accept_macro(lexer, items)) return items;
  if (!lexer.accept('(')) {
    TRY(FetchItem item, decode_item(lexer));
    items.push_back(std::move(item));
    return items;
  }
  std::size_t count = 0;
  do {
    if (++count > max_items) return fail(Errc::kLimit, "too many FETCH items");
    TRY(FetchItem item, decode_item(lexer));
    add(items, std::move(item));
  } while (lexer.accept(' '));
  TRY_VOID(lexer.expect(')'));
  return items;
}

void encode_fetch_item(Writer& writer, const FetchItem& item) {
  writer.atom(name_of(item.kind));
  if (item.kind != FetchKind::kBodySection) return;
  if (item.peek) writer.atom(".PEEK");
  encode_section(writer, item.section);
  if (item.partial) encode_partial(writer, *item.partial);
}

void encode_fetch_items(Writer& writer, const std::vector<FetchItem>& items) {
  if (items.size() == 1) return encode_fetch_item(writer, items.front());
  writer.open();
  bool first = true;
  for (const FetchItem& item : items) {
    writer.separate(first);
    encode_fetch_item(writer, item);
  }
  writer.close();
}

}  // namespace imap

#include "protocol/imap/response_code.h"

#include <algorithm>
#include <array>

#include "protocol/imap/characters.h"
#include "protocol/imap/response_decoder_common.h"

namespace imap {
namespace {

constexpr std::size_t kMaxItems = 1'000;
constexpr std::size_t kMaxRanges = 1'000'000;

constexpr std::array kCodes = {
    std::pair{Code::kAlert, std::string_view("ALERT")},
    std::pair{Code::kParse, std::string_view("PARSE")},
    std::pair{Code::kReadOnly, std::string_view("READ-ONLY")},
    std::pair{Code::kReadWrite, std::string_view("READ-WRITE")},
    std::pair{Code::kTryCreate, std::string_view("TRYCREATE")},
    std::pair{Code::kUidNotSticky, std::string_view("UIDNOTSTICKY")},
    std::pair{Code::kCompressionActive, std::string_view("COMPRESSIONACTIVE")},
    std::pair{Code::kUnavailable, std::string_view("UNAVAILABLE")},
    std::pair{Code::kAuthenticationFailed, std::string_view("AUTHENTICATIONFAILED")},
    std::pair{Code::kAuthorizationFailed, std::string_view("AUTHORIZATIONFAILED")},
    std::pair{Code::kExpired, std::string_view("EXPIRED")},
    std::pair{Code::kPrivacyRequired, std::string_view("PRIVACYREQUIRED")},
    std::pair{Code::kContactAdmin, std::string_view("CONTACTADMIN")},
    std::pair{Code::kNoPerm, std::string_view("NOPERM")},
    std::pair{Code::kInUse, std::string_view("INUSE")},
    std::pair{Code::kExpungeIssued, std::string_view("EXPUNGEISSUED")},
    std::pair{Code::kCorruption, std::string_view("CORRUPTION")},
    std::pair{Code::kServerBug, std::string_view("SERVERBUG")},
    std::pair{Code::kClientBug, std::string_view("CLIENTBUG")},
    std::pair{Code::kCannot, std::string_view("CANNOT")},
    std::pair{Code::kLimit, std::string_view("LIMIT")},
    std::pair{Code::kOverQuota, std::string_view("OVERQUOTA")},
    std::pair{Code::kAlreadyExists, std::string_view("ALREADYEXISTS")},
    std::pair{Code::kNonExistent, std::string_view("NONEXISTENT")},
    std::pair{Code::kNoModSeq, std::string_view("NOMODSEQ")},
    std::pair{Code::kClosed, std::string_view("CLOSED")},
    std::pair{Code::kTooBig, std::string_view("TOOBIG")},
    std::pair{Code::kThrottled, std::string_view("THROTTLED")},
};

std::uint64_t total(const std::vector<SequenceSet::Range>& ranges) {
  std::uint64_t sum = 0;
  for (const auto& range : ranges) sum += range.size();
  return sum;
}

void append_uid(std::vector<SequenceSet::Range>* ranges, std::uint32_t uid) {
  if (!ranges->empty() && uid != 0 && ranges->back().last == uid - 1) {
    ranges->back().last = uid;
  } else {
    ranges->push_back({uid, uid});
  }
}

// The parameters of one code; nothing when they are not what the code has.
std::optional<ResponseCode> read_copy_uid(Values values) {
  CopyUidCode code;
  const auto uid_validity = read_exact_number(values.take());
  if (!uid_validity) return std::nullopt;
  code.uid_validity = UidValidity(*uid_validity);
  for (auto* side : {&code.sources, &code.destinations}) {
    const Value set = values.take();
    // Nothing was copied, so there is nothing to write, although the grammar wants it.
    if (set.raw().empty() || set.is_nil()) continue;
    auto ranges = read_ordered_set(set.raw(), kMaxRanges);
    if (!ranges) return std::nullopt;
    *side = std::move(*ranges);
  }
  return code;
}

std::optional<ResponseCode> read_append_uid(Values values) {
  const auto uid_validity = read_exact_number(values.take());
  auto uids = read_set(values.take().raw(), kMaxRanges);
  if (!uid_validity || !uids) return std::nullopt;
  return AppendUidCode{UidValidity(*uid_validity), std::move(*uids)};
}

std::optional<ResponseCode> read_code(std::string_view name, Values values) {
  const auto is = [name](std::string_view wanted) { return equals_ignoring_case(name, wanted); };
  for (const auto& [code, code_name] : kCodes) {
    if (is(code_name)) return code;
  }
  const Value first = values.peek();
  const Values list = first.is_list() ? first.children() : values;
  if (is("UIDNEXT")) return UidNextCode{Uid(read_exact_number(first).value_or(0))};
  if (is("UIDVALIDITY")) return UidValidityCode{UidValidity(read_exact_number(first).value_or(0))};
  if (is("UNSEEN")) return UnseenCode{SequenceNumber(read_exact_number(first).value_or(0))};
  if (is("HIGHESTMODSEQ")) return HighestModSeqCode{read_mod_seq(first).value_or(ModSeq())};
  if (is("PERMANENTFLAGS")) return PermanentFlagsCode{read_flags(first, kMaxItems)};
  if (is("CAPABILITY")) return CapabilityCode{read_strings(values, kMaxItems)};
  if (is("BADCHARSET")) return BadCharsetCode{read_strings(list, kMaxItems)};
  if (is("BADEVENT")) return BadEventCode{read_strings(list, kMaxItems)};
  if (is("COPYUID")) return read_copy_uid(values);
  if (is("APPENDUID")) return read_append_uid(values);
  if (is("MODIFIED")) {
    if (auto set = read_set(first.raw(), kMaxRanges)) return ModifiedCode{std::move(*set)};
  }
  if (is("MAILBOXID")) {
    if (auto id = read_object_id(first)) return MailboxIdCode{std::move(*id)};
  }
  return std::nullopt;
}

// Writes what stands between the brackets.
class CodeEncoder {
 public:
  explicit CodeEncoder(Writer& writer) : writer_(writer) {}

  void operator()(Code code) { writer_.atom(name_of(code)); }
  void operator()(const BadCharsetCode& code) { strings("BADCHARSET", code.charsets); }
  void operator()(const BadEventCode& code) { strings("BADEVENT", code.events); }
  void operator()(const CapabilityCode& code) {
    writer_.atom("CAPABILITY");
    for (const std::string& capability : code.capabilities) {
      if (!is_atom(capability)) continue;
      writer_.space();
      writer_.atom(capability);
    }
  }
  void operator()(const PermanentFlagsCode& code) {
    writer_.atom("PERMANENTFLAGS ");
    encode_flag_list(writer_, code.flags);
  }
  void operator()(const UidNextCode& code) { number("UIDNEXT ", code.uid.value()); }
  void operator()(const UidValidityCode& code) {
    number("UIDVALIDITY ", code.uid_validity.value());
  }
  void operator()(const UnseenCode& code) { number("UNSEEN ", code.sequence.value()); }
  void operator()(const HighestModSeqCode& code) { number("HIGHESTMODSEQ ", code.mod_seq.value()); }
  void operator()(const AppendUidCode& code) {
    number("APPENDUID ", code.uid_validity.value());
    writer_.space();
    code.uids.encode_to(writer_.out());
  }
  void operator()(const CopyUidCode& code) {
    number("COPYUID ", code.uid_validity.value());
    for (const auto* side : {&code.sources, &code.destinations}) {
      writer_.space();
      bool first = true;
      for (const SequenceSet::Range& range : *side) {
        if (!first) writer_.raw(',');
        first = false;
        writer_.number(range.first);
        if (range.last == range.first) continue;
        writer_.raw(':');
        writer_.number(range.last);
      }
    }
  }
  void operator()(const ModifiedCode& code) {
    writer_.atom("MODIFIED ");
    code.messages.encode_to(writer_.out());
  }
  void operator()(const MailboxIdCode& code) {
    writer_.atom("MAILBOXID (");
    writer_.atom(code.id);
    writer_.close();
  }
  void operator()(const UnknownCode& code) { writer_.raw(code.text); }

 private:
  void number(std::string_view name, std::uint64_t value) {
    writer_.atom(name);
    writer_.number(value);
  }
  // What a code cannot hold, because it would end it or need a literal, is left out.
  void strings(std::string_view name, const std::vector<std::string>& items) {
    writer_.atom(name);
    bool first = true;
    for (const std::string& item : items) {
      if (item.find(']') != std::string::npos || !writer_.can_quote(item)) continue;
      writer_.raw(first ? " (" : " ");
      first = false;
      writer_.astring(item);
    }
    if (!first) writer_.close();
  }

  Writer& writer_;
};

}  // namespace

void CopyUidCode::add(Uid source, Uid destination) {
  append_uid(&sources, source.value());
  append_uid(&destinations, destination.value());
}

Result<std::vector<std::pair<Uid, Uid>>> CopyUidCode::pairs(std::size_t max_pairs) const {
  const std::uint64_t count = total(sources);
  if (count != total(destinations)) {
    return fail(Errc::kProtocol, "COPYUID with unequal sets");
  }
  if (count > max_pairs) return fail(Errc::kLimit, "COPYUID with too many messages");
  std::vector<std::pair<Uid, Uid>> result;
  result.reserve(static_cast<std::size_t>(count));
  auto to = destinations.begin();
  std::uint32_t offset = 0;
  for (const SequenceSet::Range& from : sources) {
    for (std::uint32_t i = 0; i < from.size(); ++i) {
      result.emplace_back(Uid(from.first + i), Uid(to->first + offset));
      if (++offset == to->size()) {
        ++to;
        offset = 0;
      }
    }
  }
  return result;
}

std::string_view name_of(Code code) {
  for (const auto& [known, name] : kCodes) {
    if (known == code) return name;
  }
  return "";
}

ResponseCode decode_response_code(std::string_view text) {
  ValueTree tree;
  tree.parse({.text = text});
  Values values = tree.top();
  const Value name = values.take();
  if (name.is_atom()) {
    if (auto code = read_code(name.raw(), values)) return std::move(*code);
  }
  return UnknownCode{std::string(text)};
}

void encode_response_code(Writer& writer, const ResponseCode& code) {
  writer.raw('[');
  const std::size_t begin = writer.out().size();
  std::visit(CodeEncoder(writer), code);
  // RFC 3501 9: resp-text-code has no "]" inside, and one line no line end.
  for (std::size_t i = begin; i < writer.out().size(); ++i) {
    char& c = writer.out()[i];
    if (c == ']' || c == '\r' || c == '\n' || c == '\0' || is_8bit(c)) c = '?';
  }
  writer.raw(']');
}

}  // namespace imap

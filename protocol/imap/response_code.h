// Response codes: what a status response says to programs, "[...]". RFC 3501 7.1 and extensions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "protocol/imap/flags.h"
#include "protocol/imap/ids.h"
#include "protocol/imap/sequence_set.h"
#include "protocol/imap/writer.h"

namespace imap {

/// Codes that are a name and nothing else.
enum class Code : std::uint8_t {
  // RFC 3501 7.1
  kAlert,
  kParse,
  kReadOnly,
  kReadWrite,
  kTryCreate,
  // RFC 4315 3
  kUidNotSticky,
  // RFC 4978 4
  kCompressionActive,
  // RFC 5530 3
  kUnavailable,
  kAuthenticationFailed,
  kAuthorizationFailed,
  kExpired,
  kPrivacyRequired,
  kContactAdmin,
  kNoPerm,
  kInUse,
  kExpungeIssued,
  kCorruption,
  kServerBug,
  kClientBug,
  kCannot,
  kLimit,
  kOverQuota,  // also RFC 9208 4.3
  kAlreadyExists,
  kNonExistent,
  // RFC 7162 3.1.2.2, 3.2.11
  kNoModSeq,
  kClosed,
  // RFC 4469 4.2, RFC 7889 4
  kTooBig,
  // Gmail
  kThrottled,
};

/// [BADCHARSET (UTF-8)]: the charsets that are understood. RFC 3501 7.1.
struct BadCharsetCode {
  std::vector<std::string> charsets;
  friend bool operator==(const BadCharsetCode&, const BadCharsetCode&) = default;
};

/// [CAPABILITY …]: RFC 3501 7.1, 7.2.1.
struct CapabilityCode {
  std::vector<std::string> capabilities;  // as written
  friend bool operator==(const CapabilityCode&, const CapabilityCode&) = default;
};

/// [PERMANENTFLAGS (…)]: what can be kept. RFC 3501 7.1.
struct PermanentFlagsCode {
  FlagList flags;
  friend bool operator==(const PermanentFlagsCode&, const PermanentFlagsCode&) = default;
};

/// [UIDNEXT n]. Not set: the server gave none that can be used.
struct UidNextCode {
  Uid uid;
  friend bool operator==(const UidNextCode&, const UidNextCode&) = default;
};

/// [UIDVALIDITY n]. Not set: the server gave none that can be used.
struct UidValidityCode {
  UidValidity uid_validity;
  friend bool operator==(const UidValidityCode&, const UidValidityCode&) = default;
};

/// [UNSEEN n]: the first message without \Seen.
struct UnseenCode {
  SequenceNumber sequence;
  friend bool operator==(const UnseenCode&, const UnseenCode&) = default;
};

/// [APPENDUID uidvalidity uids]: RFC 4315 3, RFC 3502 6.3.11 for several.
struct AppendUidCode {
  UidValidity uid_validity;
  SequenceSet uids;  // not empty
  friend bool operator==(const AppendUidCode&, const AppendUidCode&) = default;
};

/// [COPYUID uidvalidity sources destinations]: RFC 4315 3. The n-th UID of one belongs to the n-th
/// of the other in the order in which they are written, so the ranges are kept as they came.
struct CopyUidCode {
  UidValidity uid_validity;
  std::vector<SequenceSet::Range> sources;
  std::vector<SequenceSet::Range> destinations;

  /// Adds one pair, joining it to the last ranges where that is the same.
  void add(Uid source, Uid destination);
  /// The pairs in order.
  /// Errors: kProtocol if the two sides do not hold equally many; kLimit above `max_pairs`.
  Result<std::vector<std::pair<Uid, Uid>>> pairs(std::size_t max_pairs = 1'000'000) const;
  friend bool operator==(const CopyUidCode&, const CopyUidCode&) = default;
};

/// [HIGHESTMODSEQ n]: RFC 7162 3.1.2.1. Not set: the server does not know (Purelymail sends 0 for
/// an empty mailbox).
struct HighestModSeqCode {
  ModSeq mod_seq;
  friend bool operator==(const HighestModSeqCode&, const HighestModSeqCode&) = default;
};

/// [MODIFIED set]: what a conditional STORE left alone. RFC 7162 3.1.3.
struct ModifiedCode {
  SequenceSet messages;  // not empty; UIDs after a UID STORE
  friend bool operator==(const ModifiedCode&, const ModifiedCode&) = default;
};

/// [MAILBOXID (id)]: RFC 8474 4.1.
struct MailboxIdCode {
  std::string id;
  friend bool operator==(const MailboxIdCode&, const MailboxIdCode&) = default;
};

/// [BADEVENT (…)]: the events that are understood. RFC 5465 7.
struct BadEventCode {
  std::vector<std::string> events;
  friend bool operator==(const BadEventCode&, const BadEventCode&) = default;
};

/// Any other code: all that stands between the brackets.
struct UnknownCode {
  std::string text;
  friend bool operator==(const UnknownCode&, const UnknownCode&) = default;
};

using ResponseCode =
    std::variant<Code, BadCharsetCode, CapabilityCode, PermanentFlagsCode, UidNextCode,
                 UidValidityCode, UnseenCode, AppendUidCode, CopyUidCode, HighestModSeqCode,
                 ModifiedCode, MailboxIdCode, BadEventCode, UnknownCode>;

/// The name on the wire ("READ-ONLY").
std::string_view name_of(Code code);

/// Reads what stands between the brackets, tolerantly; what it does not know, or cannot read, is an
/// UnknownCode with the text as it came.
ResponseCode decode_response_code(std::string_view text);

/// Writes a code with its brackets. Bytes of an UnknownCode that a code cannot hold become "?".
void encode_response_code(Writer& writer, const ResponseCode& code);

}  // namespace imap

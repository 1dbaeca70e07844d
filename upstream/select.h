// select: opens a mailbox upstream and gathers what the server says of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "cache/mailbox.h"
#include "protocol/imap/commands.h"
#include "protocol/imap/fetch_response.h"
#include "upstream/client.h"

namespace upstream {

/// What SELECT told. RFC 3501 6.3.1, RFC 7162 3.1.2, 3.2.5.
struct SelectedMailbox {
  std::uint32_t exists = 0;
  imap::UidValidity uid_validity;
  std::uint32_t uid_next = 0;        // 0: not told (Courier)
  std::uint64_t highest_modseq = 0;  // 0: not told, or NOMODSEQ
  bool no_modseq = false;            // NOMODSEQ: the mailbox has none (RFC 7162 3.1.2.2)
  std::optional<imap::FlagList> permanent_flags;
  std::string mailbox_id;
  bool read_only = false;
  imap::SequenceSet vanished;                // QRESYNC
  std::vector<imap::FetchResponse> changed;  // QRESYNC

  /// Takes what belongs to a selected mailbox, now or later; false for anything else.
  bool take(imap::Response& response);
};

/// How a mailbox with the same UIDVALIDITY turns out to be an earlier one, as when a backup was put
/// back: then its UIDs may mean other messages than they did.
enum class WentBack : std::uint8_t {
  kNo,
  kUidNext,  // UIDs are to be given out that messages here have
  kModSeq,   // HIGHESTMODSEQ is lower than it was
};
WentBack went_back(const cache::Mailbox& known, const SelectedMailbox& selected);

/// SELECTs `raw_name` (never EXAMINE: some servers then give other UIDVALIDITYs).
/// Errors: as Client::run; as error_of() when the server says no.
Task<Result<SelectedMailbox>> select_mailbox(Client* client, std::string raw_name, bool condstore,
                                             std::optional<imap::QresyncParameter> qresync);

}  // namespace upstream

// Reply: how a command ends, and the one place where an Error becomes IMAP.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "protocol/imap/response_code.h"
#include "protocol/imap/responses.h"

namespace proxy {

/// The tagged line of a command, without its tag.
struct Reply {
  imap::Condition condition = imap::Condition::kOk;
  std::optional<imap::ResponseCode> code = std::nullopt;
  std::string text;

  static Reply ok(std::string text) {
    return {imap::Condition::kOk, std::nullopt, std::move(text)};
  }
  static Reply ok(imap::ResponseCode code, std::string text) {
    return {imap::Condition::kOk, std::move(code), std::move(text)};
  }
  static Reply no(imap::ResponseCode code, std::string text) {
    return {imap::Condition::kNo, std::move(code), std::move(text)};
  }
  static Reply bad(std::string text) {
    return {imap::Condition::kBad, std::nullopt, std::move(text)};
  }
};

/// What a client is told of an error (RFC 5530). Texts of ours about the client's own request go
/// out as they are; of everything else only the kind, the details are for the log.
Reply reply_of(const Error& error);

}  // namespace proxy

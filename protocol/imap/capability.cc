#include "protocol/imap/capability.h"

#include <algorithm>
#include <array>

#include "protocol/imap/characters.h"
#include "protocol/imap/number.h"

namespace imap {
namespace {

struct Row {
  std::string_view name;
  Capability capability;
};

constexpr std::array kRows = {
    Row{"APPENDLIMIT", Capability::kAppendLimit},
    Row{"BINARY", Capability::kBinary},
    Row{"CATENATE", Capability::kCatenate},
    Row{"CHILDREN", Capability::kChildren},
    Row{"COMPRESS=DEFLATE", Capability::kCompressDeflate},
    Row{"CONDSTORE", Capability::kCondstore},
    Row{"CREATE-SPECIAL-USE", Capability::kCreateSpecialUse},
    Row{"ENABLE", Capability::kEnable},
    Row{"ESEARCH", Capability::kEsearch},
    Row{"X-GM-EXT-1", Capability::kGmail},
    Row{"ID", Capability::kId},
    Row{"IDLE", Capability::kIdle},
    Row{"IMAP4rev1", Capability::kImap4rev1},
    Row{"IMAP4rev2", Capability::kImap4rev2},
    Row{"LIST-EXTENDED", Capability::kListExtended},
    Row{"LIST-STATUS", Capability::kListStatus},
    Row{"LITERAL-", Capability::kLiteralMinus},
    Row{"LITERAL+", Capability::kLiteralPlus},
    Row{"LOGINDISABLED", Capability::kLoginDisabled},
    Row{"MOVE", Capability::kMove},
    Row{"MULTIAPPEND", Capability::kMultiAppend},
    Row{"NAMESPACE", Capability::kNamespace},
    Row{"NOTIFY", Capability::kNotify},
    Row{"OBJECTID", Capability::kObjectId},
    Row{"QRESYNC", Capability::kQresync},
    Row{"SASL-IR", Capability::kSaslIr},
    Row{"SPECIAL-USE", Capability::kSpecialUse},
    Row{"STARTTLS", Capability::kStartTls},
    Row{"STATUS=SIZE", Capability::kStatusSize},
    Row{"UIDPLUS", Capability::kUidPlus},
    Row{"UNSELECT", Capability::kUnselect},
    Row{"UTF8=ACCEPT", Capability::kUtf8Accept},
    Row{"UTF8=ONLY", Capability::kUtf8Only},
    Row{"WITHIN", Capability::kWithin},
    Row{"XLIST", Capability::kXList},
};

constexpr std::string_view kAuth = "AUTH=";
constexpr std::string_view kAppendLimit = "APPENDLIMIT=";

bool starts_with(std::string_view name, std::string_view prefix) {
  return equals_ignoring_case(name.substr(0, prefix.size()), prefix);
}

}  // namespace

std::string_view name_of(Capability capability) {
  for (const Row& row : kRows) {
    if (row.capability == capability) return row.name;
  }
  return "";
}

Capabilities::Capabilities(std::span<const std::string> names) {
  for (const std::string& name : names) add(name);
}

void Capabilities::add(std::string_view name) {
  if (has(name)) return;
  names_.emplace_back(name);
  recognise(name);
}

void Capabilities::recognise(std::string_view name) {
  for (const Row& row : kRows) {
    if (equals_ignoring_case(row.name, name)) bits_ |= bit(row.capability);
  }
  // RFC 7162 3.2.3, RFC 6855 section 7.
  if (has(Capability::kQresync)) bits_ |= bit(Capability::kCondstore);
  if (has(Capability::kUtf8Only)) bits_ |= bit(Capability::kUtf8Accept);
  if (starts_with(name, kAppendLimit)) bits_ |= bit(Capability::kAppendLimit);
}

void Capabilities::remove(Capability capability) {
  const std::string_view gone = name_of(capability);
  std::erase_if(names_, [&](const std::string& name) { return equals_ignoring_case(name, gone); });
  bits_ = 0;
  for (const std::string& name : names_) recognise(name);
}

bool Capabilities::has(std::string_view name) const {
  return std::any_of(names_.begin(), names_.end(),
                     [&](const std::string& have) { return equals_ignoring_case(have, name); });
}

bool Capabilities::has_mechanism(std::string_view mechanism) const {
  return std::any_of(names_.begin(), names_.end(), [&](const std::string& name) {
    return starts_with(name, kAuth) &&
           equals_ignoring_case(std::string_view(name).substr(kAuth.size()), mechanism);
  });
}

std::vector<std::string> Capabilities::mechanisms() const {
  std::vector<std::string> found;
  for (const std::string& name : names_) {
    if (starts_with(name, kAuth)) found.push_back(name.substr(kAuth.size()));
  }
  return found;
}

std::optional<std::uint64_t> Capabilities::append_limit() const {
  for (const std::string& name : names_) {
    if (!starts_with(name, kAppendLimit)) continue;
    return parse_number(std::string_view(name).substr(kAppendLimit.size()), kMaxNumber64);
  }
  return std::nullopt;
}

}  // namespace imap

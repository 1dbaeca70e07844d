// Capabilities: what a server says it can do. RFC 3501 7.2.1.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace imap {

/// The capabilities that the program asks about; a server may have others.
enum class Capability : std::uint8_t {
  kAppendLimit,       // RFC 7889: also with a value, see Capabilities::append_limit()
  kBinary,            // RFC 3516
  kCatenate,          // RFC 4469
  kChildren,          // RFC 3348
  kCompressDeflate,   // RFC 4978
  kCondstore,         // RFC 7162; QRESYNC implies it
  kCreateSpecialUse,  // RFC 6154
  kEnable,            // RFC 5161
  kEsearch,           // RFC 4731
  kGmail,             // X-GM-EXT-1
  kId,                // RFC 2971
  kIdle,              // RFC 2177
  kImap4rev1,         // RFC 3501
  kImap4rev2,         // RFC 9051
  kListExtended,      // RFC 5258
  kListStatus,        // RFC 5819
  kLiteralMinus,      // RFC 7888
  kLiteralPlus,       // RFC 7888
  kLoginDisabled,     // RFC 3501 6.2.3
  kMove,              // RFC 6851
  kMultiAppend,       // RFC 3502
  kNamespace,         // RFC 2342
  kNotify,            // RFC 5465
  kObjectId,          // RFC 8474
  kQresync,           // RFC 7162
  kSaslIr,            // RFC 4959
  kSpecialUse,        // RFC 6154
  kStartTls,          // RFC 3501 6.2.1
  kStatusSize,        // RFC 8438
  kUidPlus,           // RFC 4315
  kUnselect,          // RFC 3691
  kUtf8Accept,        // RFC 6855; UTF8=ONLY implies it
  kUtf8Only,          // RFC 6855
  kWithin,            // RFC 5032
  kXList,             // XLIST: Gmail's older form of SPECIAL-USE
};

/// The name on the wire ("LITERAL+").
std::string_view name_of(Capability capability);

/// A set of capabilities, as written and as known.
///
/// Thread: a plain value.
class Capabilities {
 public:
  Capabilities() = default;
  /// Of the words of a CAPABILITY response or code. Doubles are dropped.
  explicit Capabilities(std::span<const std::string> names);

  /// REQUIRES: `name` is an atom.
  void add(std::string_view name);
  void add(Capability capability) { add(name_of(capability)); }
  /// Forgets one that turned out to be a lie. What another one implies stays: CONDSTORE with
  /// QRESYNC.
  void remove(Capability capability);

  bool empty() const { return names_.empty(); }
  bool has(Capability capability) const { return (bits_ & bit(capability)) != 0; }
  /// Whether `name` was said, in any case, known or not.
  bool has(std::string_view name) const;
  /// Whether AUTH=`mechanism` was said, in any case.
  bool has_mechanism(std::string_view mechanism) const;
  /// The names behind "AUTH=", as written.
  std::vector<std::string> mechanisms() const;
  /// The largest message that an APPEND may hold, if the server says so for all mailboxes.
  std::optional<std::uint64_t> append_limit() const;
  /// As written, in the order of arrival.
  const std::vector<std::string>& names() const { return names_; }

  friend bool operator==(const Capabilities&, const Capabilities&) = default;

 private:
  static constexpr std::uint64_t bit(Capability capability) {
    return std::uint64_t{1} << static_cast<unsigned>(capability);
  }
  void recognise(std::string_view name);

  std::vector<std::string> names_;
  std::uint64_t bits_ = 0;
};

}  // namespace imap

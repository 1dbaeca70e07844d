// What is said about a certificate that was not accepted: it goes to an operator who must act on
// it.
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>

#include "base/log.h"
#include "net/tls_context.h"

namespace net {

namespace {

std::string date_text(const ASN1_TIME* date) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(date, &parts) != 1) return "an unreadable date";
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02} UTC", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min);
}

std::string common_name(const X509_NAME* name) {
  const int index = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (index < 0) return "without a name";
  const ASN1_STRING* value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index));
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, value);
  if (size < 0) return "with an unreadable name";
  std::string text = "\"" + std::string(utf8, utf8 + size) + "\"";
  OPENSSL_free(utf8);
  return text;
}

std::string ip_text(const ASN1_OCTET_STRING* bytes) {
  const unsigned char* data = ASN1_STRING_get0_data(bytes);
  const int size = ASN1_STRING_length(bytes);
  if (size == 4) return fmt::format("{}.{}.{}.{}", data[0], data[1], data[2], data[3]);
  std::string text;
  for (int i = 0; i + 1 < size; i += 2) {
    text += fmt::format("{}{:x}", i == 0 ? "" : ":", data[i] * 256 + data[i + 1]);
  }
  return text;
}

// The names that a certificate is good for. RFC 6125 6.4.4: the common name counts only when there
// is no alternative name.
std::string names_of(const X509* certificate) {
  std::string text;
  const auto add = [&text](std::string_view name) {
    if (!text.empty()) text += ", ";
    text += name;
  };
  const Openssl<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  constexpr int kShown = 20;  // some certificates have hundreds
  const int count = names ? sk_GENERAL_NAME_num(names.get()) : 0;
  for (int i = 0; i < count && i < kShown; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) {
      const ASN1_IA5STRING* dns = name->d.dNSName;
      add(std::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(dns)),
                           static_cast<std::size_t>(ASN1_STRING_length(dns))));
    } else if (name->type == GEN_IPADD) {
      add(ip_text(name->d.iPAddress));
    }
  }
  if (count > kShown) add(fmt::format("and {} more", count - kShown));
  if (text.empty()) text = common_name(X509_get_subject_name(certificate));
  return text;
}

}  // namespace

std::string fingerprint_of(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) return "";
  return std::string(digest.data(), digest.data() + size);
}

std::string fingerprint_text(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    text += fmt::format("{}{:02X}", text.empty() ? "" : ":", static_cast<unsigned char>(c));
  }
  return text;
}

std::string describe_rejection(int error, X509* certificate, const std::string& host) {
  const std::string whose = fmt::format("the certificate of \"{}\"", host);
  if (certificate == nullptr) return whose + ": " + X509_verify_cert_error_string(error);
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return fmt::format("{}: {} expired on {}", whose,
                         common_name(X509_get_subject_name(certificate)),
                         date_text(X509_get0_notAfter(certificate)));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return fmt::format("{}: {} is valid from {} on only; is the clock of this machine right?",
                         whose, common_name(X509_get_subject_name(certificate)),
                         date_text(X509_get0_notBefore(certificate)));
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format("{} is for another server: it names {}", whose, names_of(certificate));
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return fmt::format(
          "{} is issued by an unknown authority, {}: trust it with a CA file, or, if you know it "
          "to "
          "be the right one, pin its SHA-256 fingerprint {}",
          whose, common_name(X509_get_issuer_name(certificate)),
          fingerprint_text(fingerprint_of(certificate)));
    default:
      return whose + ": " + X509_verify_cert_error_string(error);
  }
}

}  // namespace net

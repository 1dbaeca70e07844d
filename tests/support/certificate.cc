#include "tests/support/certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cstdio>
#include <memory>

namespace support {
namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, Freer<X509_free>>;

void add_extension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

template <class Write>
bool write_pem(const std::filesystem::path& path, Write write) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return false;
  const bool written = write(file) == 1;
  return std::fclose(file) == 0 && written;
}

}  // namespace

Result<Certificate> make_certificate(const std::filesystem::path& directory,
                                     const std::string& name, const CertificateOptions& options) {
  const KeyPtr key(EVP_EC_gen("P-256"));
  const X509Ptr x509(X509_new());
  if (!key || !x509) return fail(Errc::kBug, "OpenSSL makes no key");
  X509_set_version(x509.get(), 2);
  static long serial = 0;
  ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), ++serial);
  const auto seconds = [](std::chrono::hours hours) {
    return static_cast<long>(std::chrono::seconds(hours).count());
  };
  X509_gmtime_adj(X509_getm_notBefore(x509.get()), seconds(options.valid_from));
  X509_gmtime_adj(X509_getm_notAfter(x509.get()), seconds(options.valid_until));
  X509_NAME* subject = X509_get_subject_name(x509.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(options.host.c_str()), -1, -1,
                             0);
  X509_set_issuer_name(x509.get(), subject);
  X509_set_pubkey(x509.get(), key.get());
  std::string names = "DNS:" + options.host;
  if (options.host == "localhost") names += ",IP:127.0.0.1";
  add_extension(x509.get(), NID_subject_alt_name, names.c_str());
  add_extension(x509.get(), NID_basic_constraints, "critical,CA:TRUE");
  if (X509_sign(x509.get(), key.get(), EVP_sha256()) == 0) {
    return fail(Errc::kBug, "OpenSSL does not sign");
  }

  Certificate made{directory / (name + ".crt"), directory / (name + ".key"), ""};
  const bool written =
      write_pem(made.certificate,
                [&](std::FILE* file) { return PEM_write_X509(file, x509.get()); }) &&
      write_pem(made.private_key, [&](std::FILE* file) {
        return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
      });
  if (!written) return fail(Errc::kIo, "cannot write below " + directory.string());
  ::chmod(made.private_key.c_str(), 0600);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  X509_digest(x509.get(), EVP_sha256(), digest, &length);
  for (unsigned i = 0; i < length; ++i) {
    char hex[3];
    std::snprintf(hex, sizeof(hex), "%02x", digest[i]);
    made.sha256 += hex;
  }
  return made;
}

}  // namespace support

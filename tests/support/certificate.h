// Certificates that tests make for themselves.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace support {

struct CertificateOptions {
  std::string host = "localhost";                          // and 127.0.0.1, when it is localhost
  std::chrono::hours valid_from = std::chrono::hours(-1);  // relative to now
  std::chrono::hours valid_until = std::chrono::hours(24 * 30);
};

struct Certificate {
  std::filesystem::path certificate;  // PEM; signed by itself, so it is its own authority
  std::filesystem::path private_key;  // PEM, mode 0600
  std::string sha256;                 // fingerprint of the certificate, 64 hexadecimal digits
};

/// Writes NAME.crt and NAME.key into `directory`.
Result<Certificate> make_certificate(const std::filesystem::path& directory,
                                     const std::string& name = "server",
                                     const CertificateOptions& options = {});

}  // namespace support

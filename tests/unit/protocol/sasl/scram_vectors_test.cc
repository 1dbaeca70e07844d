// The examples of the RFCs: first against the peer of these tests, then against our key derivation.
#include <gtest/gtest.h>

#include "protocol/sasl/scram_keys.h"
#include "tests/unit/protocol/sasl/scram_peer.h"

namespace sasl {
namespace {

TEST(ScramVectorsTest, Rfc5802Section5) {
  const std::string salt = *base64_decode("QSXCR+Q6sek8bf92");
  const ScramPeer peer(EVP_sha1(), "pencil", salt, 4096);
  const std::string message =
      "n=user,r=fyko+d2lbbFgONRv9qkxdawL,"
      "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,"
      "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j";
  EXPECT_EQ(peer.proof(message), "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
  EXPECT_EQ(peer.signature(message), "rmF9pqV8S7suAoZWja4dJRkFsKQ=");
}

TEST(ScramVectorsTest, Rfc7677Section3) {
  const std::string salt = *base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==");
  const ScramPeer peer(EVP_sha256(), "pencil", salt, 4096);
  const std::string nonce = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  const std::string message = "n=user,r=rOprNGfwEbeRWgbNEkqO," + nonce +
                              ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws," + nonce;
  EXPECT_EQ(peer.proof(message), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  EXPECT_EQ(peer.signature(message), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");

  const ScramVerifier ours = derive_verifier(Secret("pencil"), salt, 4096);
  EXPECT_EQ(ours.stored_key, peer.stored_key());
  EXPECT_EQ(base64_encode(peer.hmac(ours.server_key, message)),
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

}  // namespace
}  // namespace sasl

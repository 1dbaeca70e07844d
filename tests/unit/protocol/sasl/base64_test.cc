#include "protocol/sasl/base64.h"

#include <gtest/gtest.h>

namespace sasl {
namespace {

TEST(Base64Test, Rfc4648Vectors) {
  const std::pair<std::string, std::string> kVectors[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [raw, encoded] : kVectors) {
    EXPECT_EQ(base64_encode(raw), encoded);
    EXPECT_EQ(*base64_decode(encoded), raw);
  }
}

TEST(Base64Test, EveryByteGoesThereAndBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  for (std::size_t size = 0; size <= all.size(); ++size) {
    const std::string part = all.substr(256 - size);
    EXPECT_EQ(*base64_decode(base64_encode(part)), part);
  }
}

TEST(Base64Test, OneValueHasOneForm) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "Z===", "====", "=", "Zh==", "Zm9=", "Zm9v\n",
                           "Zm 9", "Zm9v====", "Zg==Zg==", "Zm-_", "Zm9\xff", "Z=g="}) {
    const auto decoded = base64_decode(text);
    ASSERT_FALSE(decoded) << text;
    EXPECT_EQ(decoded.error().code(), Errc::kInvalid) << text;
  }
  EXPECT_FALSE(base64_decode(std::string_view("Zm\0v", 4)));
}

TEST(Base64Test, TheResultIsBounded) {
  const std::string raw(100, 'x');
  EXPECT_EQ(*base64_decode(base64_encode(raw), 100), raw);
  EXPECT_EQ(base64_decode(base64_encode(raw), 99).error().code(), Errc::kLimit);
  EXPECT_EQ(base64_decode(std::string(1'000'000, 'A')).error().code(), Errc::kLimit);
}

}  // namespace
}  // namespace sasl

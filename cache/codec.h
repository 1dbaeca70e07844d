// Encoder and Decoder of stored keys and values: big-endian integers, counted strings.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cache {

/// Appends to a string. Big-endian, so that the byte order of keys is the order of numbers.
class Encoder {
 public:
  explicit Encoder(std::string* out) : out_(out) {}

  template <std::integral Int>
  Encoder& number(Int value) {
    if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
    char bytes[sizeof(Int)];
    std::memcpy(bytes, &value, sizeof(Int));
    out_->append(bytes, sizeof(Int));
    return *this;
  }
  /// The bytes alone: only for the last part of a key or value.
  Encoder& raw(std::string_view bytes) {
    out_->append(bytes);
    return *this;
  }
  /// With a u32 count in front.
  Encoder& text(std::string_view bytes) {
    number(static_cast<std::uint32_t>(bytes.size()));
    return raw(bytes);
  }

 private:
  std::string* out_;
};

/// Reads what an Encoder wrote. Past the end or with a wrong count it gives zeros and is not ok():
/// callers read everything and ask once.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes) {}

  template <std::integral Int>
  Int number() {
    Int value = 0;
    if (rest_.size() < sizeof(Int)) {
      ok_ = false;
      rest_ = {};
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof(Int));
    rest_.remove_prefix(sizeof(Int));
    if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
    return value;
  }
  std::string_view text() {
    const auto size = number<std::uint32_t>();
    if (size > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  std::string_view rest() const { return rest_; }
  bool ok() const { return ok_; }
  /// The caller found a value that cannot be.
  void fail() {
    ok_ = false;
    rest_ = {};
  }
  /// ok(), and nothing is left over.
  Result<> finish(std::string_view what) const {
    if (ok_ && rest_.empty()) return {};
    return ::fail(Errc::kCorruption, std::string(what) + ": stored value has a wrong length");
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace cache

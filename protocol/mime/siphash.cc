#include "protocol/mime/siphash.h"

#include <bit>

namespace mime {
namespace {

// Little-endian, whatever the machine: the digest is stored.
std::uint64_t load(const char* bytes, std::size_t size) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < size; ++i) {
    word |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return word;
}

struct State {
  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void absorb(std::uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
  std::uint64_t squeeze() {
    for (int i = 0; i < 4; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace

std::array<std::uint8_t, 16> siphash128(const std::array<std::uint8_t, 16>& key,
                                        std::string_view bytes) {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    k0 |= std::uint64_t{key[i]} << (8 * i);
    k1 |= std::uint64_t{key[i + 8]} << (8 * i);
  }
  State state{.v0 = k0 ^ 0x736f6d6570736575,
              .v1 = k1 ^ 0x646f72616e646f6d ^ 0xee,  // 0xee: the variant of 128 bits
              .v2 = k0 ^ 0x6c7967656e657261,
              .v3 = k1 ^ 0x7465646279746573};
  const std::size_t whole = bytes.size() / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) state.absorb(load(bytes.data() + i, 8));
  state.absorb(load(bytes.data() + whole, bytes.size() - whole) | std::uint64_t{bytes.size() & 0xff}
                                                                      << 56);

  std::array<std::uint8_t, 16> digest{};
  const auto store = [&digest](std::size_t at, std::uint64_t word) {
    for (std::size_t i = 0; i < 8; ++i) digest[at + i] = static_cast<std::uint8_t>(word >> (8 * i));
  };
  state.v2 ^= 0xee;
  store(0, state.squeeze());
  state.v1 ^= 0xdd;
  store(8, state.squeeze());
  return digest;
}

}  // namespace mime

#include "base/secret.h"

#include <cstddef>
#include <cstring>

bool Secret::matches(std::string_view candidate) const {
  if (candidate.size() != value_.size()) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < value_.size(); ++i) {
    difference |= static_cast<unsigned char>(value_[i] ^ candidate[i]);
  }
  return difference == 0;
}

void Secret::wipe() {
  explicit_bzero(value_.data(), value_.size());
  value_.clear();
}

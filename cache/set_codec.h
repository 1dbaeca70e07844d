// Stored form of sequence sets: a count, then first and last of each range.
#pragma once

#include "cache/codec.h"
#include "protocol/imap/sequence_set.h"

namespace cache {

/// REQUIRES: no "*" in `set`.
inline void encode_set(const imap::SequenceSet& set, Encoder* out) {
  out->number(static_cast<std::uint32_t>(set.ranges().size()));
  for (const auto& range : set.ranges()) out->number(range.first).number(range.last);
}

/// Ranges that no set can have are left out: the decoder then is not ok().
inline imap::SequenceSet decode_set(Decoder* in) {
  imap::SequenceSet set;
  const auto count = in->number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in->ok(); ++i) {
    const auto first = in->number<std::uint32_t>();
    const auto last = in->number<std::uint32_t>();
    if (!in->ok()) break;
    if (first == 0 || first > last || (i > 0 && first <= set.max())) {
      in->fail();
      break;
    }
    set.add({first, last});
  }
  return set;
}

}  // namespace cache

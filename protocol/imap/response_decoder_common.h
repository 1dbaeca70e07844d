// What several of the response decoders read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/imap/flags.h"
#include "protocol/imap/ids.h"
#include "protocol/imap/response_decoder_values.h"
#include "protocol/imap/sequence_set.h"

namespace imap {

/// The flags of a list; what cannot be a flag is left out, and so is all after `max_flags`.
FlagList read_flags(Value list, std::size_t max_flags = 1'000);

/// All atoms and strings; what else there is is left out, and so is all after `max_items`.
std::vector<std::string> read_strings(Values values, std::size_t max_items);

/// A whole set of UIDs or sequence numbers: not empty, without "*"; nothing when any of it is
/// wrong, since half of a set would be taken for all of it.
std::optional<SequenceSet> read_set(std::string_view text, std::size_t max_ranges);

/// The same in the order in which it is written, for pairs of sets.
std::optional<std::vector<SequenceSet::Range>> read_ordered_set(std::string_view text,
                                                                std::size_t max_ranges);

/// A number of 32 bits in digits: for what names a message, where a rounded number is a wrong one.
std::optional<std::uint32_t> read_exact_number(Value value);

/// A mod-sequence, bare or in a list of its own; nothing for 0, for -1 (Zoho) and for what is no
/// number. RFC 7162 7: mod-sequence-value.
std::optional<ModSeq> read_mod_seq(Value value);

/// An object id, bare or in a list of its own; nothing for NIL and for what is no atom. RFC 8474 7:
/// objectid has fewer characters than an atom, but no reason is known to insist.
std::optional<std::string> read_object_id(Value value);

}  // namespace imap

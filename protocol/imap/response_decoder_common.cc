#include "protocol/imap/response_decoder_common.h"

#include <algorithm>

#include "protocol/imap/lexer.h"
#include "protocol/imap/number.h"

namespace imap {

FlagList read_flags(Value list, std::size_t max_flags) {
  FlagList flags;
  Values items = list.children();
  for (std::size_t n = 0; !items.done() && n < max_flags; ++n) {
    const Value item = items.take();
    if (!item.is_atom() && !item.is_string()) continue;
    Lexer lexer(item.raw(), {.dialect = Dialect::kTolerant});
    // Cannot fail when tolerant: what is no flag is left out.
    (void)decode_flag(lexer, flags);
  }
  return flags;
}

std::vector<std::string> read_strings(Values values, std::size_t max_items) {
  std::vector<std::string> strings;
  while (!values.done() && strings.size() < max_items) {
    if (auto bytes = values.take().optional_bytes()) strings.push_back(std::move(*bytes));
  }
  return strings;
}

std::optional<SequenceSet> read_set(std::string_view text, std::size_t max_ranges) {
  Lexer lexer(text);
  auto set = decode_sequence_set(lexer, max_ranges);
  if (!set || !lexer.at_end() || set->has_star() || set->empty()) return std::nullopt;
  return std::move(*set);
}

std::optional<std::vector<SequenceSet::Range>> read_ordered_set(std::string_view text,
                                                                std::size_t max_ranges) {
  std::vector<SequenceSet::Range> ranges;
  while (true) {
    const std::string_view part = text.substr(0, text.find(','));
    const std::size_t colon = std::min(part.find(':'), part.size());
    const auto first = parse_number(part.substr(0, colon));
    const auto last = colon == part.size() ? first : parse_number(part.substr(colon + 1));
    if (!first || !last || *first == 0 || *last == 0) return std::nullopt;
    if (ranges.size() == max_ranges) return std::nullopt;
    // RFC 4315 4: "4:2" is the same as "2:4".
    const auto [low, high] = std::minmax(*first, *last);
    ranges.push_back({static_cast<std::uint32_t>(low), static_cast<std::uint32_t>(high)});
    if (part.size() == text.size()) return ranges;
    text.remove_prefix(part.size() + 1);
  }
}

std::optional<std::uint32_t> read_exact_number(Value value) {
  if (!value.is_atom() && !value.is_string()) return std::nullopt;
  const auto number = parse_number(value.raw());
  if (!number) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

std::optional<ModSeq> read_mod_seq(Value value) {
  if (value.is_list()) value = value.children().peek();
  if (!value.is_atom() && !value.is_string()) return std::nullopt;
  const auto number = parse_number(value.raw(), ModSeq::kMax);
  if (!number || *number == 0) return std::nullopt;
  return ModSeq(*number);
}

std::optional<std::string> read_object_id(Value value) {
  if (value.is_list()) value = value.children().peek();
  if (!value.is_atom() && !value.is_string()) return std::nullopt;
  const bool fits = is_atom(value.raw()) && value.raw().size() <= 255;
  return fits ? value.optional_bytes() : std::nullopt;
}

}  // namespace imap

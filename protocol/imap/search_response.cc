#include "protocol/imap/search_response.h"

#include <charconv>

#include "protocol/imap/response_decoder_data.h"

namespace imap {
namespace {

// "(MODSEQ 917162500)" with which a SEARCH ends. RFC 7162 3.1.5.
bool read_trailing_mod_seq(std::string_view text, ModSeq* mod_seq) {
  ValueTree tree;
  tree.parse({.text = text});
  Values values = tree.top();
  Values list = values.take().children();
  if (!list.take().equals("MODSEQ") || !values.done()) return false;
  *mod_seq = read_mod_seq(list.take()).value_or(ModSeq());
  return true;
}

}  // namespace

std::optional<SearchResponse> read_search(std::string_view text, const DecodingContext& context) {
  SearchResponse response;
  const char* p = text.data();
  const char* const end = p + text.size();
  while (true) {
    while (p != end && *p == ' ') ++p;
    if (p == end) return response;
    if (*p == '(') {
      const auto rest = std::string_view(p, static_cast<std::size_t>(end - p));
      if (!read_trailing_mod_seq(rest, &response.mod_seq)) return std::nullopt;
      return response;
    }
    std::uint32_t number = 0;
    const auto [next, error] = std::from_chars(p, end, number);
    if (error != std::errc() || (next != end && *next != ' ')) return std::nullopt;
    if (response.numbers.size() == context.max_numbers) return std::nullopt;
    if (number != 0) response.numbers.push_back(number);
    p = next;
  }
}

std::optional<EsearchResponse> read_esearch(Values values, const DecodingContext& context) {
  EsearchResponse response;
  if (values.peek().is_list()) {
    Values correlator = values.take().children();
    if (correlator.take().equals("TAG")) response.tag = correlator.take().bytes();
  }
  if (values.peek().equals("UID")) {
    response.uid = true;
    values.take();
  }
  while (!values.done()) {
    const Value name = values.take();
    const Value value = values.take();
    std::optional<std::uint32_t>* number = nullptr;
    if (name.equals("MIN")) number = &response.min;
    if (name.equals("MAX")) number = &response.max;
    if (name.equals("COUNT")) number = &response.count;
    if (number != nullptr) {
      *number = read_exact_number(value);
      if (!*number) return std::nullopt;
    } else if (name.equals("ALL")) {
      response.all = read_set(value.raw(), context.max_ranges);
      if (!response.all) return std::nullopt;
    } else if (name.equals("MODSEQ")) {
      response.mod_seq = read_mod_seq(value).value_or(ModSeq());
    }
  }
  return response;
}

void encode_response(Writer& writer, const SearchResponse& response) {
  writer.raw("* SEARCH");
  for (const std::uint32_t number : response.numbers) {
    writer.space();
    writer.number(number);
  }
  // RFC 7162 3.1.5: only where something was found.
  if (response.mod_seq.is_set() && !response.numbers.empty()) {
    writer.raw(" (MODSEQ ");
    writer.number(response.mod_seq.value());
    writer.close();
  }
  writer.crlf();
}

void encode_response(Writer& writer, const EsearchResponse& response) {
  writer.raw("* ESEARCH");
  if (!response.tag.empty()) {
    writer.raw(" (TAG ");
    writer.string(response.tag);
    writer.close();
  }
  if (response.uid) writer.raw(" UID");
  const auto put = [&](std::string_view name, std::uint64_t value) {
    writer.raw(name);
    writer.number(value);
  };
  if (response.min) put(" MIN ", *response.min);
  if (response.max) put(" MAX ", *response.max);
  if (response.count) put(" COUNT ", *response.count);
  if (response.all && !response.all->empty()) {
    writer.raw(" ALL ");
    response.all->encode_to(writer.out());
  }
  if (response.mod_seq.is_set()) put(" MODSEQ ", response.mod_seq.value());
  writer.crlf();
}

}  // namespace imap

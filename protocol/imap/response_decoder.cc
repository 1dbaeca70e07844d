#include "protocol/imap/response_decoder.h"

#include <algorithm>
#include <string>

#include "protocol/imap/characters.h"
#include "protocol/imap/number.h"
#include "protocol/imap/response_decoder_data.h"
#include "protocol/imap/response_decoder_fetch.h"

namespace imap {
namespace {

constexpr std::string_view kBlanks(" \t\0", 3);

void skip_blanks(std::string_view* text) {
  text->remove_prefix(std::min(text->find_first_not_of(kBlanks), text->size()));
}

// Cuts the next word off, with the blanks behind it.
std::string_view take_word(std::string_view* text) {
  const std::string_view word = text->substr(0, text->find_first_of(" \t"));
  text->remove_prefix(word.size());
  skip_blanks(text);
  return word;
}

// Where the code at the beginning of `text`, "[…", ends: at its "]", not at one inside of a string
// or a list. npos: it does not.
std::size_t find_code_end(std::string_view text) {
  int depth = 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '(') ++depth;
    if (c == ')') --depth;
    if (c == '"') {
      const std::size_t close = text.find('"', i + 1);
      if (close != std::string_view::npos) i = close;
    }
    if (c == ']' && depth <= 0) return i;
  }
  return text.find(']');
}

// Every part may be missing; a code that is not closed is text.
ResponseText read_text(std::string_view text) {
  ResponseText result;
  const std::size_t end = text.starts_with('[') ? find_code_end(text) : std::string_view::npos;
  if (end != std::string_view::npos) {
    result.code = decode_response_code(text.substr(1, end - 1));
    text.remove_prefix(end + 1);
    skip_blanks(&text);
  }
  result.text = text;
  return result;
}

std::optional<Condition> read_condition(std::string_view word, bool tagged) {
  if (equals_ignoring_case(word, "OK")) return Condition::kOk;
  if (equals_ignoring_case(word, "NO")) return Condition::kNo;
  if (equals_ignoring_case(word, "BAD")) return Condition::kBad;
  if (tagged) return std::nullopt;
  if (equals_ignoring_case(word, "BYE")) return Condition::kBye;
  if (equals_ignoring_case(word, "PREAUTH")) return Condition::kPreauth;
  return std::nullopt;
}

template <class T>
Response or_unknown(std::optional<T> response, const Frame& frame) {
  if (response) return std::move(*response);
  return UnknownResponse{std::string(frame.text)};
}

}  // namespace

// Decodes one frame.
class ResponseDecoder::Session {
 public:
  Session(ResponseDecoder* decoder, const Frame& frame)
      : decoder_(*decoder),
        frame_(frame),
        rest_(frame.text),
        context_{.line = frame.text,
                 .streamed = frame.streamed,
                 .utf8 = decoder->utf8_,
                 .max_numbers = decoder->limits_.numbers,
                 .max_ranges = decoder->limits_.set_ranges,
                 .max_items = decoder->limits_.items} {}

  Response decode() {
    skip_blanks(&rest_);  // NUL padding too
    if (rest_.starts_with('+')) {
      rest_.remove_prefix(1);
      skip_blanks(&rest_);
      return ContinuationRequest{std::string(rest_)};
    }
    // A code without "* OK" in front: Office 365, home.pl.
    if (rest_.starts_with('[')) return decode_bare_code();
    const std::string_view tag = take_word(&rest_);
    if (tag == "*") return decode_untagged();
    if (const auto condition = read_condition(take_word(&rest_), true)) {
      return TaggedResponse{std::string(tag), *condition, read_text(rest_)};
    }
    return unknown();
  }

  std::optional<PendingFetchData> find_pending_data() {
    skip_blanks(&rest_);
    if (take_word(&rest_) != "*") return std::nullopt;
    const auto number = parse_number(take_word(&rest_));
    if (!number || *number == 0 || !starts_fetch()) return std::nullopt;
    decoder_.tree_.parse_partial(frame_, offset());
    auto pending = read_pending_data(decoder_.tree_.top(), context_);
    if (pending) pending->sequence = SequenceNumber(static_cast<std::uint32_t>(*number));
    return pending;
  }

 private:
  Response unknown() const { return UnknownResponse{std::string(frame_.text)}; }
  std::size_t offset() const { return frame_.text.size() - rest_.size(); }

  // Cuts "FETCH" off, also where no space follows.
  bool starts_fetch() {
    constexpr std::string_view kFetch = "FETCH";
    if (!equals_ignoring_case(rest_.substr(0, kFetch.size()), kFetch)) return false;
    const std::string_view behind = rest_.substr(kFetch.size());
    if (!behind.empty() && behind.front() != ' ' && behind.front() != '(') return false;
    rest_ = behind;
    return true;
  }

  Response decode_bare_code() {
    ResponseText text = read_text(rest_);
    if (!text.code) return unknown();
    return ConditionResponse{Condition::kOk, std::move(text)};
  }

  Response decode_untagged() {
    if (rest_.starts_with('[')) return decode_bare_code();
    const std::string_view name = take_word(&rest_);
    if (!name.empty() && is_digit(name.front())) return decode_numbered(name);
    if (const auto condition = read_condition(name, false)) {
      return ConditionResponse{*condition, read_text(rest_)};
    }
    const auto is = [name](std::string_view wanted) { return equals_ignoring_case(name, wanted); };
    if (is("SEARCH")) return or_unknown(read_search(rest_, context_), frame_);
    if (is("LIST")) return or_unknown(read_list(values(), false, context_), frame_);
    if (is("LSUB")) return or_unknown(read_list(values(), true, context_), frame_);
    if (is("STATUS")) return or_unknown(read_status(values(), context_), frame_);
    if (is("ESEARCH")) return or_unknown(read_esearch(values(), context_), frame_);
    if (is("NAMESPACE")) return or_unknown(read_namespace(values(), context_), frame_);
    if (is("ID")) return or_unknown(read_id(values(), context_), frame_);
    if (is("VANISHED")) return or_unknown(read_vanished(values()), frame_);
    if (is("CAPABILITY")) return CapabilityResponse{read_strings(values(), context_.max_items)};
    if (is("ENABLED")) return EnabledResponse{read_strings(values(), context_.max_items)};
    if (is("FLAGS") && values().peek().is_list()) return FlagsResponse{read_flags(values().peek())};
    return unknown();
  }

  Response decode_numbered(std::string_view word) {
    const auto parsed = parse_number(word);
    if (!parsed) return unknown();
    const auto number = static_cast<std::uint32_t>(*parsed);
    if (number != 0 && starts_fetch()) {
      Response response(std::in_place_type<FetchResponse>);
      auto& fetch = std::get<FetchResponse>(response);
      fetch.sequence = SequenceNumber(number);
      read_fetch(values(), context_, &fetch);
      return response;
    }
    const std::string_view name = take_word(&rest_);
    if (equals_ignoring_case(name, "EXISTS")) return ExistsResponse{number};
    if (equals_ignoring_case(name, "RECENT")) return RecentResponse{number};
    // "* 0 FETCH" and "* 0 EXPUNGE" name no message: Courier.
    if (number == 0 || !equals_ignoring_case(name, "EXPUNGE")) return unknown();
    return ExpungeResponse{SequenceNumber(number)};
  }

  std::optional<VanishedResponse> read_vanished(Values values) const {
    VanishedResponse response;
    if (values.peek().is_list()) {
      response.earlier = values.take().children().peek().equals("EARLIER");
      if (!response.earlier) return std::nullopt;
    }
    auto uids = read_set(values.take().raw(), context_.max_ranges);
    if (!uids || !values.done()) return std::nullopt;
    response.uids = std::move(*uids);
    return response;
  }

  Values values() {
    decoder_.tree_.parse(frame_, offset());
    return decoder_.tree_.top();
  }

  ResponseDecoder& decoder_;
  const Frame& frame_;
  std::string_view rest_;
  const DecodingContext context_;
};

Response ResponseDecoder::decode(const Frame& frame) { return Session(this, frame).decode(); }

std::optional<PendingFetchData> ResponseDecoder::find_pending_data(const Frame& partial) {
  return Session(this, partial).find_pending_data();
}

}  // namespace imap

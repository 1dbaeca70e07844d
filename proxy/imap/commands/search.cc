// SEARCH: RFC 3501 6.4.4; ESEARCH: RFC 4731; MODSEQ: RFC 7162 3.1.5.
//
// C: A1 UID SEARCH RETURN (MIN COUNT) UNSEEN
// S: * ESEARCH (TAG "A1") UID MIN 4 COUNT 17
// S: A1 OK SEARCH completed
#include "cache/search.h"

#include <algorithm>

#include "protocol/mime/charset.h"
#include "proxy/imap/handlers.h"

namespace proxy {
namespace {

// What was found, as numbers of the kind that was asked for, ascending.
std::vector<std::uint32_t> numbers_of(const Selected& selected, const imap::SequenceSet& uids,
                                      bool uid) {
  std::vector<std::uint32_t> numbers;
  for (const std::uint32_t one : uids) {
    if (uid) {
      numbers.push_back(one);
    } else if (const auto number = selected.view->sequence_of(imap::Uid(one))) {
      numbers.push_back(number->value());
    }
  }
  return numbers;
}

imap::ModSeq highest_modseq(const Selected& selected, const imap::SequenceSet& uids,
                            const imap::SearchReturn* only) {
  std::uint64_t highest = 0;
  const auto look = [&](std::uint32_t uid) {
    if (const cache::MessageEntry* entry = selected.mailbox->find(imap::Uid(uid))) {
      highest = std::max(highest, entry->modseq);
    }
  };
  // RFC 4731 3.2: of just those that are told, when that is MIN or MAX alone.
  if (only != nullptr && !only->all && !only->count && !uids.empty()) {
    if (only->min) look(uids.ranges().front().first);
    if (only->max) look(uids.ranges().back().last);
  } else {
    for (const std::uint32_t uid : uids) look(uid);
  }
  return imap::ModSeq(highest);
}

}  // namespace

Handled handle(Session* session, imap::SearchCommand command) {
  Selected& selected = *session->selected();
  if (!command.charset.empty() && session->utf8()) {
    // RFC 6855 3: it would contradict what was agreed on.
    co_return Reply::bad("No CHARSET after ENABLE UTF8=ACCEPT");
  }
  if (!command.charset.empty() && !mime::is_known_charset(command.charset)) {
    co_return Reply::no(imap::BadCharsetCode{{"UTF-8", "US-ASCII"}}, "The charset is not known");
  }
  // Without a name a charset of UTF-8 is what 8-bit bytes mean (RFC 6855 3).
  const std::string charset = command.charset.empty() ? "UTF-8" : command.charset;
  const bool wants_modseq = command.key.mentions(imap::SearchKind::kModSeq);
  if (wants_modseq) session->enable_condstore();

  CO_TRY_VOID(co_await selected.account->settled());
  CO_TRY(const cache::SearchResult found,
         co_await cache::search(selected.account, selected.mailbox, selected.view.get(),
                                std::move(command.key), charset, session->stop()));
  const std::vector<std::uint32_t> numbers = numbers_of(selected, found.uids, command.uid);
  const imap::SearchReturn* wanted = command.result ? &*command.result : nullptr;
  imap::ModSeq mod_seq;
  if (wants_modseq && !numbers.empty()) mod_seq = highest_modseq(selected, found.uids, wanted);
  if (wanted == nullptr) {
    session->write(imap::SearchResponse{numbers, mod_seq});
  } else {
    imap::EsearchResponse response;
    response.tag = session->tag();
    response.uid = command.uid;
    response.mod_seq = mod_seq;
    if (wanted->count) response.count = static_cast<std::uint32_t>(numbers.size());
    if (!numbers.empty()) {
      if (wanted->min) response.min = numbers.front();
      if (wanted->max) response.max = numbers.back();
      if (wanted->all) {
        response.all = imap::SequenceSet::from_sorted(std::span<const std::uint32_t>(numbers));
      }
    }
    session->write(response);
  }
  if (found.unknown > 0) {
    co_return Reply::no(imap::Code::kUnavailable,
                        fmt::format("{} of the messages are not cached here, and the server is out "
                                    "of reach or does not search them",
                                    found.unknown));
  }
  if (found.asked > 0) {
    co_return Reply::ok(
        fmt::format("SEARCH completed, {} of the messages by the server: they are not cached here",
                    found.asked));
  }
  co_return Reply::ok("SEARCH completed");
}

}  // namespace proxy

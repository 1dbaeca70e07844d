// Replay at servers whose word is not enough. Those without UIDPLUS are simple ones, and what one
// of them does must be expected of all: GNU imap4d takes a neighbour for a message that is not
// there, and says OK to flags and to an EXPUNGE that it then does not keep, as it does when another
// connection has changed the name of a message's file. So it is looked at what is there, before and
// after. Other servers cost no round trip more.
#include "upstream/answers.h"
#include "upstream/folders.h"
#include "upstream/messages.h"
#include "upstream/replaying.h"

namespace upstream {

using imap::Capability;
using imap::SequenceSet;

bool Replaying::is_doubtful() const { return !client_->has(Capability::kUidPlus); }

Task<Result<>> Replaying::select_again() {
  const cache::MailboxId open = selected_;
  client_->set_selected({});
  selected_ = {};
  co_return co_await select(open);
}

Task<Result<Replaying::FlagsOf>> Replaying::look_at(SequenceSet set) {
  FlagsOf seen;
  imap::FetchCommand look;
  look.uid = true;
  look.items = {{imap::FetchKind::kUid}, {imap::FetchKind::kFlags}};
  for (const bool is_exact : {false, true}) {
    if (is_exact) {
      // imap4d: BAD to UIDs that are not there, in the middle of others.
      CO_TRY(const SequenceSet all, co_await all_uids(client_));
      set = set.intersected(all);
    }
    if (set.empty()) co_return seen;
    seen.clear();
    Exchange exchange;
    exchange.on_response = [&](imap::Response& response) {
      auto* fetched = std::get_if<imap::FetchResponse>(&response);
      if (fetched == nullptr) return false;
      if (!fetched->uid || !fetched->flags || !set.contains(fetched->uid->value())) return true;
      seen[fetched->uid->value()] = std::move(*fetched->flags);
      return true;
    };
    look.set = set;
    CO_TRY(const Answer answer, co_await client_->run(look, std::move(exchange)));
    if (answer.ok()) co_return seen;
    if (is_exact) co_return fail(error_of(answer, "FETCH"));
  }
  co_return seen;
}

Task<Result<SequenceSet>> Replaying::present(SequenceSet set) {
  if (!is_doubtful()) co_return set;
  CO_TRY(const FlagsOf seen, co_await look_at(std::move(set)));
  SequenceSet found;
  for (const auto& [uid, flags] : seen) found.add(uid);
  co_return found;
}

// "NO RENAME Failed", "NO DELETE Cannot remove", "NO STATUS Error opening mailbox".
Task<Error> Replaying::with_reason(Error error, std::string raw_name) {
  if (error.code() != Errc::kInvalid && error.code() != Errc::kAlreadyExists) co_return error;
  if (!client_->is_alive()) co_return error;
  const Result<bool> listed = co_await is_listed(client_, std::move(raw_name));
  if (!listed || *listed) co_return error;
  co_return Error(Errc::kNotFound, error.text());
}

}  // namespace upstream

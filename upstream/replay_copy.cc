// Replay of COPY and MOVE.
#include <algorithm>
#include <map>

#include "upstream/answers.h"
#include "upstream/messages.h"
#include "upstream/replaying.h"

namespace upstream {

using cache::JournalEntry;
using imap::Capability;

Task<Result<>> Replaying::perform(JournalEntry entry, cache::JournalCopy op) {
  const cache::MailboxRecord* to = account_->find_mailbox(op.to);
  if (to == nullptr || to->upstream.name.empty()) {
    co_return co_await refused({entry.seq},
                               Error(Errc::kNotFound, "the destination is not there upstream"));
  }
  CO_TRY(const cache::MailboxRef source, co_await account_->open_mailbox(op.from));
  CO_TRY(const cache::MailboxRef destination, co_await account_->open_mailbox(op.to));

  // What was under way when a connection broke may have arrived.
  std::map<imap::Uid, imap::Uid> arrived;  // ours, upstream's
  cache::ReplayedUids created;
  if (entry.state == cache::JournalState::kInFlight && entry.in_flight) {
    std::vector<Sought> sought;
    for (const auto& [from, into] : op.uids) {
      const cache::MessageEntry* row = std::as_const(*destination).find_any(into);
      if (row == nullptr) continue;
      const Result<cache::Digest> digest = co_await digest_of(row->message);
      if (digest) sought.push_back({into, *digest});
    }
    Result<cache::ReplayedUids> found =
        co_await find_created(op.to, *entry.in_flight, std::move(sought));
    if (!found) co_return co_await unfinished(std::move(entry), found.error());
    created = std::move(*found);
    arrived.insert(created.uids.begin(), created.uids.end());
  }

  std::vector<imap::Uid> wanted;           // upstream's, in the source
  std::map<imap::Uid, imap::Uid> into_of;  // upstream's in the source, ours in the destination
  std::vector<imap::Uid> moved_already;    // upstream's in the source: to be removed there
  std::vector<imap::Uid> without_source;   // ours in the destination
  for (const auto& [from, into] : op.uids) {
    const cache::MessageEntry* row = std::as_const(*source).find_any(from);
    const bool has_source = row != nullptr && row->upstream_uid.is_set();
    if (arrived.contains(into)) {
      if (has_source) moved_already.push_back(row->upstream_uid);
    } else if (has_source) {
      wanted.push_back(row->upstream_uid);
      into_of[row->upstream_uid] = into;
    } else {
      without_source.push_back(into);
    }
  }
  if (arrived.empty()) {
    if (const Result<> noted = co_await note_in_flight(entry.seq, op.to); !noted) {
      co_return co_await refused({entry.seq}, noted.error());
    }
  } else if (entry.in_flight) {
    // What has arrived is to be found again should this be cut as well: the first note counts.
    const Result<> noted = co_await account_->mark_in_flight({entry.seq}, *entry.in_flight);
    if (!noted) co_return co_await unfinished(std::move(entry), noted.error());
  }
  if (!wanted.empty()) {
    if (const Result<> ready = co_await select(op.from); !ready) {
      co_return co_await (arrived.empty() ? refused({entry.seq}, ready.error())
                                          : unfinished(std::move(entry), ready.error()));
    }
    std::ranges::sort(wanted);
    Transferred transferred;
    const Result<> sent = co_await transfer(op, wanted, &transferred);
    if (!sent) {
      const bool untouched = arrived.empty() && !transferred.any;
      co_return co_await (untouched ? refused({entry.seq}, sent.error())
                                    : unfinished(std::move(entry), sent.error()));
    }
    const cache::InFlight note = note_of(entry.seq);
    for (const imap::CopyUidCode& code : transferred.codes) {
      const auto pairs = code.pairs();
      // All of it is believed, or nothing.
      const bool believed = pairs && std::ranges::all_of(*pairs, [&](const auto& pair) {
                              return into_of.contains(pair.first) &&
                                     is_plausible(note, code.uid_validity, pair.second);
                            });
      if (!believed) {
        transferred.told_all = false;
        continue;
      }
      created.uid_validity = code.uid_validity;
      for (const auto& [theirs, there] : *pairs) {
        created.uids.emplace_back(into_of.at(theirs), there);
        into_of.erase(theirs);
      }
    }
    if (!into_of.empty()) {
      std::vector<Sought> sought;
      for (const auto& [theirs, into] : into_of) {
        const cache::MessageEntry* row = std::as_const(*destination).find_any(into);
        if (row == nullptr) continue;
        const Result<cache::Digest> digest = co_await digest_of(row->message);
        if (digest) sought.push_back({into, *digest});
      }
      Result<cache::ReplayedUids> found =
          co_await find_created(op.to, note, std::move(sought), created.uids);
      if (!found) co_return co_await unfinished(std::move(entry), found.error());
      created.uid_validity = found->uid_validity;
      created.uids.insert(created.uids.end(), found->uids.begin(), found->uids.end());
      // A server that tells of all the others: these were gone before they could be copied.
      if (transferred.told_all) {
        for (const auto& [ours, theirs] : found->uids) {
          std::erase_if(into_of, [ours](const auto& one) { return one.second == ours; });
        }
        for (const auto& [theirs, into] : into_of) without_source.push_back(into);
      }
    }
  }
  if (op.move && !moved_already.empty()) {
    Result<> removed = co_await select(op.from);
    if (removed) removed = co_await remove(std::move(moved_already));
    if (!removed) co_return co_await unfinished(std::move(entry), removed.error());
  }
  // Those whose source is gone are sent from the cache, if their bytes are here.
  for (const imap::Uid into : without_source) {
    const cache::MessageEntry* row = std::as_const(*destination).find_any(into);
    if (row == nullptr || !row->has(cache::kHaveBody)) continue;
    imap::FlagList flags;
    flags.system = row->visible.system;
    CO_TRY(const Appended appended, co_await send_message(op.to, row->message, std::move(flags),
                                                          row->internal_date, row->date_zone));
    // Sent so that nothing is lost: one that cannot be stays here, in the destination.
    if (!client_->is_alive()) co_return fail(Errc::kClosed, "the connection is gone");
    if (appended.refusal) {
      options_.log.error("a message whose source is gone is kept here alone: {}",
                         appended.refusal->text());
    }
    if (appended.code && !appended.code->uids.empty()) {
      created.uid_validity = appended.code->uid_validity;
      created.uids.emplace_back(into, imap::Uid(*appended.code->uids.begin()));
    }
  }
  std::ranges::sort(created.uids);
  co_return co_await done({entry.seq}, std::move(created));
}

Task<Result<>> Replaying::transfer(cache::JournalCopy op, std::vector<imap::Uid> uids,
                                   Transferred* transferred) {
  const cache::MailboxRecord* to = account_->find_mailbox(op.to);
  if (to == nullptr || to->upstream.name.empty()) {
    co_return fail(Errc::kNotFound, "the destination is not there upstream");
  }
  const imap::MailboxName name = imap::MailboxName::from_server(to->upstream.name, false);
  const bool move = op.move && client_->has(Capability::kMove);
  for (const imap::SequenceSet& set :
       split(imap::SequenceSet::from_sorted(std::span<const imap::Uid>(uids)), kMessagesOfCommand,
             client_->profile().set_bytes)) {
    std::optional<imap::CopyUidCode> code;
    Exchange exchange;
    exchange.on_response = [&code](imap::Response& response) {
      // MOVE tells in an untagged OK (RFC 6851 4.3); some servers do so for COPY too.
      const auto* condition = std::get_if<imap::ConditionResponse>(&response);
      if (condition == nullptr) return false;
      if (const auto* told = condition->text.find<imap::CopyUidCode>()) code = *told;
      return true;
    };
    imap::Command command = move ? imap::Command(imap::MoveCommand{true, set, name})
                                 : imap::Command(imap::CopyCommand{true, set, name});
    CO_TRY(const Answer answer, co_await client_->run(std::move(command), std::move(exchange)));
    if (!answer.ok()) co_return fail(error_of(answer, move ? "MOVE" : "COPY"));
    transferred->any = true;
    if (const auto* told = answer.text.find<imap::CopyUidCode>()) code = *told;
    if (code) {
      transferred->codes.push_back(*code);
    } else {
      transferred->told_all = false;
    }
  }
  if (op.move && !move) CO_TRY_VOID(co_await remove(std::move(uids)));
  co_return Result<>();
}

}  // namespace upstream

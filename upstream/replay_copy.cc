// Replay of COPY and MOVE.
#include <algorithm>
#include <map>
#include <set>

#include "upstream/answers.h"
#include "upstream/messages.h"
#include "upstream/replaying.h"

namespace upstream {

using cache::JournalEntry;
using imap::Capability;

namespace {

constexpr std::size_t kCopyEntries = 1'000;

}  // namespace

cache::JournalCopy Replaying::united(const Seqs& entries) const {
  cache::JournalCopy all;
  for (const cache::JournalSeq seq : entries) {
    const auto found = account_->journal().find(seq);
    if (found == account_->journal().end()) continue;
    const auto& copy = std::get<cache::JournalCopy>(found->second.op);
    all.move = copy.move;
    all.from = copy.from;
    all.to = copy.to;
    all.uids.insert(all.uids.end(), copy.uids.begin(), copy.uids.end());
  }
  std::ranges::sort(all.uids);
  return all;
}

Task<Result<>> Replaying::perform(JournalEntry entry, cache::JournalCopy op) {
  const cache::MailboxRecord* to = account_->find_mailbox(op.to);
  if (to == nullptr || to->upstream.name.empty()) {
    co_return co_await refused({entry.seq},
                               Error(Errc::kNotFound, "the destination is not there upstream"));
  }
  // None when it was deleted upstream while this was under way.
  const Result<cache::MailboxRef> source = co_await account_->open_mailbox(op.from);
  if (!source && source.error().code() != Errc::kNotFound) co_return fail(source.error());
  CO_TRY(const cache::MailboxRef destination, co_await account_->open_mailbox(op.to));

  const bool was_cut = entry.in_flight.has_value();
  Seqs entries = {entry.seq};
  if (!alone_.contains(entry.seq)) {
    std::set<imap::Uid> taken;  // one command copies a message once
    for (const auto& [from, into] : op.uids) taken.insert(from);
    entries = gather(entry, kCopyEntries, [&](const JournalEntry& other) {
      const auto* copy = std::get_if<cache::JournalCopy>(&other.op);
      if (copy == nullptr || copy->move != op.move || copy->from != op.from || copy->to != op.to ||
          alone_.contains(other.seq) || std::ranges::any_of(copy->uids, [&](const auto& pair) {
            return taken.contains(pair.first);
          })) {
        return false;
      }
      for (const auto& [from, into] : copy->uids) taken.insert(from);
      return true;
    });
  }

  // What was under way when a connection broke may have arrived.
  std::set<imap::Uid> arrived;  // ours
  cache::ReplayedUids created;
  op = united(entries);
  if (was_cut) {
    std::vector<imap::Uid> made;
    for (const auto& [from, into] : op.uids) {
      const cache::MessageEntry* row = std::as_const(*destination).find_any(into);
      // Found when the mailbox was renumbered.
      if (row != nullptr && row->upstream_uid.is_set()) {
        arrived.insert(into);
      } else {
        made.push_back(into);
      }
    }
    Result<std::vector<Sought>> sought = co_await sought_in(destination, std::move(made));
    if (!sought) co_return co_await unfinished(entries, sought.error());
    Result<cache::ReplayedUids> found = co_await find_sent(op.to, entry, std::move(*sought));
    if (!found) co_return co_await unfinished(entries, found.error());
    created = std::move(*found);
    for (const auto& [ours, theirs] : created.uids) arrived.insert(ours);
  }
  const auto source_of = [&source](imap::Uid from) {
    return source ? std::as_const(**source).find_any(from) : nullptr;
  };

  std::vector<imap::Uid> unknown;  // ours in the source: their header is not cached
  for (const auto& [from, into] : op.uids) {
    const cache::MessageEntry* row = source_of(from);
    const bool has_source = row != nullptr && row->upstream_uid.is_set();
    if (!has_source || arrived.contains(into)) continue;
    if (!row->has(cache::kHaveBody) && !row->has(cache::kHaveHeader)) unknown.push_back(from);
  }
  if (!unknown.empty()) {
    const Result<> cached = co_await cache_headers(*source, std::move(unknown));
    if (!cached) {
      co_return co_await (arrived.empty() ? refused(entries, cached.error())
                                          : unfinished(entries, cached.error()));
    }
  }
  if (created.uids.empty()) {
    if (const Result<> noted = co_await note_in_flight(entries, op.to); !noted) {
      // A client undid one of them meanwhile: what is left is gathered anew.
      if (is_one_undone(entries) && client_->is_alive()) co_return Result<>();
      co_return co_await (arrived.empty() ? refused_together(entries, noted.error())
                                          : unfinished(entries, noted.error()));
    }
  } else if (entry.in_flight) {
    // What has arrived is to be found again should this be cut as well: the first note counts.
    const Result<> noted = co_await account_->mark_in_flight(entries, *entry.in_flight);
    if (!noted) co_return co_await unfinished(entries, noted.error());
  }
  // A client may have undone a part before it was marked as sent; from here on it stays as it is.
  op = united(entries);

  std::vector<imap::Uid> wanted;           // upstream's, in the source
  std::map<imap::Uid, imap::Uid> into_of;  // upstream's in the source, ours in the destination
  std::vector<imap::Uid> moved_already;    // upstream's in the source: to be removed there
  for (const auto& [from, into] : op.uids) {
    const cache::MessageEntry* row = source_of(from);
    if (row == nullptr || !row->upstream_uid.is_set()) continue;  // not made: uploaded at the end
    if (arrived.contains(into)) {
      moved_already.push_back(row->upstream_uid);
      continue;
    }
    wanted.push_back(row->upstream_uid);
    into_of[row->upstream_uid] = into;
  }
  if (!wanted.empty()) {
    if (const Result<> ready = co_await select(op.from); !ready) {
      co_return co_await (arrived.empty() ? refused(entries, ready.error())
                                          : unfinished(entries, ready.error()));
    }
    std::ranges::sort(wanted);
    Transferred transferred;
    const Result<> sent = co_await transfer(op, wanted, &transferred);
    if (!sent && !client_->is_alive()) co_return fail(sent.error());
    const cache::InFlight note = note_of(entry.seq);
    if (sent) {
      for (const imap::CopyUidCode& code : transferred.codes) {
        const auto pairs = code.pairs();
        // All of it is believed, or nothing.
        const bool believed = pairs && std::ranges::all_of(*pairs, [&](const auto& pair) {
                                return into_of.contains(pair.first) &&
                                       is_plausible(note, code.uid_validity, pair.second);
                              });
        if (!believed) continue;
        created.uid_validity = code.uid_validity;
        for (const auto& [theirs, there] : *pairs) {
          created.uids.emplace_back(into_of.at(theirs), there);
          into_of.erase(theirs);
        }
      }
      // Gone before they could be copied: not looked for.
      std::erase_if(
          into_of, [&](const auto& one) { return transferred.absent.contains(one.first.value()); });
    }
    if (!into_of.empty()) {
      // Not told of, or refused: a MOVE may have moved some before it failed (RFC 6851 3.3).
      std::vector<imap::Uid> made;
      for (const auto& [theirs, into] : into_of) made.push_back(into);
      Result<std::vector<Sought>> sought = co_await sought_in(destination, std::move(made));
      if (!sought) co_return co_await unfinished(entries, sought.error());
      Result<cache::ReplayedUids> found =
          co_await find_created(op.to, note, std::move(*sought), created.uids);
      if (!found) co_return co_await unfinished(entries, found.error());
      created.uid_validity = found->uid_validity;
      created.uids.insert(created.uids.end(), found->uids.begin(), found->uids.end());
    }
    if (!sent) {
      outcome_.folders_changed = true;  // a source that is gone is to be noticed
      const bool untouched = arrived.empty() && created.uids.empty() && !transferred.any;
      co_return co_await (untouched ? refused_together(entries, sent.error())
                                    : unfinished(entries, sent.error()));
    }
  }
  if (op.move && !moved_already.empty()) {
    Result<> removed = co_await select(op.from);
    if (removed) removed = co_await remove(std::move(moved_already));
    if (!removed) co_return co_await unfinished(entries, removed.error());
  }
  // What is not named now is known not to be there: it is uploaded, by an entry of its own.
  if (!created.uid_validity.is_set()) created.uid_validity = note_of(entry.seq).uid_validity;
  std::ranges::sort(created.uids);
  co_return co_await done(entries, std::move(created));
}

Task<Result<>> Replaying::cache_headers(cache::MailboxRef source, std::vector<imap::Uid> uids) {
  CO_TRY_VOID(co_await select(source->id()));
  std::ranges::sort(uids);
  co_return co_await fetch_summaries(
      client_, account_, source, imap::SequenceSet::from_sorted(std::span<const imap::Uid>(uids)));
}

Task<Result<>> Replaying::transfer(cache::JournalCopy op, std::vector<imap::Uid> uids,
                                   Transferred* transferred) {
  const cache::MailboxRecord* to = account_->find_mailbox(op.to);
  if (to == nullptr || to->upstream.name.empty()) {
    co_return fail(Errc::kNotFound, "the destination is not there upstream");
  }
  const imap::MailboxName name = imap::MailboxName::from_server(to->upstream.name, false);
  const bool move = op.move && client_->has(Capability::kMove);
  for (imap::SequenceSet& set :
       split(imap::SequenceSet::from_sorted(std::span<const imap::Uid>(uids)), kMessagesOfCommand,
             client_->profile().set_bytes)) {
    CO_TRY_VOID(co_await transfer_set(std::move(set), name, move, transferred));
  }
  if (op.move && !move) CO_TRY_VOID(co_await remove(std::move(uids)));
  co_return Result<>();
}

// RFC 3501 6.4.8: UIDs that are not there are passed over without a word, so they are asked for in
// the same round trip.
Task<Result<>> Replaying::transfer_set(imap::SequenceSet set, imap::MailboxName to, bool move,
                                       Transferred* transferred) {
  CO_TRY(const imap::SequenceSet there, co_await present(set));
  transferred->absent = transferred->absent.united(set.minus(there));
  set = there;
  if (set.empty()) co_return Result<>();
  imap::FetchCommand look;
  look.uid = true;
  look.set = set;
  look.items = {{imap::FetchKind::kUid}};
  // MOVE tells in an untagged OK (RFC 6851 4.3); some servers do so for COPY too. It may come
  // before the answer of FETCH does (RFC 3501 5.5).
  std::optional<imap::CopyUidCode> code;
  const auto takes_code = [&code](const imap::Response& response) {
    const auto* condition = std::get_if<imap::ConditionResponse>(&response);
    const auto* told = condition == nullptr ? nullptr : condition->text.find<imap::CopyUidCode>();
    if (told != nullptr) code = *told;
    return told != nullptr;
  };
  imap::SequenceSet seen;
  Exchange looking;
  looking.on_response = [&](imap::Response& response) {
    const auto* fetched = std::get_if<imap::FetchResponse>(&response);
    if (fetched == nullptr) return takes_code(response);
    if (fetched->uid) seen.add(*fetched->uid);
    return true;
  };
  Exchange exchange;
  exchange.on_response = takes_code;
  imap::Command command = move ? imap::Command(imap::MoveCommand{true, set, to})
                               : imap::Command(imap::CopyCommand{true, set, to});
  std::optional<Result<Answer>> looked;
  std::optional<Result<Answer>> answered;
  TaskGroup together(client_->connection().loop());
  together.spawn(run_into(std::move(look), &looked, std::move(looking)));
  together.spawn(run_into(std::move(command), &answered, std::move(exchange)));
  co_await together.close();
  if (!*looked) co_return fail(looked->error());
  if (!*answered) co_return fail(answered->error());
  const imap::SequenceSet absent = (*looked)->ok() ? set.minus(seen) : imap::SequenceSet();
  transferred->absent = transferred->absent.united(absent);
  const Answer& answer = **answered;
  if (!answer.ok() && !absent.empty()) {
    // Some servers do not pass them over.
    const imap::SequenceSet left = set.minus(absent);
    if (left.empty()) co_return Result<>();
    co_return co_await transfer_set(left, std::move(to), move, transferred);
  }
  if (!answer.ok()) co_return fail(error_of(answer, move ? "MOVE" : "COPY"));
  transferred->any = true;
  if (const auto* told = answer.text.find<imap::CopyUidCode>()) code = *told;
  if (code) transferred->codes.push_back(*code);
  co_return Result<>();
}

}  // namespace upstream

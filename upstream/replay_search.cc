// Exactly once: where a message will appear is noted before it is sent, and looked at after a cut.
#include <algorithm>

#include "upstream/answers.h"
#include "upstream/replaying.h"

namespace upstream {

using cache::JournalSeq;

namespace {

// What others may have put into a mailbox since is little enough to look through.
constexpr std::chrono::seconds kFresh{10};

}  // namespace

void Replaying::note_made(cache::MailboxId mailbox, const cache::InFlight& note,
                          const cache::ReplayedUids& created) {
  std::vector<imap::Uid> made;
  for (const auto& [ours, theirs] : created.uids) made.push_back(theirs);
  std::ranges::sort(made);
  imap::Uid expected = note.uid_next;
  for (const imap::Uid uid : made) {
    if (uid != expected) return void(next_.erase(mailbox));
    expected = imap::Uid(expected.value() + 1);
  }
  if (made.empty() || created.uid_validity != note.uid_validity) return void(next_.erase(mailbox));
  next_[mailbox] = {{note.uid_validity, expected}, std::chrono::steady_clock::now()};
}

Task<Result<>> Replaying::note_in_flight(Seqs entries, cache::MailboxId mailbox) {
  const cache::MailboxRecord* to = account_->find_mailbox(mailbox);
  if (to == nullptr || to->upstream.name.empty()) {
    co_return fail(Errc::kNotFound, "the destination is not there upstream");
  }
  const imap::Uid known_next(std::max(1U, to->upstream.uid_next));
  const imap::UidValidity known_validity = to->upstream.uid_validity;
  const auto next = next_.find(mailbox);
  if (next != next_.end() && next->second.note.uid_validity == known_validity &&
      std::chrono::steady_clock::now() - next->second.when < kFresh) {
    co_return co_await account_->mark_in_flight(std::move(entries), next->second.note);
  }
  imap::StatusCommand command;
  std::string name = to->upstream.name;
  command.mailbox = imap::MailboxName::from_server(name, false);
  command.items = {imap::StatusItem::kUidNext, imap::StatusItem::kUidValidity};
  cache::InFlight note;
  Exchange exchange;
  exchange.on_response = [&note](imap::Response& response) {
    const auto* status = std::get_if<imap::StatusResponse>(&response);
    if (status == nullptr) return false;
    if (status->items.uid_next) note.uid_next = *status->items.uid_next;
    if (status->items.uid_validity) note.uid_validity = *status->items.uid_validity;
    return true;
  };
  CO_TRY(const Answer answer, co_await client_->run(std::move(command), std::move(exchange)));
  if (!answer.ok()) {
    co_return fail(co_await with_reason(error_of(answer, "STATUS"), std::move(name)));
  }
  if (known_validity.is_set() && note.uid_validity.is_set() &&
      note.uid_validity != known_validity) {
    // What is sent under new numbers could not be told from what was there: it is brought in step
    // first. But imap4d tells another one with STATUS than with SELECT, which is what counts.
    selected_ = {};
    CO_TRY_VOID(co_await select(mailbox));
    note.uid_validity = known_validity;
  }
  if (!note.uid_next.is_set()) note.uid_next = known_next;
  if (!note.uid_validity.is_set()) note.uid_validity = known_validity;
  co_return co_await account_->mark_in_flight(std::move(entries), note);
}

Task<Result<cache::ReplayedUids>> Replaying::find_created(cache::MailboxId to, cache::InFlight note,
                                                          std::vector<Sought> sought, UidPairs told,
                                                          Among among) {
  client_->set_selected({});  // what is new there must be seen
  selected_ = {};
  CO_TRY_VOID(co_await select(to));
  cache::ReplayedUids found;
  found.uid_validity = selected_state_.uid_validity;
  CO_TRY(const cache::MailboxRef mailbox, co_await account_->open_mailbox(to));
  imap::FetchCommand command;
  command.uid = true;
  if (note.uid_validity.is_set() && note.uid_validity != selected_state_.uid_validity) {
    // Numbered anew meanwhile, and a sync has learned all that is there.
    note.uid_next = imap::Uid(1);
    among = Among::kSynced;
  }
  command.set = imap::SequenceSet::from(std::max(1U, note.uid_next.value()));
  command.items = {{imap::FetchKind::kUid}, {imap::FetchKind::kRfc822Size}};
  imap::Section header;
  header.text = imap::SectionText::kHeader;
  command.items.push_back(imap::FetchItem::body(header, true));
  struct Candidate {
    imap::Uid uid;
    cache::Digest digest;
    imap::Uid ours;  // not set: none
  };
  std::vector<Candidate> candidates;
  Exchange exchange;
  exchange.on_response = [&](imap::Response& response) {
    auto* fetched = std::get_if<imap::FetchResponse>(&response);
    if (fetched == nullptr) return false;
    if (!fetched->uid || fetched->uid->value() < note.uid_next.value()) return true;
    const cache::MessageEntry* row = mailbox->find_upstream(*fetched->uid);
    if (row != nullptr && among != Among::kSynced) return true;
    for (const imap::FetchedData& data : fetched->data) {
      candidates.push_back({*fetched->uid,
                            cache::digest_of(data.bytes, fetched->size_bytes.value_or(0)),
                            row == nullptr ? imap::Uid() : row->uid});
    }
    return true;
  };
  if (selected_state_.exists > 0) {
    CO_TRY(const Answer answer, co_await client_->run(std::move(command), std::move(exchange)));
    if (!answer.ok()) co_return fail(error_of(answer, "FETCH"));
  }
  std::ranges::sort(candidates, {}, &Candidate::uid);
  std::set<imap::Uid> taken;
  for (const auto& [ours, theirs] : told) taken.insert(theirs);
  // Among messages with the same header the size tells which is which; but servers that write
  // messages anew change it, so it is no condition.
  std::set<imap::Uid> matched;
  for (const bool by_size : {true, false}) {
    for (const Sought& one : sought) {
      if (matched.contains(one.uid)) continue;
      for (const Candidate& candidate : candidates) {
        const bool same = candidate.digest.message_id == one.digest.message_id &&
                          std::ranges::equal(candidate.digest.header_hash, one.digest.header_hash);
        if (!same || (by_size && candidate.digest.size != one.digest.size)) continue;
        // What was here before it is another one.
        if (candidate.ours.is_set() && candidate.ours < one.uid) continue;
        if (!taken.insert(candidate.uid).second) continue;
        matched.insert(one.uid);
        found.uids.emplace_back(one.uid, candidate.uid);
        break;
      }
    }
  }
  if (among == Among::kSure && found.uids.empty() && sought.size() == 1 && candidates.size() == 1) {
    found.uids.emplace_back(sought.front().uid, candidates.front().uid);
  }
  co_return found;
}

Task<Result<cache::ReplayedUids>> Replaying::find_sent(cache::MailboxId to,
                                                       cache::JournalEntry entry,
                                                       std::vector<Sought> sought) {
  const bool was_parked = entry.state == cache::JournalState::kPending;
  const Among among = was_parked ? Among::kSynced : Among::kNew;
  Result<cache::ReplayedUids> found =
      co_await find_created(to, *entry.in_flight, sought, {}, among);
  if (!found || found->uids.size() == sought.size()) co_return found;
  CO_TRY_VOID(co_await sleep_for(client_->connection().loop(), options_.settle, options_.stop));
  co_return co_await find_created(to, *entry.in_flight, std::move(sought), {}, among);
}

Task<Result<std::vector<Replaying::Sought>>> Replaying::sought_in(cache::MailboxRef mailbox,
                                                                  std::vector<imap::Uid> uids) {
  std::vector<Sought> sought;
  for (const imap::Uid uid : uids) {
    const cache::MessageEntry* row = std::as_const(*mailbox).find_any(uid);
    if (row == nullptr) continue;
    const cache::MessageEntry wanted = *row;
    Result<cache::Digest> digest = co_await digest_of(wanted.message);
    if (!digest && digest.error().code() == Errc::kNotFound) {
      digest = co_await digest_of_header(wanted.message, wanted.size);
    }
    if (digest) {
      sought.push_back({uid, *digest});
    } else if (digest.error().code() != Errc::kNotFound) {
      // What is not looked for would be made twice.
      co_return fail(digest.error());
    }
  }
  co_return sought;
}

cache::InFlight Replaying::note_of(JournalSeq seq) const {
  const auto found = account_->journal().find(seq);
  if (found == account_->journal().end()) return {};
  return found->second.in_flight.value_or(cache::InFlight());
}

Task<Result<cache::Digest>> Replaying::digest_of(cache::MessageId message) {
  co_return co_await run_blocking(account_->executor(), [reader = account_->reader(), message] {
    return reader.digest(message);
  });
}

Task<Result<cache::Digest>> Replaying::digest_of_header(cache::MessageId message,
                                                        std::uint64_t size) {
  co_return co_await run_blocking(
      account_->executor(),
      [reader = account_->reader(), message, size]() -> Result<cache::Digest> {
        TRY(const cache::MessageReader::Header header, reader.header(message));
        return cache::digest_of(header.block, size);
      });
}

}  // namespace upstream

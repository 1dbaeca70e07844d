// What the sync reports of messages: there, changed, gone, renumbered.
#include <algorithm>
#include <unordered_map>

#include "base/check.h"
#include "cache/change.h"
#include "cache/codec.h"
#include "cache/edit.h"
#include "cache/flag_change.h"
#include "cache/keys.h"

namespace cache {

// Content that is known under an EMAILID already (RFC 8474, or X-GM-MSGID).
struct Account::EmailIds {
  struct Known {
    MessageId message;
    std::uint8_t have = 0;
    std::uint64_t size = 0;
  };
  std::map<std::string, Known, std::less<>> known;
  // Messages of the mailbox that lost their binding when upstream renumbered.
  std::unordered_map<MessageId, imap::Uid> unbound;
};

Task<Result<Account::EmailIds>> Account::look_up(std::vector<std::string> email_ids) {
  const auto read = [store = store_, account = id_,
                     wanted = std::move(email_ids)]() -> Result<EmailIds> {
    std::vector<std::string> keys;
    keys.reserve(wanted.size());
    for (const std::string& email_id : wanted) keys.push_back(keys::email_id(account, email_id));
    TRY(const auto found, store->multi_get(Family::kMeta, keys));
    EmailIds ids;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!found[i]) continue;
      Decoder decoder(*found[i]);
      EmailIds::Known known{MessageId(decoder.number<std::uint64_t>())};
      TRY_VOID(decoder.finish("EMAILID"));
      const Result<std::string> record =
          store->get(Family::kMessages, keys::message(account, known.message));
      if (record) {
        TRY(const MessageRecord facts, decode_message_record(*record));
        known.size = facts.digest.size;
        if (facts.body) known.have |= kHaveBody;
        if (facts.text) known.have |= kHaveText;
      }
      if (store->get(Family::kSummary, keys::content(account, known.message))) {
        known.have |= kHaveSummary;
      }
      ids.known.emplace(wanted[i], known);
    }
    return ids;
  };
  co_return co_await run_blocking(executor_, read);
}

// What clients see when upstream reports `upstream`: with what waits in the journal on top, and
// with the keywords that upstream cannot keep and that therefore live here alone.
Flags Account::visible_of(const MailboxRecord& record, const MessageEntry& before, Flags upstream) {
  Flags visible = upstream;
  if (!record.upstream.accepts_keywords && !(before.visible.keywords == before.upstream.keywords)) {
    std::vector<std::uint16_t> local;
    for (const std::uint16_t number : keywords_.numbers(before.visible.keywords)) {
      if (keywords_.contains(before.upstream.keywords, number)) continue;
      if (!accepts(record, number)) local.push_back(number);
    }
    visible.keywords = keywords_.with(visible.keywords, local, {});
  }
  const PendingFlags& pending = journal_index_.pending_flags(record.id, journal_, &keywords_);
  const FlagChange* waiting = pending.of(before.uid);
  return waiting == nullptr ? visible : waiting->apply(visible, &keywords_);
}

// Whether upstream keeps this keyword (PERMANENTFLAGS).
bool Account::accepts(const MailboxRecord& record, std::uint16_t keyword) const {
  if (record.upstream.accepts_keywords) return true;
  return std::ranges::any_of(record.upstream.permanent_keywords, [&](const std::string& name) {
    return keywords_.find(name) == keyword;
  });
}

// What upstream has when it was told to have `wanted`.
KeywordSet Account::accepted(const MailboxRecord& record, KeywordSet wanted, KeywordSet had) {
  if (record.upstream.accepts_keywords || wanted == had) return wanted;
  std::vector<std::uint16_t> kept;
  for (const std::uint16_t number : keywords_.numbers(wanted)) {
    if (keywords_.contains(had, number) || accepts(record, number)) kept.push_back(number);
  }
  return keywords_.set_of(std::move(kept));
}

Task<Result<>> Account::merge_upstream(MailboxId mailbox, std::vector<UpstreamMessage> messages) {
  std::vector<std::string> email_ids;
  for (const UpstreamMessage& message : messages) {
    if (!message.email_id.empty()) email_ids.push_back(message.email_id);
  }
  std::optional<AsyncMutex::Lock> lock;
  EmailIds ids;
  if (!email_ids.empty()) {
    // One merge at a time looks them up, and finds in the store what the one before gave.
    lock.emplace(co_await email_ids_.lock());
    CO_TRY_VOID(co_await settled());
    CO_TRY(ids, co_await look_up(std::move(email_ids)));
  }
  CO_TRY(const MailboxRef box, co_await writable(mailbox));
  CO_TRY_VOID(may_hold_messages(box->record()));
  if (!ids.known.empty()) {
    for (const auto* entries : {&box->messages_, &box->hidden_}) {
      for (const MessageEntry& entry : *entries) {
        if (entry.upstream_uid.is_set() || journal_index_.creator(mailbox, entry.uid)) continue;
        ids.unbound.emplace(entry.message, entry.uid);
      }
    }
  }
  Change change(this);
  for (const UpstreamMessage& message : messages) merge_one(&change, box, message, &ids);
  co_return co_await submit(std::move(change));
}

Task<Result<bool>> Account::confirm_flags(MailboxId mailbox, imap::UidValidity validity,
                                          std::vector<UpstreamMessage> messages) {
  CO_TRY(const MailboxRef box, co_await writable(mailbox));
  const UpstreamState& known = box->record().upstream;
  if (known.uid_validity != validity || !known.uids_known) co_return false;
  const auto is_expected = [&](const UpstreamMessage& message) {
    const MessageEntry* entry = box->find_upstream(message.uid);
    return entry != nullptr && entry->has(kHaveFlags) && message.flags &&
           visible_of(box->record(), *entry, to_flags(*message.flags, &keywords_)) ==
               entry->visible;
  };
  const auto others = std::ranges::partition(messages, is_expected);
  const bool all = others.empty();
  messages.erase(others.begin(), others.end());
  EmailIds none;
  Change change(this);
  for (const UpstreamMessage& message : messages) merge_one(&change, box, message, &none);
  CO_TRY_VOID(co_await submit(std::move(change)));
  co_return all;
}

void Account::merge_one(Change* change, const MailboxRef& box, const UpstreamMessage& message,
                        EmailIds* ids) {
  Edit edit(change, box);
  const auto report = [&](MessageEntry* entry) {
    if (message.flags) {
      const Flags reported = to_flags(*message.flags, &keywords_);
      entry->visible = visible_of(box->record(), *entry, reported);
      entry->upstream = reported;
      entry->have |= kHaveFlags;
    }
    if (message.internal_date) {
      entry->internal_date = *message.internal_date;
      entry->date_zone = message.date_zone;
    }
    // Once the body is here its own length is what counts.
    if (message.size && !entry->has(kHaveBody)) entry->size = *message.size;
    if (message.internal_date && message.size) entry->have |= kHaveDate;
  };
  if (const MessageEntry* known = box->find_upstream(message.uid)) {
    MessageEntry after = *known;
    report(&after);
    const bool same = after.visible == known->visible && after.upstream == known->upstream &&
                      after.have == known->have && after.size == known->size &&
                      after.internal_date == known->internal_date &&
                      after.date_zone == known->date_zone;
    if (!same) edit.update(edit.find_any(known->uid), [&](MessageEntry* entry) { *entry = after; });
    if (!message.email_id.empty()) note_email_id(change, box, known->uid, message.email_id, ids);
    return;
  }
  const auto by_email_id = ids->known.find(message.email_id);
  if (by_email_id != ids->known.end()) {
    // A message that lost its binding is known again by its EMAILID.
    const auto unbound = ids->unbound.find(by_email_id->second.message);
    if (unbound != ids->unbound.end()) {
      MessageEntry* found = edit.find_any(unbound->second);
      edit.bind(found, message.uid);
      edit.update(found, report);
      ids->unbound.erase(unbound);
      return;
    }
  }
  MessageEntry entry;
  entry.upstream_uid = message.uid;
  if (by_email_id != ids->known.end()) {
    entry.message = by_email_id->second.message;
    entry.have = by_email_id->second.have | kShared;
    entry.size = by_email_id->second.size;
  } else {
    entry.message = next_message_id();
    if (!message.email_id.empty()) {
      // Another mailbox may have the same one; the row says so from the start.
      entry.have |= kShared;
      std::string value;
      Encoder(&value).number(entry.message.value());
      change->batch().put(Family::kMeta, keys::email_id(id_, message.email_id), std::move(value));
      ids->known.emplace(message.email_id, EmailIds::Known{entry.message});
    }
  }
  report(&entry);
  edit.add(entry);
}

// A known message turns out to have this EMAILID: the first to be known under it gives its content,
// to those of which there is none yet.
void Account::note_email_id(Change* change, const MailboxRef& box, imap::Uid uid,
                            const std::string& email_id, EmailIds* ids) {
  Edit edit(change, box);
  MessageEntry* entry = edit.find_any(uid);
  if (entry->has(kShared)) return;  // noted before, or a copy, which shares already
  const auto [at, is_new] = ids->known.try_emplace(email_id, EmailIds::Known{entry->message});
  if (is_new) {
    std::string value;
    Encoder(&value).number(entry->message.value());
    change->batch().put(Family::kMeta, keys::email_id(id_, email_id), std::move(value));
  } else if (at->second.message != entry->message && !entry->has(kHaveSummary) &&
             !entry->has(kHaveBody) && !writers_.contains(entry->message)) {
    // Before anything of it was shown it becomes the same message.
    change->batch().erase(Family::kMessages, keys::reference(id_, entry->message, box->id(), uid));
    change->batch().put(Family::kMessages, keys::reference(id_, at->second.message, box->id(), uid),
                        {});
    edit.update(entry, [&](MessageEntry* e) {
      e->message = at->second.message;
      e->have |= at->second.have;
      if (at->second.size != 0) e->size = at->second.size;
    });
    ++shared_rows_;
  }
  edit.update(entry, [](MessageEntry* e) { e->have |= kShared; });
}

Task<Result<>> Account::vanish_upstream(MailboxId mailbox, imap::SequenceSet upstream_uids) {
  CO_TRY(const MailboxRef box, co_await writable(mailbox));
  std::vector<imap::Uid> gone;
  const auto& bound = box->by_upstream_;
  for (const auto& range : upstream_uids.ranges()) {
    auto at = std::ranges::lower_bound(bound, imap::Uid(range.first), {},
                                       &std::pair<imap::Uid, imap::Uid>::first);
    for (; at != bound.end() && at->first.value() <= range.last; ++at) gone.push_back(at->second);
  }
  std::ranges::sort(gone);
  Change change(this);
  vanish_in(&change, box, imap::SequenceSet::from_sorted(std::span<const imap::Uid>(gone)));
  co_return co_await submit(std::move(change));
}

// Messages are gone upstream: their expunge wins over what waits for them here.
void Account::vanish_in(Change* change, const MailboxRef& box, const imap::SequenceSet& uids) {
  if (uids.empty()) return;
  forget_rows(change, box->id(), uids);
  Edit edit(change, box);
  edit.erase(edit.cut(uids));
  edit.erase(edit.cut_hidden(uids));
}

// What upstream does not have and will not get.
imap::SequenceSet Account::unbound(const Mailbox& box) const {
  std::vector<imap::Uid> uids;
  for (const auto* entries : {&box.messages_, &box.hidden_}) {
    for (const MessageEntry& entry : *entries) {
      if (entry.upstream_uid.is_set() || journal_index_.creator(box.id(), entry.uid)) continue;
      uids.push_back(entry.uid);
    }
  }
  std::ranges::sort(uids);
  return imap::SequenceSet::from_sorted(std::span<const imap::Uid>(uids));
}

Task<Result<>> Account::rebind_upstream(MailboxId mailbox, imap::UidValidity validity,
                                        std::vector<std::pair<imap::Uid, imap::Uid>> uids) {
  CO_TRY(const MailboxRef box, co_await writable(mailbox));
  std::ranges::sort(uids);
  Change change(this);
  Edit edit(&change, box);
  std::vector<imap::Uid> bound;
  for (const auto& [theirs, ours] : box->by_upstream_) bound.push_back(ours);
  box->by_upstream_.clear();
  for (const imap::Uid uid : bound) {
    MessageEntry* entry = edit.find_any(uid);
    entry->upstream_uid = {};
    const auto found =
        std::ranges::lower_bound(uids, uid, {}, &std::pair<imap::Uid, imap::Uid>::first);
    if (found == uids.end() || found->first != uid) edit.update(entry, [](MessageEntry*) {});
  }
  // In upstream's order, so that each is added at the end.
  std::ranges::sort(uids, {}, &std::pair<imap::Uid, imap::Uid>::second);
  for (const auto& [ours, theirs] : uids) {
    MessageEntry* entry = edit.find_any(ours);
    if (entry != nullptr && box->find_upstream(theirs) == nullptr) edit.bind(entry, theirs);
  }
  vanish_in(&change, box, unbound(*box));
  box->record_->upstream.uid_validity = validity;
  change.put_record(box->record_.get());
  co_return co_await submit(std::move(change));
}

Task<Result<>> Account::set_upstream_state(MailboxId mailbox, UpstreamState state) {
  CO_TRY_VOID(co_await ready());
  Folder* found = folder(mailbox);
  if (found == nullptr) co_return fail(Errc::kNotFound, "no such mailbox");
  const UpstreamState& before = found->record->upstream;
  const bool accepts_more =
      !before.accepts_keywords &&
      (state.accepts_keywords || state.permanent_keywords != before.permanent_keywords);
  MailboxRef box;
  if (accepts_more) {
    CO_TRY(box, co_await writable(mailbox));
    found = folder(mailbox);
  }
  Change change(this);
  const UpstreamState refused = std::exchange(found->record->upstream, std::move(state));
  change.put_record(found->record.get());
  if (box) send_local_keywords(&change, box, refused);
  co_return co_await submit(std::move(change));
}

// Upstream takes keywords now that it refused before: those kept here alone are sent.
void Account::send_local_keywords(Change* change, const MailboxRef& box,
                                  const UpstreamState& before) {
  std::map<std::uint16_t, imap::SequenceSet> sent;
  for (const MessageEntry& entry : box->messages()) {
    if (entry.visible.keywords == entry.upstream.keywords) continue;
    for (const std::uint16_t number : keywords_.numbers(entry.visible.keywords)) {
      if (keywords_.contains(entry.upstream.keywords, number)) continue;
      const std::string& name = keywords_.name_of(number);
      const auto& refused = before.permanent_keywords;
      if (std::ranges::find(refused, name) != refused.end()) continue;
      if (accepts(box->record(), number)) sent[number].add(entry.uid);
    }
  }
  for (auto& [number, uids] : sent) {
    FlagDelta delta;
    delta.add.keywords.push_back(keywords_.name_of(number));
    change->add_entry(JournalFlags{box->id(), std::move(uids), std::move(delta)});
  }
}

}  // namespace cache

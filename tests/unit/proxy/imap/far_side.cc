#include "tests/unit/proxy/imap/far_side.h"

#include <set>
#include <utility>
#include <vector>

#include "protocol/mime/charset.h"

namespace proxy {

FarSide::FarSide(cache::Account* account) : account_(account) { account->attach(this); }

Task<Result<>> FarSide::list(std::vector<std::string> mailboxes) {
  std::vector<cache::UpstreamMailbox> listed;
  for (const std::string& name : mailboxes) {
    cache::UpstreamMailbox& mailbox = listed.emplace_back();
    mailbox.name = name;
    mailbox.upstream_name = name;
    mailbox.delimiter = '/';
  }
  CO_TRY_VOID(co_await account_->set_upstream_mailboxes(std::move(listed)));
  for (const std::string& name : mailboxes) {
    const cache::MailboxRecord* record = account_->find_mailbox(name);
    CO_TRY_VOID(co_await ensure_selectable(record->id, {}));
  }
  co_return Result<>();
}

Task<Result<>> FarSide::deliver(std::string mailbox, std::string bytes, imap::FlagList flags,
                                std::int64_t internal_date, std::int16_t date_zone) {
  const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
  if (record == nullptr) co_return fail(Errc::kNotFound, "no mailbox " + mailbox);
  const imap::Uid ours = record->uid_next;
  cache::UpstreamMessage message;
  message.uid = imap::Uid(++last_uids_[mailbox]);
  message.flags = std::move(flags);
  message.internal_date = internal_date;
  message.date_zone = date_zone;
  message.size = bytes.size();
  CO_TRY_VOID(co_await account_->merge_upstream(record->id, {std::move(message)}));
  CO_TRY(const cache::MailboxRef box, co_await account_->open_mailbox(record->id));
  bodies_[box->find(ours)->message] = std::move(bytes);
  co_return Result<>();
}

Result<> FarSide::answer() const {
  if (!online_) return fail(Errc::kUnavailable, "away");
  return {};
}

Task<Result<>> FarSide::ensure_listed(std::stop_token) { co_return answer(); }

Task<Result<>> FarSide::ensure_selectable(cache::MailboxId mailbox, std::stop_token) {
  CO_TRY_VOID(answer());
  cache::UpstreamState state = account_->find_mailbox(mailbox)->upstream;
  state.uids_known = true;
  co_return co_await account_->set_upstream_state(mailbox, std::move(state));
}

Task<Result<>> FarSide::fetch_summaries(cache::MailboxId mailbox, imap::SequenceSet uids,
                                        std::stop_token) {
  CO_TRY_VOID(answer());
  CO_TRY(const cache::MailboxRef box, co_await account_->open_mailbox(mailbox));
  std::vector<std::pair<imap::Uid, cache::Summary>> summaries;
  for (const std::uint32_t uid : uids) {
    const cache::MessageEntry* entry = box->find(imap::Uid(uid));
    const auto body = entry == nullptr ? bodies_.end() : bodies_.find(entry->message);
    if (body == bodies_.end()) continue;
    cache::Summary summary;
    imap::encode_envelope({}, &summary.envelope);
    summary.body = R"(("text" "plain" NIL NIL NIL "7bit" 0 0))";
    summary.body_structure = R"(("text" "plain" NIL NIL NIL "7bit" 0 0 NIL NIL NIL NIL))";
    summary.fields = cache::encode_search_fields(imap::Envelope());
    summary.header = body->second.substr(0, body->second.find("\r\n\r\n") + 4);
    summaries.emplace_back(entry->uid, std::move(summary));
  }
  co_return co_await account_->put_summaries(mailbox, std::move(summaries));
}

Task<Result<>> FarSide::fetch_bodies(cache::MailboxId mailbox, imap::SequenceSet uids,
                                     std::stop_token) {
  CO_TRY_VOID(answer());
  CO_TRY(const cache::MailboxRef box, co_await account_->open_mailbox(mailbox));
  std::vector<std::pair<imap::Uid, std::unique_ptr<cache::ContentWriter>>> fetched;
  std::set<cache::MessageId> begun;  // copies share their content
  for (const std::uint32_t uid : uids) {
    const cache::MessageEntry* entry = box->find(imap::Uid(uid));
    if (entry == nullptr || entry->has(cache::kHaveBody)) continue;
    const auto body = bodies_.find(entry->message);
    if (body == bodies_.end() || !begun.insert(entry->message).second) continue;
    auto writer = account_->begin_body(mailbox, entry->uid);
    if (!writer) continue;
    (*writer)->feed(body->second);
    (*writer)->finish();
    fetched.emplace_back(entry->uid, std::move(*writer));
  }
  co_return co_await account_->put_contents(mailbox, std::move(fetched));
}

Task<Result<imap::SequenceSet>> FarSide::search(cache::MailboxId mailbox, imap::SequenceSet uids,
                                                imap::SearchKey key, std::stop_token) {
  CO_TRY_VOID(answer());
  CO_TRY(const cache::MailboxRef box, co_await account_->open_mailbox(mailbox));
  imap::SequenceSet found;
  for (const std::uint32_t uid : uids) {
    const cache::MessageEntry* entry = box->find(imap::Uid(uid));
    if (entry == nullptr) continue;
    const auto body = bodies_.find(entry->message);
    if (body == bodies_.end()) continue;
    if (mime::fold(body->second).contains(mime::fold(key.text))) found.add(entry->uid);
  }
  co_return found;
}

}  // namespace proxy

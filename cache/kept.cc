#include "cache/kept_parts.h"

#include <map>
#include <set>
#include <vector>

#include "cache/codec.h"
#include "cache/keys.h"
#include "cache/records.h"

namespace cache {
namespace {

constexpr std::uint64_t kRowBytes = 128;  // a row with its key, roughly

bool is_kept_meta(std::string_view key) {
  return !keys::is_email_id(key) && key != keys::sequence();
}

void keep_rows(AccountId account, MailboxId mailbox, const imap::SequenceSet& uids, Batch* batch) {
  for (const imap::SequenceSet::Range& range : uids.ranges()) {
    std::string end = keys::index(account, mailbox, imap::Uid(range.last));
    end.push_back('\0');
    batch->keep(Family::kIndex, keys::index(account, mailbox, imap::Uid(range.first)),
                std::move(end), range.size() * kRowBytes);
  }
}

}  // namespace

Result<> scan_all(Store* store, Family family, const keys::Range& range, const EachKept& each) {
  const std::unique_ptr<Cursor> cursor = store->scan(family, range.from, range.to, true);
  for (; cursor->valid(); cursor->next()) TRY_VOID(each(family, cursor->key(), cursor->value()));
  return cursor->status();
}

void mark_kept(Batch* batch, const std::function<bool(MailboxId)>& is_watched) {
  for (Batch::Op& op : batch->ops()) {
    if (op.kind == Batch::Kind::kKeep) continue;
    if (op.family == Family::kMeta) {
      op.kept = is_kept_meta(op.key);
    } else if (op.family == Family::kJournal) {
      op.kept = true;
    } else if (op.family == Family::kIndex) {
      const Result<MailboxId> mailbox = keys::mailbox_of_row(op.key);
      op.kept = op.kind == Batch::Kind::kEraseRange || !mailbox || is_watched(*mailbox);
    }
    if (op.kept) op.kept_bytes = op.key.size() + op.value.size();
  }
}

Named named_by(const JournalOp& op) {
  Named named;
  if (const auto* flags = std::get_if<JournalFlags>(&op)) {
    named.rows[flags->mailbox] = flags->uids;
  } else if (const auto* expunge = std::get_if<JournalExpunge>(&op)) {
    named.rows[expunge->mailbox] = expunge->uids;
  } else if (const auto* append = std::get_if<JournalAppend>(&op)) {
    named.rows[append->mailbox].add(append->uid);
    named.body = append->message;
  } else if (const auto* copy = std::get_if<JournalCopy>(&op)) {
    for (const auto& [from, to] : copy->uids) {
      named.rows[copy->from].add(from);
      named.rows[copy->to].add(to);
    }
  }
  return named;
}

void keep_body(AccountId account, MessageId message, std::uint64_t bytes, Batch* batch) {
  keys::Range range = keys::body_of(account, message);
  batch->keep(Family::kBody, std::move(range.from), std::move(range.to), bytes);
}

void keep_for(const JournalOp& op, AccountId account, std::uint64_t body_bytes, Batch* batch) {
  const Named named = named_by(op);
  for (const auto& [mailbox, uids] : named.rows) keep_rows(account, mailbox, uids, batch);
  if (named.body) keep_body(account, named.body, body_bytes, batch);
}

Result<KeptAccount> read_kept_account(Store* store, AccountId account) {
  KeptAccount kept;
  TRY_VOID(scan_all(store, Family::kMeta, keys::keywords(account),
                    [&](Family, std::string_view key, std::string_view value) -> Result<> {
                      TRY(const std::uint16_t number, keys::keyword_in(key));
                      kept.keywords.load(number, std::string(value));
                      return {};
                    }));
  TRY_VOID(scan_all(store, Family::kMeta, keys::mailboxes(account),
                    [&](Family, std::string_view key, std::string_view value) -> Result<> {
                      TRY(const MailboxId mailbox, keys::mailbox_in(key));
                      TRY(kept.mailboxes[mailbox], decode_mailbox_record(mailbox, value));
                      return {};
                    }));
  TRY_VOID(scan_all(store, Family::kJournal, keys::journal_of(account),
                    [&](Family, std::string_view key, std::string_view value) -> Result<> {
                      TRY(const JournalSeq seq, keys::journal_in(key));
                      TRY(kept.journal[seq], decode_journal_entry(seq, value));
                      return {};
                    }));
  return kept;
}

Result<> for_each_kept(Store* store, const EachKept& each) {
  std::vector<AccountId> accounts;
  const keys::Range everything = keys::everything();
  TRY_VOID(scan_all(store, Family::kMeta, everything,
                    [&](Family family, std::string_view key, std::string_view value) -> Result<> {
                      if (!is_kept_meta(key)) return {};
                      if (keys::is_account(key)) {
                        TRY(const AccountRecord record, decode_account_record(value));
                        accounts.push_back(record.id);
                      }
                      return each(family, key, value);
                    }));
  TRY_VOID(scan_all(store, Family::kJournal, everything, each));
  for (const AccountId account : accounts) {
    TRY(KeptAccount kept, read_kept_account(store, account));
    std::map<MailboxId, imap::SequenceSet> rows;
    std::set<MessageId> bodies;
    for (const auto& [seq, entry] : kept.journal) {
      const Named named = named_by(entry.op);
      for (const auto& [mailbox, uids] : named.rows) {
        rows[mailbox] = rows[mailbox].united(uids);
      }
      if (named.body) bodies.insert(named.body);
    }
    for (const auto& [id, record] : kept.mailboxes) {
      const bool is_here_alone = (record.attributes & kLocalOnly) != 0;
      const keys::Range all = keys::index_of(account, id);
      if (is_here_alone) {
        TRY_VOID(
            scan_all(store, Family::kIndex, all,
                     [&](Family family, std::string_view key, std::string_view value) -> Result<> {
                       TRY(const imap::Uid uid, keys::uid_in(key));
                       TRY(const MessageEntry entry, decode_row(uid, value, &kept.keywords));
                       if (entry.has(kHaveBody)) bodies.insert(entry.message);
                       return each(family, key, value);
                     }));
        continue;
      }
      for (const imap::SequenceSet::Range& range : rows[id].ranges()) {
        std::string end = keys::index(account, id, imap::Uid(range.last));
        end.push_back('\0');
        TRY_VOID(scan_all(store, Family::kIndex,
                          {keys::index(account, id, imap::Uid(range.first)), std::move(end)},
                          each));
      }
    }
    for (const MessageId message : bodies) {
      TRY_VOID(scan_all(store, Family::kBody, keys::body_of(account, message), each));
    }
  }
  return {};
}

}  // namespace cache

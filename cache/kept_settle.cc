// From what a journal file kept, an account that the sync can go on with.
#include <algorithm>
#include <chrono>
#include <future>
#include <set>
#include <vector>

#include "cache/content.h"
#include "cache/counts.h"
#include "cache/inline_executor.h"
#include "cache/kept_parts.h"
#include "cache/message_entry.h"
#include "cache/records.h"

namespace cache {
namespace {

std::uint32_t seconds_since_1970() {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

class Settling {
 public:
  Settling(Store* store, std::string key, AccountRecord record, KeptAccount kept, Restored* total)
      : store_(store),
        key_(std::move(key)),
        record_(record),
        kept_(std::move(kept)),
        total_(total) {}

  Result<> run() {
    TRY_VOID(measure_bodies());
    TRY_VOID(read_rows());
    for (auto& [seq, entry] : kept_.journal) settle_entry(&entry);
    for (const auto& [seq, entry] : kept_.journal) {
      for (const auto& [mailbox, uids] : named_by(entry.op).rows) {
        needed_[mailbox] = needed_[mailbox].united(uids);
      }
    }
    // Content first: a row says that it is there.
    for (const auto& [mailbox, rows] : rows_) {
      for (const auto& [uid, row] : rows) {
        if (is_needed(mailbox, uid) && has_body(row)) wanted_.insert(row.message);
      }
    }
    for (const MessageId message : wanted_) TRY_VOID(derive_content(message));
    for (auto& [mailbox, record] : kept_.mailboxes) settle_mailbox(&record);
    for (const auto& [message, bytes] : bodies_) {
      if (!wanted_.contains(message)) erase_body(record_.id, message, &batch_);
    }
    batch_.put(Family::kMeta, key_, encode_account_record(record_));
    return commit_and_wait(store_, std::move(batch_));
  }

 private:
  using Rows = std::map<imap::Uid, MessageEntry>;

  Result<> measure_bodies() {
    return scan_all(store_, Family::kBody, keys::bodies_of(record_.id),
                    [this](Family, std::string_view key, std::string_view value) -> Result<> {
                      TRY(const MessageId message, keys::message_of_chunk(key));
                      bodies_[message] += value.size();
                      return {};
                    });
  }

  Result<> read_rows() {
    for (const auto& [id, record] : kept_.mailboxes) {
      Rows& rows = rows_[id];
      TRY_VOID(scan_all(store_, Family::kIndex, keys::index_of(record_.id, id),
                        [&](Family, std::string_view key, std::string_view value) -> Result<> {
                          TRY(const imap::Uid uid, keys::uid_in(key));
                          TRY(rows[uid], decode_row(uid, value, &kept_.keywords));
                          return {};
                        }));
    }
    return {};
  }

  const MessageEntry* row(MailboxId mailbox, imap::Uid uid) const {
    const auto rows = rows_.find(mailbox);
    if (rows == rows_.end()) return nullptr;
    const auto found = rows->second.find(uid);
    return found == rows->second.end() ? nullptr : &found->second;
  }
  bool has_body(const MessageEntry& entry) const {
    const auto found = bodies_.find(entry.message);
    return found != bodies_.end() && entry.has(kHaveBody) && found->second == entry.size;
  }
  bool is_needed(MailboxId mailbox, imap::Uid uid) const {
    if ((kept_.mailboxes.at(mailbox).attributes & kLocalOnly) != 0) return true;
    const auto found = needed_.find(mailbox);
    return found != needed_.end() && found->second.contains(uid.value());
  }
  imap::SequenceSet existing(MailboxId mailbox, const imap::SequenceSet& uids) const {
    imap::SequenceSet found;
    const auto rows = rows_.find(mailbox);
    if (rows == rows_.end()) return found;
    for (const auto& [uid, entry] : rows->second) {
      if (uids.contains(uid.value())) found.add(uid);
    }
    return found;
  }

  // A damaged journal file may have an entry without all that it needs: the rest is used.
  void settle_entry(JournalEntry* entry) {
    bool is_whole = true;
    bool is_left = true;
    if (auto* flags = std::get_if<JournalFlags>(&entry->op)) {
      imap::SequenceSet uids = existing(flags->mailbox, flags->uids);
      is_whole = uids == flags->uids;
      is_left = !uids.empty();
      flags->uids = std::move(uids);
    } else if (auto* expunge = std::get_if<JournalExpunge>(&entry->op)) {
      imap::SequenceSet uids = existing(expunge->mailbox, expunge->uids);
      is_whole = uids == expunge->uids;
      is_left = !uids.empty();
      expunge->uids = std::move(uids);
    } else if (const auto* append = std::get_if<JournalAppend>(&entry->op)) {
      const MessageEntry* uploaded = row(append->mailbox, append->uid);
      is_left = uploaded != nullptr && has_body(*uploaded);
    } else if (auto* copy = std::get_if<JournalCopy>(&entry->op)) {
      const bool sent = was_sent(*entry);
      is_whole = std::erase_if(copy->uids, [&](const auto& pair) {
                   return row(copy->to, pair.second) == nullptr ||
                          (!sent && row(copy->from, pair.first) == nullptr);
                 }) == 0;
      is_left = !copy->uids.empty();
    } else if (!std::holds_alternative<JournalSubscribe>(entry->op)) {
      is_left = kept_.mailboxes.contains(mailbox_of(entry->op));
    }
    const std::string key = keys::journal(record_.id, entry->seq);
    if (is_left) ++total_->writes;
    if (!is_left || !is_whole) ++total_->lost;
    if (!is_left) {
      batch_.erase(Family::kJournal, key);
      entry->op = JournalSubscribe{};  // names nothing
    } else if (!is_whole) {
      batch_.put(Family::kJournal, key, encode_journal_entry(*entry));
    }
  }

  // Summary, header and search text come from the bytes, chunk by chunk.
  Result<> derive_content(MessageId message) {
    const std::unique_ptr<ContentWriter> writer =
        make_content_writer(store_, nullptr, record_.id, message, {});
    TRY_VOID(scan_all(store_, Family::kBody, keys::body_of(record_.id, message),
                      [&](Family, std::string_view, std::string_view value) -> Result<> {
                        writer->feed(value);
                        return commit_and_wait(store_, writer->take_rest());
                      }));
    writer->finish();
    TRY_VOID(commit_and_wait(store_, writer->take_rest()));
    writer->keep();
    return {};
  }

  void settle_mailbox(MailboxRecord* record) {
    record->uid_validity =
        imap::UidValidity(std::max(seconds_since_1970(), record_.next_uid_validity));
    record_.next_uid_validity = record->uid_validity.value() + 1;
    record->changes_floor = record->highest_modseq;
    copy_counts({}, record);
    for (auto& [uid, entry] : rows_[record->id]) {
      const std::string key = keys::index(record_.id, record->id, uid);
      if (!is_needed(record->id, uid)) {
        batch_.erase(Family::kIndex, key);
        continue;
      }
      entry.have &= kHaveFlags | kHaveDate | kShared;
      if (wanted_.contains(entry.message)) entry.have |= kHaveSummary | kHaveBody | kHaveText;
      std::string bytes;
      encode_row(entry, kept_.keywords, &bytes);
      batch_.put(Family::kIndex, key, std::move(bytes));
      batch_.put(Family::kMessages, keys::reference(record_.id, entry.message, record->id, uid),
                 {});
      record->uid_next = std::max(record->uid_next, uid.next());
      if (!entry.hidden) count_message(record, entry, 1);
    }
    // Upstream's UIDVALIDITY stays: by it the rows are told from those of another mailbox. What
    // was known of the other messages is not known any more.
    const bool has_rows = std::ranges::any_of(
        rows_[record->id], [&](const auto& at) { return is_needed(record->id, at.first); });
    record->upstream.uids_known = record->upstream.uids_known && has_rows;
    record->upstream.flags_known = false;
    record->upstream.uid_next = 0;
    record->upstream.highest_modseq = 0;
    record->upstream.messages = 0;
    record->upstream.last_good_check = 0;
    batch_.put(Family::kMeta, keys::mailbox(record_.id, record->id),
               encode_mailbox_record(*record));
  }

  Store* store_;
  std::string key_;
  AccountRecord record_;
  KeptAccount kept_;
  Restored* total_;
  std::map<MessageId, std::uint64_t> bodies_;  // bytes that are here
  std::map<MailboxId, Rows> rows_;
  std::map<MailboxId, imap::SequenceSet> needed_;
  std::set<MessageId> wanted_;
  Batch batch_;
};

}  // namespace

Result<> commit_and_wait(Store* store, Batch batch) {
  InlineExecutor inline_executor;
  std::promise<Result<>> done;
  std::future<Result<>> answer = done.get_future();
  // Stream 0 is no account's.
  store->commit(0, std::move(batch), Durability::kSynced, &inline_executor,
                [&done](Result<> result) { done.set_value(std::move(result)); });
  Result<> result = answer.get();
  if (!result) store->recover(0);
  return result;
}

Result<Restored> settle_restored(Store* store) {
  Restored total;
  std::vector<std::pair<std::string, AccountRecord>> accounts;
  TRY_VOID(scan_all(store, Family::kMeta, keys::accounts(),
                    [&](Family, std::string_view key, std::string_view value) -> Result<> {
                      TRY(const AccountRecord record, decode_account_record(value));
                      accounts.emplace_back(key, record);
                      return {};
                    }));
  for (auto& [key, record] : accounts) {
    TRY(KeptAccount kept, read_kept_account(store, record.id));
    TRY_VOID(Settling(store, key, record, std::move(kept), &total).run());
  }
  return total;
}

}  // namespace cache

// Opening an account and its mailboxes: what is read from the store, and how it gets into memory.
#include <algorithm>
#include <chrono>
#include <mutex>

#include "cache/account_loaded.h"
#include "cache/change.h"
#include "cache/codec.h"
#include "cache/counts.h"
#include "cache/kept.h"
#include "cache/keys.h"
#include "cache/local_remote.h"

namespace cache {
namespace {

// Rows of mailboxes that nobody has open, kept for the next one who opens them.
constexpr std::size_t kIdleRows = 300'000;

// The account's record, made when there is none. Accounts open on several loops at once.
Result<> ensure_account(Store* store, const std::string& name) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  const std::string key = keys::account(name);
  const Result<std::string> found = store->get(Family::kMeta, key);
  if (found) return {};
  if (found.error().code() != Errc::kNotFound) return fail(found.error());
  std::uint32_t id = 1;
  const Result<std::string> next = store->get(Family::kMeta, keys::next_account());
  if (next) {
    Decoder decoder(*next);
    id = decoder.number<std::uint32_t>();
    TRY_VOID(decoder.finish("next account"));
  } else if (next.error().code() != Errc::kNotFound) {
    return fail(next.error());
  }
  Batch batch;
  std::string following;
  Encoder(&following).number(id + 1);
  AccountRecord record;
  record.id = AccountId(id);
  batch.put(Family::kMeta, keys::next_account(), std::move(following));
  batch.put(Family::kMeta, key, encode_account_record(record));
  mark_kept(&batch, [](MailboxId) { return false; });
  return commit_and_wait(store, std::move(batch));
}

template <class Each>
Result<> scan_range(Store* store, Family family, const keys::Range& range, Each each) {
  const std::unique_ptr<Cursor> cursor = store->scan(family, range.from, range.to);
  for (; cursor->valid(); cursor->next()) TRY_VOID(each(cursor->key(), cursor->value()));
  return cursor->status();
}

// Content that was being written when the process ended: nothing refers to it.
void erase_staged(AccountId account, MessageId message, Batch* batch) {
  erase_body(account, message, batch);
  batch->erase(Family::kMessages, keys::staging(account, message));
}

}  // namespace

Result<LoadedRows> read_rows(Store* store, AccountId account, MailboxId mailbox,
                             KeywordTable* keywords) {
  LoadedRows loaded;
  loaded.mailbox = mailbox;
  TRY_VOID(scan_range(store, Family::kIndex, keys::index_of(account, mailbox),
                      [&](std::string_view key, std::string_view value) -> Result<> {
                        TRY(const imap::Uid uid, keys::uid_in(key));
                        TRY(loaded.rows.emplace_back(), decode_row(uid, value, keywords));
                        return {};
                      }));
  TRY_VOID(scan_range(store, Family::kChanges, keys::changes_of(account, mailbox),
                      [&](std::string_view, std::string_view) -> Result<> {
                        ++loaded.change_rows;
                        return {};
                      }));
  return loaded;
}

Result<Account::Loaded> Account::read_account(Store* store, std::string name,
                                              std::vector<MailboxId> boxes, KeywordTable keywords) {
  Loaded loaded;
  loaded.keywords = std::move(keywords);
  TRY(const std::string record, store->get(Family::kMeta, keys::account(name)));
  TRY(loaded.record, decode_account_record(record));
  const AccountId id = loaded.record.id;
  TRY_VOID(scan_range(store, Family::kMeta, keys::mailboxes(id),
                      [&](std::string_view key, std::string_view value) -> Result<> {
                        TRY(const MailboxId mailbox, keys::mailbox_in(key));
                        TRY(loaded.mailboxes.emplace_back(), decode_mailbox_record(mailbox, value));
                        return {};
                      }));
  TRY_VOID(scan_range(store, Family::kMeta, keys::subscriptions(id),
                      [&](std::string_view key, std::string_view) -> Result<> {
                        TRY(loaded.subscriptions.emplace_back(), keys::subscription_in(key));
                        return {};
                      }));
  TRY_VOID(scan_range(store, Family::kMeta, keys::keywords(id),
                      [&](std::string_view key, std::string_view value) -> Result<> {
                        TRY(const std::uint16_t number, keys::keyword_in(key));
                        loaded.keywords.load(number, std::string(value));
                        loaded.stored_keywords = number + std::size_t{1};
                        return {};
                      }));
  TRY_VOID(scan_range(store, Family::kJournal, keys::journal_of(id),
                      [&](std::string_view key, std::string_view value) -> Result<> {
                        TRY(const JournalSeq seq, keys::journal_in(key));
                        TRY(loaded.journal[seq], decode_journal_entry(seq, value));
                        return {};
                      }));
  const auto read_marks = [&](const keys::Range& range, std::vector<MessageId>* marks) {
    return scan_range(store, Family::kMessages, range,
                      [&](std::string_view key, std::string_view) -> Result<> {
                        TRY(marks->emplace_back(), keys::message_in(key));
                        return {};
                      });
  };
  TRY_VOID(read_marks(keys::garbage_of(id), &loaded.garbage));
  TRY_VOID(read_marks(keys::staging_of(id), &loaded.staging));
  for (const MailboxId box : boxes) {
    TRY(loaded.boxes.emplace_back(), read_rows(store, id, box, &loaded.keywords));
  }
  return loaded;
}

void Account::adopt(Loaded loaded) {
  const AccountRecord before = record_;
  record_ = loaded.record;
  id_ = record_.id;
  // Counters never go back while this process lives (see recover()).
  next_message_ = std::max(next_message_, record_.next_message);
  next_mailbox_ = std::max(next_mailbox_, record_.next_mailbox);
  next_journal_ = std::max(next_journal_, record_.next_journal);
  modseq_ = std::max(modseq_, record_.modseq_ceiling);
  record_.next_mailbox = next_mailbox_;
  record_.next_uid_validity = std::max(before.next_uid_validity, record_.next_uid_validity);
  for (const MessageId staged : loaded.staging) {
    next_message_ = std::max(next_message_, staged.value() + 1);
  }
  for (std::size_t number = keywords_.size(); number < loaded.keywords.size(); ++number) {
    const auto known = static_cast<std::uint16_t>(number);
    keywords_.load(known, loaded.keywords.name_of(known));
  }
  stored_keywords_ = loaded.stored_keywords;

  subscriptions_.clear();
  for (std::string& name : loaded.subscriptions) subscriptions_.emplace(std::move(name), true);
  journal_ = std::move(loaded.journal);
  journal_index_.clear();
  for (const auto& [seq, entry] : journal_) journal_index_.add(entry);
  garbage_.clear();
  for (const MessageId message : loaded.garbage) garbage_[message] = submitted_;

  by_name_.clear();
  std::set<MailboxId> stored;
  for (MailboxRecord& record : loaded.mailboxes) {
    stored.insert(record.id);
    Folder& folder = folders_[record.id];
    if (!folder.record) {
      folder.record = std::make_shared<MailboxRecord>(std::move(record));
    } else {
      folder.uid_floor = std::max(folder.uid_floor, folder.record->uid_next);
      const imap::Uid recent_from = folder.record->recent_from;
      const std::uint32_t recent = folder.record->recent;
      *folder.record = std::move(record);
      if (recent_from > folder.record->recent_from) {
        // Claimed since it was stored. Counted anew below if its messages are in memory; if not,
        // nothing of it has changed.
        folder.record->recent_from = recent_from;
        folder.record->recent = recent;
      }
    }
    if ((folder.record->attributes & kDeletedHere) == 0) {
      by_name_[folder.record->name] = folder.record.get();
    }
  }
  for (LoadedRows& rows : loaded.boxes) {
    if (!stored.contains(rows.mailbox)) continue;
    Folder* folder = &folders_[rows.mailbox];
    adopt_rows(folder, std::move(rows), loaded.keywords);
  }
  for (auto at = folders_.begin(); at != folders_.end();) {
    if (stored.contains(at->first)) {
      ++at;
      continue;
    }
    // Made by the change that was lost.
    if (at->second.box) {
      for (MailboxView* view : at->second.box->views_) view->on_gone();
    }
    at = folders_.erase(at);
  }
}

void Account::adopt_rows(Folder* folder, LoadedRows loaded, const KeywordTable& theirs) {
  // Keyword sets were interned in a worker's copy of the table.
  std::map<KeywordSet, KeywordSet> known;
  const auto translated = [&](KeywordSet set) {
    if (!set) return set;
    const auto [at, is_new] = known.try_emplace(set);
    if (is_new) {
      const auto numbers = theirs.numbers(set);
      at->second = keywords_.set_of({numbers.begin(), numbers.end()});
    }
    return at->second;
  };
  MailboxRecord& record = *folder->record;
  MailboxRecord counted;
  counted.recent_from = record.recent_from;
  std::vector<MessageEntry> hidden;
  for (MessageEntry& entry : loaded.rows) {
    entry.visible.keywords = translated(entry.visible.keywords);
    entry.upstream.keywords = translated(entry.upstream.keywords);
    if (entry.hidden) {
      hidden.push_back(entry);
      continue;
    }
    count_message(&counted, entry, 1);
    record.uid_next = std::max(record.uid_next, entry.uid.next());
  }
  if (!same_counts(counted, record)) {
    log_.with_mailbox(record.name).warning("the stored counts were wrong and are put right");
  }
  copy_counts(counted, &record);
  if (!hidden.empty()) std::erase_if(loaded.rows, [](const MessageEntry& e) { return e.hidden; });

  imap::SequenceSet changed;
  if (!folder->box) {
    folder->box = std::make_shared<Mailbox>(executor_, folder->record);
  } else {
    // Views know only what was durable, and that is still there: what may look different are flags.
    for (const MessageEntry& entry : loaded.rows) {
      const MessageEntry* before = folder->box->find(entry.uid);
      if (before == nullptr || !(before->visible == entry.visible) ||
          before->modseq != entry.modseq) {
        changed.add(entry.uid);
      }
    }
  }
  folder->box->load(std::move(loaded.rows), std::move(hidden));
  folder->change_rows = loaded.change_rows;
  for (MailboxView* view : folder->box->views_) view->on_reloaded(changed);
}

Task<Result<std::unique_ptr<Account>>> Account::open(Store* store, Executor* executor,
                                                     AccountOptions options) {
  std::unique_ptr<Account> account(new Account(store, executor, std::move(options)));
  account->local_remote_ = std::make_unique<LocalRemote>();
  account->remote_ = account->local_remote_.get();
  Result<> loaded = co_await account->load();
  if (!loaded) {
    co_await account->close();
    co_return fail(std::move(loaded).error().within("opening account " + account->name()));
  }
  co_return account;
}

Task<Result<>> Account::load() {
  const auto read = [store = store_, name = options_.name]() -> Result<Loaded> {
    TRY_VOID(ensure_account(store, name));
    return read_account(store, name, {}, KeywordTable());
  };
  CO_TRY(Loaded loaded, co_await run_blocking(executor_, read));
  const std::vector<MessageId> staging = loaded.staging;
  adopt(std::move(loaded));

  Change change(this);
  for (const MessageId message : staging) erase_staged(id_, message, &change.batch());
  if (folder("INBOX") == nullptr) add_folder(&change, "INBOX", 0);
  if (!change.empty()) CO_TRY_VOID(co_await submit(std::move(change)));
  if (!garbage_.empty()) collect_garbage_soon();
  co_return Result<>();
}

Task<Result<MailboxRef>> Account::open_mailbox(MailboxId id) {
  for (;;) {
    CO_TRY_VOID(co_await ready());
    Folder* found = folder(id);
    if (found == nullptr) co_return fail(Errc::kNotFound, "no such mailbox");
    found->used = ++uses_;
    if (found->box) co_return found->box;
    if (found->loading) {
      CO_TRY_VOID(co_await loaded_.wait());
      continue;
    }
    found->loading = true;
    // What was queued when it was last in memory has to be in the store before it is read again.
    Result<> was_settled = co_await settled();
    Result<LoadedRows> rows = fail(Errc::kIo, "not read");
    KeywordTable keywords = keywords_;
    if (was_settled) {
      const auto read = [store = store_, account = id_, id, keywords = &keywords] {
        return read_rows(store, account, id, keywords);
      };
      rows = co_await run_blocking(executor_, read);
    }
    found = folder(id);
    if (found != nullptr) found->loading = false;
    loaded_.notify();
    if (!was_settled) co_return fail(was_settled.error());
    if (!rows) co_return fail(std::move(rows).error().within("opening a mailbox"));
    if (found == nullptr || found->box) continue;
    adopt_rows(found, std::move(*rows), keywords);
    trim_memory();
  }
}

// Closed mailboxes stay in memory for the next one who opens them, up to a limit.
void Account::trim_memory() {
  std::size_t idle_rows = 0;
  std::vector<Folder*> idle;
  for (auto& [id, folder] : folders_) {
    if (!folder.box || folder.box.use_count() > 1) continue;
    idle.push_back(&folder);
    idle_rows += folder.box->messages_.size() + folder.box->hidden_.size();
  }
  std::ranges::sort(idle, {}, &Folder::used);
  for (Folder* folder : idle) {
    if (idle_rows <= kIdleRows) break;
    if (folder->used == uses_) continue;
    idle_rows -= folder->box->messages_.size() + folder->box->hidden_.size();
    folder->box.reset();
  }
}

}  // namespace cache

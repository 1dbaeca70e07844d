#include "cache/verify.h"

#include <algorithm>
#include <array>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/log.h"
#include "cache/codec.h"
#include "cache/content.h"
#include "cache/counts.h"
#include "cache/inline_executor.h"
#include "cache/kept_parts.h"
#include "cache/keys.h"
#include "cache/records.h"

namespace cache {
namespace {

// What there is of a message's content.
struct Content {
  bool has_summary = false;
  bool has_fields = false;
  bool has_record = false;
  bool says_body = false;  // its record
  bool is_free = false;    // being written, or about to be erased: no row has to refer to it
  bool has_row = false;
  bool has_gap = false;
  std::uint32_t chunks = 0;
  std::uint64_t bytes = 0;
  Digest digest;  // without the Message-ID
};

struct Row {
  AccountId account;
  MailboxId mailbox;
  imap::Uid uid;
  MessageId message;
  std::uint64_t size = 0;
  std::uint8_t have = 0;
  bool has_reference = false;

  auto place() const { return std::tuple(account, mailbox, uid); }
  bool has(Have bit) const { return (have & bit) != 0; }
};

struct AccountPart {
  std::string name;
  KeywordTable keywords;
  std::map<MailboxId, MailboxRecord> mailboxes;
  std::map<MailboxId, MailboxRecord> counted;
};

AccountId account_in(std::string_view key) {
  return AccountId(Decoder(key).number<std::uint32_t>());
}

class Verifying {
 public:
  Verifying(Store* store, const std::function<void(const std::string&)>& found,
            const std::function<void(double)>& progress, std::stop_token stop)
      : store_(store), found_(found), progress_(progress), stop_(std::move(stop)) {}

  Result<VerifyReport> run() {
    const std::uint64_t bytes = store_->stats().disk_bytes;
    total_ = static_cast<double>(std::max<std::uint64_t>(bytes, 1));
    freeze();
    TRY_VOID(read(Family::kMeta, &Verifying::on_meta));
    read_keywords();
    TRY_VOID(read(Family::kIndex, &Verifying::on_row));
    TRY_VOID(read(Family::kMessages, &Verifying::on_message));
    TRY_VOID(read(Family::kSummary, &Verifying::on_summary));
    TRY_VOID(read(Family::kHeader, &Verifying::on_header));
    TRY_VOID(read(Family::kText, &Verifying::on_text));
    TRY_VOID(read(Family::kBody, &Verifying::on_chunk));
    TRY_VOID(read(Family::kChanges, &Verifying::on_change));
    TRY_VOID(read(Family::kJournal, &Verifying::on_entry));
    compare_rows();
    compare_counts();
    find_orphans();
    progress_(1.0);
    return report_;
  }

 private:
  using On = Result<> (Verifying::*)(std::string_view key, std::string_view value);
  using ContentKey = std::pair<AccountId, MessageId>;

  template <class... Args>
  void say(fmt::format_string<Args...> format, Args&&... args) {
    ++report_.findings;
    found_(fmt::format(format, std::forward<Args>(args)...));
  }

  // Between two groups of commits nothing changes: all cursors begin then, and each sees the store
  // as it was when it began.
  void freeze() {
    InlineExecutor on_writer;
    std::promise<void> done;
    store_->commit(0, Batch(), Durability::kOrdered, &on_writer, [&](const Result<>&) {
      for (std::size_t i = 0; i < kFamilies; ++i) {
        keys::Range all = keys::everything();
        cursors_[i] =
            store_->scan(static_cast<Family>(i), std::move(all.from), std::move(all.to), true);
      }
      done.set_value();
    });
    done.get_future().get();
    store_->recover(0);
  }

  Result<> read(Family family, On on) {
    std::unique_ptr<Cursor> cursor = std::move(cursors_[static_cast<std::size_t>(family)]);
    for (; cursor->valid(); cursor->next()) {
      if (stop_.stop_requested()) return fail(Errc::kCancelled, "stopped");
      const std::string_view key = cursor->key();
      read_ += static_cast<double>(key.size() + cursor->value().size());
      progress_(std::min(read_ / total_, 0.99));
      if (const Result<> good = (this->*on)(key, cursor->value()); !good) {
        say("{}: {}", where(family, key), good.error().text());
      }
    }
    if (const Result<> status = cursor->status(); !status) {
      broken_.insert(family);
      say("family {}: {}", names().at(static_cast<std::size_t>(family)), status.error().text());
    }
    return {};
  }
  static const std::array<const char*, kFamilies>& names() {
    static constexpr std::array<const char*, kFamilies> kNames = {
        "meta", "index", "summary", "header", "body", "text", "changes", "journal", "messages"};
    return kNames;
  }
  bool is_whole(Family family) const { return !broken_.contains(family); }

  // ---- Where something is, as an operator knows it ----
  std::string name_of_account(AccountId id) const {
    const auto found = accounts_.find(id);
    return found == accounts_.end() ? fmt::format("account {}", id.value()) : found->second.name;
  }
  std::string name_of_mailbox(AccountId account, MailboxId id) const {
    const auto found = accounts_.find(account);
    if (found != accounts_.end()) {
      const auto record = found->second.mailboxes.find(id);
      if (record != found->second.mailboxes.end()) return record->second.name;
    }
    return fmt::format("mailbox {}", id.value());
  }
  std::string where(const Row& row) const {
    return fmt::format("{}: {} UID {} (message {})", name_of_account(row.account),
                       name_of_mailbox(row.account, row.mailbox), row.uid.value(),
                       row.message.value());
  }
  std::string where(Family family, std::string_view key) const {
    std::string hex;
    for (const char c : key) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return fmt::format("family {} key {}", names().at(static_cast<std::size_t>(family)), hex);
  }

  // ---- One row of each family ----
  Result<> on_meta(std::string_view key, std::string_view value) {
    if (keys::is_account(key)) {
      TRY(const std::string name, keys::account_in(key));
      TRY(const AccountRecord record, decode_account_record(value));
      accounts_[record.id].name = name;
      ++report_.accounts;
      return {};
    }
    if (!key.starts_with('M') && !key.starts_with('K')) return {};
    const AccountId account = account_in(key.substr(1));
    if (key.starts_with('K')) {
      TRY(const std::uint16_t number, keys::keyword_in(key));
      keywords_.emplace_back(account, number, value);
      return {};
    }
    TRY(const MailboxId mailbox, keys::mailbox_in(key));
    TRY(MailboxRecord record, decode_mailbox_record(mailbox, value));
    if (!accounts_.contains(account)) {
      return fail(Errc::kCorruption, fmt::format("mailbox {} of no account", record.name));
    }
    accounts_[account].counted[mailbox].recent_from = record.recent_from;
    accounts_[account].mailboxes[mailbox] = std::move(record);
    ++report_.mailboxes;
    return {};
  }

  void read_keywords() {
    for (const auto& [account, number, name] : keywords_) {
      const auto found = accounts_.find(account);
      if (found != accounts_.end()) found->second.keywords.load(number, name);
    }
    keywords_.clear();
  }

  Result<> on_row(std::string_view key, std::string_view value) {
    ++report_.rows;
    Row row;
    row.account = account_in(key);
    TRY(row.mailbox, keys::mailbox_of_row(key));
    TRY(row.uid, keys::uid_in(key));
    const auto account = accounts_.find(row.account);
    if (account == accounts_.end()) return fail(Errc::kCorruption, "a row of no account");
    TRY(const MessageEntry entry, decode_row(row.uid, value, &account->second.keywords));
    row.message = entry.message;
    row.size = entry.size;
    row.have = entry.have;
    rows_.push_back(row);
    const auto record = account->second.mailboxes.find(row.mailbox);
    if (record == account->second.mailboxes.end()) {
      say("{}: the mailbox does not exist", where(row));
      return {};
    }
    if (!entry.hidden) count_message(&account->second.counted[row.mailbox], entry, 1);
    if (row.uid >= record->second.uid_next) {
      say("{}: UIDNEXT is {}", where(row), record->second.uid_next.value());
    }
    if (entry.modseq > record->second.highest_modseq) {
      say("{}: MODSEQ {} is above the mailbox's {}", where(row), entry.modseq,
          record->second.highest_modseq);
    }
    return {};
  }

  Result<> on_message(std::string_view key, std::string_view value) {
    Decoder in(key);
    const AccountId account(in.number<std::uint32_t>());
    const char tag = static_cast<char>(in.number<std::uint8_t>());
    const MessageId message(in.number<std::uint64_t>());
    if (!in.ok()) return fail(Errc::kCorruption, "the key is too short");
    if (tag == 'r') {
      TRY(const auto place, keys::reference_in(key));
      Row* const row = find_row(account, place.first, place.second);
      if (row != nullptr && row->message == message) {
        row->has_reference = true;
      } else if (is_whole(Family::kIndex)) {
        say("{}: message {} is referred to by {} UID {}, which is not there or another message",
            name_of_account(account), message.value(), name_of_mailbox(account, place.first),
            place.second.value());
      }
      return {};
    }
    if (tag == 'u') return {};
    Content& content = contents_[{account, message}];
    if (tag == 's' || tag == 'g') {
      content.is_free = true;
      return {};
    }
    TRY(MessageRecord record, decode_message_record(value));
    content.has_record = true;
    content.says_body = record.body;
    content.digest = std::move(record.digest);
    content.digest.message_id.clear();
    return {};
  }

  Result<> on_summary(std::string_view key, std::string_view value) {
    TRY(const MessageId message, keys::content_in(key));
    contents_[{account_in(key), message}].has_summary = true;
    TRY_VOID(decode_summary(value));
    return {};
  }

  Result<> on_header(std::string_view key, std::string_view value) {
    TRY(const MessageId message, keys::content_in(key));
    const AccountId account = account_in(key);
    const Content& content = contents_[{account, message}];
    Decoder in(value);
    const std::string_view block = in.text();
    if (!in.ok()) return fail(Errc::kCorruption, "stored value has a wrong length");
    if (block.empty() || !content.says_body) return {};
    const Digest digest = digest_of(block, content.digest.size);
    if (!std::ranges::equal(digest.header_hash, content.digest.header_hash)) {
      say("{}: message {}: its header is not the one that its digest was made of",
          name_of_account(account), message.value());
    }
    return {};
  }

  Result<> on_text(std::string_view key, std::string_view value) {
    TRY(const keys::TextKey text, keys::text_in(key));
    Content& content = contents_[{account_in(key), text.message}];
    if (text.kind != keys::TextKind::kFields) return {};
    content.has_fields = true;
    TRY_VOID(decode_search_fields(value));
    return {};
  }

  Result<> on_chunk(std::string_view key, std::string_view value) {
    TRY(const MessageId message, keys::message_of_chunk(key));
    Content& content = contents_[{account_in(key), message}];
    Decoder in(key.substr(12));
    const auto chunk = in.number<std::uint32_t>();
    content.has_gap = content.has_gap || chunk != content.chunks ||
                      content.bytes != std::uint64_t{chunk} * kBodyChunkBytes;
    ++content.chunks;
    content.bytes += value.size();
    if (chunk == 0) ++report_.bodies;
    return {};
  }

  Result<> on_change(std::string_view key, std::string_view) {
    TRY(const MailboxId mailbox, keys::mailbox_of_row(key));
    const auto account = accounts_.find(account_in(key));
    if (account == accounts_.end() || !account->second.mailboxes.contains(mailbox)) {
      return fail(Errc::kCorruption, "a change of a mailbox that does not exist");
    }
    return {};
  }

  Result<> on_entry(std::string_view key, std::string_view value) {
    ++report_.writes;
    const AccountId account = account_in(key);
    TRY(const JournalSeq seq, keys::journal_in(key));
    TRY(const JournalEntry entry, decode_journal_entry(seq, value));
    const std::string what = fmt::format("{}: entry {} of the journal ({})",
                                         name_of_account(account), seq.value(), name_of(entry.op));
    const auto found = accounts_.find(account);
    if (found == accounts_.end()) {
      say("{}: there is no such account", what);
      return {};
    }
    if (!std::holds_alternative<JournalSubscribe>(entry.op) &&
        !found->second.mailboxes.contains(mailbox_of(entry.op))) {
      say("{}: its mailbox does not exist", what);
    }
    check_named(entry, account, what);
    const auto* append = std::get_if<JournalAppend>(&entry.op);
    if (append == nullptr || !is_whole(Family::kBody)) return {};
    const auto content = contents_.find({account, append->message});
    if (content == contents_.end() || content->second.chunks == 0) {
      say("{}: the bytes that it is to upload are missing (message {})", what,
          append->message.value());
    }
    return {};
  }

  void check_named(const JournalEntry& entry, AccountId account, const std::string& what) {
    if (!is_whole(Family::kIndex)) return;
    const auto* copy = std::get_if<JournalCopy>(&entry.op);
    for (const auto& [mailbox, uids] : named_by(entry.op).rows) {
      // A copy that was sent may have lost its source.
      if (copy != nullptr && was_sent(entry) && mailbox != copy->to) continue;
      for (const std::uint32_t uid : uids) {
        if (find_row(account, mailbox, imap::Uid(uid)) != nullptr) continue;
        say("{}: {} UID {} is not there", what, name_of_mailbox(account, mailbox), uid);
      }
    }
  }

  // ---- All together ----
  Row* find_row(AccountId account, MailboxId mailbox, imap::Uid uid) {
    const auto at =
        std::ranges::lower_bound(rows_, std::tuple(account, mailbox, uid), {}, &Row::place);
    return at != rows_.end() && at->place() == std::tuple(account, mailbox, uid) ? &*at : nullptr;
  }

  void compare_rows() {
    static const Content kNothing;
    for (const Row& row : rows_) {
      const auto found = contents_.find({row.account, row.message});
      if (found != contents_.end()) found->second.has_row = true;
      const Content& content = found == contents_.end() ? kNothing : found->second;
      if (is_whole(Family::kMessages)) {
        if (!row.has_reference) say("{}: the reference to its content is missing", where(row));
        if (row.has(kHaveBody) && !content.says_body) {
          say("{}: the facts of its body are missing", where(row));
        }
      }
      if (row.has(kHaveSummary)) {
        if (is_whole(Family::kSummary) && !content.has_summary) {
          say("{}: its summary is missing", where(row));
        }
        if (is_whole(Family::kText) && !content.has_fields) {
          say("{}: its search text is missing", where(row));
        }
      }
      if (!row.has(kHaveBody) || !is_whole(Family::kBody)) continue;
      if (content.chunks == 0) {
        say("{}: its body is missing", where(row));
      } else if (content.has_gap) {
        say("{}: a part of its body is missing", where(row));
      } else if (content.bytes != row.size) {
        say("{}: its body has {} bytes instead of {}", where(row), content.bytes, row.size);
      }
    }
  }

  void compare_counts() {
    if (!is_whole(Family::kIndex)) return;
    for (auto& [id, account] : accounts_) {
      for (const auto& [mailbox, record] : account.mailboxes) {
        const MailboxRecord& counted = account.counted[mailbox];
        if (same_counts(record, counted)) continue;
        say("{}: {} says {} messages, {} unseen, {} deleted, {} bytes, {} summaries, {} bodies, "
            "and has {}, {}, {}, {}, {}, {}",
            account.name, record.name, record.messages, record.unseen, record.deleted, record.size,
            record.summaries, record.bodies, counted.messages, counted.unseen, counted.deleted,
            counted.size, counted.summaries, counted.bodies);
      }
    }
  }

  void find_orphans() {
    if (!is_whole(Family::kIndex)) return;
    for (const auto& [key, content] : contents_) {
      if (content.has_row || content.is_free) continue;
      say("{}: message {} has content ({} bytes of its body) that nothing refers to",
          name_of_account(key.first), key.second.value(), content.bytes);
    }
  }

  Store* store_;
  const std::function<void(const std::string&)>& found_;
  const std::function<void(double)>& progress_;
  std::stop_token stop_;
  double total_ = 1;
  double read_ = 0;
  VerifyReport report_;
  std::array<std::unique_ptr<Cursor>, kFamilies> cursors_;
  std::set<Family> broken_;  // not all of them could be read
  std::map<AccountId, AccountPart> accounts_;
  std::vector<std::tuple<AccountId, std::uint16_t, std::string>> keywords_;
  std::vector<Row> rows_;  // ascending by place
  std::map<ContentKey, Content> contents_;
};

}  // namespace

Result<VerifyReport> verify(Store* store, const std::function<void(const std::string& line)>& found,
                            const std::function<void(double done)>& progress,
                            std::stop_token stop) {
  return Verifying(store, found, progress, std::move(stop)).run();
}

}  // namespace cache

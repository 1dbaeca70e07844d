#include "tests/unit/cache/account_fixture.h"

#include <map>
#include <set>

#include "base/log.h"
#include "cache/kept.h"
#include "cache/keys.h"
#include "cache/records.h"
#include "cache/verify.h"

namespace cache {

AccountFixture::AccountFixture(AccountOptions options) : options_(std::move(options)) { open(); }

AccountFixture::~AccountFixture() {
  if (account_) close();
}

void AccountFixture::open() {
  store_ = std::make_unique<support::MemoryStore>(&disk_);
  auto opened = run(Account::open(store_.get(), &executor_, options_));
  CHECK(opened.has_value());
  account_ = std::move(*opened);
}

void AccountFixture::close() {
  executor_.run();
  executor_.run_task(account_->close());
  account_.reset();
  executor_.run();
  store_.reset();
}

void AccountFixture::reopen() {
  close();
  open();
}

void AccountFixture::crash(bool power) {
  store_->crash_after(0);
  executor_.run();
  executor_.run_task(account_->close());
  account_.reset();
  executor_.run();
  if (power) store_->lose_power();
  store_.reset();
  open();
}

void AccountFixture::lose_store() {
  close();
  disk_.families = disk_.kept;
  support::MemoryStore store(&disk_);
  const Result<Restored> restored = settle_restored(&store);
  ASSERT_TRUE(restored.has_value()) << restored.error().text();
  EXPECT_EQ(restored->lost, 0U);
  disk_.kept = {};
  EXPECT_TRUE(for_each_kept(
                  &store,
                  [this](Family family, std::string_view key, std::string_view value) -> Result<> {
                    disk_.kept[static_cast<std::size_t>(family)].emplace(key, value);
                    return {};
                  })
                  .has_value());
  open();
}

MailboxId AccountFixture::id(std::string_view name) {
  const MailboxRecord* found = account_->find_mailbox(name);
  return found == nullptr ? MailboxId() : found->id;
}

const MailboxRecord& AccountFixture::record(std::string_view name) {
  const MailboxRecord* found = account_->find_mailbox(name);
  CHECK(found != nullptr);
  return *found;
}

MailboxRef AccountFixture::box(std::string_view name) { return box_by_id(id(name)); }

MailboxRef AccountFixture::box_by_id(MailboxId id) {
  auto opened = run(account_->open_mailbox(id));
  CHECK(opened.has_value());
  return *opened;
}

UpstreamMailbox AccountFixture::listed(std::string name) {
  UpstreamMailbox mailbox;
  mailbox.upstream_name = name;
  mailbox.name = std::move(name);
  mailbox.delimiter = '/';
  return mailbox;
}

Result<> AccountFixture::list(std::vector<std::string> names) {
  std::vector<UpstreamMailbox> mailboxes = {listed("INBOX")};
  for (std::string& name : names) mailboxes.push_back(listed(std::move(name)));
  return run(account_->set_upstream_mailboxes(std::move(mailboxes)));
}

Result<> AccountFixture::merge(std::string_view mailbox, std::vector<UpstreamMessage> messages) {
  return run(account_->merge_upstream(id(mailbox), std::move(messages)));
}

Result<> AccountFixture::merge_range(std::string_view mailbox, std::uint32_t first,
                                     std::uint32_t last, imap::FlagList flags) {
  std::vector<UpstreamMessage> messages;
  for (std::uint32_t uid = first; uid <= last; ++uid) {
    messages.push_back(upstream_message(uid, flags));
  }
  return merge(mailbox, std::move(messages));
}

Result<> AccountFixture::vanish(std::string_view mailbox, imap::SequenceSet upstream_uids) {
  return run(account_->vanish_upstream(id(mailbox), std::move(upstream_uids)));
}

Result<AppendResult> AccountFixture::append(std::string_view mailbox, std::string bytes,
                                            imap::FlagList flags) {
  auto writer = account_->begin_message();
  writer->feed(bytes);
  writer->finish();
  return run(account_->append(id(mailbox), std::move(writer), std::move(flags), 1'700'000'000, 60));
}

Result<> AccountFixture::fetch(std::string_view mailbox, imap::Uid uid, std::string bytes) {
  const MailboxRef opened = box(mailbox);
  auto writer = account_->begin_body(opened->id(), uid);
  if (!writer) return fail(writer.error());
  (*writer)->feed(bytes);
  (*writer)->finish();
  std::vector<std::pair<imap::Uid, std::unique_ptr<ContentWriter>>> bodies;
  bodies.emplace_back(uid, std::move(*writer));
  return run(account_->put_contents(opened->id(), std::move(bodies)));
}

Result<StoreResult> AccountFixture::store_flags(std::string_view mailbox, imap::SequenceSet uids,
                                                FlagDelta delta) {
  return run(
      account_->store_flags(id(mailbox), std::move(uids), std::move(delta), std::nullopt, nullptr));
}

Result<imap::SequenceSet> AccountFixture::expunge(std::string_view mailbox,
                                                  imap::SequenceSet uids) {
  return run(account_->expunge(id(mailbox), std::move(uids), true));
}

Result<CopyResult> AccountFixture::copy(std::string_view from, imap::SequenceSet uids,
                                        std::string_view to) {
  return run(account_->copy(id(from), std::move(uids), id(to)));
}

Result<CopyResult> AccountFixture::move(std::string_view from, imap::SequenceSet uids,
                                        std::string_view to) {
  return run(account_->move(id(from), std::move(uids), id(to)));
}

std::string AccountFixture::body(std::string_view mailbox, imap::Uid uid) {
  const MailboxRef opened = box(mailbox);
  const MessageEntry* entry = opened->find_any(uid);
  CHECK(entry != nullptr);
  std::string bytes;
  const Result<> read = account_->reader().body(entry->message, 0, 1U << 30, &bytes);
  return read ? bytes : "(" + read.error().text() + ")";
}

std::string AccountFixture::shown(std::string_view mailbox) {
  std::string text;
  const MailboxRef opened = box(mailbox);
  for (const MessageEntry& entry : opened->messages()) {
    if (!text.empty()) text += ' ';
    text += std::to_string(entry.uid.value());
    std::string flags;
    imap::append_system_flags(flags, entry.visible.system);
    const std::string& keywords = account_->keywords().wire(entry.visible.keywords);
    if (!flags.empty() && !keywords.empty()) flags += ' ';
    flags += keywords;
    if (!flags.empty()) text += '(' + flags + ')';
  }
  return text;
}

std::string AccountFixture::journal() {
  std::string text;
  for (const auto& [seq, entry] : account_->journal()) {
    if (!text.empty()) text += ' ';
    text += name_of(entry.op);
    if (entry.state == JournalState::kInFlight) text += "/sent";
    if (entry.state == JournalState::kParked) text += "/parked";
  }
  return text;
}

JournalSeq AccountFixture::entry(std::size_t index) {
  CHECK(index < account_->journal().size());
  return std::next(account_->journal().begin(), static_cast<std::ptrdiff_t>(index))->first;
}

namespace {

using Where = std::pair<MailboxId, imap::Uid>;

// Counts, order, bindings of one mailbox, and that the store has just these rows.
void check_mailbox(Account& account, const support::MemoryStore& store, const Mailbox& box,
                   std::map<Where, MessageEntry>* rows) {
  const MailboxRecord& record = box.record();
  SCOPED_TRACE("mailbox " + record.name);
  MailboxRecord counted;
  imap::Uid last;
  std::size_t bound = 0;
  for (const auto& [entries, hidden] :
       {std::pair(box.messages(), false), std::pair(box.hidden(), true)}) {
    last = {};
    for (const MessageEntry& entry : entries) {
      EXPECT_LT(last, entry.uid);
      last = entry.uid;
      EXPECT_LT(entry.uid, record.uid_next);
      EXPECT_EQ(entry.hidden, hidden);
      EXPECT_LE(entry.modseq, record.highest_modseq);
      EXPECT_TRUE(rows->emplace(Where(record.id, entry.uid), entry).second) << "twice";
      if (entry.upstream_uid.is_set()) {
        ++bound;
        EXPECT_EQ(box.find_upstream(entry.upstream_uid), &entry);
      }
      if (hidden) continue;
      ++counted.messages;
      counted.recent += entry.uid >= record.recent_from ? 1 : 0;
      counted.size += entry.size;
      counted.unseen += entry.visible.system.has(imap::SystemFlag::kSeen) ? 0 : 1;
      counted.deleted += entry.visible.system.has(imap::SystemFlag::kDeleted) ? 1 : 0;
      counted.summaries += entry.has(kHaveSummary) ? 1 : 0;
      counted.bodies += entry.has(kHaveBody) ? 1 : 0;
    }
  }
  EXPECT_EQ(bound, box.by_upstream().size());
  EXPECT_EQ(record.messages, counted.messages);
  EXPECT_EQ(record.recent, counted.recent);
  EXPECT_EQ(record.size, counted.size);
  EXPECT_EQ(record.unseen, counted.unseen);
  EXPECT_EQ(record.deleted, counted.deleted);
  EXPECT_EQ(record.summaries, counted.summaries);
  EXPECT_EQ(record.bodies, counted.bodies);

  const auto& meta = store.family(Family::kMeta);
  const auto stored = meta.find(keys::mailbox(account.id(), record.id));
  ASSERT_TRUE(stored != meta.end());
  EXPECT_EQ(stored->second, encode_mailbox_record(record)) << "the record in the store differs";
  const keys::Range range = keys::index_of(account.id(), record.id);
  const auto& index = store.family(Family::kIndex);
  std::size_t in_store = 0;
  for (auto at = index.lower_bound(range.from); at != index.end() && at->first < range.to; ++at) {
    ++in_store;
    const imap::Uid uid = keys::uid_in(at->first).value();
    const MessageEntry* entry = box.find_any(uid);
    ASSERT_NE(entry, nullptr) << "a row in the store that memory has not: " << uid.value();
    std::string row;
    encode_row(*entry, account.keywords(), &row);
    EXPECT_EQ(row, at->second) << "the row in the store differs: " << uid.value();
  }
  EXPECT_EQ(in_store, box.messages().size() + box.hidden().size());
}

// Every entry names messages that exist and that are as it needs them.
void check_journal(Account& account, const std::map<Where, MessageEntry>& rows) {
  const auto expect_row = [&](const JournalEntry& entry, MailboxId mailbox, imap::Uid uid) {
    EXPECT_TRUE(rows.contains(Where(mailbox, uid)))
        << name_of(entry.op) << " names a message that is not: " << uid.value();
  };
  const auto is_hidden = [&](MailboxId mailbox, imap::Uid uid) {
    const auto found = rows.find(Where(mailbox, uid));
    return found != rows.end() && found->second.hidden;
  };
  std::set<Where> expunged;
  for (const auto& [seq, entry] : account.journal()) {
    if (const auto* flags = std::get_if<JournalFlags>(&entry.op)) {
      for (const auto uid : flags->uids) expect_row(entry, flags->mailbox, imap::Uid(uid));
    } else if (const auto* append = std::get_if<JournalAppend>(&entry.op)) {
      expect_row(entry, append->mailbox, append->uid);
      const auto found = rows.find(Where(append->mailbox, append->uid));
      if (found == rows.end()) continue;
      EXPECT_EQ(found->second.message, append->message);
      EXPECT_TRUE(found->second.has(kHaveBody)) << "nothing to upload";
      EXPECT_FALSE(found->second.upstream_uid.is_set());
    } else if (const auto* copy = std::get_if<JournalCopy>(&entry.op)) {
      for (const auto& [from, to] : copy->uids) {
        expect_row(entry, copy->to, to);
        if (copy->move) expunged.insert(Where(copy->from, from));
        if (was_sent(entry)) continue;
        expect_row(entry, copy->from, from);
        if (copy->move) {
          EXPECT_TRUE(is_hidden(copy->from, from)) << "moved away and seen";
        }
      }
    } else if (const auto* expunge = std::get_if<JournalExpunge>(&entry.op)) {
      for (const auto uid : expunge->uids) {
        expect_row(entry, expunge->mailbox, imap::Uid(uid));
        EXPECT_TRUE(is_hidden(expunge->mailbox, imap::Uid(uid))) << "expunged and seen";
        expunged.insert(Where(expunge->mailbox, imap::Uid(uid)));
      }
    } else if (!std::holds_alternative<JournalSubscribe>(entry.op)) {
      EXPECT_NE(account.find_mailbox(mailbox_of(entry.op)), nullptr) << name_of(entry.op);
    }
  }
  for (const auto& [where, entry] : rows) {
    if (!entry.hidden) continue;
    const MailboxRecord* record = account.find_mailbox(where.first);
    const bool waits = expunged.contains(where) || (record->attributes & kDeletedHere) != 0;
    EXPECT_TRUE(waits || account.creation_in_flight(where.first))
        << "hidden for nothing: " << where.second.value();
  }
}

// Content and rows refer to each other.
void check_content(Account& account, const support::MemoryStore& store,
                   const std::map<Where, MessageEntry>& rows, bool nothing_left) {
  std::set<MessageId> wanted;
  const auto& messages = store.family(Family::kMessages);
  for (const auto& [where, entry] : rows) {
    wanted.insert(entry.message);
    EXPECT_TRUE(
        messages.contains(keys::reference(account.id(), entry.message, where.first, where.second)));
    if (entry.has(kHaveSummary)) {
      EXPECT_TRUE(
          store.family(Family::kSummary).contains(keys::content(account.id(), entry.message)));
    }
    if (!entry.has(kHaveBody)) continue;
    EXPECT_TRUE(store.family(Family::kBody).contains(keys::body(account.id(), entry.message, 0)))
        << "a body that is not there: " << entry.message.value();
    const auto found = messages.find(keys::message(account.id(), entry.message));
    ASSERT_TRUE(found != messages.end());
    EXPECT_TRUE(decode_message_record(found->second)->body);
  }
  std::size_t references = 0;
  for (const auto& [key, value] : messages) references += key[4] == 'r' ? 1 : 0;
  EXPECT_EQ(references, rows.size()) << "references of rows that are not";
  if (!nothing_left) return;
  for (const auto& [key, value] : store.family(Family::kSummary)) {
    EXPECT_TRUE(wanted.contains(keys::content_in(key).value())) << "summary of nothing";
  }
  for (const auto& [key, value] : messages) {
    if (key[4] == 'm') {
      EXPECT_TRUE(wanted.contains(keys::message_in(key).value())) << "record of nothing";
    }
    EXPECT_NE(key[4], 's') << "content in writing that nobody writes";
    EXPECT_NE(key[4], 'g') << "garbage that was not collected";
  }
  for (const auto& [key, value] : store.family(Family::kBody)) {
    EXPECT_TRUE(wanted.contains(MessageId(keys::content_in(key.substr(0, 12)).value())))
        << "body of nothing";
  }
}

// All that belongs into the journal file is there as it is here, and no entry that has ended.
void check_kept(support::MemoryStore* store, const support::MemoryDisk& disk) {
  const auto kept = [&disk](Family family) -> const auto& {
    return disk.kept[static_cast<std::size_t>(family)];
  };
  std::size_t meta = 0;
  EXPECT_TRUE(
      for_each_kept(store,
                    [&](Family family, std::string_view key, std::string_view value) -> Result<> {
                      meta += family == Family::kMeta ? 1 : 0;
                      const auto found = kept(family).find(key);
                      EXPECT_TRUE(found != kept(family).end() && found->second == value)
                          << "the journal file differs in family " << static_cast<int>(family);
                      return {};
                    })
          .has_value());
  EXPECT_EQ(kept(Family::kMeta).size(), meta);
  EXPECT_EQ(kept(Family::kJournal), store->family(Family::kJournal));
}

}  // namespace

void AccountFixture::check(bool nothing_left) {
  executor_.run();
  ASSERT_TRUE(account_->is_settled());
  std::map<Where, MessageEntry> rows;
  std::size_t stored_mailboxes = 0;
  for (const auto& [key, value] : store_->family(Family::kMeta)) {
    if (key[0] != 'M') continue;
    ++stored_mailboxes;
    const MailboxId mailbox = keys::mailbox_in(key).value();
    const auto opened = run(account_->open_mailbox(mailbox));
    ASSERT_TRUE(opened.has_value()) << opened.error().text();
    check_mailbox(*account_, *store_, **opened, &rows);
  }
  for (const auto& [name, found] : account_->mailboxes()) EXPECT_EQ(found->name, name);
  EXPECT_GE(stored_mailboxes, account_->mailboxes().size());
  std::size_t stored_entries = 0;
  for (const auto& [key, value] : store_->family(Family::kJournal)) {
    ++stored_entries;
    const auto found = account_->journal().find(keys::journal_in(key).value());
    ASSERT_TRUE(found != account_->journal().end());
    EXPECT_EQ(value, encode_journal_entry(found->second));
  }
  EXPECT_EQ(stored_entries, account_->journal().size());
  check_journal(*account_, rows);
  check_content(*account_, *store_, rows, nothing_left);
  check_kept(store_.get(), disk_);
  if (!nothing_left) return;
  const auto found = [](const std::string& line) { ADD_FAILURE() << "verify: " << line; };
  EXPECT_TRUE(verify(store_.get(), found, [](double) {}, {}).has_value());
}

imap::FlagList flags_of(imap::SystemFlags system, std::vector<std::string> keywords) {
  imap::FlagList list;
  list.system = system;
  list.keywords = std::move(keywords);
  return list;
}
FlagDelta add(imap::SystemFlags system, std::vector<std::string> keywords) {
  return {flags_of(system, std::move(keywords)), {}};
}
FlagDelta remove(imap::SystemFlags system, std::vector<std::string> keywords) {
  return {{}, flags_of(system, std::move(keywords))};
}

UpstreamMessage upstream_message(std::uint32_t uid, imap::FlagList flags) {
  UpstreamMessage message;
  message.uid = imap::Uid(uid);
  message.flags = std::move(flags);
  message.internal_date = 1'700'000'000 + uid;
  message.size = 1'000 + uid;
  return message;
}

std::string mail(std::string_view subject) {
  return fmt::format(
      "From: a@example.org\r\nTo: b@example.org\r\nSubject: {}\r\n"
      "Message-ID: <{}@example.org>\r\nDate: Sat, 1 Nov 2025 10:00:00 +0100\r\n\r\n"
      "Hello.\r\n",
      subject, subject);
}

}  // namespace cache

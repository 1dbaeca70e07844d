// A client, another client at the server, a sync and a replay, all at random, over crashes, full
// disks and damaged stores: when all is quiet, what is seen here is what upstream has, and nothing
// that was acknowledged is lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "base/log.h"
#include "tests/unit/cache/account_fixture.h"

namespace cache {
namespace {

struct Message {
  std::string subject;
  std::uint8_t flags = 0;
  bool operator==(const Message&) const = default;
  auto operator<=>(const Message&) const = default;
};

// The server: mailboxes by name, messages by UID.
struct Upstream {
  struct Box {
    std::uint32_t uid_next = 1;
    std::uint32_t validity = 0;
    std::string id;
    std::map<std::uint32_t, Message> messages;
  };
  std::map<std::string, Box> boxes;
  int next_id = 1;

  Upstream() { create("INBOX"); }
  void create(const std::string& name) {
    if (boxes.contains(name)) return;
    boxes[name].validity = static_cast<std::uint32_t>(next_id);
    boxes[name].id = "F" + std::to_string(next_id++);
  }
  std::uint32_t add(const std::string& name, Message message) {
    Box& box = boxes.at(name);
    box.messages[box.uid_next] = std::move(message);
    return box.uid_next++;
  }
};

class World {
 public:
  explicit World(unsigned seed) : random_(seed) { EXPECT_TRUE(f_.list({}).has_value()); }

  void step() {
    const std::uint32_t what = pick(20);
    note("step " + std::to_string(what));
    switch (what) {
      case 0:
      case 1:
      case 2:
        client_stores();
        break;
      case 3:
      case 4:
        client_appends();
        break;
      case 5:
        client_copies(false);
        break;
      case 6:
      case 7:
        client_copies(true);
        break;
      case 8:
        client_expunges();
        break;
      case 9:
        client_changes_folders();
        break;
      case 10:
      case 11:
        other_client_writes();
        break;
      case 12:
        other_client_changes_folders();
        break;
      case 13:
        sync();
        break;
      case 14:
        fetch_some_bodies();
        break;
      case 15:
      case 16:
        replay(1 + pick(3));
        break;
      case 17:
        if (pick(3) == 0) crash();
        break;
      case 18:
        f_.store().fail_after(pick(4), Errc::kLimit);
        break;
      default:
        f_.store().heal();
        break;
    }
    if (pick(10) == 0) f_.store().heal();
    note_state();
  }

  // With WAYSTATION_TRACE in the environment the way to a failure is told.
  static void note(const std::string& text) {
    static const bool kTraced = std::getenv("WAYSTATION_TRACE") != nullptr;
    if (kTraced) std::fprintf(stderr, "%s\n", text.c_str());
  }
  void note_state() {
    note("  journal: " + f_.journal());
    for (const auto& [name, record] : f_.account().mailboxes()) {
      std::string text = "  " + name + ":";
      const auto box = f_.run(f_.account().open_mailbox(record->id));
      if (!box) continue;
      for (const MessageEntry& entry : (*box)->messages()) {
        text += fmt::format(" {}={}", entry.uid.value(), entry.upstream_uid.value());
      }
      for (const MessageEntry& entry : (*box)->hidden()) {
        text += fmt::format(" ({}={})", entry.uid.value(), entry.upstream_uid.value());
      }
      note(text);
    }
  }

  void settle() {
    f_.store().heal();
    is_cut_ = false;
    for (int round = 0; round < 3; ++round) {
      replay(10'000);
      sync();
    }
    f_.check();
    EXPECT_EQ(f_.journal(), "");
    for (const auto& [name, box] : upstream_.boxes) {
      SCOPED_TRACE("mailbox " + name);
      ASSERT_NE(f_.account().find_mailbox(name), nullptr);
      std::map<std::uint32_t, std::uint8_t> theirs;
      std::map<std::uint32_t, std::uint8_t> ours;
      for (const auto& [uid, message] : box.messages) theirs[uid] = message.flags;
      const MailboxRef opened = f_.box(name);
      for (const MessageEntry& entry : opened->messages()) {
        EXPECT_TRUE(entry.upstream_uid.is_set()) << "only here: " << entry.uid.value();
        ours[entry.upstream_uid.value()] = entry.visible.system.bits();
      }
      EXPECT_EQ(ours, theirs);
      EXPECT_TRUE(opened->hidden().empty());
    }
    for (const auto& [name, record] : f_.account().mailboxes()) {
      const bool is_own = (record->attributes & (kLocalOnly | kNoSelect)) != 0;
      EXPECT_TRUE(is_own || upstream_.boxes.contains(name)) << "only here: " << name;
    }
    // A message that was acknowledged is somewhere, unless somebody removed it.
    std::set<std::string> found;
    for (const auto& [name, box] : upstream_.boxes) {
      for (const auto& [uid, message] : box.messages) found.insert(message.subject);
    }
    for (const auto& [name, record] : f_.account().mailboxes()) {
      if ((record->attributes & kLocalOnly) == 0) continue;
      for (const MessageEntry& entry : f_.box(name)->messages()) {
        found.insert(subject_of(f_.body(name, entry.uid)));
      }
    }
    for (const std::string& subject : acknowledged_) {
      EXPECT_TRUE(found.contains(subject)) << "lost: " << subject;
    }
    check_uids();
    is_cut_ = true;
  }

  // A UID never changes its message, and what was expunged does not come back under its UID.
  void check_uids() {
    for (const auto& [name, record] : f_.account().mailboxes()) {
      for (const MessageEntry& entry : f_.box(name)->messages()) {
        const auto key = std::pair(record->id, entry.uid);
        const auto [at, is_new] = message_of_.try_emplace(key, entry.message);
        if (!is_new) EXPECT_EQ(at->second, entry.message) << "UID " << entry.uid.value();
      }
    }
  }

 private:
  std::uint32_t pick(std::size_t below) { return static_cast<std::uint32_t>(random_() % below); }

  // ---- The client here ----
  std::string any_mailbox(bool upstream_only = false) {
    std::vector<std::string> names;
    for (const auto& [name, record] : f_.account().mailboxes()) {
      if ((record->attributes & kNoSelect) != 0) continue;
      if (upstream_only && (record->attributes & kLocalOnly) != 0) continue;
      names.push_back(name);
    }
    return names[pick(names.size())];
  }
  imap::SequenceSet some_of(const std::string& name) {
    imap::SequenceSet uids;
    const MailboxRef box = f_.box(name);
    for (const MessageEntry& entry : box->messages()) {
      if (pick(3) == 0) uids.add(entry.uid);
    }
    return uids;
  }
  imap::SystemFlags some_flags() {
    return imap::SystemFlags::from_bits(static_cast<std::uint8_t>(random_()));
  }
  void client_stores() {
    const std::string name = any_mailbox();
    (void)f_.store_flags(name, some_of(name),
                         pick(2) == 0 ? add(some_flags()) : remove(some_flags()));
  }
  void client_appends() {
    const std::string subject = "s" + std::to_string(next_subject_++);
    const std::string name = any_mailbox();
    if (const auto appended = f_.append(name, mail(subject), flags_of(some_flags()))) {
      acknowledged_.insert(subject);
      subject_of_message_[f_.box(name)->find(appended->uid)->message] = subject;
    }
  }
  void client_copies(bool moves) {
    const std::string from = any_mailbox();
    const std::string to = any_mailbox();
    const imap::SequenceSet uids = some_of(from);
    (void)(moves ? f_.move(from, uids, to) : f_.copy(from, uids, to));
  }
  void client_expunges() {
    const std::string name = any_mailbox();
    const imap::SequenceSet uids = some_of(name);
    for (const std::uint32_t uid : uids) forget(name, imap::Uid(uid));
    (void)f_.expunge(name, uids);
  }
  // It may be removed from now on: by a client, on purpose.
  void forget(const std::string& name, imap::Uid uid) {
    const MessageEntry* entry = f_.box(name)->find(uid);
    if (entry == nullptr) return;
    if (entry->has(kHaveBody)) acknowledged_.erase(subject_of(f_.body(name, uid)));
    if (const auto known = subject_of_message_.find(entry->message);
        known != subject_of_message_.end()) {
      acknowledged_.erase(known->second);
    }
    for (const auto& [box_name, box] : upstream_.boxes) {
      const MailboxRecord* record = f_.account().find_mailbox(name);
      if (record->upstream.name != box_name) continue;
      const auto found = box.messages.find(entry->upstream_uid.value());
      if (found != box.messages.end()) acknowledged_.erase(found->second.subject);
    }
  }
  void forget_all(const std::string& name) {
    if (f_.account().find_mailbox(name) == nullptr) return;
    const MailboxRef box = f_.box(name);
    std::vector<imap::Uid> uids;
    for (const MessageEntry& entry : box->messages()) uids.push_back(entry.uid);
    for (const imap::Uid uid : uids) forget(name, uid);
  }
  void client_changes_folders() {
    static const char* const kNames[] = {"a", "b", "a/x", "b/y"};
    const std::string name = kNames[pick(4)];
    switch (pick(4)) {
      case 0:
      case 1:
        (void)f_.run(f_.account().create_mailbox(name, 0));
        break;
      case 2:
        forget_all(name);
        (void)f_.run(f_.account().delete_mailbox(name));
        break;
      default:
        (void)f_.run(f_.account().rename_mailbox(name, kNames[pick(4)]));
        break;
    }
  }

  // ---- The client at the server ----
  void other_client_writes() {
    auto at = upstream_.boxes.begin();
    std::advance(at, pick(upstream_.boxes.size()));
    auto& [name, box] = *at;
    if (box.messages.empty() || pick(3) == 0) {
      upstream_.add(name, {"u" + std::to_string(next_subject_++), some_flags().bits()});
      return;
    }
    auto message = box.messages.begin();
    std::advance(message, pick(box.messages.size()));
    if (pick(3) == 0) {
      acknowledged_.erase(message->second.subject);
      box.messages.erase(message);
    } else {
      message->second.flags = some_flags().bits();
    }
  }
  void other_client_changes_folders() {
    static const char* const kNames[] = {"a", "b", "c"};
    const std::string name = kNames[pick(3)];
    if (pick(3) != 0) {
      upstream_.create(name);
      return;
    }
    const auto found = upstream_.boxes.find(name);
    if (found == upstream_.boxes.end()) return;
    for (const auto& [uid, message] : found->second.messages) acknowledged_.erase(message.subject);
    upstream_.boxes.erase(found);
  }

  // ---- The worker ----
  bool anything_in_flight() {
    for (const auto& [seq, entry] : f_.account().journal()) {
      if (was_sent(entry)) return true;
    }
    return false;
  }
  void sync() {
    // What was under way is settled first, as merge_upstream() requires.
    if (anything_in_flight()) replay(10'000);
    if (anything_in_flight()) return;
    std::vector<UpstreamMailbox> list;
    for (const auto& [name, box] : upstream_.boxes) {
      UpstreamMailbox listed = f_.listed(name);
      listed.mailbox_id = box.id;
      list.push_back(std::move(listed));
    }
    if (!f_.run(f_.account().set_upstream_mailboxes(list))) return;
    std::vector<MailboxId> ids;
    for (const auto& [name, record] : f_.account().mailboxes()) ids.push_back(record->id);
    for (const MailboxId id : ids) {
      const MailboxRecord* record = f_.account().find_mailbox(id);
      const auto found = upstream_.boxes.find(record->upstream.name);
      if (found == upstream_.boxes.end()) continue;
      const imap::UidValidity validity(found->second.validity);
      if (record->upstream.uid_validity != validity) {
        // Another mailbox of the same name: none of its messages are known.
        if (!f_.run(f_.account().rebind_upstream(id, validity, {}))) return;
      }
      const auto opened = f_.run(f_.account().open_mailbox(id));
      if (!opened) return;
      imap::SequenceSet gone;
      for (const auto& [theirs, ours] : (*opened)->by_upstream()) {
        if (!found->second.messages.contains(theirs.value())) gone.add(theirs);
      }
      if (!f_.run(f_.account().vanish_upstream(id, gone))) return;
      std::vector<UpstreamMessage> messages;
      for (const auto& [uid, message] : found->second.messages) {
        messages.push_back(
            upstream_message(uid, flags_of(imap::SystemFlags::from_bits(message.flags))));
      }
      if (!f_.run(f_.account().merge_upstream(id, std::move(messages)))) return;
      for (const auto& [theirs, ours] : (*opened)->by_upstream()) {
        const MessageEntry* entry = std::as_const(**opened).find_any(ours);
        subject_of_message_[entry->message] = found->second.messages.at(theirs.value()).subject;
      }
    }
  }
  void fetch_some_bodies() {
    const std::string name = any_mailbox(true);
    const MailboxRecord* record = f_.account().find_mailbox(name);
    const auto found = upstream_.boxes.find(record->upstream.name);
    if (found == upstream_.boxes.end()) return;
    const MailboxRef box = f_.box(name);
    std::vector<std::pair<imap::Uid, std::string>> wanted;
    for (const MessageEntry& entry : box->messages()) {
      const auto message = found->second.messages.find(entry.upstream_uid.value());
      if (message == found->second.messages.end() || entry.has(kHaveBody)) continue;
      wanted.emplace_back(entry.uid, message->second.subject);
    }
    for (const auto& [uid, subject] : wanted) (void)f_.fetch(name, uid, mail(subject));
  }

  void replay(std::size_t most) {
    for (std::size_t i = 0; i < most; ++i) {
      if (f_.account().journal().empty()) return;
      const JournalEntry entry = f_.account().journal().begin()->second;
      if (!perform(entry)) return;
    }
  }
  Upstream::Box* box_of(MailboxId id) {
    const MailboxRecord* record = f_.account().find_mailbox(id);
    if (record == nullptr) return nullptr;
    const auto found = upstream_.boxes.find(record->upstream.name);
    return found == upstream_.boxes.end() ? nullptr : &found->second;
  }
  std::uint32_t theirs(MailboxId mailbox, imap::Uid uid) {
    const Upstream::Box* there = box_of(mailbox);
    const MailboxRecord* record = f_.account().find_mailbox(mailbox);
    if (there == nullptr || record->upstream.uid_validity.value() != there->validity) return 0;
    const auto box = f_.run(f_.account().open_mailbox(mailbox));
    const MessageEntry* entry = box ? (*box)->find_any(uid) : nullptr;
    return entry == nullptr ? 0 : entry->upstream_uid.value();
  }
  bool done(JournalSeq seq, std::optional<ReplayedUids> created = std::nullopt) {
    return f_.run(f_.account().replayed({seq}, std::move(created))).has_value();
  }
  bool perform(const JournalEntry& entry) {
    note("  replays " + std::string(name_of(entry.op)) + (was_sent(entry) ? " again" : ""));
    if (const auto* flags = std::get_if<JournalFlags>(&entry.op)) {
      Upstream::Box* box = box_of(flags->mailbox);
      for (const std::uint32_t uid : flags->uids) {
        const auto found = box == nullptr
                               ? decltype(box->messages.end()){}
                               : box->messages.find(theirs(flags->mailbox, imap::Uid(uid)));
        if (box == nullptr || found == box->messages.end()) continue;
        auto bits = imap::SystemFlags::from_bits(found->second.flags);
        bits = (bits - flags->delta.remove.system) | flags->delta.add.system;
        found->second.flags = bits.bits();
      }
      return done(entry.seq);
    }
    if (const auto* append = std::get_if<JournalAppend>(&entry.op)) {
      std::vector<Made> made = {{imap::Uid(), append->uid, append->flags.system.bits()}};
      return create(entry, append->mailbox, {}, std::move(made), false);
    }
    if (const auto* copy = std::get_if<JournalCopy>(&entry.op)) {
      std::vector<Made> made;
      for (const auto& [from, to] : copy->uids) made.push_back({from, to, 0});
      return create(entry, copy->to, copy->from, std::move(made), copy->move);
    }
    if (const auto* expunge = std::get_if<JournalExpunge>(&entry.op)) {
      if (Upstream::Box* box = box_of(expunge->mailbox)) {
        for (const std::uint32_t uid : expunge->uids) {
          box->messages.erase(theirs(expunge->mailbox, imap::Uid(uid)));
        }
      }
      return done(entry.seq);
    }
    return perform_on_folders(entry);
  }

  struct Made {
    imap::Uid from;
    imap::Uid to;
    std::uint8_t flags;
  };
  bool create(const JournalEntry& entry, MailboxId to, MailboxId from, std::vector<Made> made,
              bool moves) {
    Upstream::Box* box = box_of(to);
    Upstream::Box* source = from ? box_of(from) : nullptr;
    if (box == nullptr) {
      // Gone there: the next list will say so here, and the entry goes with the mailbox.
      if (f_.account().find_mailbox(to) == nullptr) return done(entry.seq);
      return f_.run(f_.account().drop({entry.seq})).has_value();
    }
    ReplayedUids created;
    std::set<std::uint32_t> taken;
    // Its UIDs mean nothing yet, or no more: it is synced first.
    if (f_.account().find_mailbox(to)->upstream.uid_validity.value() != box->validity) {
      return f_.run(f_.account().rebind_upstream(to, imap::UidValidity(box->validity), {}))
          .has_value();
    }
    if (entry.in_flight && entry.in_flight->uid_validity.value() == box->validity) {
      // Looked for from the noted UIDNEXT on.
      for (const Made& one : made) {
        const std::string subject = subject_in(to, one, source, from);
        for (const auto& [uid, message] : box->messages) {
          const auto opened = f_.box_by_id(to);
          if (uid < entry.in_flight->uid_next.value() || message.subject != subject ||
              taken.contains(uid) || opened->find_upstream(imap::Uid(uid)) != nullptr) {
            continue;
          }
          taken.insert(uid);
          created.uids.emplace_back(one.to, imap::Uid(uid));
          break;
        }
      }
    }
    if (!f_.run(f_.account().mark_in_flight(
            {entry.seq}, {imap::UidValidity(box->validity), imap::Uid(box->uid_next)}))) {
      return false;
    }
    if (entry.in_flight && entry.in_flight->uid_validity.value() == box->validity) {
      // The note that counts is the first one.
      if (!f_.run(f_.account().mark_in_flight({entry.seq}, *entry.in_flight))) return false;
    }
    if (is_cut_ && pick(6) == 0) return false;  // the line is cut before the server acts
    for (const Made& one : made) {
      const bool is_there =
          std::ranges::any_of(created.uids, [&](const auto& pair) { return pair.first == one.to; });
      const std::uint32_t there = from ? theirs(from, one.from) : 0;
      if (!is_there) {
        if (source != nullptr && source->messages.contains(there)) {
          const Message message = source->messages.at(there);
          created.uids.emplace_back(one.to, imap::Uid(box->uid_next));
          box->messages[box->uid_next++] = message;
        } else {
          const auto opened = f_.box_by_id(to);
          const MessageEntry* row = opened->find_any(one.to);
          // What neither side has any more cannot be made.
          if (row == nullptr || !row->has(kHaveBody)) continue;
          const std::uint8_t flags = from ? row->visible.system.bits() : one.flags;
          created.uids.emplace_back(one.to, imap::Uid(box->uid_next));
          box->messages[box->uid_next++] = {body_subject(row->message), flags};
        }
      }
      if (moves && source != nullptr) source->messages.erase(there);
    }
    if (is_cut_ && pick(6) == 0) return false;  // or before its answer arrives
    return done(entry.seq, std::move(created));
  }
  std::string body_subject(MessageId message) {
    std::string bytes;
    EXPECT_TRUE(f_.account().reader().body(message, 0, 1'000'000, &bytes).has_value());
    return subject_of(bytes);
  }
  std::string subject_in(MailboxId to, const Made& one, const Upstream::Box* source,
                         MailboxId from) {
    const auto opened = f_.box_by_id(to);
    const MessageEntry* row = opened->find_any(one.to);
    if (row != nullptr && row->has(kHaveBody)) return body_subject(row->message);
    if (source == nullptr) return known_subjects_[{from, one.from}];
    const auto found = source->messages.find(theirs(from, one.from));
    if (found == source->messages.end()) return known_subjects_[{from, one.from}];
    known_subjects_[{from, one.from}] = found->second.subject;
    return found->second.subject;
  }

  bool perform_on_folders(const JournalEntry& entry) {
    if (const auto* create = std::get_if<JournalCreate>(&entry.op)) {
      const MailboxRecord* record = f_.account().find_mailbox(create->mailbox);
      if (record == nullptr) return done(entry.seq);
      upstream_.create(record->name);
      UpstreamState state = record->upstream;
      state.name = record->name;
      if (!f_.run(f_.account().set_upstream_state(create->mailbox, state))) return false;
      return done(entry.seq);
    }
    if (const auto* gone = std::get_if<JournalDelete>(&entry.op)) {
      const MailboxRecord* record = f_.account().find_mailbox(gone->mailbox);
      const std::string name = record == nullptr ? gone->upstream_name : record->upstream.name;
      const auto found = upstream_.boxes.find(name);
      if (found != upstream_.boxes.end()) {
        for (const auto& [uid, message] : found->second.messages) {
          acknowledged_.erase(message.subject);
        }
        upstream_.boxes.erase(found);
      }
      return done(entry.seq);
    }
    if (const auto* rename = std::get_if<JournalRename>(&entry.op)) {
      // The server renames all below; a name that is taken there is refused for good.
      std::map<std::string, std::string> renamed;
      bool is_free = true;
      for (const auto& [name, box] : upstream_.boxes) {
        if (name != rename->from && !name.starts_with(rename->from + '/')) continue;
        const std::string to = rename->to + name.substr(rename->from.size());
        renamed[name] = to;
        is_free = is_free && !upstream_.boxes.contains(to);
      }
      if (!is_free) return f_.run(f_.account().drop({entry.seq})).has_value();
      for (const auto& [name, to] : renamed) {
        auto node = upstream_.boxes.extract(name);
        node.key() = to;
        upstream_.boxes.insert(std::move(node));
      }
      const MailboxRecord* record = f_.account().find_mailbox(rename->mailbox);
      if (record != nullptr && !record->upstream.name.empty() && !renamed.empty()) {
        UpstreamState state = record->upstream;
        if (const auto at = renamed.find(state.name); at != renamed.end()) state.name = at->second;
        if (!f_.run(f_.account().set_upstream_state(rename->mailbox, state))) return false;
      }
      if (!done(entry.seq)) return false;
      // As the worker does: the folder list is read again before anything else is sent.
      relist();
      return true;
    }
    return done(entry.seq);
  }
  void relist() {
    std::vector<UpstreamMailbox> list;
    for (const auto& [name, box] : upstream_.boxes) {
      UpstreamMailbox listed = f_.listed(name);
      listed.mailbox_id = box.id;
      list.push_back(std::move(listed));
    }
    (void)f_.run(f_.account().set_upstream_mailboxes(list));
  }

  void crash() {
    f_.store().heal();
    if (pick(4) == 0) {
      note("  the store is damaged");
      f_.lose_store();
    } else {
      f_.crash(pick(2) == 0);
    }
    f_.check();
    check_uids();
  }
  static std::string subject_of(const std::string& bytes) {
    const std::size_t at = bytes.find("Subject: ");
    if (at == std::string::npos) return {};
    return bytes.substr(at + 9, bytes.find('\r', at) - at - 9);
  }

  AccountFixture f_;
  Upstream upstream_;
  std::mt19937 random_;
  int next_subject_ = 1;
  bool is_cut_ = true;  // links drop in the middle of commands
  std::set<std::string> acknowledged_;
  std::map<std::pair<MailboxId, imap::Uid>, MessageId> message_of_;
  std::map<std::pair<MailboxId, imap::Uid>, std::string> known_subjects_;
  std::map<MessageId, std::string>
      subject_of_message_;  // those that had a body here, and upstream's
};

class ConvergenceTest : public testing::TestWithParam<unsigned> {};

TEST_P(ConvergenceTest, LocalAndUpstreamEndUpTheSame) {
  World world(GetParam());
  for (int round = 0; round < 4 && !HasFailure(); ++round) {
    for (int i = 0; i < 60 && !HasFailure(); ++i) world.step();
    world.settle();
  }
}
// Some seconds; WAYSTATION_SEEDS=10000 for a night.
unsigned seeds() {
  const char* wanted = std::getenv("WAYSTATION_SEEDS");
  return wanted == nullptr ? 80U : static_cast<unsigned>(std::strtoul(wanted, nullptr, 10));
}
INSTANTIATE_TEST_SUITE_P(Seeds, ConvergenceTest, testing::Range(1U, 1U + seeds()));

}  // namespace
}  // namespace cache

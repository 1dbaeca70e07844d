#include <gtest/gtest.h>

#include "cache/journal.h"
#include "tests/unit/cache/account_fixture.h"

namespace cache {
namespace {

JournalEntry entry_of(JournalOp op) {
  JournalEntry entry;
  entry.seq = JournalSeq(77);
  entry.state = JournalState::kInFlight;
  entry.created = 1'700'000'000;
  entry.attempts = 3;
  entry.next_try = 1'700'000'060;
  entry.last_answer = "NO [OVERQUOTA] full";
  entry.in_flight = InFlight{imap::UidValidity(5), imap::Uid(42)};
  entry.op = std::move(op);
  return entry;
}

std::vector<JournalOp> every_op() {
  imap::SequenceSet uids = set_of(2, 5);
  uids.add(9U);
  return {
      JournalFlags{MailboxId(1), uids, {flags_of(kSeen, {"a"}), flags_of(kDeleted, {"b", "c"})}},
      JournalAppend{MailboxId(2), imap::Uid(7), MessageId(8), flags_of(kFlagged, {"x"})},
      JournalCopy{true, MailboxId(3), MailboxId(4), {{imap::Uid(1), imap::Uid(2)}}},
      JournalExpunge{MailboxId(5), uids},
      JournalCreate{MailboxId(6), "\\Archive"},
      JournalDelete{MailboxId(7), "INBOX.raw&-name"},
      JournalRename{MailboxId(8), "a/b", "c"},
      JournalSubscribe{"news", false},
  };
}

TEST(JournalCodecTest, GivesBackEveryKindOfEntry) {
  for (const JournalOp& op : every_op()) {
    const std::string bytes = encode_journal_entry(entry_of(op));
    const auto decoded = decode_journal_entry(JournalSeq(77), bytes);
    ASSERT_TRUE(decoded.has_value()) << name_of(op) << ": " << decoded.error().text();
    EXPECT_EQ(encode_journal_entry(*decoded), bytes) << name_of(op);
    EXPECT_EQ(decoded->op.index(), op.index());
    EXPECT_EQ(decoded->in_flight, entry_of(op).in_flight);
    EXPECT_EQ(decoded->last_answer, "NO [OVERQUOTA] full");
  }
}

TEST(JournalCodecTest, GoldenBytes) {
  JournalEntry entry;
  entry.created = 1;
  entry.op = JournalExpunge{MailboxId(2), set_of(3, 4)};
  // version, state, created, attempts, next try, answer, no note; kind, mailbox, one range 3:4
  const std::string expected(
      "\x01\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
      "\x04\0\0\0\0\0\0\0\x02\0\0\0\x01\0\0\0\x03\0\0\0\x04",
      56);
  EXPECT_EQ(encode_journal_entry(entry), expected);
}

TEST(JournalCodecTest, AnyBytesAreAnEntryOrAnError) {
  for (const JournalOp& op : every_op()) {
    const std::string bytes = encode_journal_entry(entry_of(op));
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      EXPECT_FALSE(decode_journal_entry(JournalSeq(1), std::string_view(bytes).substr(0, n)));
      std::string damaged = bytes;
      for (const char with : {'\0', '\x7f', '\xff'}) {
        damaged[n] = with;
        const auto decoded = decode_journal_entry(JournalSeq(1), damaged);
        if (!decoded) EXPECT_EQ(decoded.error().code(), Errc::kCorruption);
      }
    }
  }
}

}  // namespace
}  // namespace cache

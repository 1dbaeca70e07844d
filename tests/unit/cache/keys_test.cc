#include "cache/keys.h"

#include <gtest/gtest.h>

#include <string>

namespace cache {
namespace {

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

constexpr AccountId kAccount{7};
constexpr MailboxId kMailbox{0x0102};
constexpr MessageId kMessage{0x0a0b0c};

// What is stored in people's data directories: a change here needs a new schema and a migration.
TEST(KeysTest, GoldenBytes) {
  EXPECT_EQ(hex(keys::schema()), "53");
  EXPECT_EQ(hex(keys::next_account()), "4e");
  EXPECT_EQ(hex(keys::account("work")), "41776f726b");
  EXPECT_EQ(hex(keys::mailbox(kAccount, kMailbox)), "4d000000070000000000000102");
  EXPECT_EQ(hex(keys::keyword(kAccount, 3)), "4b000000070003");
  EXPECT_EQ(hex(keys::subscription(kAccount, "a/b")), "5500000007612f62");
  EXPECT_EQ(hex(keys::email_id(kAccount, "x1")), "45000000077831");
  EXPECT_EQ(hex(keys::index(kAccount, kMailbox, imap::Uid(9))), "00000007000000000000010200000009");
  EXPECT_EQ(hex(keys::content(kAccount, kMessage)), "0000000700000000000a0b0c");
  EXPECT_EQ(hex(keys::body(kAccount, kMessage, 2)), "0000000700000000000a0b0c00000002");
  EXPECT_EQ(hex(keys::text(kAccount, keys::TextKind::kBody, kMessage, 1)),
            "000000070200000000000a0b0c00000001");
  EXPECT_EQ(hex(keys::change(kAccount, kMailbox, 77)), "000000070000000000000102000000000000004d");
  EXPECT_EQ(hex(keys::journal(kAccount, JournalSeq(5))), "000000070000000000000005");
  EXPECT_EQ(hex(keys::message(kAccount, kMessage)), "000000076d00000000000a0b0c");
  EXPECT_EQ(hex(keys::reference(kAccount, kMessage, kMailbox, imap::Uid(9))),
            "000000077200000000000a0b0c000000000000010200000009");
  EXPECT_EQ(hex(keys::staging(kAccount, kMessage)), "000000077300000000000a0b0c");
}

TEST(KeysTest, ReadsBackWhatItWrote) {
  EXPECT_EQ(keys::mailbox_in(keys::mailbox(kAccount, kMailbox)), kMailbox);
  EXPECT_EQ(keys::keyword_in(keys::keyword(kAccount, 512)), 512);
  EXPECT_EQ(keys::subscription_in(keys::subscription(kAccount, "x")), "x");
  EXPECT_EQ(keys::account_in(keys::account("work")), "work");
  EXPECT_EQ(keys::uid_in(keys::index(kAccount, kMailbox, imap::Uid(9))), imap::Uid(9));
  EXPECT_EQ(keys::content_in(keys::content(kAccount, kMessage)), kMessage);
  EXPECT_EQ(keys::message_in(keys::message(kAccount, kMessage)), kMessage);
  EXPECT_EQ(keys::change_in(keys::change(kAccount, kMailbox, 77)), 77U);
  EXPECT_EQ(keys::journal_in(keys::journal(kAccount, JournalSeq(5))), JournalSeq(5));
  const auto text = keys::text_in(keys::text(kAccount, keys::TextKind::kHeader, kMessage, 4));
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(text->kind, keys::TextKind::kHeader);
  EXPECT_EQ(text->message, kMessage);
  EXPECT_EQ(text->chunk, 4U);
  const auto reference =
      keys::reference_in(keys::reference(kAccount, kMessage, kMailbox, imap::Uid(9)));
  ASSERT_TRUE(reference.has_value());
  EXPECT_EQ(reference->first, kMailbox);
  EXPECT_EQ(reference->second, imap::Uid(9));
}

TEST(KeysTest, ShortAndLongKeysAreCorruption) {
  for (std::size_t size = 0; size < 16; ++size) {
    const Result<imap::Uid> uid = keys::uid_in(std::string(size, 'x'));
    ASSERT_FALSE(uid.has_value()) << size;
    EXPECT_EQ(uid.error().code(), Errc::kCorruption);
  }
  EXPECT_FALSE(keys::uid_in(std::string(17, 'x')).has_value());
  EXPECT_FALSE(keys::text_in(keys::text(kAccount, keys::TextKind{9}, kMessage, 0)).has_value());
}

TEST(KeysTest, RangesHoldTheirOwnAndNothingElse) {
  const keys::Range range = keys::index_of(kAccount, MailboxId(0xff));
  EXPECT_LE(range.from, keys::index(kAccount, MailboxId(0xff), imap::Uid(0)));
  EXPECT_LT(keys::index(kAccount, MailboxId(0xff), imap::Uid(imap::Uid::kMax)), range.to);
  EXPECT_LE(range.to, keys::index(kAccount, MailboxId(0x100), imap::Uid(0)));
  const keys::Range last = keys::journal_of(AccountId(0xffffffff));
  EXPECT_LT(keys::journal(AccountId(0xffffffff), JournalSeq(~0ULL)), last.to);
}

}  // namespace
}  // namespace cache

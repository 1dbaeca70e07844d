#include "cache/journal_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/support/temp_dir.h"

namespace cache {
namespace {

std::string contents(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

class JournalFileTest : public testing::Test {
 protected:
  std::string read(JournalFile::Facts* facts, std::uint64_t after = 0) const {
    std::string seen;
    const auto take = [&seen](const JournalFile::Op& op) -> Result<> {
      seen += std::string(op.key) + (op.kept ? "=" : "~") + std::string(op.value) + " ";
      return {};
    };
    const auto result = JournalFile::read(path_, after, take);
    EXPECT_TRUE(result.has_value());
    if (result) *facts = *result;
    return seen;
  }
  std::unique_ptr<JournalFile> create() const {
    auto made =
        JournalFile::create(path_, 7,
                            [](JournalFile* file) {
                              return file->add({Batch::Kind::kPut, Family::kJournal, "k", "value"});
                            },
                            {});
    EXPECT_TRUE(made.has_value());
    return std::move(*made);
  }

  support::TempDir dir_;
  std::string path_ = (dir_ / "journal").string();
};

TEST_F(JournalFileTest, TheChecksumIsCastagnolis) { EXPECT_EQ(crc32c("123456789"), 0xe3069283U); }

TEST_F(JournalFileTest, HasTheseBytes) {
  create();
  const std::string bytes = contents(path_);
  using namespace std::string_literals;
  const std::string body =
      "\0\0\0\x10\0\0\0\0\0\0\0\x07\x01"s + "\x00\x07\0\0\0\x01k\0\0\0\x05value"s;
  const std::uint32_t crc = crc32c(body);
  std::string checksum;
  for (int shift = 24; shift >= 0; shift -= 8) checksum += static_cast<char>(crc >> shift);
  EXPECT_EQ(bytes, "waystation journal 2\n\xd7WSJ" + checksum + body);
}

TEST_F(JournalFileTest, AGroupThatWasCutOffIsNothingAndADamagedMiddleCostsWhatItHit) {
  std::size_t whole = 0;
  {
    const auto file = create();
    for (std::uint64_t group = 8; group < 11; ++group) {
      file->begin(group);
      const std::string key = "g" + std::to_string(group);
      ASSERT_TRUE(file->add({Batch::Kind::kPut, Family::kMeta, key, "x"}).has_value());
      if (group == 10) whole = contents(path_).size();
      ASSERT_TRUE(file->end(true).has_value());
    }
  }
  const std::string all = contents(path_);
  for (std::size_t cut = whole; cut < all.size(); ++cut) {
    std::ofstream(path_, std::ios::binary) << all.substr(0, cut);
    JournalFile::Facts facts;
    EXPECT_EQ(read(&facts), "k=value g8=x g9=x ");
    EXPECT_EQ(facts.sequence, 9U);
    EXPECT_EQ(facts.damaged_bytes, 0U);
  }
  std::string damaged = all;
  damaged[all.find("g8")] = 'X';
  std::ofstream(path_, std::ios::binary) << damaged;
  JournalFile::Facts facts;
  EXPECT_EQ(read(&facts), "k=value g9=x g10=x ");
  EXPECT_EQ(facts.sequence, 10U);
  EXPECT_GT(facts.damaged_bytes, 0U);
}

// Groups that hold all that the store gets.
class WholeGroupsTest : public JournalFileTest {
 protected:
  static void add(JournalFile* file, std::uint64_t sequence, bool whole, std::size_t bytes = 1) {
    file->begin(sequence, whole);
    const std::string key = "g" + std::to_string(sequence);
    const std::string value(bytes, 'x');
    ASSERT_TRUE(file->add({Batch::Kind::kPut, Family::kMeta, key, value}).has_value());
    ASSERT_TRUE(file->add({Batch::Kind::kErase, Family::kChanges, key, {}, false}).has_value());
    ASSERT_TRUE(file->end(true).has_value());
  }
};

TEST_F(WholeGroupsTest, AreToldAsFarBackAsTheyFollowEachOther) {
  const auto file = create();
  JournalFile::Facts facts;
  EXPECT_EQ(read(&facts), "k=value ");
  EXPECT_EQ(facts.whole_from, 8U) << "none yet";
  add(file.get(), 8, true);
  add(file.get(), 9, false);
  add(file.get(), 10, true);
  add(file.get(), 11, true);
  EXPECT_EQ(read(&facts, 9), "g10=x g10~ g11=x g11~ ");
  EXPECT_EQ(facts.sequence, 11U);
  EXPECT_EQ(facts.whole_from, 10U);
  add(file.get(), 13, true);  // another was the store's alone
  (void)read(&facts);
  EXPECT_EQ(facts.whole_from, 13U);
  add(file.get(), 14, true, std::size_t{1} << 20);
  (void)read(&facts);
  EXPECT_FALSE(file->is_whole());
  EXPECT_EQ(facts.whole_from, 15U) << "too long to be whole";
}

TEST_F(WholeGroupsTest, AreTakenBack) {
  const auto file = create();
  add(file.get(), 8, true);
  add(file.get(), 9, true);
  ASSERT_TRUE(file->drop().has_value());
  JournalFile::Facts facts;
  EXPECT_EQ(read(&facts), "k=value g8=x g8~ ");
  add(file.get(), 9, false);
  EXPECT_EQ(read(&facts), "k=value g8=x g8~ g9=x g9~ ");
  EXPECT_EQ(facts.damaged_bytes, 0U);
}

TEST_F(JournalFileTest, WhatTheVersionBeforeWroteIsRead) {
  create();
  std::string bytes = contents(path_);
  bytes.replace(bytes.find('2'), 1, "1");
  std::ofstream(path_, std::ios::binary) << bytes;
  JournalFile::Facts facts;
  EXPECT_EQ(read(&facts), "k=value ");
  EXPECT_EQ(facts.sequence, 7U);
}

TEST_F(JournalFileTest, AnotherVersionIsRefused) {
  std::ofstream(path_) << "waystation journal 3\n";
  const auto read = JournalFile::look(path_);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), Errc::kStale);
}

}  // namespace
}  // namespace cache

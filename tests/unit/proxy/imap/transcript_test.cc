// Plays every file of tests/transcripts.
#include "tests/unit/proxy/imap/transcript.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

namespace proxy {
namespace {

std::vector<std::filesystem::path> transcripts() {
  std::vector<std::filesystem::path> files;
  const std::filesystem::path folder =
      std::filesystem::path(WAYSTATION_SOURCE_DIR) / "tests/transcripts";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

std::string test_name(const testing::TestParamInfo<std::filesystem::path>& info) {
  std::string name = info.param.stem();
  std::ranges::replace_if(name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

class TranscriptTest : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(TranscriptTest, GoesAsWritten) {
  const Result<Transcript> transcript = Transcript::read(GetParam());
  ASSERT_TRUE(transcript.has_value()) << transcript.error().text();
  EXPECT_EQ(play(*transcript), "");
}
INSTANTIATE_TEST_SUITE_P(All, TranscriptTest, testing::ValuesIn(transcripts()), test_name);

}  // namespace
}  // namespace proxy

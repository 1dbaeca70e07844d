#include "protocol/imap/framer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace imap {
namespace {

using testing::ElementsAre;
using Status = Framer::Status;
using std::string_literals::operator""s;

// What the caller decides for a literal of this size.
enum class Decision { kInline, kStream, kRefuse };

Decision by_size(const LiteralHeader& literal) {
  if (literal.size_bytes >= 1'000) return Decision::kRefuse;
  return literal.size_bytes >= 100 ? Decision::kStream : Decision::kInline;
}

struct Played {
  std::vector<std::string> events;  // what came out, in order
  std::string left;                 // what was not consumed
  bool in_frame = false;
};

// Plays the caller's loop: feeds `input` in pieces of `chunk` bytes and writes down what happens.
class Player {
 public:
  Player(FramerDialect dialect, FramerLimits limits) : framer_(dialect, limits) {}

  Played play(std::string_view input, std::size_t chunk) {
    for (std::size_t at = 0; at < input.size(); at += chunk) {
      bytes_ += input.substr(at, chunk);
      while (step()) {
      }
    }
    run_.left = bytes_;
    run_.in_frame = framer_.in_frame();
    return run_;
  }

 private:
  // False: more bytes are needed.
  bool step() {
    if (to_stream_ > 0) {
      const auto n = std::min<std::uint64_t>(to_stream_, bytes_.size());
      bytes_.erase(0, n);
      to_stream_ -= n;
      if (to_stream_ > 0) return false;
    }
    // The framer may only look at the input until the next step: give it bytes that then change.
    scratch_ = bytes_;
    const Framer::Step step = framer_.feed(scratch_);
    bytes_.erase(0, step.consumed);
    switch (step.status) {
      case Status::kNeedMore:
        EXPECT_TRUE(bytes_.empty()) << "everything must be consumed";
        return false;
      case Status::kFrame: {
        std::string event = "frame " + std::string(framer_.frame().text);
        for (const StreamedLiteral& s : framer_.frame().streamed) {
          event += " @" + std::to_string(s.offset) + "=" + std::to_string(s.size_bytes);
          if (s.binary) event += "~";
        }
        run_.events.push_back(event);
        return true;
      }
      case Status::kRejected: {
        std::string_view rejected = framer_.rejected_text().substr(0, 20);
        rejected = rejected.substr(0, rejected.find('\r'));
        run_.events.push_back("rejected " + framer_.error().text() + ": " + std::string(rejected) +
                              (framer_.lost_step() ? " LOST" : ""));
        return true;
      }
      case Status::kLiteral:
        decide();
        return true;
    }
    return false;
  }

  void decide() {
    const LiteralHeader literal = framer_.literal();
    std::string event = "literal " + std::to_string(literal.size_bytes);
    if (literal.binary) event += "~";
    if (literal.synchronizing) event += " sync";
    run_.events.push_back(event);
    switch (by_size(literal)) {
      case Decision::kInline:
        if (!framer_.take_inline()) run_.events.push_back("does not fit");
        break;
      case Decision::kStream:
        framer_.stream();
        to_stream_ = literal.size_bytes;
        break;
      case Decision::kRefuse:
        framer_.refuse(Error(Errc::kLimit, "no"));
        break;
    }
  }

  Framer framer_;
  std::string bytes_;
  std::string scratch_;
  std::uint64_t to_stream_ = 0;
  Played run_;
};

struct Case {
  const char* name;
  FramerDialect dialect;
  std::string input;
  std::vector<std::string> events;
};

constexpr auto kCommands = FramerDialect::kCommands;
constexpr auto kResponses = FramerDialect::kResponses;
const std::string kHundred(100, 'x');
const std::string kThousand(1'000, 'y');

const Case kCases[] = {
    {"OneLine", kCommands, "A1 NOOP\r\n", {"frame A1 NOOP"}},
    {"TwoLines", kCommands, "A1 NOOP\r\nA2 CHECK\r\n", {"frame A1 NOOP", "frame A2 CHECK"}},
    {"EmptyLine", kCommands, "\r\n", {"frame "}},
    {"NulStaysForTheLexer", kCommands, "A1 \0X\r\n"s, {"frame A1 \0X"s}},
    {"BareCrInsideALine", kCommands, "A1 a\rb\r\n", {"frame A1 a\rb"}},
    {"TwoCr", kCommands, "A1\r\r\n", {"frame A1\r"}},
    {"BareLfFromAClient",
     kCommands,
     "A1 NOOP\nA2 NOOP\r\n",
     {"rejected line ends without CR: A1 NOOP", "frame A2 NOOP"}},
    {"BareLfFromAServer", kResponses, "* OK\nA1 OK\r\n", {"frame * OK", "frame A1 OK"}},
    {"NulsBeforeAResponse", kResponses, "\0\0* OK\r\n\0A1 OK\r\n"s, {"frame * OK", "frame A1 OK"}},

    {"SyncLiteral",
     kCommands,
     "A1 X {3}\r\na\nb\r\n",
     {"literal 3 sync", "frame A1 X {3}\r\na\nb"}},
    {"PlusLiteral", kCommands, "A1 X {3+}\r\nabc Y\r\n", {"literal 3", "frame A1 X {3+}\r\nabc Y"}},
    {"EmptyLiteral", kCommands, "A1 X {0}\r\n Y\r\n", {"literal 0 sync", "frame A1 X {0}\r\n Y"}},
    {"EmptyLiteralAtTheEnd", kCommands, "A1 X {0+}\r\n\r\n", {"literal 0", "frame A1 X {0+}\r\n"}},
    {"BinaryLiteral", kCommands, "A ~{1}\r\n\0\r\n"s, {"literal 1~ sync", "frame A ~{1}\r\n\0"s}},
    {"BinaryPlusLiteral", kCommands, "A ~{1+}\r\nb\r\n", {"literal 1~", "frame A ~{1+}\r\nb"}},
    {"TwoLiterals",
     kCommands,
     "A1 LOGIN {2}\r\nme {3+}\r\n\r\n)\r\n",
     {"literal 2 sync", "literal 3", "frame A1 LOGIN {2}\r\nme {3+}\r\n\r\n)"}},
    {"LiteralLooksLikeAHeader",
     kCommands,
     "A {5+}\r\n{9+}\r\r\n",
     {"literal 5", "frame A {5+}\r\n{9+}\r"}},
    {"HeaderDoesNotReachIntoALiteral",
     kCommands,
     "A {1+}\r\n{5}\r\n",
     {"literal 1", "frame A {1+}\r\n{5}"}},
    {"LeadingZeros", kCommands, "A {0003+}\r\nabc\r\n", {"literal 3", "frame A {0003+}\r\nabc"}},
    {"NoDigits", kCommands, "A {}\r\nB {+}\r\n", {"frame A {}", "frame B {+}"}},
    {"NotAHeader",
     kCommands,
     "A {5} \r\n5}\r\n{a5}\r\n",
     {"frame A {5} ", "frame 5}", "frame {a5}"}},
    {"NegativeSize", kCommands, "A {-5}\r\n", {"frame A {-5}"}},

    {"StreamedLiteral",
     kCommands,
     "A APPEND b {100}\r\n" + kHundred + "\r\nB NOOP\r\n",
     {"literal 100 sync", "frame A APPEND b {100}\r\n @18=100", "frame B NOOP"}},
    {"StreamedThenInline",
     kCommands,
     "A APPEND {1+}\r\nb {100+}\r\n" + kHundred + " ~{101+}\r\n" + kHundred + "x)\r\n",
     {"literal 1", "literal 100", "literal 101~",
      "frame A APPEND {1+}\r\nb {100+}\r\n ~{101+}\r\n) @25=100 @35=101~"}},

    {"RefusedSyncLiteralEndsTheFrame",
     kCommands,
     "A APPEND b {1000}\r\nB NOOP\r\n",
     {"literal 1000 sync", "rejected no: A APPEND b {1000}", "frame B NOOP"}},
    {"RefusedPlusLiteralIsSkipped",
     kCommands,
     "A APPEND b {1000+}\r\n" + kThousand + "\r\nB NOOP\r\n",
     {"literal 1000", "rejected no: A APPEND b {1000+}", "frame B NOOP"}},
    {"RefusedWithMoreLiteralsBehind",
     kCommands,
     "A {1000+}\r\n" + kThousand + " {3+}\r\n\r\nx y {2000+}\r\n" + kThousand + kThousand +
         "\r\nB NOOP\r\n",
     {"literal 1000", "rejected no: A {1000+}", "frame B NOOP"}},
    {"RefusedThenASyncLiteral",
     kCommands,
     "A {1000+}\r\n" + kThousand + " {3}\r\nB NOOP\r\n",
     {"literal 1000", "rejected no: A {1000+}", "frame B NOOP"}},

    {"NumberAboveTheLimit",
     kCommands,
     "A {9999999999}\r\nB NOOP\r\n",
     {"rejected literal too large: A {9999999999}", "frame B NOOP"}},
    {"NumberAbove64Bit",
     kCommands,
     "A {99999999999999999999}\r\nB NOOP\r\n",
     {"rejected literal too large: A {99999999999999999", "frame B NOOP"}},
    {"NumberAbove64BitWithoutWaiting",
     kCommands,
     "A {99999999999999999999+}\r\n",
     {"rejected literal too large: A {99999999999999999 LOST"}},
    {"NumberAbove64BitFromAServer",
     kResponses,
     "* 1 FETCH ({99999999999999999999}\r\n",
     {"rejected literal too large: * 1 FETCH ({99999999 LOST"}},

    {"ServerLiteral",
     kResponses,
     "* 1 FETCH (BODY[] {100}\r\n" + kHundred + " UID 5)\r\n",
     {"literal 100", "frame * 1 FETCH (BODY[] {100}\r\n UID 5) @25=100"}},
    {"ServerLiteralBehindBareLf",
     kResponses,
     "* LIST () NIL {2}\nab\n",
     {"literal 2", "frame * LIST () NIL {2}\r\nab"}},
    {"TextOfAStatusResponse",
     kResponses,
     "* OK see {5}\r\n* BYE {1}\r\nA1 no {9}\r\n+ {3}\r\n* PREAUTH {1}\r\n",
     {"frame * OK see {5}", "frame * BYE {1}", "frame A1 no {9}", "frame + {3}",
      "frame * PREAUTH {1}"}},
};

class FramerCaseTest : public testing::TestWithParam<Case> {};

TEST_P(FramerCaseTest, SaysTheSameHoweverTheInputIsSplit) {
  const Case& c = GetParam();
  for (std::size_t chunk = 1; chunk <= c.input.size(); ++chunk) {
    const Played run = Player(c.dialect, {}).play(c.input, chunk);
    EXPECT_EQ(run.events, c.events) << "in pieces of " << chunk;
    EXPECT_FALSE(run.in_frame);
  }
}

TEST_P(FramerCaseTest, EveryProperPrefixIsIncomplete) {
  const Case& c = GetParam();
  const auto ends = [](const std::vector<std::string>& events) {
    return std::count_if(events.begin(), events.end(), [](const std::string& event) {
      return event.starts_with("frame") || event.starts_with("rejected");
    });
  };
  const auto all = ends(c.events);
  for (std::size_t n = 0; n < c.input.size(); ++n) {
    const Played run = Player(c.dialect, {}).play(c.input.substr(0, n), c.input.size());
    EXPECT_LT(ends(run.events), all) << n;
  }
}

INSTANTIATE_TEST_SUITE_P(Framer, FramerCaseTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST(FramerTest, RejectsALongLineAndGoesOn) {
  const std::string input = "A1 X " + std::string(300, 'a') + "\r\nA2 NOOP\r\n";
  for (std::size_t chunk = 1; chunk <= input.size(); chunk += 7) {
    const Played run = Player(kCommands, {.line_bytes = 100}).play(input, chunk);
    EXPECT_THAT(run.events,
                ElementsAre("rejected line too long: A1 X aaaaaaaaaaaaaaa", "frame A2 NOOP"));
  }
}

TEST(FramerTest, ALongLineThatEndsWithALiteralStaysInStep) {
  const std::string input =
      "A1 X " + std::string(300, 'a') + " {9+}\r\nA9 NOOP\r\n Z\r\nA2 NOOP\r\n";
  for (std::size_t chunk = 1; chunk <= input.size(); chunk += 3) {
    const Played run = Player(kCommands, {.line_bytes = 100}).play(input, chunk);
    EXPECT_THAT(run.events,
                ElementsAre("rejected line too long: A1 X aaaaaaaaaaaaaaa", "frame A2 NOOP"))
        << chunk;
  }
}

TEST(FramerTest, TheLineLimitCountsTheTextAroundLiterals) {
  const std::string input = "A {2+}\r\nxx" + std::string(95, 'b') + "\r\nB\r\n";
  const Played run = Player(kCommands, {.line_bytes = 100}).play(input, 10);
  EXPECT_THAT(run.events,
              ElementsAre("literal 2", testing::StartsWith("rejected line too long"), "frame B"));
}

TEST(FramerTest, AHeaderOfEndlessDigitsInASkippedLineLosesStep) {
  const std::string input = "A {" + std::string(300, '0') + "5+}\r\n";
  for (const std::size_t chunk : {1UL, 50UL, 1'000UL}) {
    const Played run = Player(kCommands, {.line_bytes = 100}).play(input, chunk);
    ASSERT_EQ(run.events.size(), 1U);
    EXPECT_TRUE(run.events[0].ends_with("LOST")) << run.events[0];
  }
}

TEST(FramerTest, RejectsTooManyLiterals) {
  std::string input = "A";
  for (int i = 0; i < 4; ++i) input += " {1+}\r\nx";
  input += "\r\nB\r\n";
  const Played run = Player(kCommands, {.literals = 3}).play(input, 1);
  EXPECT_THAT(run.events,
              ElementsAre("literal 1", "literal 1", "literal 1",
                          testing::StartsWith("rejected too many literals"), "frame B"));
}

TEST(FramerTest, InlineLiteralsHaveALimitInAll) {
  const std::string input =
      "A {60+}\r\n" + std::string(60, 'x') + " {60+}\r\n" + std::string(60, 'y') + "\r\nB\r\n";
  const Played run = Player(kCommands, {.inline_bytes = 100}).play(input, 9);
  EXPECT_THAT(run.events,
              ElementsAre("literal 60", "literal 60", "does not fit",
                          testing::StartsWith("rejected literal too large"), "frame B"));
}

// A literal of 4 GB: neither kept nor counted in 32 bits.
TEST(FramerTest, SkipsFourGigabytesWithoutKeepingThem) {
  Framer framer(kCommands);
  ASSERT_EQ(framer.feed("A APPEND x {4294967296+}\r\n").status, Status::kLiteral);
  EXPECT_EQ(framer.literal().size_bytes, 4'294'967'296U);
  framer.refuse(Error(Errc::kLimit, "too big"));
  const std::string piece(1U << 20, 'z');
  for (int i = 0; i < 4'096; ++i) {
    const auto step = framer.feed(piece);
    ASSERT_EQ(step.status, Status::kNeedMore);
    ASSERT_EQ(step.consumed, piece.size());
  }
  EXPECT_GE(framer.skipped_bytes(), 4'294'967'296U);
  ASSERT_EQ(framer.feed("\r\n").status, Status::kRejected);
  EXPECT_EQ(framer.error().text(), "too big");
  EXPECT_TRUE(framer.rejected_text().starts_with("A APPEND x"));
  ASSERT_EQ(framer.feed("B NOOP\r\n").status, Status::kFrame);
  EXPECT_EQ(framer.frame().text, "B NOOP");
}

TEST(FramerTest, AWholeLineIsNotCopied) {
  const std::string input = "A1 NOOP\r\nA2";
  Framer framer(kCommands);
  const auto step = framer.feed(input);
  ASSERT_EQ(step.status, Status::kFrame);
  EXPECT_EQ(step.consumed, 9U);
  EXPECT_EQ(framer.frame().text.data(), input.data());
}

}  // namespace
}  // namespace imap

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "config/load.h"

namespace config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// The smallest config, with room for more keys at each level.
std::string config_with(const std::string& top, const std::string& upstream = "",
                        const std::string& listener = R"("port": 1143)") {
  return R"({"data_dir": "/d", "listeners": [{)" + listener + R"(}],
"accounts": {"work": {"upstream": {"host": "imap.example.org", "user": "me",
"password": {"env": "P"})" +
         upstream + R"(}}},
"users": {"me": {"password": {"env": "Q"}, "accounts": ["work"]}})" +
         top + "}";
}

std::string read_file(const std::string& path) {
  std::ifstream file(std::string(WAYSTATION_SOURCE_DIR) + path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string explain(const Mistakes& mistakes) { return describe(mistakes, "f"); }

const Config parsed(const std::string& text) {
  auto loaded = parse(text);
  EXPECT_TRUE(loaded) << (loaded ? "" : explain(loaded.error()));
  return loaded ? loaded->config : Config{};
}

Mistakes mistakes_of(const std::string& text) {
  const auto loaded = parse(text);
  return loaded ? loaded->warnings : loaded.error();
}

TEST(ParseTest, TheExampleParsesWithoutAWarning) {
  const auto loaded = parse(read_file("/docs/examples/waystation.json"));
  ASSERT_TRUE(loaded) << explain(loaded.error());
  EXPECT_THAT(explain(loaded->warnings), IsEmpty());
  const Config& config = loaded->config;
  EXPECT_EQ(config.data_dir, "/var/lib/waystation");
  ASSERT_EQ(config.listeners.size(), 2U);
  EXPECT_EQ(config.listeners[1].tls, Tls::kImplicit);
  EXPECT_EQ(config.listeners[1].private_key, "/etc/waystation/tls.key");
  ASSERT_EQ(config.accounts.size(), 3U);
  const Account& work = config.accounts.at("work");
  EXPECT_EQ(work.upstream->host, "imap.example.org");
  EXPECT_EQ(work.upstream->password.kind, SecretSource::Kind::kEnvironment);
  EXPECT_EQ(work.upstream->password.location, "WORK_PASSWORD");
  EXPECT_EQ(work.cache_limit_bytes, std::uint64_t{5} << 30);
  const Account& home = config.accounts.at("home");
  EXPECT_EQ(home.upstream->tls, Tls::kStarttls);
  EXPECT_EQ(home.upstream->sasl, SaslChoice::kOauthbearer);
  EXPECT_EQ(home.prefetch.kind, Prefetch::Kind::kRecent);
  EXPECT_EQ(home.prefetch.recent, std::chrono::days(30));
  EXPECT_EQ(home.sync.poll_interval, std::chrono::minutes(15));
  EXPECT_FALSE(config.accounts.at("archive").upstream);
  EXPECT_THAT(config.users.at("me").accounts, testing::ElementsAre("work", "home", "archive"));
  EXPECT_EQ(config.limits.max_append_bytes, 100U << 20);
}

TEST(ParseTest, DefaultsFillWhatIsLeftOut) {
  const Config config = parsed(config_with(""));
  const Config fresh;
  const Upstream& upstream = *config.accounts.at("work").upstream;
  EXPECT_EQ(upstream.port, 993);
  EXPECT_EQ(upstream.max_connections, 5U);
  EXPECT_TRUE(upstream.compress);
  EXPECT_EQ(config.accounts.at("work").prefetch, Prefetch{});
  EXPECT_EQ(config.log.level, LogLevel::kInfo);
  EXPECT_EQ(config.limits.idle_timeout, std::chrono::minutes(30));
  EXPECT_EQ(config.memory.block_cache_bytes, fresh.memory.block_cache_bytes);
  EXPECT_EQ(config.listeners[0].address, "127.0.0.1");
  EXPECT_EQ(config.threads, 0U);
}

TEST(ParseTest, PortsFollowFromTls) {
  const Config config =
      parsed(config_with("", R"(, "tls": "starttls")",
                         R"("tls": "implicit", "certificate": "/c", "private_key": "/k")"));
  EXPECT_EQ(config.accounts.at("work").upstream->port, 143);
  EXPECT_EQ(config.listeners[0].port, 993);
}

TEST(ParseTest, AccountsStartFromTheSharedSyncWhereverItStands) {
  const Config config = parsed(R"({"data_dir": "/d", "listeners": [{"port": 1143}],
    "accounts": {"a": {"sync": {"idle_renewal": "3m"}}, "b": {}},
    "users": {"me": {"password": {"env": "Q"}, "accounts": ["a", "b"]}},
    "sync": {"poll_interval": "1h"}})");
  EXPECT_EQ(config.accounts.at("a").sync.poll_interval, std::chrono::hours(1));
  EXPECT_EQ(config.accounts.at("a").sync.idle_renewal, std::chrono::minutes(3));
  EXPECT_EQ(config.accounts.at("b").sync.idle_renewal, Sync{}.idle_renewal);
}

TEST(ParseTest, ListsEveryMistakeAtOnceInTheOrderOfTheFile) {
  const auto loaded = parse(R"({
  "data_dir": "",
  "listeners": [{"port": 70000, "tsl": "none"}],
  "accounts": {
    "work": {"upstream": {"host": "imaps://h", "user": 5, "password": {"env": "P"}},
             "prefetch": "recent:month"}
  },
  "users": {"me": {"password": {"env": "Q"}, "accounts": ["wrk"]}},
  "log": {"level": "loud"}
})");
  ASSERT_FALSE(loaded);
  std::vector<std::string> paths;
  std::vector<std::size_t> lines;
  for (const Mistake& mistake : loaded.error()) {
    paths.push_back(mistake.path);
    lines.push_back(mistake.line);
    EXPECT_EQ(mistake.severity, Mistake::Severity::kError) << mistake.path;
  }
  EXPECT_THAT(paths,
              testing::ElementsAre("data_dir", "listeners[0].tsl", "listeners[0].port",
                                   "accounts.work.upstream.host", "accounts.work.upstream.user",
                                   "accounts.work.prefetch", "users.me.accounts[0]", "log.level"));
  EXPECT_THAT(lines, testing::ElementsAre(2, 3, 3, 5, 5, 6, 8, 9));
  EXPECT_EQ(loaded.error()[1].hint, R"(did you mean "tls"?)");
  EXPECT_EQ(loaded.error()[2].found, "70000");
  EXPECT_EQ(loaded.error()[2].expected, "a whole number from 1 to 65535");
  EXPECT_EQ(loaded.error()[6].hint, R"(did you mean "work"?)");
}

TEST(ParseTest, TheMistakesAreLinedUp) {
  const Mistakes mistakes = {
      {.path = "a.b", .line = 7, .found = "1", .expected = "2"},
      {.severity = Mistake::Severity::kWarning, .path = "longer.über", .line = 12, .found = "x"},
      {.line = 3, .column = 4, .found = "y", .hint = "did you mean z?"}};
  EXPECT_EQ(describe(mistakes, "f.json"),
            "f.json:7:   error:   a.b:         found 1; expected 2\n"
            "f.json:12:  warning: longer.über: found x\n"
            "f.json:3:4: error:                found y; did you mean z?\n");
  EXPECT_EQ(describe({}, "f.json"), "");
}

struct Case {
  const char* name;
  std::string text;
  std::string path;
  std::string explained;  // somewhere in what is printed
};

void PrintTo(const Case& value, std::ostream* out) { *out << value.name; }

class MistakeTest : public testing::TestWithParam<Case> {};

TEST_P(MistakeTest, IsReportedWithItsPath) {
  const Mistakes mistakes = mistakes_of(GetParam().text);
  ASSERT_EQ(mistakes.size(), 1U) << explain(mistakes);
  EXPECT_EQ(mistakes[0].path, GetParam().path);
  EXPECT_THAT(explain(mistakes), HasSubstr(GetParam().explained));
}

std::string accounts(const std::string& json) {
  return R"({"data_dir": "/d", "listeners": [{"port": 1143}], "accounts": )" + json +
         R"(, "users": {"me": {"password": {"env": "Q"}, "accounts": ["a"]}}})";
}
std::string listeners(const std::string& json) {
  return R"({"data_dir": "/d", "accounts": {"a": {}},
    "users": {"me": {"password": {"env": "Q"}, "accounts": ["a"]}}, "listeners": )" +
         json + "}";
}
std::string users(const std::string& json) {
  return R"({"data_dir": "/d", "listeners": [{"port": 1143}], "accounts": {"a": {}}, "users": )" +
         json + "}";
}

INSTANTIATE_TEST_SUITE_P(
    Values, MistakeTest,
    testing::Values(
        Case{"NotAnObject", "[1]", "", "found a list; expected an object"},
        Case{"UnknownKeyNear", config_with(R"(, "thread": 4)"), "thread",
             R"(did you mean "threads"?)"},
        Case{"UnknownKeyFar", config_with(R"(, "colour": 4)"), "colour",
             "an unknown key; expected one of data_dir, listeners"},
        Case{"DuplicateKey", config_with(",\n\"threads\": 4,\n\"threads\": 5"), "threads",
             "f:6: error:   threads: found the same key again; expected each key once (the first "
             "is in line 5)"},
        Case{"DuplicateAccount", accounts(R"({"a": {}, "a": {}})"), "accounts.a",
             "the same key again"},
        Case{"NumberAsText", config_with(R"(, "threads": "4")"), "threads",
             R"(found "4"; expected a whole number from 0 to 256)"},
        Case{"Negative", config_with(R"(, "threads": -1)"), "threads", "found -1"},
        Case{"Real", config_with(R"(, "threads": 1.5)"), "threads", "found 1.5"},
        Case{"Huge", config_with(R"(, "threads": 18446744073709551615)"), "threads",
             "found 18446744073709551615"},
        Case{"BooleanAsText", config_with("", R"(, "compress": "yes")"),
             "accounts.work.upstream.compress", R"(found "yes"; expected true or false)"},
        Case{"NullIsNoDefault", config_with("", R"(, "compress": null)"),
             "accounts.work.upstream.compress", "found null"},
        Case{"DurationWithoutUnit", config_with(R"(, "sync": {"poll_interval": "5"})"),
             "sync.poll_interval", "units are ms, s, m, h, d"},
        Case{"DurationAsNumber", config_with(R"(, "sync": {"poll_interval": 300})"),
             "sync.poll_interval", R"(found 300; expected a duration from "10s" to "1d")"},
        Case{"DurationTooShort", config_with(R"(, "sync": {"poll_interval": "1s"})"),
             "sync.poll_interval", R"(found "1s")"},
        Case{"DurationOverflow",
             config_with(R"(, "sync": {"poll_interval": "99999999999999999d"})"),
             "sync.poll_interval", "found \"99999999999999999d\""},
        Case{"SizeUnit", config_with(R"(, "memory": {"block_cache": "1XB"})"), "memory.block_cache",
             "units are B, KB, MB, GB, TB"},
        Case{"SizeTooSmall", config_with(R"(, "memory": {"block_cache": 5})"), "memory.block_cache",
             R"(from "1MB" to "1TB")"},
        Case{"Sasl", config_with("", R"(, "sasl": "scram-sha-265")"), "accounts.work.upstream.sasl",
             R"(did you mean "scram-sha-256"?)"},
        Case{"Fingerprint", config_with("", R"(, "certificate_fingerprint": "AB:CD")"),
             "accounts.work.upstream.certificate_fingerprint", "64 hexadecimal digits"},
        Case{"HostWithPort", config_with(R"(, "threads": 2)", R"(, "ca_file": "")"),
             "accounts.work.upstream.ca_file", "a text that is not empty"},
        Case{"ReconnectOrder",
             config_with(R"(, "sync": {"reconnect_min": "10m", "reconnect_max": "1m"})"),
             "sync.reconnect_min", R"(found "10m"; expected at most reconnect_max, "1m")"},
        Case{"ShortIdleTimeoutWarns", config_with(R"(, "limits": {"idle_timeout": "1m"})"),
             "limits.idle_timeout", "warning: limits.idle_timeout"}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Listeners, MistakeTest,
    testing::Values(Case{"None", listeners("[]"), "listeners", "found an empty list"},
                    Case{"NotAList", listeners("{}"), "listeners", "expected a list"},
                    Case{"Address", listeners(R"([{"address": "example.org"}])"),
                         "listeners[0].address", "expected an IP address"},
                    Case{"PlaintextAway", listeners(R"([{"address": "0.0.0.0", "tls": "none"}])"),
                         "listeners[0].tls", R"("allow_plaintext": true)"},
                    Case{"PlaintextAwayOverIpv6",
                         listeners(R"([{"address": "::", "tls": "none"}])"), "listeners[0].tls",
                         R"("none" at ::)"},
                    Case{"NoKey", listeners(R"([{"tls": "starttls", "certificate": "/c"}])"),
                         "listeners[0].private_key", "a PEM file, as TLS is on"},
                    Case{"UnusedCertificate", listeners(R"([{"certificate": "/c"}])"),
                         "listeners[0]", "warning: listeners[0]"},
                    Case{"SameTwice",
                         listeners(R"([{"port": 5}, {"address": "localhost", "port": 5}])"),
                         "listeners[1]", "127.0.0.1 port 5, which listeners[0] takes"},
                    Case{"WildcardTakesAll", listeners(R"([{"port": 5},
                           {"address": "0.0.0.0", "port": 5, "allow_plaintext": true}])"),
                         "listeners[1]", "0.0.0.0 port 5, which listeners[0] takes"},
                    Case{"SameIpv6WrittenDifferently", listeners(R"([{"address": "::1", "port": 5},
                           {"address": "0:0:0:0:0:0:0:1", "port": 5}])"),
                         "listeners[1]", "which listeners[0] takes"}),
    [](const auto& info) { return info.param.name; });

const std::string kHead = R"({"a": {"upstream": {"user": "u", )";
INSTANTIATE_TEST_SUITE_P(
    Accounts, MistakeTest,
    testing::Values(
        Case{"None", accounts("{}"), "accounts", "found an empty object"},
        Case{"SlashInName", accounts(R"({"a": {}, "b/c": {}})"), "accounts.\"b/c\"",
             "a name without \"/\""},
        Case{"EmptyName", accounts(R"({"a": {}, "": {}})"), "accounts.\"\"", "1 to 64 bytes"},
        Case{"Inbox", accounts(R"({"a": {}, "inbox": {}})"), "accounts.inbox",
             "another name than INBOX"},
        Case{"Unseen", accounts(R"({"a": {}, "b": {}})"), "accounts.b",
             "warning: accounts.b: found an account that no user has"},
        Case{"NoHost", accounts(kHead + R"("password": {"env": "P"}}}})"),
             "accounts.a.upstream.host", "found nothing"},
        Case{"HostIsAUrl", accounts(kHead + R"("host": "imap://h", "password": {"env": "P"}}}})"),
             "accounts.a.upstream.host", "without a scheme or a port"},
        Case{"HostHasAPort", accounts(kHead + R"("host": "h:993", "password": {"env": "P"}}}})"),
             "accounts.a.upstream.host", "without a scheme or a port"},
        Case{"NoSecret", accounts(kHead + R"("host": "h"}}})"), "accounts.a.upstream",
             "found none of them; expected exactly one of password, access_token"},
        Case{"TwoSecrets", accounts(kHead + R"("host": "h", "password": {"env": "P"},
                                 "access_token": {"env": "T"}}}})"),
             "accounts.a.upstream", "found both of them"},
        Case{"TokenForPassword",
             accounts(kHead + R"("host": "h", "sasl": "xoauth2", "password": {"env": "P"}}}})"),
             "accounts.a.upstream.sasl", "\"xoauth2\" with a password"},
        Case{"PasswordForToken",
             accounts(kHead + R"("host": "h", "sasl": "plain", "access_token": {"env": "P"}}}})"),
             "accounts.a.upstream.sasl", "\"plain\" with an access_token"},
        Case{"PlaintextAway",
             accounts(kHead + R"("host": "h", "tls": "none", "password": {"env": "P"}}}})"),
             "accounts.a.upstream.tls", "\"none\" to h, where others can listen"},
        Case{"TwoSources",
             accounts(kHead + R"("host": "h", "password": {"env": "P", "file": "/f"}}}})"),
             "accounts.a.upstream.password", "several of them"},
        Case{"NoSource", accounts(kHead + R"("host": "h", "password": {}}}})"),
             "accounts.a.upstream.password", "none of them"},
        Case{"UnknownSource",
             accounts(kHead + R"("host": "h", "password": {"env": "P", "fil": "x"}}}})"),
             "accounts.a.upstream.password.fil", R"(did you mean "file"?)"}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Users, MistakeTest,
    testing::Values(
        Case{"NoAccount", users(R"({"me": {"password": {"env": "Q"}, "accounts": ["b"]},
                                   "you": {"password": {"env": "Q"}, "accounts": ["a"]}})"),
             "users.me.accounts[0]", "\"b\", which is not there"},
        Case{"SameAccountTwice",
             users(R"({"me": {"password": {"env": "Q"}, "accounts": ["a", "a"]}})"),
             "users.me.accounts[1]", "\"a\" again"},
        Case{"NoPassword", users(R"({"me": {"accounts": ["a"]}})"), "users.me.password",
             "found nothing"},
        Case{"ControlInName",
             users("{\"a\\nb\": {\"password\": {\"env\": \"Q\"}, \"accounts\": [\"a\"]}}"),
             "users.\"a\\x0ab\"", "without control characters"},
        Case{"PlainPasswordWarns", users(R"({"me": {"password": "hunter2", "accounts": ["a"]}})"),
             "users.me.password",
             "warning: users.me.password: found a secret in the config itself"}),
    [](const auto& info) { return info.param.name; });

TEST(ParseTest, PlaintextIsAllowedOnTheSameMachineAndOnRequest) {
  EXPECT_TRUE(parse(config_with("", R"(, "tls": "none", "allow_plaintext": true)")));
  EXPECT_TRUE(parse(listeners(R"([{"address": "0.0.0.0", "allow_plaintext": true}])")));
  EXPECT_TRUE(parse(listeners(R"([{"address": "127.8.9.1"}, {"address": "::1"}])")));
  EXPECT_TRUE(parse(
      accounts(kHead + R"("host": "localhost", "tls": "none", "password": {"env": "P"}}}})")));
}

TEST(ParseTest, AVerifierIsNoSecretInClear) {
  const auto loaded =
      parse(users(R"({"me": {"password": "SCRAM-SHA-256$4096:c2FsdA==$x:y", "accounts": ["a"]}})"));
  ASSERT_TRUE(loaded);
  EXPECT_THAT(explain(loaded->warnings), IsEmpty());
}

TEST(ParseTest, TheFingerprintIsNormalised) {
  std::string colons;
  for (int i = 0; i < 32; ++i) colons += i == 0 ? "AB" : ":cD";
  const Config config =
      parsed(config_with("", R"(, "certificate_fingerprint": ")" + colons + R"(")"));
  const std::string& got = config.accounts.at("work").upstream->certificate_fingerprint;
  EXPECT_EQ(got.size(), 64U);
  EXPECT_EQ(got.substr(0, 6), "abcdcd");
}

TEST(ParseTest, CacheLimitMayBeUnlimited) {
  EXPECT_EQ(
      parsed(accounts(R"({"a": {"cache_limit": "unlimited"}})")).accounts.at("a").cache_limit_bytes,
      kUnlimited);
}

TEST(ParseTest, NoMistakeRepeatsASecret) {
  const std::string kTexts[] = {
      // Where a secret may stand by mistake, and in every kind of broken JSON.
      config_with("", R"(, "password": "hunter2")"),
      users(R"({"me": {"password": {"env": "hunter2!"}, "accounts": ["a"]}})"),
      users(R"({"me": {"password": {"pasword": "hunter2"}, "accounts": ["a"]}})"),
      users(R"({"me": {"password": ["hunter2"], "accounts": ["a"]}})"),
      users(R"({"me": {"passwort": "hunter2", "accounts": ["a"]}})"),
      users(R"({"me": "hunter2"})"),
      users(R"("hunter2")"),
      accounts(R"({"a": {"upstream": "imaps://me:hunter2@example.org"}})"),
      accounts(kHead + R"("host": "imaps://me:hunter2@h", "password": {"env": "P"}}}})"),
      "{\"password\": \"hunter2",
      "{\"password\": \"hunter2\n\"}",
      "{\"password\": \"hunter2\xff\"}",
      "{\"password\": \"hunter2\\q\"}",
      "{\"password\": hunter2}",
      "{\"password\" \"hunter2\"}",
      "{\"password\": \"x\" \"hunter2\"}",
      "{\"password\": \"hunter2; expected '}",
  };
  for (const std::string& text : kTexts) {
    const Mistakes mistakes = mistakes_of(text);
    EXPECT_FALSE(mistakes.empty()) << text;
    EXPECT_THAT(explain(mistakes), Not(HasSubstr("hunter2")));
  }
}

TEST(ParseTest, ManyMistakesAreCutOff) {
  std::string keys;
  for (int i = 0; i < 1'000; ++i) keys += ", \"unknown" + std::to_string(i) + "\": 0";
  const auto loaded = parse(config_with(keys));
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().size(), 201U);
  EXPECT_EQ(loaded.error().back().found, "more mistakes than are listed here");
}

struct SyntaxCase {
  const char* name;
  std::string text;
  std::size_t line;
  std::size_t column;
  std::string found;
  std::string expected;
};

void PrintTo(const SyntaxCase& value, std::ostream* out) { *out << value.name; }

class SyntaxTest : public testing::TestWithParam<SyntaxCase> {};

TEST_P(SyntaxTest, IsReportedWithLineAndColumn) {
  const auto loaded = parse(GetParam().text);
  ASSERT_FALSE(loaded);
  ASSERT_EQ(loaded.error().size(), 1U);
  const Mistake& mistake = loaded.error()[0];
  EXPECT_EQ(mistake.line, GetParam().line);
  EXPECT_EQ(mistake.column, GetParam().column);
  EXPECT_THAT(mistake.found, HasSubstr(GetParam().found));
  EXPECT_EQ(mistake.expected, GetParam().expected);
}

std::string nested(std::size_t depth) { return std::string(depth, '['); }

INSTANTIATE_TEST_SUITE_P(
    Json, SyntaxTest,
    testing::Values(
        SyntaxCase{"Empty", "", 1, 1, "end of input", "a value"},
        SyntaxCase{"OnlyAComment", "// x\n", 2, 1, "end of input", "a value"},
        SyntaxCase{"MissingComma", "{\"a\": 1\n \"b\": 2}", 2, 2, "string literal", "',' or '}'"},
        SyntaxCase{"TrailingComma", "{\"a\": 1,\n}", 2, 1, "'}'", "a key in quotation marks"},
        SyntaxCase{"MissingColon", "{\"a\" 1}", 1, 6, "number literal", "':'"},
        SyntaxCase{"Word", "{\n\"a\": yes}", 2, 6, "invalid literal", ""},
        SyntaxCase{"OpenString", "{\n\"a\": \"x", 2, 8, "missing closing quote", ""},
        SyntaxCase{"OpenComment", "{ /* x", 1, 7, "invalid comment", "a key in quotation marks"},
        SyntaxCase{"NotUtf8", "{\"\xff\": 1}", 1, 3, "ill-formed UTF-8",
                   "a key in quotation marks"},
        SyntaxCase{"MoreThanOne", "{}\n{}", 2, 1, "'{'", "end of input"},
        SyntaxCase{"NumberTooLarge", "{\"a\": 1e999}", 1, 7, "a number too large", ""},
        SyntaxCase{"TooDeep", nested(33), 1, 0, "too deep", "at most 32 levels"},
        SyntaxCase{"MuchTooDeep", nested(1'000'000), 1, 0, "too deep", "at most 32 levels"}),
    [](const auto& info) { return info.param.name; });

TEST(ParseTest, CommentsAndAByteOrderMarkAreSkipped) {
  EXPECT_TRUE(parse("\xef\xbb\xbf// a\n/* b\n */" + config_with("// c\n")));
}

TEST(ReferenceTest, TheFileInDocsIsCurrent) {
  EXPECT_EQ(read_file("/docs/config.md"), reference_markdown())
      << "run: waystation check-config --reference > docs/config.md";
}

TEST(NeedsRestartTest, NamesWhatARunningProgramCannotFollow) {
  const Config running = parsed(config_with(""));
  EXPECT_THAT(needs_restart(running, running), IsEmpty());
  const auto keys = [&running](auto change) {
    Config wanted = running;
    change(&wanted);
    return needs_restart(running, wanted);
  };
  EXPECT_THAT(keys([](Config* config) { config->data_dir = "/e"; }), ElementsAre("data_dir"));
  EXPECT_THAT(keys([](Config* config) { config->listeners[0].port = 5; }),
              ElementsAre("listeners"));
  EXPECT_THAT(keys([](Config* config) { config->listeners.emplace_back(); }),
              ElementsAre("listeners"));
  EXPECT_THAT(keys([](Config* config) {
                config->accounts["home"];
                config->accounts["work"].upstream->host = "imap.example.net";
                config->limits.max_connections = 7;
              }),
              ElementsAre("accounts.home", "accounts.work", "limits"));
  EXPECT_THAT(keys([](Config* config) { config->accounts.clear(); }), ElementsAre("accounts.work"));
  EXPECT_THAT(keys([](Config* config) {
                config->log.format = LogFormat::kJson;
                config->memory.block_cache_bytes *= 2;
                config->threads = 3;
              }),
              ElementsAre("log.format", "memory", "threads"));
}

TEST(NeedsRestartTest, NothingForWhatItCanFollow) {
  const Config running = parsed(config_with(""));
  Config wanted = running;
  wanted.listeners[0].certificate = "/new.crt";
  wanted.listeners[0].private_key = "/new.key";
  wanted.accounts["work"].trace = true;
  wanted.log.level = LogLevel::kDebug;
  wanted.users["you"].accounts = {"work"};
  EXPECT_THAT(needs_restart(running, wanted), IsEmpty());
}

TEST(LoopbackTest, OnlyThisMachineCounts) {
  for (const char* host : {"localhost", "127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(is_loopback(host)) << host;
  }
  for (const char* host : {"", "0.0.0.0", "::", "128.0.0.1", "localhost.example.org", "127.0.0.1x",
                           "127.1", "10.0.0.1"}) {
    EXPECT_FALSE(is_loopback(host)) << host;
  }
  EXPECT_FALSE(is_loopback(std::string_view("127.0.0.1\0.evil", 15)));
}

}  // namespace
}  // namespace config

#include "tests/unit/proxy/imap/transcript.h"

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>

#include "protocol/imap/date.h"
#include "protocol/imap/flags.h"
#include "protocol/imap/lexer.h"
#include "protocol/sasl/base64.h"
#include "protocol/sasl/client.h"
#include "tests/unit/proxy/imap/backend.h"

namespace proxy {
namespace {

using namespace std::chrono_literals;
using Words = std::map<std::string, std::string>;
using Kind = Transcript::Step::Kind;

bool is_word_byte(char c) { return std::string_view(" ()[]\"").find(c) == std::string_view::npos; }

// Whether all of `line` is as `pattern` says; catches words.
bool match(std::string_view pattern, std::string_view line, Words* words) {
  const std::size_t open = pattern.find("{{");
  if (open == std::string_view::npos) return pattern == line;
  if (line.substr(0, open) != pattern.substr(0, open)) return false;
  line.remove_prefix(open);
  const std::size_t close = pattern.find("}}", open);
  const std::string name(pattern.substr(open + 2, close - open - 2));
  const std::string_view rest = pattern.substr(close + 2);
  if (name == "*") {
    for (std::size_t skip = 0; skip <= line.size(); ++skip) {
      if (match(rest, line.substr(skip), words)) return true;
    }
    return false;
  }
  std::size_t size = 0;
  while (size < line.size() && is_word_byte(line[size])) ++size;
  const std::string word(line.substr(0, size));
  if (const auto known = words->find(name); known != words->end()) {
    return known->second == word && match(rest, line.substr(size), words);
  }
  if (word.empty() || !match(rest, line.substr(size), words)) return false;
  words->emplace(name, word);
  return true;
}

std::string fill_in(std::string_view text, const Words& words) {
  std::string out;
  while (!text.empty()) {
    const std::size_t open = text.find("{{");
    out += text.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = text.find("}}", open);
    const std::string name(text.substr(open + 2, close - open - 2));
    text.remove_prefix(close + 2);
    if (name.size() > 2 && name[1] == '*') {
      out.append(std::stoul(name.substr(2)), name[0]);
    } else if (name == "nul") {
      out += '\0';
    } else if (const auto word = words.find(name); word != words.end()) {
      out += word->second;
    }
  }
  return out;
}

std::string read_crlf(const std::filesystem::path& path) {
  std::ifstream in(path);
  CHECK(in.good());
  std::string text;
  for (std::string line; std::getline(in, line);) text += line + "\r\n";
  return text;
}

class Player {
 public:
  Player(const Transcript* transcript, Backend* backend)
      : transcript_(transcript),
        backend_(backend),
        recording_(std::getenv("WAYSTATION_RECORD") != nullptr) {}

  Task<std::string> run() {
    if (Result<> loaded = co_await load_mail(); !loaded) co_return loaded.error().text();
    for (const Transcript::Step& step : transcript_->steps) {
      Result<> done = co_await take(step);
      if (done) continue;
      co_return fmt::format("{}:{}: {}\nThe conversation so far:\n{}", transcript_->file, step.line,
                            done.error().text(), said_);
    }
    for (auto& [number, connection] : clients_) {
      if (ended_[number]) continue;
      connection->write("zzz LOGOUT\r\n");
      Result<> over;
      for (const char* line : {"* BYE Logging out", "zzz OK LOGOUT completed"}) {
        if (over) over = co_await expect(number, line, false);
      }
      if (over) over = co_await expect_end(number);
      if (!over && !recording_) {
        co_return fmt::format("{}: at the end: {}\nThe conversation so far:\n{}", transcript_->file,
                              over.error().text(), said_);
      }
    }
    co_return std::string();
  }

 private:
  Task<Result<>> load_mail() {
    if (transcript_->mails.empty()) co_return Result<>();
    net::Connection loader = backend_->connect(Entry::kLoggedIn);
    CO_TRY_VOID(co_await read_line(&loader));
    for (const Transcript::Mail& mail : transcript_->mails) {
      if (mail.far) {
        CO_TRY_VOID(co_await arrives(mail));
        continue;
      }
      const std::string bytes = bytes_of(mail);
      loader.write(fmt::format("m APPEND {} {} {{{}+}}\r\n{}\r\n", mail.mailbox, mail.arguments,
                               bytes.size(), bytes));
      CO_TRY(const std::string answer, co_await read_line(&loader));
      if (!answer.starts_with("m OK")) co_return fail(Errc::kInvalid, mail.file + ": " + answer);
    }
    co_return Result<>();
  }

  std::string bytes_of(const Transcript::Mail& mail) const {
    return read_crlf(std::filesystem::path(transcript_->file).parent_path() / "mail" / mail.file);
  }

  Task<Result<>> arrives(Transcript::Mail mail) {
    imap::FlagList flags;
    std::optional<imap::DateTime> date;
    imap::Lexer lexer(mail.arguments);
    if (!lexer.at_end()) {
      CO_TRY(flags, imap::decode_flag_list(lexer));
    }
    if (lexer.accept(' ')) {
      CO_TRY(date, imap::decode_date_time(lexer));
    } else {
      date = imap::parse_date_time("17-Jul-1996 02:44:25 -0700");
    }
    co_return co_await backend_->far_side().deliver(mail.mailbox, bytes_of(mail), std::move(flags),
                                                    date->utc.time_since_epoch().count(),
                                                    static_cast<std::int16_t>(date->zone.count()));
  }

  Task<Result<>> take(Transcript::Step step) {
    if (recording_) co_await record(step.kind, step.client);
    if (step.kind == Kind::kRemote) {
      backend_->far_side().set_online(step.text == "online");
      co_return Result<>();
    }
    if (step.kind == Kind::kArrives) {
      co_return co_await arrives(Transcript::Mail::parse(step.text));
    }
    if (!clients_.contains(step.client)) CO_TRY_VOID(co_await open(step.client));
    net::Connection& client = *clients_[step.client];
    switch (step.kind) {
      case Kind::kSend:
      case Kind::kSendRaw:
        said_ += fmt::format("C{}: {}\n", step.client, step.text);
        if (recording_) std::cout << label('C', step.client) << step.text << "\n";
        client.write(fill_in(step.text, words_) + (step.kind == Kind::kSend ? "\r\n" : ""));
        co_return Result<>();
      case Kind::kExpect:
        co_return co_await expect(step.client, step.text, false);
      case Kind::kExpectLater:
        co_return co_await expect(step.client, step.text, true);
      case Kind::kCompress:
        co_return client.start_compression();
      case Kind::kEnd:
        co_return co_await expect_end(step.client);
      case Kind::kScram:
        co_return co_await scram(&client, step.text);
      case Kind::kRemote:
      case Kind::kArrives:
        break;
    }
    co_return Result<>();
  }

  Task<Result<>> open(int number) {
    Entry entry = Entry::kLoggedIn;
    if (transcript_->start == "greeting") entry = Entry::kGreeting;
    if (transcript_->start == "insecure") entry = Entry::kInsecureGreeting;
    clients_[number] = std::make_unique<net::Connection>(backend_->connect(entry));
    if (entry == Entry::kLoggedIn) CO_TRY_VOID(co_await read_line(clients_[number].get()));
    co_return Result<>();
  }

  Task<Result<>> expect(int number, std::string pattern, bool later) {
    if (recording_) {
      for (const std::string& line : heard_) match(pattern, line, &words_);
      co_return Result<>();
    }
    for (;;) {
      Result<std::string> line = co_await read_line(clients_[number].get());
      if (!line) co_return fail(std::move(line).error().within("expected " + pattern));
      said_ += fmt::format("S{}: {}\n", number, *line);
      if (match(pattern, *line, &words_)) co_return Result<>();
      if (!later) {
        co_return fail(Errc::kInvalid, fmt::format("expected {}\n     got {}", pattern, *line));
      }
    }
  }

  Task<Result<>> expect_end(int number) {
    net::Connection& client = *clients_[number];
    ended_[number] = true;
    if (client.buffered().empty()) {
      const Result<> filled = co_await client.fill(10s);
      if (!filled && filled.error().code() == Errc::kClosed) co_return Result<>();
      if (!filled) co_return filled;
    }
    co_return fail(Errc::kInvalid, fmt::format("expected the end, got {}", client.buffered()));
  }

  // Like a client of RFC 5802; the server's proof is checked too.
  Task<Result<>> scram(net::Connection* client, std::string tag) {
    CO_TRY(const auto exchange,
           sasl::ClientExchange::start(sasl::Mechanism::kScramSha256,
                                       {.user = "me", .secret = Secret("secret")}));
    CO_TRY(const std::string first, exchange->step(""));
    client->write(
        fmt::format("{} AUTHENTICATE SCRAM-SHA-256 {}\r\n", tag, sasl::base64_encode(first)));
    for (;;) {
      CO_TRY(const std::string line, co_await read_line(client));
      if (!line.starts_with("+ ")) {
        if (!line.starts_with(tag + " OK ")) co_return fail(Errc::kInvalid, "got " + line);
        co_return exchange->finish();
      }
      CO_TRY(const std::string challenge, sasl::base64_decode(line.substr(2)));
      CO_TRY(const std::string response, exchange->step(challenge));
      client->write(sasl::base64_encode(response) + "\r\n");
    }
  }

  Task<Result<std::string>> read_line(net::Connection* client) {
    for (;;) {
      const std::string_view bytes = client->buffered();
      if (const std::size_t end = bytes.find("\r\n"); end != std::string_view::npos) {
        std::string line(bytes.substr(0, end));
        client->consume(end + 2);
        co_return line;
      }
      CO_TRY_VOID(co_await client->fill(10s));
    }
  }

  static std::string label(char who, int number) {
    return number == 1 ? fmt::format("{}: ", who) : fmt::format("{}{}: ", who, number);
  }

  // Prints what came since, when somebody speaks next.
  Task<void> record(Kind next, int number) {
    const bool expects = next == Kind::kExpect || next == Kind::kExpectLater;
    if (expects && !fresh_) co_return;
    fresh_ = !expects;
    if (!expects) co_return;
    heard_.clear();
    if (!clients_.contains(number)) co_return;
    for (auto& [client_number, client] : clients_) {
      while (co_await client->fill(120ms)) continue;
      std::string_view bytes = client->buffered();
      for (std::size_t end = 0; (end = bytes.find("\r\n")) != std::string_view::npos;) {
        heard_.emplace_back(bytes.substr(0, end));
        std::cout << label('S', client_number) << heard_.back() << "\n";
        bytes.remove_prefix(end + 2);
      }
      client->consume(client->buffered().size() - bytes.size());
    }
  }

  const Transcript* transcript_;
  Backend* backend_;
  bool recording_;
  bool fresh_ = false;
  std::map<int, std::unique_ptr<net::Connection>> clients_;
  std::map<int, bool> ended_;
  std::vector<std::string> heard_;
  Words words_;
  std::string said_;
};

}  // namespace

Result<Transcript> Transcript::read(const std::filesystem::path& path) {
  Transcript transcript;
  transcript.file = path;
  std::ifstream in(path);
  if (!in) return fail(Errc::kIo, path.string());
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t colon = line.find(':');
    const std::string name = line.substr(0, colon);
    std::string value = colon == std::string::npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.erase(0, 1);
    std::istringstream words(value);
    const auto step = [&](Kind kind, int client, std::string text) {
      transcript.steps.push_back({number, kind, client, std::move(text)});
    };
    const int client = name.size() > 1 && std::isdigit(static_cast<unsigned char>(name[1])) != 0
                           ? name[1] - '0'
                           : 1;
    if (name == "accounts") {
      transcript.accounts.clear();
      for (std::string account; words >> account;) transcript.accounts.push_back(account);
    } else if (name == "limit") {
      std::string limit;
      std::uint64_t size = 0;
      words >> limit >> size;
      transcript.limits.emplace_back(limit, size);
    } else if (name == "mail" || name == "far") {
      transcript.mails.push_back(Mail::parse(value));
      transcript.mails.back().far = name == "far";
    } else if (name == "start") {
      transcript.start = value;
    } else if (name == "compress") {
      step(Kind::kCompress, std::stoi(value), {});
    } else if (name == "end") {
      step(Kind::kEnd, std::stoi(value), {});
    } else if (name == "scram") {
      step(Kind::kScram, 1, value);
    } else if (name == "remote") {
      step(Kind::kRemote, 1, value);
    } else if (name == "arrives") {
      step(Kind::kArrives, 1, value);
    } else if (name.starts_with('C')) {
      step(name.ends_with('-') ? Kind::kSendRaw : Kind::kSend, client, std::move(value));
    } else if (name.starts_with('S')) {
      step(name.ends_with("..") ? Kind::kExpectLater : Kind::kExpect, client, std::move(value));
    } else {
      return fail(Errc::kInvalid, fmt::format("{}:{}: {}", path.string(), number, line));
    }
  }
  return transcript;
}

Transcript::Mail Transcript::Mail::parse(const std::string& text) {
  std::istringstream words(text);
  Mail mail;
  words >> mail.mailbox >> mail.file >> std::ws;
  std::getline(words, mail.arguments);
  return mail;
}

std::vector<std::string> Transcript::far_mailboxes() const {
  std::set<std::string> names;
  for (const Mail& mail : mails) {
    if (mail.far) names.insert(mail.mailbox);
  }
  if (!names.empty()) names.insert("INBOX");
  return {names.begin(), names.end()};
}

std::string play(const Transcript& transcript) {
  Backend backend(transcript.accounts, transcript.far_mailboxes());
  config::Limits& limits = backend.limits();
  for (const auto& [name, value] : transcript.limits) {
    if (name == "append") limits.max_append_bytes = value;
    if (name == "line") limits.max_line_bytes = value;
    if (name == "output") limits.max_output_bytes = value;
    if (name == "failures") limits.max_failed_logins = static_cast<std::uint32_t>(value);
  }
  Player player(&transcript, &backend);
  return backend.fixture().run(player.run());
}

}  // namespace proxy

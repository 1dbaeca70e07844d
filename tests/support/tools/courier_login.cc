// courier_login PORT HOME USER PASSWORD IMAPD: listens on 127.0.0.1:PORT and hands each connection
// that logs in to Courier's imapd.
//
// It stands in for couriertcpd and imaplogin, which need a system-wide authdaemon. imapd is what
// serves the mailbox; it is told who logged in, and the tag of the LOGIN to answer, by environment
// variables, exactly as imaplogin does.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

constexpr char kCapabilities[] =
    "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE";

// One byte at a time: what follows the LOGIN belongs to imapd.
bool read_byte(char* byte) { return ::read(0, byte, 1) == 1; }

void say(const std::string& text) {
  if (::write(1, text.data(), text.size()) != static_cast<ssize_t>(text.size())) ::_exit(0);
}

// Reads one command and splits it into words; quoted strings and literals are one word each.
bool read_command(std::vector<std::string>* words) {
  words->assign(1, "");
  bool quoted = false;
  for (char byte = 0; read_byte(&byte);) {
    std::string& word = words->back();
    if (byte == '\n') {
      if (!word.empty() && word.front() == '{' && word.back() == '}') {
        if (word[word.size() - 2] != '+') say("+ OK\r\n");
        const long size = std::atol(word.c_str() + 1);
        word.clear();
        for (long i = 0; i < size && read_byte(&byte); ++i) word.push_back(byte);
        continue;
      }
      return true;
    }
    if (byte == '\r') continue;
    if (byte == '"') {
      quoted = !quoted;
    } else if (byte == '\\' && quoted) {
      if (!read_byte(&byte)) return false;
      word.push_back(byte);
    } else if (byte == ' ' && !quoted) {
      words->emplace_back();
    } else {
      word.push_back(byte);
    }
    if (words->back().size() > 1000 || words->size() > 20) return false;
  }
  return false;
}

[[noreturn]] void serve(char** argv) {
  const std::string home = argv[2];
  const std::string user = argv[3];
  const std::string password = argv[4];
  say("* OK [CAPABILITY " + std::string(kCapabilities) + "] Courier-IMAP ready.\r\n");
  for (std::vector<std::string> words; read_command(&words);) {
    const std::string& tag = words[0];
    std::string name = words.size() > 1 ? words[1] : "";
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (name == "CAPABILITY") {
      say("* CAPABILITY " + std::string(kCapabilities) + "\r\n" + tag + " OK done\r\n");
    } else if (name == "NOOP") {
      say(tag + " OK done\r\n");
    } else if (name == "LOGOUT") {
      say("* BYE Courier-IMAP server shutting down\r\n" + tag + " OK done\r\n");
      ::_exit(0);
    } else if (name == "LOGIN" && words.size() == 4) {
      if (words[2] != user || words[3] != password) {
        say(tag + " NO Login failed.\r\n");
        continue;
      }
      ::setenv("IMAPLOGINTAG", tag.c_str(), 1);
      ::setenv("AUTHENTICATED", user.c_str(), 1);
      ::setenv("AUTHADDR", user.c_str(), 1);
      ::setenv("ADDRESS", user.c_str(), 1);
      ::setenv("HOME", home.c_str(), 1);
      ::setenv("IMAP_CAPABILITY", kCapabilities, 1);
      if (::chdir(home.c_str()) == 0) ::execl(argv[5], "imapd", "Maildir", nullptr);
      std::perror("courier_login: imapd");
      ::_exit(1);
    } else {
      say(tag + " BAD Error in IMAP command received by server.\r\n");
    }
  }
  ::_exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fputs("usage: courier_login PORT HOME USER PASSWORD IMAPD\n", stderr);
    return 2;
  }
  ::signal(SIGCHLD, SIG_IGN);  // nobody waits for the sessions
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener, 128) != 0) {
    std::perror("courier_login: bind");
    return 1;
  }
  for (;;) {
    const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (::fork() == 0) {
      ::signal(SIGCHLD, SIG_DFL);
      ::dup2(client, 0);
      ::dup2(client, 1);
      serve(argv);
    }
    ::close(client);
  }
}

// Transcript: a conversation with the server in a text file, and who plays it.
//
//   # a comment
//   accounts: home work                  the user's accounts; "home" when left out
//   limit: append 1000                   or: line, output, failures
//   mail: INBOX plain.eml (\Seen) "17-Jul-1996 02:44:25 -0700"    appended before it begins
//   far: INBOX plain.eml (\Seen)        a message that the first account's remote server has: its
//                                       flags, date and size are known here, its bytes are not
//   start: greeting                      or: insecure (see Entry); logged in when left out
//   C: A1 NOOP                           what the client sends, with CRLF
//   C-: A1 NO                            the same without CRLF
//   S: A1 OK NOOP completed              the next line from the server, all of it
//   S..: A1 OK NOOP completed            this line comes, whatever comes before it
//   C2: / S2:                            a second client, and so on to 9
//   compress: 1                          that client compresses from here on
//   end: 1                               the server closes that connection
//   scram: A1                            logs in with SCRAM-SHA-256 under that tag
//   remote: away                         or: online, as it is at first
//   arrives: INBOX plain.eml (\Seen)    like far:, but now
//
// In S lines {{*}} is any text, and {{name}} a word that is caught the first time and must be the
// same later; C lines may use it too. {{x*1000}} in C lines is 1,000 times x. At the end every
// client logs out, so that no answer is left over.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace proxy {

struct Transcript {
  struct Step {
    enum class Kind {
      kSend,
      kSendRaw,
      kExpect,
      kExpectLater,
      kCompress,
      kEnd,
      kScram,
      kRemote,
      kArrives
    };
    int line = 0;
    Kind kind = Kind::kSend;
    int client = 1;
    std::string text;
  };
  struct Mail {
    std::string mailbox;
    std::string file;       // below mail/
    std::string arguments;  // flags and date, as in APPEND
    bool far = false;
    static Mail parse(const std::string& text);
  };
  std::string file;
  std::vector<std::string> accounts = {"home"};
  std::vector<std::pair<std::string, std::uint64_t>> limits;
  std::vector<Mail> mails;
  std::string start;
  std::vector<Step> steps;

  /// The mailboxes that the remote side has; none: there is no remote side.
  std::vector<std::string> far_mailboxes() const;
  static Result<Transcript> read(const std::filesystem::path& path);
};

/// Plays it, and returns what went wrong with the conversation so far; empty when nothing did.
/// With WAYSTATION_RECORD in the environment it does not compare, but prints the transcript with
/// what the server says: for writing a new one, which is to be read with the RFC beside it.
std::string play(const Transcript& transcript);

}  // namespace proxy

// ModelServer: a small IMAP server that keeps mailboxes, whose link and answers break on demand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tests/support/faulty_link.h"

namespace support {

/// What COPYUID and APPENDUID tell.
enum class UidTelling { kTruth, kNothing, kLies };

struct ModelOptions {
  bool uidplus = true;
  bool move = true;
  bool idle = true;
  bool renames_anew = false;     // RENAME gives a new UIDVALIDITY, as Courier's does
  bool confuses_absent = false;  // UIDs that are not there are BAD, or mean a neighbour
  UidTelling telling = UidTelling::kTruth;
  std::size_t max_connections = 1'000;  // one more is turned away
  std::string greeting = "ready";
};

/// A message as the model has it.
struct ModelMessage {
  std::uint32_t uid = 0;
  std::string flags;  // separated by spaces, as they were stored
  std::string bytes;
};

/// Listens on a free port of 127.0.0.1, takes any login, and begins with an empty INBOX.
///
/// Thread:   any; each connection has a thread of its own.
/// Lifetime: the destructor closes everything and joins the threads.
class ModelServer {
 public:
  static Result<std::unique_ptr<ModelServer>> start(ModelOptions options = {});
  ~ModelServer();
  ModelServer(const ModelServer&) = delete;
  ModelServer& operator=(const ModelServer&) = delete;

  std::uint16_t port() const;

  // ---- What is there ----
  void create(const std::string& mailbox);
  /// New mail; connections that idle there are told.
  std::uint32_t deliver(const std::string& mailbox, std::string bytes);
  std::vector<ModelMessage> messages(const std::string& mailbox) const;
  std::vector<std::string> mailboxes() const;

  /// Somebody empties the mailbox; connections that idle there are told.
  void clear(const std::string& mailbox);
  /// Somebody expunges one message; connections that idle there are told.
  void remove(const std::string& mailbox, std::uint32_t uid);
  /// Somebody changes flags ("\\Seen $Work"), and nobody is told.
  void set_flags(const std::string& mailbox, std::uint32_t uid, std::string flags);
  /// Somebody deletes the mailbox.
  void drop(const std::string& mailbox);
  /// The mailbox gets a new UIDVALIDITY, and its messages other UIDs.
  void renumber(const std::string& mailbox);
  /// A backup from when it had its first `keep` messages is put back: UIDs after them are given
  /// anew, and UIDVALIDITY is what it was.
  void restore(const std::string& mailbox, std::size_t keep);

  // ---- What goes wrong ----
  /// Nothing is heard any more on the connections that there are: they stay open, and what the
  /// client sends is lost. New ones work.
  void mute();
  /// Closes the connection that carries byte `after` + 1 in this direction, once; counted over all
  /// connections from now on.
  void cut(LinkDirection direction, std::uint64_t after);
  /// Bytes carried in this direction since the last cut().
  std::uint64_t carried(LinkDirection direction) const;
  /// Whether the cut has happened.
  bool was_cut() const;
  /// The next command of this name closes the connection: before it is carried out, or after it but
  /// before the tagged answer.
  void hang_up_on(std::string command, bool after_acting);
  /// The next `times` commands of this name are not carried out but answered with "tag `answer`".
  void refuse(std::string command, std::string answer, std::size_t times = 1);
  /// The next UID MOVE or UID COPY takes the first `messages` of those it names, and says NO.
  void stop_transfer_after(std::size_t messages);
  /// BODY[] of this message is not given, `times` times.
  void withhold_body(const std::string& mailbox, std::uint32_t uid, std::size_t times);
  /// What RFC822.SIZE says of every message; 0: the truth.
  void claim_size(std::uint64_t bytes);

  // ---- What happened ----
  /// The most connections that were open at once.
  std::size_t most_connections() const;
  /// Commands with this name that arrived whole ("UID FETCH", "APPEND").
  std::size_t count(std::string_view command) const;

 private:
  class Core;
  explicit ModelServer(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace support

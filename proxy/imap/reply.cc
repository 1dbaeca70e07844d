#include "proxy/imap/reply.h"

namespace proxy {

Reply reply_of(const Error& error) {
  using imap::Code;
  switch (error.code()) {
    case Errc::kInvalid:
      return Reply::bad(error.text());
    case Errc::kNotFound:
      return Reply::no(Code::kNonExistent, error.text());
    case Errc::kAlreadyExists:
      return Reply::no(Code::kAlreadyExists, error.text());
    case Errc::kPermission:
      return Reply::no(Code::kNoPerm, error.text());
    case Errc::kLimit:
      return Reply::no(Code::kLimit, error.text());
    case Errc::kUnavailable:
    case Errc::kTimeout:
    case Errc::kClosed:
      return Reply::no(Code::kUnavailable, "Not cached here, and the server is out of reach");
    case Errc::kStale:
      return Reply::no(Code::kInUse, "The mailbox has just changed: try again");
    case Errc::kCorruption:
      return Reply::no(Code::kCorruption, "The cache is damaged here");
    case Errc::kCancelled:
      return Reply::no(Code::kUnavailable, "Shutting down");
    case Errc::kIo:
    case Errc::kProtocol:
    case Errc::kBug:
      break;
  }
  return Reply::no(Code::kServerBug, "Internal error: see the log");
}

}  // namespace proxy

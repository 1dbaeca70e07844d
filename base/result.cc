#include "base/result.h"

std::string_view name_of(Errc code) {
  switch (code) {
    case Errc::kCancelled:
      return "Cancelled";
    case Errc::kTimeout:
      return "Timeout";
    case Errc::kClosed:
      return "Closed";
    case Errc::kIo:
      return "Io";
    case Errc::kUnavailable:
      return "Unavailable";
    case Errc::kLimit:
      return "Limit";
    case Errc::kInvalid:
      return "Invalid";
    case Errc::kNotFound:
      return "NotFound";
    case Errc::kAlreadyExists:
      return "AlreadyExists";
    case Errc::kPermission:
      return "Permission";
    case Errc::kProtocol:
      return "Protocol";
    case Errc::kStale:
      return "Stale";
    case Errc::kCorruption:
      return "Corruption";
    case Errc::kBug:
      return "Bug";
  }
  return "Unknown";
}

#include "upstream/brakes.h"

#include <set>
#include <string>

namespace upstream {
namespace {

// Losing more than this, and half or more, is looked at twice.
constexpr std::uint64_t kFewMessages = 20;
constexpr std::uint64_t kFewMailboxes = 2;

bool is_suspicious(std::uint64_t gone, std::uint64_t known, std::uint64_t few) {
  return gone > few && gone * 2 >= known;
}

}  // namespace

bool Brakes::allow(cache::MailboxId mailbox, std::uint64_t gone, std::uint64_t known) {
  // An empty mailbox is as suspicious as a much smaller one.
  if (gone < known && !is_suspicious(gone, known, kFewMessages)) return true;
  const auto held = held_.find(mailbox);
  if (held != held_.end() && held->second.serial != look_ && held->second.gone <= gone) {
    held_.erase(held);
    log_.warning("{} of {} messages are gone upstream, seen twice: removing them", gone, known);
    return true;
  }
  held_[mailbox] = {look_, gone};
  return false;
}

Result<> Brakes::check(const cache::Account& account, const FolderList& folders) {
  std::set<std::string> theirs;
  for (const cache::UpstreamMailbox& mailbox : folders.mailboxes) {
    // Of which just the name is left: its messages are gone all the same.
    if ((mailbox.attributes & cache::kNoSelect) == 0) theirs.insert(mailbox.name);
  }
  std::uint64_t known = 0;
  std::uint64_t gone = 0;
  for (const auto& [name, record] : account.mailboxes()) {
    if (record->upstream.name.empty() || !record->upstream.uids_known) continue;
    ++known;
    if (!theirs.contains(name)) ++gone;
  }
  if (!is_suspicious(gone, known, kFewMailboxes)) {
    folders_ = {};
    return {};
  }
  if (folders_.serial != 0 && folders_.serial != connection_ && folders_.gone <= gone) {
    folders_ = {};
    log_.warning("{} of {} mailboxes are gone upstream, seen twice: removing them", gone, known);
    return {};
  }
  folders_ = {connection_, gone};
  return fail(Errc::kUnavailable,
              fmt::format("{} of {} mailboxes seem to be gone upstream: looking again before they "
                          "are removed here",
                          gone, known));
}

}  // namespace upstream

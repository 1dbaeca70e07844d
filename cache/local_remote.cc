#include "cache/local_remote.h"

namespace cache {

Task<Result<>> LocalRemote::ensure_listed(std::stop_token) { co_return Result<>(); }

Task<Result<>> LocalRemote::ensure_selectable(MailboxId, std::stop_token) { co_return Result<>(); }

Task<Result<>> LocalRemote::fetch_summaries(MailboxId, imap::SequenceSet, std::stop_token) {
  co_return Result<>();
}

Task<Result<>> LocalRemote::fetch_bodies(MailboxId, imap::SequenceSet, std::stop_token) {
  co_return Result<>();
}

Task<Result<imap::SequenceSet>> LocalRemote::search(MailboxId, imap::SequenceSet, imap::SearchKey,
                                                    std::stop_token) {
  co_return imap::SequenceSet();
}

}  // namespace cache

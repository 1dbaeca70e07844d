#include "cache/mailbox.h"

#include <algorithm>

#include "base/check.h"

namespace cache {
namespace {

template <class Entries>
auto* find_in(Entries& entries, imap::Uid uid) {
  const auto at = std::ranges::lower_bound(entries, uid, {}, &MessageEntry::uid);
  return at != entries.end() && at->uid == uid ? &*at : nullptr;
}

}  // namespace

Mailbox::Mailbox(Executor* executor, std::shared_ptr<MailboxRecord> record)
    : executor_(executor), record_(std::move(record)) {}

Mailbox::~Mailbox() { CHECK(views_.empty()); }

std::size_t Mailbox::lower_bound(imap::Uid uid) const {
  const auto at = std::ranges::lower_bound(messages_, uid, {}, &MessageEntry::uid);
  return static_cast<std::size_t>(at - messages_.begin());
}

const MessageEntry* Mailbox::find(imap::Uid uid) const { return find_in(messages_, uid); }

const MessageEntry* Mailbox::find_any(imap::Uid uid) const {
  const MessageEntry* found = find_in(messages_, uid);
  return found != nullptr ? found : find_in(hidden_, uid);
}

MessageEntry* Mailbox::row(imap::Uid uid) {
  MessageEntry* found = find_in(messages_, uid);
  return found != nullptr ? found : find_in(hidden_, uid);
}

const MessageEntry* Mailbox::find_upstream(imap::Uid upstream_uid) const {
  const auto at = std::ranges::lower_bound(by_upstream_, upstream_uid, {},
                                           &std::pair<imap::Uid, imap::Uid>::first);
  if (at == by_upstream_.end() || at->first != upstream_uid) return nullptr;
  return find_any(at->second);
}

void Mailbox::load(std::vector<MessageEntry> messages, std::vector<MessageEntry> hidden) {
  messages_ = std::move(messages);
  hidden_ = std::move(hidden);
  by_upstream_.clear();
  by_upstream_.reserve(messages_.size());
  for (const auto* entries : {&messages_, &hidden_}) {
    for (const MessageEntry& entry : *entries) {
      if (entry.upstream_uid.is_set()) by_upstream_.emplace_back(entry.upstream_uid, entry.uid);
    }
  }
  if (!std::ranges::is_sorted(by_upstream_)) std::ranges::sort(by_upstream_);
  expunging_.clear();
  durable_below_ = record_->uid_next;
}

void Mailbox::bind(imap::Uid upstream_uid, imap::Uid uid) {
  if (!upstream_uid.is_set()) return;
  const std::pair binding(upstream_uid, uid);
  if (by_upstream_.empty() || by_upstream_.back() < binding) {
    by_upstream_.push_back(binding);
    return;
  }
  by_upstream_.insert(std::ranges::lower_bound(by_upstream_, binding), binding);
}

void Mailbox::unbind(imap::Uid upstream_uid) {
  const auto at = std::ranges::lower_bound(by_upstream_, upstream_uid, {},
                                           &std::pair<imap::Uid, imap::Uid>::first);
  if (at != by_upstream_.end() && at->first == upstream_uid) by_upstream_.erase(at);
}

}  // namespace cache

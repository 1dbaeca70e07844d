// What can be done together: a queue of many small writes costs few round trips.
#include <algorithm>
#include <map>

#include "upstream/answers.h"
#include "upstream/clock.h"
#include "upstream/replaying.h"

namespace upstream {
namespace {

using cache::JournalEntry;
using cache::MailboxId;

// The messages that entries change or make, as rows of ours.
class Rows {
 public:
  void add(const cache::JournalOp& op) {
    each(op, [this](MailboxId mailbox, const imap::SequenceSet& uids) {
      imap::SequenceSet& known = rows_[mailbox];
      known = known.united(uids);
    });
  }
  bool meet(const cache::JournalOp& op) const {
    bool found = false;
    each(op, [&](MailboxId mailbox, const imap::SequenceSet& uids) {
      const auto known = rows_.find(mailbox);
      found = found || (known != rows_.end() && !known->second.intersected(uids).empty());
    });
    return found;
  }

 private:
  template <class F>
  static void each(const cache::JournalOp& op, F use) {
    if (const auto* flags = std::get_if<cache::JournalFlags>(&op)) use(flags->mailbox, flags->uids);
    if (const auto* expunge = std::get_if<cache::JournalExpunge>(&op)) {
      use(expunge->mailbox, expunge->uids);
    }
    if (const auto* append = std::get_if<cache::JournalAppend>(&op)) {
      use(append->mailbox, imap::SequenceSet::of(append->uid.value(), append->uid.value()));
    }
    if (const auto* copy = std::get_if<cache::JournalCopy>(&op)) {
      std::vector<imap::Uid> from;
      std::vector<imap::Uid> to;
      for (const auto& [source, destination] : copy->uids) {
        from.push_back(source);
        to.push_back(destination);
      }
      std::ranges::sort(from);
      std::ranges::sort(to);
      use(copy->from, imap::SequenceSet::from_sorted(std::span<const imap::Uid>(from)));
      use(copy->to, imap::SequenceSet::from_sorted(std::span<const imap::Uid>(to)));
    }
  }

  std::map<MailboxId, imap::SequenceSet> rows_;
};

bool is_about_messages(const cache::JournalOp& op) {
  return std::holds_alternative<cache::JournalFlags>(op) ||
         std::holds_alternative<cache::JournalAppend>(op) ||
         std::holds_alternative<cache::JournalCopy>(op) ||
         std::holds_alternative<cache::JournalExpunge>(op);
}

}  // namespace

Replaying::Seqs Replaying::gather(
    const JournalEntry& first, std::size_t most,
    const std::function<bool(const JournalEntry& entry)>& fits) const {
  Seqs together = {first.seq};
  const std::vector<MailboxId> mailboxes = mailboxes_of(first.op);
  const auto is_one_of = [](const std::vector<MailboxId>& ids, MailboxId id) {
    return std::ranges::find(ids, id) != ids.end();
  };
  const std::int64_t now = now_seconds();
  Rows between;
  bool jumps = false;
  const auto& journal = account_->journal();
  for (auto at = journal.upper_bound(first.seq); at != journal.end() && together.size() < most;
       ++at) {
    const JournalEntry& entry = at->second;
    if (entry.state == cache::JournalState::kParked) continue;
    if (was_sent(first)) {
      // What went out together, and was cut off, is looked for together.
      const bool is_of_it = entry.state == first.state && entry.in_flight == first.in_flight;
      if (is_of_it && fits(entry)) together.push_back(entry.seq);
      continue;
    }
    const std::vector<MailboxId> touched = mailboxes_of(entry.op);
    if (std::ranges::none_of(touched, [&](MailboxId id) { return is_one_of(mailboxes, id); })) {
      continue;
    }
    // What has to wait, or may have been sent, holds up what comes behind it.
    if (!is_about_messages(entry.op) || was_sent(entry) || not_before(entry) > now ||
        done_.contains(entry.seq) ||
        std::ranges::any_of(touched, [&](MailboxId id) { return blocked_.contains(id); })) {
      break;
    }
    if (fits(entry) && !(jumps && between.meet(entry.op))) {
      together.push_back(entry.seq);
    } else {
      between.add(entry.op);
      jumps = true;
    }
  }
  return together;
}

bool Replaying::is_one_undone(const Seqs& entries) const {
  return std::ranges::any_of(
      entries, [this](cache::JournalSeq seq) { return !account_->journal().contains(seq); });
}

Task<Result<>> Replaying::refused_together(Seqs entries, Error error) {
  const bool passes = is_passing(error) || !client_->is_alive();
  if (entries.size() == 1 || passes) {
    co_return co_await refused(std::move(entries), std::move(error));
  }
  // One of them may be the reason for all: they are tried one by one.
  alone_.insert(entries.begin(), entries.end());
  co_return Result<>();
}

}  // namespace upstream

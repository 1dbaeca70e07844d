#include "upstream/mailbox_sync.h"

#include <algorithm>

#include "upstream/clock.h"
#include "upstream/messages.h"

namespace upstream {
namespace {

constexpr std::size_t kMergeBatch = 5'000;

class Syncing {
 public:
  Syncing(Client* client, cache::Account* account, cache::MailboxRef mailbox,
          MailboxSyncOptions options)
      : client_(client),
        account_(account),
        mailbox_(std::move(mailbox)),
        options_(std::move(options)),
        state_(mailbox_->record().upstream) {}

  Task<Result<>> run() {
    if (options_.first_look != nullptr) co_return co_await take_first_look();
    CO_TRY(selected_, co_await open());
    // What goes while we look is told on the side, and is nothing that QRESYNC missed.
    const Listening listening(client_, [this](imap::Response& response) {
      const auto* said = std::get_if<imap::VanishedResponse>(&response);
      if (said != nullptr) late_vanished_ = late_vanished_.united(said->uids);
    });
    note_selected();
    const bool renumbered = state_.uids_known && state_.uid_validity.is_set() &&
                            selected_.uid_validity.is_set() &&
                            state_.uid_validity != selected_.uid_validity;
    const bool other = renumbered || is_an_earlier_one();
    if (options_.finds_sent && !other) co_return Result<>();
    if (other) CO_TRY_VOID(co_await rebind(renumbered));
    if (selected_.uid_validity.is_set()) state_.uid_validity = selected_.uid_validity;
    if (!state_.uids_known || other) {
      CO_TRY_VOID(co_await learn_all());
    } else {
      CO_TRY_VOID(co_await learn_changes());
    }
    CO_TRY_VOID(co_await audit());
    CO_TRY_VOID(co_await finish());
    client_->set_selected(Client::Selected{state_.name, state_.uid_validity});
    co_return Result<>();
  }

 private:
  void note_selected() {
    if (selected_.permanent_flags) {
      state_.accepts_keywords = selected_.permanent_flags->wildcard;
      state_.permanent_keywords = selected_.permanent_flags->keywords;
    }
    if (!selected_.mailbox_id.empty()) state_.mailbox_id = selected_.mailbox_id;
  }

  Task<Result<>> take_first_look() {
    if (state_.uids_known || !mailbox_->by_upstream().empty()) {
      co_return fail(Errc::kStale, "something is known of it by now");
    }
    selected_ = std::move(options_.first_look->selected);
    note_selected();
    state_.uid_validity = selected_.uid_validity;
    CO_TRY_VOID(co_await account_->merge_upstream(mailbox_->id(),
                                                  std::move(options_.first_look->messages)));
    state_.uids_known = true;
    state_.flags_known = true;
    CO_TRY_VOID(co_await finish());
    if (options_.on_selectable) options_.on_selectable();
    co_return Result<>();
  }

  bool is_an_earlier_one() {
    if (!state_.uids_known) return false;
    const WentBack back = went_back(*mailbox_, selected_);
    if (back == WentBack::kModSeq && options_.tier->condstore) {
      options_.log.warning("HIGHESTMODSEQ was {} and is {}: looking at all of the mailbox",
                           state_.highest_modseq, selected_.highest_modseq);
      // Once may be a backup that was put back.
      if (!options_.tier->went_back.insert(mailbox_->id()).second) {
        distrust_condstore("HIGHESTMODSEQ goes down");
      }
      return true;
    }
    if (back != WentBack::kUidNext || options_.tier->uid_next_lies) return false;
    options_.log.warning("UIDNEXT is {}, and there are messages above it: finding them again",
                         selected_.uid_next);
    return true;
  }

  Task<Result<>> rebind(bool renumbered) {
    if (renumbered) {
      options_.log.warning(
          "upstream gave the mailbox a new UIDVALIDITY: finding its messages again");
    }
    const std::span<const std::pair<imap::Uid, imap::Uid>> bound = mailbox_->by_upstream();
    const std::vector<std::pair<imap::Uid, imap::Uid>> before(bound.begin(), bound.end());
    // Noted first: after a cut in the middle, what was known of the old numbers is not believed.
    CO_TRY_VOID(co_await forget_progress());
    const imap::UidValidity validity =
        selected_.uid_validity.is_set() ? selected_.uid_validity : state_.uid_validity;
    CO_TRY_VOID(co_await rebind_mailbox(client_, account_, mailbox_, validity, selected_.exists,
                                        options_.brake));
    if (!renumbered && std::ranges::equal(before, mailbox_->by_upstream()) &&
        went_back(*mailbox_, selected_) == WentBack::kUidNext) {
      options_.log.warning("UIDNEXT is not believed any more: all messages are what they were");
      options_.tier->uid_next_lies = true;
    }
    state_.uid_next = 0;
    state_.highest_modseq = 0;
    state_.flags_known = false;
    co_return Result<>();
  }

  void distrust_condstore(std::string why) {
    options_.log.warning("CONDSTORE is switched off for this server: {}", why);
    options_.tier->distrust_condstore(std::move(why));
    client_->distrust(imap::Capability::kCondstore);
  }
  void distrust_qresync(std::string why) {
    options_.log.warning("QRESYNC is switched off for this server: {}", why);
    options_.tier->distrust_qresync(std::move(why));
  }

  Task<Result<>> forget_progress() {
    cache::UpstreamState state = mailbox_->record().upstream;
    state.highest_modseq = 0;
    state.uid_next = 0;
    state.flags_known = false;
    co_return co_await account_->set_upstream_state(mailbox_->id(), std::move(state));
  }

  // The folder list is read at the same time as INBOX, and its part of the state is not ours.
  Task<Result<>> store_state() {
    state_.name = mailbox_->record().upstream.name;
    state_.delimiter = mailbox_->record().upstream.delimiter;
    co_return co_await account_->set_upstream_state(mailbox_->id(), state_);
  }

  Task<Result<SelectedMailbox>> open() {
    std::optional<imap::QresyncParameter> qresync;
    if (options_.tier->qresync && state_.uids_known && state_.highest_modseq > 0) {
      qresync = imap::QresyncParameter{state_.uid_validity, imap::ModSeq(state_.highest_modseq),
                                       std::nullopt, std::nullopt};
    }
    const bool condstore = options_.tier->condstore;
    Result<SelectedMailbox> opened =
        co_await select_mailbox(client_, state_.name, condstore, qresync);
    if (opened || !condstore || !is_no(opened.error())) co_return opened;
    // It may be the parameter that is not understood.
    Result<SelectedMailbox> plain =
        co_await select_mailbox(client_, state_.name, false, std::nullopt);
    if (!plain) co_return opened;
    if (qresync) {
      distrust_qresync("SELECT (QRESYNC ...) is refused");
    } else {
      distrust_condstore("SELECT (CONDSTORE) is refused");
    }
    co_return plain;
  }

  // Whether the server has said no, for no known reason.
  bool is_no(const Error& error) const {
    return client_->is_alive() && error.code() == Errc::kInvalid;
  }

  // First sight: the UIDs fix ours and make the mailbox selectable; flags follow, newest first.
  Task<Result<>> learn_all() {
    imap::SequenceSet uids;
    if (selected_.exists > 0) {
      CO_TRY(uids, co_await all_uids(client_));
    }
    CO_TRY_VOID(co_await add_uids(uids));
    CO_TRY_VOID(co_await remove_missing(uids));
    state_.uids_known = true;
    state_.uid_next = std::max(selected_.uid_next, highest(uids) + 1);
    state_.messages = selected_.exists;
    state_.highest_modseq = 0;
    CO_TRY_VOID(co_await store_state());
    if (options_.on_selectable) options_.on_selectable();
    CO_TRY_VOID(
        co_await fetch_facts(client_, account_, mailbox_->id(), uids, {.date_and_size = true}));
    state_.flags_known = true;
    co_return Result<>();
  }

  Task<Result<>> learn_changes() {
    if (!selected_.vanished.empty()) {
      CO_TRY_VOID(co_await remove(known_of(selected_.vanished)));
    }
    std::vector<cache::UpstreamMessage> changed;
    for (const imap::FetchResponse& response : selected_.changed) {
      std::optional<cache::UpstreamMessage> message = to_message(response);
      // New ones are fetched below, with their date and size.
      if (message && mailbox_->find_upstream(message->uid) != nullptr) {
        changed.push_back(std::move(*message));
      }
    }
    std::ranges::sort(changed, {}, &cache::UpstreamMessage::uid);
    if (!changed.empty()) {
      CO_TRY_VOID(co_await account_->merge_upstream(mailbox_->id(), std::move(changed)));
    }
    CO_TRY_VOID(co_await learn_new());
    if (!state_.flags_known) {
      imap::SequenceSet known;
      for (const auto& [theirs, ours] : mailbox_->by_upstream()) {
        const cache::MessageEntry* entry = std::as_const(*mailbox_).find_any(ours);
        if (entry != nullptr && (!entry->has(cache::kHaveFlags) || !entry->has(cache::kHaveDate))) {
          known.add(theirs);
        }
      }
      CO_TRY_VOID(co_await fetch_facts(client_, account_, mailbox_->id(), std::move(known),
                                       {.date_and_size = true}));
      state_.flags_known = true;
    } else if (options_.audit_flags) {
      CO_TRY_VOID(co_await sweep_flags());
    } else if (!used_qresync()) {
      CO_TRY_VOID(co_await learn_flags());
    }
    co_return Result<>();
  }

  bool used_qresync() const {
    return options_.tier->qresync && mailbox_->record().upstream.highest_modseq > 0;
  }

  Task<Result<>> learn_new() {
    const bool surely_none = selected_.uid_next != 0 && selected_.uid_next == state_.uid_next;
    if (surely_none || selected_.exists == 0) co_return Result<>();
    // "n:*" always names the last message too (RFC 3501 6.4.8); a known one is only updated.
    CO_TRY_VOID(co_await fetch_facts(client_, account_, mailbox_->id(),
                                     imap::SequenceSet::from(std::max(state_.uid_next, 1U)),
                                     {.date_and_size = true}));
    co_return Result<>();
  }

  Task<Result<>> learn_flags() {
    if (options_.tier->condstore && state_.highest_modseq > 0 && selected_.highest_modseq > 0) {
      if (selected_.highest_modseq == state_.highest_modseq) co_return Result<>();
      const Result<std::size_t> told =
          co_await fetch_facts(client_, account_, mailbox_->id(), imap::SequenceSet::all(),
                               {.changed_since = state_.highest_modseq});
      if (told) co_return Result<>();
      if (!is_no(told.error())) co_return fail(told.error());
      distrust_condstore("FETCH (CHANGEDSINCE) is refused");
    }
    if (options_.tier->condstore && selected_.exists > 0 && selected_.highest_modseq == 0 &&
        !selected_.no_modseq) {
      distrust_condstore("SELECT tells no HIGHESTMODSEQ");
    }
    if (options_.sweep_flags) CO_TRY_VOID(co_await sweep_flags());
    co_return Result<>();
  }

  Task<Result<>> sweep_flags() {
    // What is gone is not asked for: imap4d says BAD to that.
    CO_TRY_VOID(co_await audit());
    imap::SequenceSet known = known_of_all();
    if (!known.empty()) {
      CO_TRY_VOID(co_await fetch_facts(client_, account_, mailbox_->id(), std::move(known), {}));
    }
    co_return Result<>();
  }

  // Trust, but verify: as many messages here as the server says that there are.
  Task<Result<>> audit() {
    if (mailbox_->by_upstream().size() == selected_.exists) co_return Result<>();
    imap::SequenceSet uids;
    CO_TRY(uids, co_await all_uids(client_));
    if (used_qresync() && !known_of_all().minus(uids).minus(late_vanished_).empty()) {
      // It should have told of these: it does so no more for this server.
      distrust_qresync("QRESYNC missed messages that are gone");
    }
    if (!selected_.vanished.intersected(uids).empty()) {
      distrust_qresync("QRESYNC told that messages are gone that are there");
    }
    CO_TRY_VOID(co_await remove_missing(uids));
    const imap::SequenceSet unknown = uids.minus(known_of_all());
    if (!unknown.empty()) {
      CO_TRY_VOID(co_await fetch_facts(client_, account_, mailbox_->id(), unknown,
                                       {.date_and_size = true}));
    }
    co_return Result<>();
  }

  Task<Result<>> finish() {
    const std::span<const std::pair<imap::Uid, imap::Uid>> bound = mailbox_->by_upstream();
    const std::uint32_t after_last = bound.empty() ? 1 : bound.back().first.value() + 1;
    state_.uid_next = std::max({state_.uid_next, selected_.uid_next, after_last});
    state_.highest_modseq = options_.tier->condstore ? selected_.highest_modseq : 0;
    state_.messages = static_cast<std::uint32_t>(bound.size());
    state_.last_good_check = now_seconds();
    co_return co_await store_state();
  }

  Task<Result<>> add_uids(imap::SequenceSet uids) {
    std::vector<cache::UpstreamMessage> batch;
    for (const std::uint32_t uid : uids) {
      if (mailbox_->find_upstream(imap::Uid(uid)) != nullptr) continue;
      cache::UpstreamMessage message;
      message.uid = imap::Uid(uid);
      batch.push_back(std::move(message));
      if (batch.size() < kMergeBatch) continue;
      CO_TRY_VOID(co_await account_->merge_upstream(mailbox_->id(), std::exchange(batch, {})));
    }
    if (!batch.empty()) {
      CO_TRY_VOID(co_await account_->merge_upstream(mailbox_->id(), std::move(batch)));
    }
    co_return Result<>();
  }

  imap::SequenceSet known_of_all() const {
    imap::SequenceSet known;
    for (const auto& [theirs, ours] : mailbox_->by_upstream()) known.add(theirs);
    return known;
  }
  imap::SequenceSet known_of(const imap::SequenceSet& uids) const {
    return known_of_all().intersected(uids);
  }
  Task<Result<>> remove_missing(imap::SequenceSet uids) {
    imap::SequenceSet gone = known_of_all().minus(uids);
    // Of a mailbox that shows its newest messages only, older ones are hidden, and not gone.
    const std::uint32_t shown = client_->profile().shown_messages;
    if (shown != 0 && selected_.exists >= shown && !uids.empty()) {
      gone = gone.intersected(imap::SequenceSet::of(uids.ranges().front().first, UINT32_MAX));
    }
    co_return co_await remove(std::move(gone));
  }
  Task<Result<>> remove(imap::SequenceSet gone) {
    if (gone.empty()) co_return Result<>();
    std::uint64_t count = 0;
    for (const imap::SequenceSet::Range& range : gone.ranges()) count += range.size();
    const std::uint64_t known = mailbox_->by_upstream().size();
    if (options_.brake && !options_.brake(mailbox_->id(), count, known)) {
      co_return fail(Errc::kUnavailable,
                     fmt::format("{} of {} messages seem to be gone upstream: looking again before "
                                 "they are removed here",
                                 count, known));
    }
    co_return co_await account_->vanish_upstream(mailbox_->id(), std::move(gone));
  }

  static std::uint32_t highest(const imap::SequenceSet& set) {
    return set.ranges().empty() ? 0 : set.ranges().back().last;
  }

  Client* client_;
  cache::Account* account_;
  cache::MailboxRef mailbox_;
  MailboxSyncOptions options_;
  cache::UpstreamState state_;
  SelectedMailbox selected_;
  imap::SequenceSet late_vanished_;
};

}  // namespace

Task<Result<>> sync_mailbox(Client* client, cache::Account* account, cache::MailboxId mailbox,
                            MailboxSyncOptions options) {
  CO_TRY(cache::MailboxRef opened, co_await account->open_mailbox(mailbox));
  Syncing syncing(client, account, std::move(opened), std::move(options));
  co_return co_await syncing.run();
}

}  // namespace upstream

#include "upstream/watch.h"

#include <algorithm>
#include <utility>

#include "upstream/backoff.h"
#include "upstream/clock.h"
#include "upstream/messages.h"
#include "upstream/select.h"
#include "upstream/survey.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;

// Where there is no IDLE, or no connection for it.
constexpr std::chrono::seconds kPollInstead = 60s;

bool differs(const cache::UpstreamState& known, const SelectedMailbox& selected, bool condstore) {
  return selected.exists != known.messages || selected.uid_next > known.uid_next ||
         (condstore && selected.highest_modseq != 0 &&
          selected.highest_modseq != known.highest_modseq);
}

}  // namespace

std::chrono::milliseconds idle_limit(const Client& client, const config::Account& settings) {
  return std::min<std::chrono::milliseconds>(settings.sync.idle_renewal,
                                             client.profile().idle_renewal);
}

Watch::Watch(net::Loop* loop, cache::Account* account, const config::Account* settings,
             std::vector<Line*> lines, Hooks hooks)
    : loop_(loop),
      account_(account),
      settings_(settings),
      free_(std::move(lines)),
      hooks_(std::move(hooks)),
      wake_(loop),
      tasks_(loop) {}

Task<Result<bool>> Watch::listen(Client* client, cache::MailboxId mailbox,
                                 std::chrono::milliseconds limit, std::function<bool()> is_wanted,
                                 std::stop_token stop) {
  const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
  if (record == nullptr || !is_syncable(*record)) co_return true;
  const bool condstore = client->has(imap::Capability::kCondstore);
  imap::UidValidity validity;
  const Listening listening(client,
                            [&](imap::Response& response) { hear(mailbox, validity, response); });
  CO_TRY(const SelectedMailbox selected,
         co_await select_mailbox(client, record->upstream.name, condstore, std::nullopt));
  validity = selected.uid_validity;
  record = account_->find_mailbox(mailbox);
  if (record == nullptr) co_return true;
  // What came since the cache was brought in step would not be told by IDLE any more. Told once: a
  // mailbox that cannot be brought in step must not be tried without a pause.
  const Counters now{selected.exists, selected.uid_next, selected.highest_modseq};
  if (differs(record->upstream, selected, condstore) &&
      std::exchange(reported_[mailbox], now) != now) {
    hooks_.look_at(mailbox, true);
  }
  if (!is_wanted()) co_return true;
  CO_TRY(const Answer answer, co_await client->idle(limit, std::move(stop)));
  co_return answer.ok();
}

// Writes that we brought ourselves are told here too, and are nothing to look at the mailbox for.
void Watch::hear(cache::MailboxId mailbox, imap::UidValidity validity,
                 const imap::Response& response) {
  const bool is_news = std::holds_alternative<imap::ExistsResponse>(response) ||
                       std::holds_alternative<imap::ExpungeResponse>(response) ||
                       std::holds_alternative<imap::VanishedResponse>(response);
  const auto* fetched = std::get_if<imap::FetchResponse>(&response);
  if (!is_news && fetched == nullptr) return;
  std::optional<cache::UpstreamMessage> message;
  if (fetched != nullptr && fetched->flags) message = to_message(*fetched);
  if (!message) return hooks_.look_at(mailbox, true);
  Told& told = told_[mailbox];
  told.uid_validity = validity;
  told.messages.push_back(std::move(*message));
  // What comes while these are weighed is weighed with the next ones.
  if (told.messages.size() == 1) tasks_.spawn(weigh(mailbox));
}

Task<void> Watch::weigh(cache::MailboxId mailbox) {
  co_await sleep_for(loop_, 0ms, tasks_.stop_token());  // what came with it is read first
  const auto found = told_.find(mailbox);
  Told told = std::exchange(found->second, {});
  const Result<bool> known =
      co_await account_->confirm_flags(mailbox, told.uid_validity, std::move(told.messages));
  if (!known || !*known) hooks_.look_at(mailbox, true);
}

void Watch::selected(cache::MailboxId mailbox) {
  ++open_[mailbox];
  last_selected_ = mailbox;
  wake_.set();
}

void Watch::unselected(cache::MailboxId mailbox) {
  const auto found = open_.find(mailbox);
  if (found == open_.end() || --found->second > 0) return;
  open_.erase(found);
  const auto watched = watched_.find(mailbox);
  if (watched != watched_.end() && watched->second->client() != nullptr) {
    watched->second->client()->wake();
  }
}

cache::MailboxId Watch::unheard() const {
  const auto is_unheard = [this](cache::MailboxId mailbox) {
    return is_wanted(mailbox) && !listens_to(mailbox);
  };
  if (is_open(last_selected_) && is_unheard(last_selected_)) return last_selected_;
  for (const auto& [mailbox, sessions] : open_) {
    if (is_unheard(mailbox)) return mailbox;
  }
  const cache::MailboxRecord* inbox = account_->find_mailbox("INBOX");
  return inbox != nullptr && is_unheard(inbox->id) ? inbox->id : cache::MailboxId();
}

bool Watch::is_wanted(cache::MailboxId mailbox) const {
  const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
  return record != nullptr && is_syncable(*record) && (record->name == "INBOX" || is_open(mailbox));
}

void Watch::poll_others(cache::MailboxId listened) {
  const auto poll = [&](const cache::MailboxRecord* record) {
    if (record == nullptr || record->id == listened || listens_to(record->id)) return;
    if (now_seconds() - record->upstream.last_good_check < kPollInstead.count()) return;
    hooks_.look_at(record->id, false);
  };
  poll(account_->find_mailbox("INBOX"));
  for (const auto& [mailbox, sessions] : open_) poll(account_->find_mailbox(mailbox));
}

Task<void> Watch::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    wake_.reset();
    if (hooks_.is_online() && has_idle_) {
      if (const cache::MailboxRecord* inbox = account_->find_mailbox("INBOX")) start(inbox->id);
      for (const auto& [mailbox, sessions] : open_) start(mailbox);
    }
    (void)co_await wake_.wait_for(30s, stop);
    if (hooks_.is_online()) poll_others({});
  }
  co_await tasks_.close();
}

void Watch::start(cache::MailboxId mailbox) {
  if (free_.empty() || listens_to(mailbox) || !is_wanted(mailbox)) return;
  Line* line = free_.back();
  free_.pop_back();
  watched_.emplace(mailbox, line);
  tasks_.spawn(watch(line, mailbox));
}

Task<void> Watch::watch(Line* line, cache::MailboxId mailbox) {
  const std::stop_token stop = tasks_.stop_token();
  Backoff backoff(settings_->sync.reconnect_min, settings_->sync.reconnect_max, mailbox.value());
  while (!stop.stop_requested() && is_wanted(mailbox) && hooks_.is_online()) {
    const Line::Turn turn = co_await line->take(Role::kWatch);
    const Result<> watched = co_await watch_on(line, mailbox);
    co_await line->close(watched.has_value());
    if (watched) break;
    if (!co_await sleep_for(loop_, backoff.next(), stop)) break;
  }
  watched_.erase(mailbox);
  free_.push_back(line);
  wake_.set();
}

// Ends well when nobody wants it any more, or the server has no IDLE after all.
Task<Result<>> Watch::watch_on(Line* line, cache::MailboxId mailbox) {
  const std::stop_token stop = tasks_.stop_token();
  CO_TRY(Client * client, co_await line->ready());
  while (!stop.stop_requested() && is_wanted(mailbox) && has_idle_) {
    CO_TRY(const bool idles, co_await listen(
                                 client, mailbox, idle_limit(*client, *settings_),
                                 [this, mailbox] { return is_wanted(mailbox); }, stop));
    if (!client->is_alive()) co_return fail(Errc::kClosed, "the connection is gone");
    if (idles) continue;
    has_idle_ = false;
    hooks_.look_at(mailbox, true);
  }
  co_return Result<>();
}

}  // namespace upstream

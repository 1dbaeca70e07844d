// Replay of APPEND.
#include <utility>

#include "upstream/answers.h"
#include "upstream/replaying.h"

namespace upstream {

using cache::JournalEntry;

Task<Result<Replaying::Appended>> Replaying::send_message(cache::MailboxId to,
                                                          cache::MessageId message,
                                                          imap::FlagList flags, std::int64_t date,
                                                          std::int16_t zone) {
  const Result<cache::Digest> digest = co_await digest_of(message);
  if (!digest) co_return Appended{digest.error(), std::nullopt};
  const cache::MailboxRecord* record = account_->find_mailbox(to);
  if (record == nullptr || record->upstream.name.empty()) {
    co_return Appended{Error(Errc::kNotFound, "the mailbox is gone"), std::nullopt};
  }
  imap::AppendCommand command;
  command.mailbox = imap::MailboxName::from_server(record->upstream.name, false);
  imap::AppendMessage one;
  one.flags = permitted(flags, *record);
  one.internal_date = imap::DateTime{std::chrono::sys_seconds(std::chrono::seconds(date)),
                                     std::chrono::minutes(zone)};
  one.size_bytes = digest->size;
  one.streamed = 0;
  command.messages.push_back(std::move(one));
  std::optional<Error> unreadable;
  Exchange exchange;
  exchange.message = [this, message, &unreadable](std::uint64_t offset, std::uint64_t length) {
    return read_message(message, offset, length, &unreadable);
  };
  const Result<Answer> answer = co_await client_->run(std::move(command), std::move(exchange));
  if (!answer) co_return Appended{answer.error(), std::nullopt, std::move(unreadable)};
  if (!answer->ok()) co_return Appended{error_of(*answer, "APPEND"), std::nullopt};
  Appended appended;
  if (const auto* code = answer->text.find<imap::AppendUidCode>()) appended.code = *code;
  co_return appended;
}

Task<Result<std::string>> Replaying::read_message(cache::MessageId message, std::uint64_t offset,
                                                  std::uint64_t length,
                                                  std::optional<Error>* failed) {
  Result<std::string> read = co_await run_blocking(
      account_->executor(),
      [reader = account_->reader(), message, offset, length]() -> Result<std::string> {
        std::string bytes;
        TRY_VOID(reader.body(message, offset, length, &bytes));
        if (bytes.empty()) return fail(Errc::kCorruption, "the cached message is cut short");
        return bytes;
      });
  if (!read) *failed = read.error();
  co_return read;
}

Task<Result<>> Replaying::perform(JournalEntry entry, cache::JournalAppend op) {
  const cache::MailboxRecord* record = account_->find_mailbox(op.mailbox);
  if (record == nullptr || record->upstream.name.empty()) {
    co_return co_await refused({entry.seq},
                               Error(Errc::kNotFound, "the mailbox is not there upstream"));
  }
  const Result<cache::Digest> digest = co_await digest_of(op.message);
  if (!digest) co_return co_await refused({entry.seq}, digest.error());
  const std::vector<Sought> sought = {{op.uid, *digest}};
  {
    CO_TRY(const cache::MailboxRef mailbox, co_await account_->open_mailbox(op.mailbox));
    const cache::MessageEntry* row = std::as_const(*mailbox).find_any(op.uid);
    // Found when the mailbox was renumbered.
    if (row != nullptr && row->upstream_uid.is_set()) co_return co_await done({entry.seq});
  }
  if (entry.state == cache::JournalState::kInFlight && entry.in_flight) {
    Result<cache::ReplayedUids> found = co_await find_created(op.mailbox, *entry.in_flight, sought);
    if (!found) co_return co_await unfinished(std::move(entry), found.error());
    if (!found->uids.empty()) {
      options_.log.info("a message that was under way is there: it is not sent again");
      co_return co_await done({entry.seq}, std::move(*found));
    }
  }
  if (const Result<> noted = co_await note_in_flight(entry.seq, op.mailbox); !noted) {
    co_return co_await refused({entry.seq}, noted.error());
  }
  std::int64_t date = entry.created;
  std::int16_t zone = 0;
  {
    CO_TRY(const cache::MailboxRef mailbox, co_await account_->open_mailbox(op.mailbox));
    if (const cache::MessageEntry* row = std::as_const(*mailbox).find_any(op.uid)) {
      date = row->internal_date;
      zone = row->date_zone;
    }
  }
  CO_TRY(const Appended appended,
         co_await send_message(op.mailbox, op.message, op.flags, date, zone));
  if (appended.unreadable) {
    // The connection went with it, as there is no other way to take half a literal back; without
    // this it would do so again and again.
    options_.log.error("a message cannot be sent: {}", appended.unreadable->text());
    if (appended.unreadable->code() != Errc::kIo) {
      (void)co_await account_->park({entry.seq}, appended.unreadable->text());
    }
  }
  if (appended.refusal) {
    if (!client_->is_alive()) co_return fail(*appended.refusal);
    // A server in trouble may say NO and have it all the same.
    if (is_passing(*appended.refusal)) {
      Result<cache::ReplayedUids> kept =
          co_await find_created(op.mailbox, note_of(entry.seq), sought);
      if (!kept) co_return co_await unfinished(std::move(entry), kept.error());
      if (!kept->uids.empty()) co_return co_await done({entry.seq}, std::move(*kept));
    }
    co_return co_await refused({entry.seq}, *appended.refusal);
  }
  cache::ReplayedUids created;
  if (appended.code && !appended.code->uids.empty() &&
      is_plausible(note_of(entry.seq), appended.code->uid_validity,
                   imap::Uid(*appended.code->uids.begin()))) {
    created.uid_validity = appended.code->uid_validity;
    created.uids.emplace_back(op.uid, imap::Uid(*appended.code->uids.begin()));
    co_return co_await done({entry.seq}, std::move(created));
  }
  // Without UIDPLUS: looked up in the destination.
  Result<cache::ReplayedUids> found =
      co_await find_created(op.mailbox, note_of(entry.seq), sought, {}, true);
  if (!found) co_return co_await unfinished(std::move(entry), found.error());
  co_return co_await done({entry.seq}, std::move(*found));
}

}  // namespace upstream

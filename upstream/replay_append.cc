// Replay of APPEND.
#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "upstream/answers.h"
#include "upstream/clock.h"
#include "upstream/replaying.h"

namespace upstream {

using cache::JournalEntry;
using cache::JournalSeq;

namespace {

// Of those that go out together; a larger one goes alone.
constexpr std::size_t kAppendEntries = 100;
constexpr std::uint64_t kAppendBytes = std::uint64_t{4} << 20;
// imap4d shows what came within one second of a look not before the next.
constexpr std::chrono::milliseconds kUnseen{1'100};

}  // namespace

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
  CO_TRY(const cache::MailboxRef mailbox, co_await account_->open_mailbox(op.mailbox));
  const bool was_cut = entry.in_flight.has_value();
  std::uint64_t bytes = 0;
  const auto count = [&](const cache::JournalAppend& append) {
    const cache::MessageEntry* row = std::as_const(*mailbox).find_any(append.uid);
    bytes += row == nullptr ? 0 : row->size;
  };
  count(op);
  Seqs entries = gather(entry, kAppendEntries, [&](const JournalEntry& other) {
    const auto* append = std::get_if<cache::JournalAppend>(&other.op);
    if (append == nullptr || append->mailbox != op.mailbox) return false;
    count(*append);
    return bytes <= kAppendBytes;
  });
  std::deque<Upload> uploads;
  Seqs bound;  // found when the mailbox was renumbered
  for (const JournalSeq seq : entries) {
    const auto found = account_->journal().find(seq);
    if (found == account_->journal().end()) co_return Result<>();  // undone: gathered anew
    auto append = std::get<cache::JournalAppend>(found->second.op);
    const cache::MessageEntry* row = std::as_const(*mailbox).find_any(append.uid);
    if (row != nullptr && row->upstream_uid.is_set()) {
      bound.push_back(seq);
      continue;
    }
    const Result<cache::Digest> digest = co_await digest_of(append.message);
    if (!digest) co_return co_await refused({seq}, digest.error());
    uploads.push_back({seq, std::move(append), *digest});
  }
  if (!bound.empty()) co_return co_await done(std::move(bound));  // the others in the next turn
  if (was_cut) {
    std::vector<Sought> sought;
    for (const Upload& upload : uploads) sought.push_back({upload.op.uid, upload.digest});
    Result<cache::ReplayedUids> found = co_await find_sent(op.mailbox, entry, std::move(sought));
    if (!found) co_return co_await unfinished(entries, found.error());
    const auto is_there = [&](imap::Uid uid) {
      return std::ranges::any_of(found->uids,
                                 [uid](const auto& pair) { return pair.first == uid; });
    };
    Seqs arrived;
    for (const Upload& upload : uploads) {
      if (is_there(upload.op.uid)) arrived.push_back(upload.seq);
    }
    if (!arrived.empty()) {
      options_.log.info("{} messages that were under way are there: they are not sent again",
                        arrived.size());
      std::erase_if(uploads, [&](const Upload& upload) { return is_there(upload.op.uid); });
      std::erase_if(entries, [&](JournalSeq seq) {
        return std::ranges::find(arrived, seq) != arrived.end();
      });
      std::ranges::sort(found->uids);
      CO_TRY_VOID(co_await done(std::move(arrived), std::move(*found)));
      if (entries.empty()) co_return Result<>();
    }
  }
  if (const Result<> noted = co_await note_in_flight(entries, op.mailbox); !noted) {
    if (is_one_undone(entries) && client_->is_alive()) co_return Result<>();
    co_return co_await refused(entries, noted.error());
  }
  co_return co_await append_together(op.mailbox, std::move(uploads));
}

Task<void> Replaying::send_upload(Upload* upload, std::int64_t date, std::int16_t zone) {
  upload->sent.emplace(
      co_await send_message(upload->op.mailbox, upload->op.message, upload->op.flags, date, zone));
}

// They go out one behind the other, and their answers are awaited together.
Task<Result<>> Replaying::append_together(cache::MailboxId to, std::deque<Upload> uploads) {
  CO_TRY(const cache::MailboxRef mailbox, co_await account_->open_mailbox(to));
  TaskGroup together(client_->connection().loop());
  for (Upload& upload : uploads) {
    std::int64_t date = now_seconds();
    std::int16_t zone = 0;
    if (const cache::MessageEntry* row = std::as_const(*mailbox).find_any(upload.op.uid)) {
      date = row->internal_date;
      zone = row->date_zone;
    }
    together.spawn(send_upload(&upload, date, zone));
  }
  co_await together.close();
  cache::ReplayedUids created;
  Seqs arrived;
  std::vector<Sought> sought;  // those of which the server did not tell, or not to be believed
  std::vector<std::pair<const Upload*, Error>> refusals;
  std::optional<Error> lost;
  for (const Upload& upload : uploads) {
    if (!*upload.sent) {
      lost = upload.sent->error();
      continue;
    }
    const Appended& appended = **upload.sent;
    if (appended.unreadable) {
      // The connection went with it, as there is no other way to take half a literal back; without
      // this it would do so again and again.
      options_.log.error("a message cannot be sent: {}", appended.unreadable->text());
      if (appended.unreadable->code() != Errc::kIo) {
        (void)co_await account_->park({upload.seq}, appended.unreadable->text());
      }
    }
    if (appended.refusal) {
      refusals.emplace_back(&upload, *appended.refusal);
      continue;
    }
    arrived.push_back(upload.seq);
    if (appended.code && !appended.code->uids.empty() &&
        is_plausible(note_of(upload.seq), appended.code->uid_validity,
                     imap::Uid(*appended.code->uids.begin()))) {
      created.uid_validity = appended.code->uid_validity;
      created.uids.emplace_back(upload.op.uid, imap::Uid(*appended.code->uids.begin()));
    } else {
      sought.push_back({upload.op.uid, upload.digest});
    }
  }
  if (!sought.empty() && client_->is_alive()) {
    // Without UIDPLUS: looked up in the destination.
    const cache::InFlight note = note_of(arrived.front());
    Result<cache::ReplayedUids> found =
        co_await find_created(to, note, sought, created.uids, Among::kSure);
    if (found && found->uids.size() < sought.size()) {
      (void)co_await sleep_for(client_->connection().loop(), kUnseen, options_.stop);
      found = co_await find_created(to, note, std::move(sought), created.uids, Among::kSure);
    }
    if (!found) {
      CO_TRY_VOID(co_await unfinished(arrived, found.error()));
      arrived.clear();
    } else {
      created.uid_validity = found->uid_validity;
      created.uids.insert(created.uids.end(), found->uids.begin(), found->uids.end());
    }
  } else if (!sought.empty()) {
    // Not told which they are, and nobody to ask: looked for with the next connection.
    std::erase_if(arrived, [&](JournalSeq seq) {
      const auto at = account_->journal().find(seq);
      if (at == account_->journal().end()) return true;
      const imap::Uid uid = std::get<cache::JournalAppend>(at->second.op).uid;
      return std::ranges::any_of(sought, [uid](const Sought& one) { return one.uid == uid; });
    });
  }
  std::ranges::sort(created.uids);
  if (!arrived.empty()) {
    // imap4d forgets the flags.
    if (is_doubtful()) outcome_.doubtful.insert(to);
    CO_TRY_VOID(co_await done(arrived, std::move(created)));
  }
  for (auto& [upload, error] : refusals) {
    CO_TRY_VOID(co_await append_refused(to, upload, std::move(error)));
  }
  if (lost) co_return fail(std::move(*lost));
  co_return Result<>();
}

// A server in trouble may say NO and have it all the same.
Task<Result<>> Replaying::append_refused(cache::MailboxId to, const Upload* upload, Error error) {
  if (client_->is_alive() && is_passing(error)) {
    std::vector<Sought> sought = {{upload->op.uid, upload->digest}};
    Result<cache::ReplayedUids> kept =
        co_await find_created(to, note_of(upload->seq), std::move(sought));
    if (!kept) co_return co_await unfinished({upload->seq}, kept.error());
    if (!kept->uids.empty()) co_return co_await done({upload->seq}, std::move(*kept));
  }
  co_return co_await refused({upload->seq}, std::move(error));
}

}  // namespace upstream

// APPEND: RFC 3501 6.3.11; and the writers of content in general.
#include <chrono>

#include "base/check.h"
#include "cache/change.h"
#include "cache/edit.h"
#include "cache/flag_change.h"

namespace cache {

// A writer for `message` that leaves word when it is dropped.
std::unique_ptr<ContentWriter> Account::make_writer(MessageId message) {
  ++writers_[message];
  return make_content_writer(store_, executor_, id_, message, [self = self_](MessageId dropped) {
    if (*self != nullptr) (*self)->end_writer(dropped);
  });
}

void Account::end_writer(MessageId message) {
  const auto found = writers_.find(message);
  if (found != writers_.end() && --found->second == 0) writers_.erase(found);
}

std::unique_ptr<ContentWriter> Account::begin_message() { return make_writer(next_message_id()); }

Task<Result<AppendResult>> Account::append(MailboxId mailbox,
                                           std::unique_ptr<ContentWriter> content,
                                           imap::FlagList flags,
                                           std::optional<std::int64_t> internal_date,
                                           std::int16_t date_zone) {
  CO_TRY(const MailboxRef box, co_await writable(mailbox));
  CO_TRY_VOID(may_hold_messages(box->record()));
  Change change(this);
  Edit edit(&change, box);
  const bool journaled = journals(box->record());
  MessageEntry entry;
  entry.message = content->message();
  entry.internal_date =
      internal_date.value_or(std::chrono::duration_cast<std::chrono::seconds>(
                                 std::chrono::system_clock::now().time_since_epoch())
                                 .count());
  entry.date_zone = date_zone;
  entry.size = content->size();
  entry.have = kHaveFlags | kHaveDate | kHaveSummary | kHaveBody | kHaveText;
  if (content->has_header()) entry.have |= kHaveHeader;
  entry.visible = to_flags(flags, &keywords_);
  entry.upstream = entry.visible;  // once it is there
  change.batch().append(content->take_rest());
  const imap::Uid uid = edit.add(entry);
  if (journaled) {
    change.add_entry(
        JournalAppend{box->id(), uid, entry.message, to_list(entry.visible, keywords_)});
  }
  AppendResult result{box->record().uid_validity, uid};
  CO_TRY_VOID(co_await submit(std::move(change)));
  content->keep();
  end_writer(entry.message);
  co_return result;
}

}  // namespace cache

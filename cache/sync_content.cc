// What the sync brings of messages' content: summaries and bodies. Rows that share it share what is
// known of it.
#include <algorithm>

#include "base/check.h"
#include "cache/change.h"
#include "cache/edit.h"
#include "cache/keys.h"

namespace cache {

// All rows that refer to `messages`, from the store.
Task<Result<std::vector<Account::Reference>>> Account::references(std::vector<MessageId> messages) {
  CO_TRY_VOID(co_await settled());
  const auto read = [store = store_, account = id_,
                     messages = std::move(messages)]() -> Result<std::vector<Reference>> {
    std::vector<Reference> found;
    for (const MessageId message : messages) {
      const keys::Range range = keys::references_of(account, message);
      const auto cursor = store->scan(Family::kMessages, range.from, range.to);
      for (; cursor->valid(); cursor->next()) {
        TRY(const auto row, keys::reference_in(cursor->key()));
        found.push_back({message, row.first, row.second});
      }
      TRY_VOID(cursor->status());
    }
    return found;
  };
  co_return co_await run_blocking(executor_, read);
}

// All rows that refer to `shared`, with their mailboxes and `mailboxes` in memory and writable.
Task<Result<std::vector<Account::Reference>>> Account::references_in_memory(
    std::vector<MessageId> shared, std::vector<MailboxId> mailboxes) {
  std::vector<Reference> rows;
  if (!shared.empty()) {
    CO_TRY(rows, co_await references(std::move(shared)));
    for (const Reference& row : rows) mailboxes.push_back(row.mailbox);
    std::ranges::sort(mailboxes);
    mailboxes.erase(std::unique(mailboxes.begin(), mailboxes.end()), mailboxes.end());
    std::erase_if(mailboxes, [this](MailboxId id) { return folder(id) == nullptr; });
  }
  CO_TRY(const std::vector<MailboxRef> boxes, co_await writable(std::move(mailboxes)));
  co_return rows;
}

// Sets what a row says of its content.
void Account::mark(Change* change, const Reference& row, std::uint8_t add, std::uint8_t remove,
                   std::optional<std::uint64_t> size) {
  Folder* found = folder(row.mailbox);
  if (found == nullptr || !found->box) return;
  Edit edit(change, found->box);
  MessageEntry* entry = edit.find_any(row.uid);
  if (entry == nullptr || entry->message != row.message) return;
  const auto have = static_cast<std::uint8_t>((entry->have | add) & ~remove);
  if (have == entry->have && (!size || *size == entry->size)) return;
  edit.update(entry, [&](MessageEntry* e) {
    e->have = have;
    if (size) e->size = *size;
  });
}

Task<Result<>> Account::put_summaries(MailboxId mailbox,
                                      std::vector<std::pair<imap::Uid, Summary>> summaries) {
  CO_TRY(MailboxRef box, co_await writable(mailbox));
  std::vector<MessageId> shared;
  for (const auto& [uid, summary] : summaries) {
    const MessageEntry* entry = box->find_any(uid);
    if (entry != nullptr && entry->has(kShared)) shared.push_back(entry->message);
  }
  CO_TRY(const std::vector<Reference> rows,
         co_await references_in_memory(std::move(shared), {mailbox}));
  box = folder(mailbox)->box;
  Change change(this);
  change.ordered();
  std::map<MessageId, std::uint8_t> put;
  for (const auto& [uid, summary] : summaries) {
    const MessageEntry* entry = box->find_any(uid);
    if (entry == nullptr || entry->has(kHaveBody)) continue;
    put_summary(&change.batch(), id_, entry->message, summary);
    const std::uint8_t have = summary.header.empty() ? kHaveSummary : kHaveSummary | kHaveHeader;
    put.insert_or_assign(entry->message, have);
    mark(&change, {entry->message, mailbox, uid}, have, 0, std::nullopt);
  }
  for (const Reference& row : rows) {
    const auto found = put.find(row.message);
    if (found != put.end()) mark(&change, row, found->second, 0, std::nullopt);
  }
  co_return co_await submit(std::move(change));
}

Result<std::unique_ptr<ContentWriter>> Account::begin_body(MailboxId mailbox, imap::Uid uid) {
  const Folder* found = folder(mailbox);
  const MessageEntry* entry = found != nullptr && found->box ? found->box->find_any(uid) : nullptr;
  if (entry == nullptr) return fail(Errc::kNotFound, "no such message");
  if (entry->has(kHaveBody)) return fail(Errc::kAlreadyExists, "its body is cached");
  if (writers_.contains(entry->message)) {
    return fail(Errc::kAlreadyExists, "its body is being stored");
  }
  return make_writer(entry->message);
}

Task<Result<>> Account::put_contents(
    MailboxId mailbox, std::vector<std::pair<imap::Uid, std::unique_ptr<ContentWriter>>> bodies) {
  CO_TRY(MailboxRef box, co_await writable(mailbox));
  std::vector<MessageId> shared;
  for (const auto& [uid, writer] : bodies) {
    const MessageEntry* entry = box->find_any(uid);
    if (entry != nullptr && entry->has(kShared)) shared.push_back(entry->message);
  }
  CO_TRY(const std::vector<Reference> rows,
         co_await references_in_memory(std::move(shared), {mailbox}));
  box = folder(mailbox)->box;
  struct Stored {
    std::uint64_t size = 0;
    std::uint8_t have = kHaveSummary | kHaveBody | kHaveText;
  };
  Change change(this);
  change.ordered();
  std::map<MessageId, Stored> put;
  for (const auto& [uid, writer] : bodies) {
    const MessageEntry* entry = box->find_any(uid);
    // The message may have gone meanwhile: the writer then erases what it had stored.
    if (entry == nullptr || entry->message != writer->message()) continue;
    Stored& stored = put[entry->message];
    stored.size = writer->size();
    if (writer->has_header()) stored.have |= kHaveHeader;
    change.batch().append(writer->take_rest());
    mark(&change, {entry->message, mailbox, uid}, stored.have, 0, stored.size);
  }
  for (const Reference& row : rows) {
    const auto found = put.find(row.message);
    if (found != put.end()) mark(&change, row, found->second.have, 0, found->second.size);
  }
  CO_TRY_VOID(co_await submit(std::move(change)));
  for (const auto& [uid, writer] : bodies) {
    if (!put.contains(writer->message())) continue;
    writer->keep();
    end_writer(writer->message());
  }
  co_return Result<>();
}

}  // namespace cache

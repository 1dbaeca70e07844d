#include "upstream/folders.h"

#include <algorithm>
#include <set>

#include "upstream/answers.h"

namespace upstream {
namespace {

using imap::Capability;
using imap::ListAttribute;

constexpr std::size_t kMaxMailboxes = 100'000;

struct AttributeRow {
  ListAttribute theirs;
  std::uint32_t ours;
};
constexpr AttributeRow kAttributes[] = {
    {ListAttribute::kNoSelect, cache::kNoSelect},
    {ListAttribute::kNoInferiors, cache::kNoInferiors},
    {ListAttribute::kNonExistent, cache::kNoSelect},
    {ListAttribute::kAll, cache::kSpecialAll},
    {ListAttribute::kArchive, cache::kSpecialArchive},
    {ListAttribute::kDrafts, cache::kSpecialDrafts},
    {ListAttribute::kFlagged, cache::kSpecialFlagged},
    {ListAttribute::kJunk, cache::kSpecialJunk},
    {ListAttribute::kSent, cache::kSpecialSent},
    {ListAttribute::kTrash, cache::kSpecialTrash},
    {ListAttribute::kImportant, cache::kSpecialImportant},
};

std::uint32_t attributes_of(const imap::ListResponse& response) {
  std::uint32_t bits = 0;
  for (const AttributeRow& row : kAttributes) {
    if (response.attributes.has(row.theirs)) bits |= row.ours;
  }
  return bits;
}

std::vector<imap::StatusItem> status_items(const Client& client) {
  std::vector<imap::StatusItem> items = {imap::StatusItem::kMessages, imap::StatusItem::kUidNext,
                                         imap::StatusItem::kUidValidity, imap::StatusItem::kUnseen};
  if (client.has(Capability::kCondstore)) items.push_back(imap::StatusItem::kHighestModSeq);
  return items;
}

// What the LIST lines say, before they are translated: the delimiter is known at the end.
struct Lines {
  std::vector<imap::ListResponse> list;
  std::vector<imap::ListResponse> lsub;
  std::vector<imap::StatusResponse> status;
  std::optional<imap::NamespaceResponse> space;

  bool take(imap::Response& response) {
    if (auto* line = std::get_if<imap::ListResponse>(&response)) {
      auto& into = line->lsub ? lsub : list;
      if (into.size() < kMaxMailboxes) into.push_back(std::move(*line));
      return true;
    }
    if (auto* line = std::get_if<imap::StatusResponse>(&response)) {
      if (status.size() < kMaxMailboxes) status.push_back(std::move(*line));
      return true;
    }
    if (auto* line = std::get_if<imap::NamespaceResponse>(&response)) {
      space = std::move(*line);
      return true;
    }
    return false;
  }
};

Task<void> run_into(Client* client, imap::Command command, Lines* lines,
                    std::optional<Result<Answer>>* answer) {
  Exchange exchange;
  exchange.on_response = [lines](imap::Response& response) { return lines->take(response); };
  answer->emplace(co_await client->run(std::move(command), std::move(exchange)));
}

}  // namespace

Task<Result<FolderList>> list_folders(Client* client, std::optional<Namespace> known) {
  Lines lines;
  imap::ListCommand list;
  list.patterns = {"*"};
  if (client->has(Capability::kListExtended)) {
    list.extended = true;
    // RETURN options hide what is not asked for: ask for all that is of use.
    list.return_subscribed = true;
    list.return_special_use = client->has(Capability::kSpecialUse);
    if (client->has(Capability::kListStatus)) list.return_status = status_items(*client);
  }
  const bool needs_lsub = !list.extended;
  const bool needs_namespace = !known && client->has(Capability::kNamespace);

  std::optional<Result<Answer>> listed;
  std::optional<Result<Answer>> subscribed;
  std::optional<Result<Answer>> spaced;
  TaskGroup together(client->connection().loop());
  if (needs_namespace) {
    together.spawn(run_into(client, imap::NamespaceCommand{}, &lines, &spaced));
  }
  together.spawn(run_into(client, list, &lines, &listed));
  if (needs_lsub) together.spawn(run_into(client, imap::LsubCommand{"", "*"}, &lines, &subscribed));
  co_await together.close();

  if (!*listed) co_return fail((*listed).error());
  if (!(*listed)->ok() || (list.extended && lines.list.empty())) {
    // Strato and Proton Bridge offer LIST-EXTENDED and do not have it: ask plainly.
    lines.list.clear();
    client->distrust(Capability::kListExtended);
    client->distrust(Capability::kListStatus);
    imap::ListCommand plain;
    plain.patterns = {"*"};
    TaskGroup again(client->connection().loop());
    again.spawn(run_into(client, plain, &lines, &listed));
    again.spawn(run_into(client, imap::LsubCommand{"", "*"}, &lines, &subscribed));
    co_await again.close();
    if (!*listed) co_return fail((*listed).error());
    if (!(*listed)->ok()) co_return fail(error_of(**listed, "LIST"));
  }
  if (subscribed && !*subscribed) co_return fail((*subscribed).error());
  // No server is without INBOX: an empty list is a fault, and nothing is removed because of it.
  if (lines.list.empty()) co_return fail(Errc::kProtocol, "the server's folder list is empty");

  FolderList folders;
  if (known) {
    folders.space = *known;
  } else {
    folders.space.delimiter = lines.list.front().delimiter.value_or('\0');
    if (lines.space && !lines.space->personal.empty()) {
      const imap::NamespaceEntry& personal = lines.space->personal.front();
      folders.space.prefix = personal.prefix.utf8();
      if (personal.delimiter) folders.space.delimiter = *personal.delimiter;
      // A prefix "INBOX" without its delimiter happens; with it is what names begin with.
      const char delimiter = folders.space.delimiter;
      if (!folders.space.prefix.empty() && delimiter != 0 &&
          !folders.space.prefix.ends_with(delimiter)) {
        folders.space.prefix += delimiter;
      }
    }
  }
  const auto ours = [&folders](const imap::MailboxName& theirs, std::optional<char> delimiter) {
    return our_name(folders.space, theirs, delimiter.value_or(folders.space.delimiter));
  };
  std::set<std::string> seen;
  for (const imap::ListResponse& line : lines.list) {
    if (line.mailbox.empty()) continue;
    cache::UpstreamMailbox mailbox;
    mailbox.name = ours(line.mailbox, line.delimiter);
    mailbox.upstream_name = line.mailbox.wire(false);
    mailbox.delimiter = line.delimiter.value_or('\0');
    mailbox.attributes = attributes_of(line);
    if (mailbox.name.empty() || !seen.insert(mailbox.name).second) continue;
    if (line.attributes.has(ListAttribute::kSubscribed)) folders.subscribed.push_back(mailbox.name);
    folders.mailboxes.push_back(std::move(mailbox));
  }
  for (const imap::ListResponse& line : lines.lsub) {
    if (!line.mailbox.empty() && !line.attributes.has(ListAttribute::kNoSelect)) {
      folders.subscribed.push_back(ours(line.mailbox, line.delimiter));
    }
  }
  for (imap::StatusResponse& line : lines.status) {
    folders.status[ours(line.mailbox, folders.space.delimiter)] = std::move(line.items);
  }
  co_return folders;
}

Task<Result<Counters>> status_of(Client* client, std::vector<std::string> raw_names) {
  Lines lines;
  std::deque<std::optional<Result<Answer>>> answers;
  TaskGroup together(client->connection().loop());
  for (const std::string& raw : raw_names) {
    imap::StatusCommand command;
    command.mailbox = imap::MailboxName::from_server(raw, false);
    command.items = status_items(*client);
    together.spawn(run_into(client, std::move(command), &lines, &answers.emplace_back()));
  }
  co_await together.close();
  Counters counters;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Result<Answer>& answer = *answers[i];
    if (!answer) co_return fail(answer.error());
    if (!answer->ok() && error_of(*answer, "STATUS").code() == Errc::kNotFound) {
      counters.missing.insert(raw_names[i]);
    }
  }
  for (imap::StatusResponse& line : lines.status) {
    counters.items[line.mailbox.wire(false)] = std::move(line.items);
  }
  co_return counters;
}

Task<Result<bool>> is_listed(Client* client, std::string raw_name) {
  Lines lines;
  std::optional<Result<Answer>> answer;
  imap::ListCommand list;
  list.patterns = {imap::MailboxName::from_server(raw_name, false).utf8()};
  co_await run_into(client, std::move(list), &lines, &answer);
  if (!*answer) co_return fail((*answer).error());
  if (!(*answer)->ok()) co_return fail(error_of(**answer, "LIST"));
  // A "*" or "%" in the name brings others.
  co_return std::ranges::any_of(lines.list, [&raw_name](const imap::ListResponse& line) {
    return line.mailbox.wire(false) == raw_name &&
           !line.attributes.has(ListAttribute::kNonExistent);
  });
}

}  // namespace upstream

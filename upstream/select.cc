#include "upstream/select.h"

#include "upstream/answers.h"

namespace upstream {

bool SelectedMailbox::take(imap::Response& response) {
  if (const auto* said = std::get_if<imap::ExistsResponse>(&response)) {
    exists = said->count;  // Zimbra sends several while it counts: the last one is right
    return true;
  }
  if (std::holds_alternative<imap::RecentResponse>(response) ||
      std::holds_alternative<imap::FlagsResponse>(response)) {
    return true;
  }
  if (auto* said = std::get_if<imap::VanishedResponse>(&response)) {
    vanished = vanished.united(said->uids);
    return true;
  }
  if (auto* said = std::get_if<imap::FetchResponse>(&response)) {
    changed.push_back(std::move(*said));
    return true;
  }
  const auto* condition = std::get_if<imap::ConditionResponse>(&response);
  if (condition == nullptr || condition->condition != imap::Condition::kOk) return false;
  const imap::ResponseText& text = condition->text;
  // RFC 7162 3.2.11: all before this was about the mailbox that was selected before.
  if (text.has(imap::Code::kClosed)) *this = {};
  if (const auto* code = text.find<imap::UidValidityCode>()) uid_validity = code->uid_validity;
  if (const auto* code = text.find<imap::UidNextCode>()) uid_next = code->uid.value();
  if (const auto* code = text.find<imap::HighestModSeqCode>()) {
    highest_modseq = code->mod_seq.value();
  }
  if (text.has(imap::Code::kNoModSeq)) no_modseq = true;
  if (const auto* code = text.find<imap::PermanentFlagsCode>()) permanent_flags = code->flags;
  if (const auto* code = text.find<imap::MailboxIdCode>()) mailbox_id = code->id;
  return true;
}

WentBack went_back(const cache::Mailbox& known, const SelectedMailbox& selected) {
  const std::uint64_t modseq = known.record().upstream.highest_modseq;
  if (selected.highest_modseq != 0 && selected.highest_modseq < modseq) return WentBack::kModSeq;
  const auto bound = known.by_upstream();
  const bool gives_anew =
      selected.uid_next != 0 && !bound.empty() && bound.back().first.value() >= selected.uid_next;
  return gives_anew ? WentBack::kUidNext : WentBack::kNo;
}

Task<Result<SelectedMailbox>> select_mailbox(Client* client, std::string raw_name, bool condstore,
                                             std::optional<imap::QresyncParameter> qresync) {
  SelectedMailbox selected;
  imap::SelectCommand command;
  command.mailbox = imap::MailboxName::from_server(raw_name, false);
  command.qresync = std::move(qresync);
  command.condstore = condstore && !command.qresync;
  Exchange exchange;
  exchange.on_response = [&selected](imap::Response& response) { return selected.take(response); };
  client->set_selected({});
  CO_TRY(const Answer answer, co_await client->run(std::move(command), std::move(exchange)));
  if (!answer.ok()) co_return fail(error_of(answer, "SELECT"));
  selected.read_only = answer.text.has(imap::Code::kReadOnly);
  co_return selected;
}

}  // namespace upstream

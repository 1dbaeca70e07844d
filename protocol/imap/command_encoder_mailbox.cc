// SELECT, EXAMINE, CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, LIST, LSUB, STATUS.
#include "base/check.h"
#include "protocol/imap/command_encoder_parts.h"
#include "protocol/imap/utf7.h"

namespace imap::command_encoder {
namespace {

void put_mailbox(Writer& writer, const MailboxName& name) {
  writer.space();
  encode_mailbox(writer, name);
}

// Quoted even where it need not be: every client does so, and servers expect it.
void put_pattern(Writer& writer, const std::string& utf8) {
  writer.string(writer.options().utf8 ? utf8 : encode_utf7(utf8));
}

void put_status_items(Writer& writer, const std::vector<StatusItem>& items) {
  CHECK(!items.empty());
  writer.open();
  bool first = true;
  for (const StatusItem item : items) {
    writer.separate(first);
    writer.atom(name_of(item));
  }
  writer.close();
}

struct Option {
  bool chosen;
  std::string_view name;
};

// Writes the names of the chosen ones; says whether there were any.
bool put_options(Writer& writer, std::initializer_list<Option> options) {
  bool first = true;
  for (const Option& option : options) {
    if (!option.chosen) continue;
    writer.separate(first);
    writer.atom(option.name);
  }
  return !first;
}

}  // namespace

void encode(Writer& writer, const SelectCommand& command) {
  put_mailbox(writer, command.mailbox);
  if (!command.condstore && !command.qresync) return;
  writer.raw(" (");
  bool first = true;
  if (command.condstore) {
    writer.separate(first);
    writer.atom("CONDSTORE");
  }
  if (command.qresync) {
    const QresyncParameter& qresync = *command.qresync;
    writer.separate(first);
    writer.raw("QRESYNC (");
    writer.number(qresync.uid_validity.value());
    writer.space();
    writer.number(qresync.mod_seq.value());
    if (qresync.known_uids) {
      writer.space();
      qresync.known_uids->encode_to(writer.out());
    }
    if (qresync.sequence_match) {
      writer.raw(" (");
      qresync.sequence_match->first.encode_to(writer.out());
      writer.space();
      qresync.sequence_match->second.encode_to(writer.out());
      writer.close();
    }
    writer.close();
  }
  writer.close();
}

void encode(Writer& writer, const CreateCommand& command) {
  put_mailbox(writer, command.mailbox);
  if (command.special_use.empty()) return;
  writer.raw(" (USE (");
  bool first = true;
  for (const std::string& use : command.special_use) {
    writer.separate(first);
    writer.atom(use);
  }
  writer.raw("))");
}

void encode(Writer& writer, const DeleteCommand& command) { put_mailbox(writer, command.mailbox); }

void encode(Writer& writer, const RenameCommand& command) {
  put_mailbox(writer, command.from);
  put_mailbox(writer, command.to);
}

void encode(Writer& writer, const SubscribeCommand& command) {
  put_mailbox(writer, command.mailbox);
}

void encode(Writer& writer, const UnsubscribeCommand& command) {
  put_mailbox(writer, command.mailbox);
}

void encode(Writer& writer, const ListCommand& command) {
  CHECK(!command.patterns.empty());
  const bool selects = command.select_subscribed || command.select_remote ||
                       command.select_recursive_match || command.select_special_use;
  const bool returns = command.return_subscribed || command.return_children ||
                       command.return_special_use || command.return_status;
  const bool several = command.patterns.size() > 1;
  // "()" says no more than that the answer is to be an extended one.
  if (selects || (command.extended && !returns && !several)) {
    writer.raw(" (");
    put_options(writer, {{command.select_subscribed, "SUBSCRIBED"},
                         {command.select_remote, "REMOTE"},
                         {command.select_recursive_match, "RECURSIVEMATCH"},
                         {command.select_special_use, "SPECIAL-USE"}});
    writer.close();
  }
  writer.space();
  put_pattern(writer, command.reference);
  writer.space();
  if (several) {
    writer.open();
    bool first = true;
    for (const std::string& pattern : command.patterns) {
      writer.separate(first);
      put_pattern(writer, pattern);
    }
    writer.close();
  } else {
    put_pattern(writer, command.patterns.front());
  }
  if (!returns) return;
  writer.raw(" RETURN (");
  const bool some = put_options(writer, {{command.return_subscribed, "SUBSCRIBED"},
                                         {command.return_children, "CHILDREN"},
                                         {command.return_special_use, "SPECIAL-USE"}});
  if (command.return_status) {
    if (some) writer.space();
    writer.raw("STATUS ");
    put_status_items(writer, *command.return_status);
  }
  writer.close();
}

void encode(Writer& writer, const LsubCommand& command) {
  writer.space();
  put_pattern(writer, command.reference);
  writer.space();
  put_pattern(writer, command.pattern);
}

void encode(Writer& writer, const StatusCommand& command) {
  put_mailbox(writer, command.mailbox);
  writer.space();
  put_status_items(writer, command.items);
}

}  // namespace imap::command_encoder

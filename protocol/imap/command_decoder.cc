#include "protocol/imap/command_decoder.h"

#include <array>

#include "protocol/imap/command_decoder_parts.h"
#include "protocol/imap/command_table.h"

namespace imap {
namespace {

using namespace command_decoder;

struct Row {
  std::string_view name;
  Decode decode;
};

template <class C>
Result<Command> decode_nothing(Lexer&, const CommandLimits&) {
  return C{};
}

constexpr std::array kDecoders = {
    Row{"CAPABILITY", decode_nothing<CapabilityCommand>},
    Row{"NOOP", decode_nothing<NoopCommand>},
    Row{"LOGOUT", decode_nothing<LogoutCommand>},
    Row{"ID", decode_id},
    Row{"STARTTLS", decode_nothing<StartTlsCommand>},
    Row{"AUTHENTICATE", decode_authenticate},
    Row{"LOGIN", decode_login},
    Row{"ENABLE", decode_enable},
    Row{"NAMESPACE", decode_nothing<NamespaceCommand>},
    Row{"COMPRESS", decode_compress},
    Row{"SELECT", decode_select},
    Row{"EXAMINE", decode_examine},
    Row{"CREATE", decode_create},
    Row{"DELETE", decode_delete},
    Row{"RENAME", decode_rename},
    Row{"SUBSCRIBE", decode_subscribe},
    Row{"UNSUBSCRIBE", decode_unsubscribe},
    Row{"LIST", decode_list},
    Row{"LSUB", decode_lsub},
    Row{"STATUS", decode_status},
    Row{"APPEND", decode_append},
    Row{"IDLE", decode_nothing<IdleCommand>},
    Row{"CHECK", decode_nothing<CheckCommand>},
    Row{"CLOSE", decode_nothing<CloseCommand>},
    Row{"UNSELECT", decode_nothing<UnselectCommand>},
    Row{"EXPUNGE", decode_nothing<ExpungeCommand>},
    Row{"UID EXPUNGE", decode_uid_expunge},
    Row{"SEARCH", decode_search},
    Row{"UID SEARCH", decode_uid_search},
    Row{"FETCH", decode_fetch},
    Row{"UID FETCH", decode_uid_fetch},
    Row{"STORE", decode_store},
    Row{"UID STORE", decode_uid_store},
    Row{"COPY", decode_copy},
    Row{"UID COPY", decode_uid_copy},
    Row{"MOVE", decode_move},
    Row{"UID MOVE", decode_uid_move},
};

const Row* find_decoder(std::string_view name) {
  for (const Row& row : kDecoders) {
    if (equals_ignoring_case(row.name, name)) return &row;
  }
  return nullptr;
}

// The command's name, "UID" and what follows it together.
Result<std::string_view> read_name(Lexer& lexer) {
  const std::size_t begin = lexer.position();
  TRY(const std::string_view first, lexer.atom());
  if (!equals_ignoring_case(first, "UID")) return first;
  TRY_VOID(lexer.space());
  TRY_VOID(lexer.atom());
  return lexer.slice(begin);
}

}  // namespace

std::string_view find_tag(std::string_view text) {
  Lexer lexer(text);
  const auto tag = lexer.tag();
  const bool is_tag = tag && (lexer.at_end() || lexer.peek() == ' ');
  return is_tag ? *tag : std::string_view();
}

std::expected<TaggedCommand, CommandError> decode_command(const Frame& frame,
                                                          const CommandOptions& options) {
  Lexer lexer(frame, {.utf8 = options.utf8});
  CommandError problem{.tag = std::string(find_tag(frame.text)),
                       .name = {},
                       .error = Error(Errc::kInvalid, "expected a tag")};
  const auto refuse = [&problem](Error error) {
    problem.error = std::move(error);
    return std::unexpected(std::move(problem));
  };
  if (problem.tag.empty()) return std::unexpected(std::move(problem));
  lexer.seek(problem.tag.size());
  if (auto space = lexer.space(); !space) return refuse(std::move(space).error());
  const auto name = read_name(lexer);
  if (!name) return refuse(name.error());
  const Row* row = find_decoder(*name);
  if (row == nullptr) {
    problem.unknown_command = true;
    return refuse(Error(Errc::kInvalid, "unknown command"));
  }
  problem.name = row->name;
  auto command = row->decode(lexer, options.limits);
  if (!command) return refuse(std::move(command).error());
  if (auto end = lexer.expect_end(); !end) return refuse(std::move(end).error());
  return TaggedCommand{std::move(problem.tag), std::move(*command)};
}

}  // namespace imap

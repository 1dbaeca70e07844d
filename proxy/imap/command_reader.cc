#include "proxy/imap/command_reader.h"

#include <algorithm>
#include <utility>

namespace proxy {
namespace {

imap::FramerLimits framer_limits(std::size_t max_line_bytes) {
  imap::FramerLimits limits;
  limits.line_bytes = max_line_bytes;
  // Names, search strings and passwords: whatever is kept whole.
  limits.inline_bytes = max_line_bytes;
  return limits;
}

// A client that goes on with a command that was dropped long ago is not worth the bandwidth.
constexpr std::uint64_t kMaxSkippedBytes = std::uint64_t{512} << 20;

// What of a command may stand in a log: no password, and nothing that we could not read.
std::string traceable(const imap::Frame& frame,
                      const std::expected<imap::TaggedCommand, imap::CommandError>& command) {
  if (!command) return "(a command that is not understood)";
  const bool secret = std::holds_alternative<imap::LoginCommand>(command->command) ||
                      std::holds_alternative<imap::AuthenticateCommand>(command->command);
  if (!secret) return std::string(frame.text);
  return fmt::format("{} {} (secret)", command->tag, imap::info_of(command->command).name);
}

}  // namespace

CommandReader::CommandReader(net::Connection* connection, std::size_t max_line_bytes)
    : connection_(connection),
      framer_(imap::FramerDialect::kCommands, framer_limits(max_line_bytes)),
      max_line_bytes_(max_line_bytes) {}

Task<Result<Incoming>> CommandReader::next(std::chrono::milliseconds deadline,
                                           std::stop_token stop) {
  for (;;) {
    const auto step = framer_.feed(connection_->buffered());
    switch (step.status) {
      case imap::Framer::Status::kNeedMore:
        connection_->consume(step.consumed);
        if (framer_.skipped_bytes() > kMaxSkippedBytes) {
          co_return fail(Errc::kProtocol, "a rejected command does not end");
        }
        CO_TRY_VOID(co_await connection_->fill(deadline, stop));
        break;
      case imap::Framer::Status::kLiteral: {
        connection_->consume(step.consumed);
        const imap::LiteralHeader& literal = framer_.literal();
        // Only the message of an APPEND may be long; everything else is kept in the frame.
        auto append = imap::find_append_start(framer_.partial_frame(), options_);
        if (append) {
          append_left_ = literal.size_bytes;
          co_return PendingAppend{std::move(*append), literal.size_bytes};
        }
        const bool synchronizing = literal.synchronizing;
        if (framer_.take_inline() && synchronizing) connection_->write("+ go ahead\r\n");
        break;
      }
      case imap::Framer::Status::kFrame: {
        const imap::Frame frame = framer_.frame();
        std::expected<imap::TaggedCommand, imap::CommandError> command =
            imap::decode_command(frame, options_);
        if (trace_) trace_(traceable(frame, command));
        connection_->consume(step.consumed);
        if (command) co_return std::move(*command);
        co_return RejectedCommand{std::move(command.error().tag), command.error().error.text(),
                                  command.error().unknown_command};
      }
      case imap::Framer::Status::kRejected: {
        connection_->consume(step.consumed);
        if (framer_.lost_step()) {
          co_return fail(Errc::kProtocol, framer_.error().text());
        }
        co_return RejectedCommand{std::string(imap::find_tag(framer_.rejected_text())),
                                  framer_.error().text(), false};
      }
    }
  }
}

void CommandReader::accept_append() {
  const bool synchronizing = framer_.literal().synchronizing;
  framer_.stream();
  if (synchronizing) connection_->write("+ go ahead\r\n");
}

Task<Result<bool>> CommandReader::read_append(std::string* into, std::chrono::milliseconds deadline,
                                              std::stop_token stop) {
  if (append_left_ == 0) co_return true;
  if (connection_->buffered().empty()) CO_TRY_VOID(co_await connection_->fill(deadline, stop));
  const std::string_view bytes = connection_->buffered();
  const std::size_t take = std::min<std::uint64_t>(bytes.size(), append_left_);
  into->append(bytes.substr(0, take));
  connection_->consume(take);
  append_left_ -= take;
  co_return append_left_ == 0;
}

void CommandReader::refuse_append(std::string reason) {
  append_left_ = 0;
  framer_.refuse(Error(Errc::kLimit, std::move(reason)));
}

Task<Result<std::string>> CommandReader::next_line(std::chrono::milliseconds deadline,
                                                   std::stop_token stop) {
  for (;;) {
    const std::string_view bytes = connection_->buffered();
    const std::size_t end = bytes.find('\n');
    if (end != std::string_view::npos) {
      std::string line(bytes.substr(0, end));
      if (line.ends_with('\r')) line.pop_back();
      connection_->consume(end + 1);
      co_return line;
    }
    if (bytes.size() > max_line_bytes_) {
      co_return fail(Errc::kProtocol, "a line is longer than the limit");
    }
    CO_TRY_VOID(co_await connection_->fill(deadline, stop));
  }
}

}  // namespace proxy

#include "proxy/imap/session.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include "proxy/imap/capabilities.h"
#include "proxy/imap/handlers.h"

namespace proxy {
namespace {

bool ends_session(const Error& error) {
  return error.code() == Errc::kClosed || error.code() == Errc::kCancelled;
}

}  // namespace

Session::Session(net::Connection* connection, std::shared_ptr<const Users> users, const User* user,
                 config::Limits limits, Log log)
    : connection_(connection),
      users_(std::move(users)),
      user_(user),
      limits_(std::move(limits)),
      log_(std::move(log)),
      reader_(connection, limits_.max_line_bytes) {}

Session::~Session() { unselect(); }

std::string Session::mailbox_name() const {
  if (!selected_) return {};
  return client_name(mount_of(*user_, selected_->account), selected_->mailbox->record().name);
}

void Session::set_trace(bool on) {
  trace_ = on;
  if (on) {
    reader_.set_trace([this](std::string_view text) { log_.info("C: {}", text); });
  } else {
    reader_.set_trace(nullptr);
  }
}

void Session::select(Selected selected) {
  unselect();
  selected.account->remote().selected(selected.mailbox->id());
  selected_ = std::move(selected);
}

void Session::unselect() {
  if (!selected_) return;
  selected_->account->remote().unselected(selected_->mailbox->id());
  // The view goes before the mailbox that it looks at.
  selected_->view.reset();
  selected_.reset();
}

void Session::enable_condstore() {
  if (std::exchange(condstore_, true) || !selected_) return;
  const imap::ModSeq highest(selected_->told_mod_seq);
  write(imap::ConditionResponse{imap::Condition::kOk,
                                {imap::ResponseCode(imap::HighestModSeqCode{highest}), "Highest"}});
}

Task<imap::HighestModSeqCode> Session::tell_everything(bool uid) {
  const std::uint64_t highest = selected_->mailbox->record().highest_modseq;
  // Commits become durable in their order, so this one brings all those before it.
  (void)co_await selected_->account->settled();
  write_updates(true, uid);
  selected_->told_mod_seq = std::max(selected_->told_mod_seq, highest);
  co_return imap::HighestModSeqCode{imap::ModSeq(selected_->told_mod_seq)};
}

Task<Result<>> Session::push() {
  connection_->write(std::exchange(out_, {}));
  Result<> drained =
      co_await connection_->drain(limits_.max_output_bytes, limits_.write_timeout, stop_);
  if (!drained && drained.error().code() == Errc::kTimeout) {
    log_.info("the client does not read: disconnected");
    connection_->abort();
    co_return fail(Errc::kClosed, "the client does not read");
  }
  co_return drained;
}

Task<Result<const cache::MailboxRecord*>> Session::find_mailbox(Place place) {
  cache::Account* account = place.account;
  const cache::MailboxRecord* record = account->find_mailbox(place.name);
  if (record == nullptr && !account->is_listed()) {
    // First sync: whether it exists is not known before upstream's folder list is here.
    CO_TRY_VOID(co_await account->remote().ensure_listed(stop_));
    record = account->find_mailbox(place.name);
  }
  if (record == nullptr || (record->attributes & cache::kNonExistent) != 0) {
    co_return fail(Errc::kNotFound, "No such mailbox");
  }
  co_return record;
}

void Session::answer(const std::string& tag, const Reply& reply) {
  if (tag.empty()) {
    write(imap::ConditionResponse{reply.condition, {reply.code, reply.text}});
  } else {
    write(imap::TaggedResponse{tag, reply.condition, {reply.code, reply.text}});
  }
  if (trace_) log_.info("S: {} {} {}", tag, imap::name_of(reply.condition), reply.text);
}

Task<void> Session::run(std::string login_tag, std::stop_token stop) {
  stop_ = std::move(stop);
  co_await serve(std::move(login_tag));
  received_.clear();
  unselect();
  if (!stop_.stop_requested() || logged_out_) co_return;
  // RFC 3501 7.1.5: a shutdown says why.
  out_.clear();
  write(imap::ConditionResponse{imap::Condition::kBye, {std::nullopt, "Shutting down"}});
  connection_->write(std::exchange(out_, {}));
}

Task<void> Session::serve(std::string login_tag) {
  answer(login_tag,
         Reply::ok(imap::CapabilityCode{capabilities(connection_->is_compressed())}, "Logged in"));
  if (!co_await push()) co_return;
  while (!logged_out_) {
    Result<Incoming> incoming = co_await reader_.next(limits_.idle_timeout, stop_);
    if (!incoming) {
      end(incoming.error());
      break;
    }
    if (auto* append = std::get_if<PendingAppend>(&*incoming)) {
      if (!co_await receive(std::move(*append))) break;
      continue;
    }
    if (auto* rejected = std::get_if<RejectedCommand>(&*incoming)) {
      received_.clear();
      answer(rejected->tag, refused_append_ ? *refused_append_ : Reply::bad(rejected->text));
      refused_append_.reset();
    } else {
      co_await execute(std::move(std::get<imap::TaggedCommand>(*incoming)));
    }
    if (!co_await push()) co_return;
    if (std::exchange(compress_, false) && !connection_->start_compression()) co_return;
  }
  (void)co_await push();
}

void Session::end(const Error& error) {
  const bool timed_out = error.code() == Errc::kTimeout;
  if (timed_out || error.code() == Errc::kProtocol) {
    write(imap::ConditionResponse{imap::Condition::kBye,
                                  {std::nullopt, timed_out ? "Idle for too long" : error.text()}});
    log_out();
  }
}

// Runs before the command is complete: its message streams into the cache, never held whole.
Task<bool> Session::receive(PendingAppend append) {
  const Place place = place_of(*user_, append.start.mailbox.utf8());
  const Result<const cache::MailboxRecord*> record = co_await find_mailbox(place);
  std::optional<Reply> refusal;
  if (append.size_bytes > limits_.max_append_bytes) {
    refusal = Reply::no(imap::Code::kTooBig, fmt::format("The message is longer than {} bytes",
                                                         limits_.max_append_bytes));
  } else if (!record && record.error().code() == Errc::kNotFound) {
    // RFC 3501 6.3.11
    refusal = Reply::no(imap::Code::kTryCreate, "No such mailbox");
  } else if (!record) {
    refusal = reply_of(record.error());
  }
  if (refusal) {
    refused_append_ = std::move(refusal);
    reader_.refuse_append(refused_append_->text);
    co_return true;
  }

  std::unique_ptr<cache::ContentWriter> content = place.account->begin_message();
  reader_.accept_append();
  constexpr std::size_t kPieceBytes = std::size_t{256} << 10;
  constexpr std::size_t kStoreBytes = std::size_t{512} << 10;
  Result<> stored;
  std::string piece;
  for (bool complete = false; !complete;) {
    piece.clear();
    while (!complete && piece.size() < kPieceBytes) {
      const Result<bool> read = co_await reader_.read_append(&piece, limits_.idle_timeout, stop_);
      if (!read) {
        end(read.error());
        co_return false;
      }
      complete = *read;
    }
    // After a failure the rest is read and dropped, so that the stream stays in step.
    if (!stored) continue;
    if (append.size_bytes > kPieceBytes) {
      co_await run_blocking(static_cast<Executor*>(loop()),
                            [&content, &piece] { content->feed(piece); });
    } else {
      content->feed(piece);
    }
    if (content->pending_bytes() > kStoreBytes) stored = co_await content->store();
  }
  if (stored) {
    received_.push_back({place, std::move(content)});
  } else {
    // The command itself is still to come: it will find one message too few.
    refused_append_ = reply_of(stored.error());
  }
  co_return true;
}

Task<void> Session::execute(imap::TaggedCommand command) {
  const imap::CommandInfo& info = imap::info_of(command.command);
  if (!info.allowed_in(state())) {
    received_.clear();
    answer(command.tag, Reply::bad(info.allowed_in(imap::SessionState::kSelected)
                                       ? "Not allowed without a selected mailbox"
                                       : "Already logged in"));
    co_return;
  }
  tag_ = std::move(command.tag);
  const bool by_uid = info.name.starts_with("UID");
  const bool may_expunge = info.may_send_expunge;
  Result<Reply> reply = co_await std::visit(
      [this](auto one) { return handle(this, std::move(one)); }, std::move(command.command));
  received_.clear();
  refused_append_.reset();
  // There is nobody left to answer, or nothing to say after the BYE.
  if (!reply && (logged_out_ || (ends_session(reply.error()) && !connection_->is_open())))
    co_return;
  if (!reply && reply.error().code() != Errc::kInvalid && reply.error().code() != Errc::kNotFound) {
    log_.info("{}: {}", info.name, reply.error().text());
  }
  if (!logged_out_) write_updates(may_expunge, by_uid);
  answer(tag_, reply ? *reply : reply_of(reply.error()));
}

}  // namespace proxy

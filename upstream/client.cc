#include "upstream/client.h"

#include <algorithm>

#include "protocol/imap/command_encoder.h"
#include "protocol/sasl/base64.h"

namespace upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How often a connection looks whether its server has gone silent.
constexpr milliseconds kHeartbeat{5'000};
constexpr std::size_t kChunkBytes = std::size_t{64} << 10;
// What may wait to be sent of a message, before more of it is read from the cache.
constexpr std::size_t kQueuedBytes = std::size_t{256} << 10;
// "+" that nobody asked for are kept only so far.
constexpr std::size_t kMaxContinuations = 16;

imap::FramerLimits framer_limits(std::size_t inline_bytes) {
  imap::FramerLimits limits;
  limits.line_bytes = std::size_t{16} << 20;  // a SEARCH of a million messages is one line
  limits.inline_bytes = inline_bytes;
  return limits;
}

}  // namespace

struct Client::Pending {
  explicit Pending(Executor* executor) : done(executor) {}
  std::string tag;
  Exchange exchange;
  Event done;
  std::optional<Result<Answer>> result;
  steady_clock::time_point sent = steady_clock::now();
  bool compress = false;
  bool start_tls = false;
};

Client::Client(net::Connection connection, Options options)
    : connection_(std::move(connection)),
      options_(std::move(options)),
      framer_(imap::FramerDialect::kResponses, framer_limits(options_.inline_bytes)),
      profile_(&recognize({})),
      sending_(connection_.loop()),
      greeted_(connection_.loop()),
      continued_(connection_.loop()),
      woken_(connection_.loop()),
      resumed_(connection_.loop()),
      last_heard_(steady_clock::now()),
      tasks_(connection_.loop()) {
  resumed_.set();
}

Client::~Client() = default;

void Client::set_profile(const Profile* profile) {
  profile_ = profile;
  for (const imap::Capability capability : profile->faulty) distrust(capability);
}

void Client::trace(std::string_view direction, std::string_view text) const {
  if (trace_) options_.log.info("{} {}", direction, text);
}

// ---- Reading ----

Task<Result<imap::ConditionResponse>> Client::greeting(std::stop_token stop) {
  tasks_.spawn(read());
  if (Result<> heard = co_await greeted_.wait_for(options_.response_timeout, stop); !heard) {
    co_return fail(std::move(heard).error().within("waiting for the greeting"));
  }
  if (failure_) co_return fail(*failure_);
  co_return *greeting_;
}

Task<void> Client::read() {
  Result<> end = co_await read_until_failure();
  Error error = end ? Error(Errc::kClosed, "closed") : std::move(end).error();
  if (!bye_.empty()) error = Error(Errc::kClosed, "the server said BYE: " + bye_);
  fail_all(std::move(error));
  connection_.abort();
}

Task<Result<>> Client::read_until_failure() {
  const std::stop_token stop = tasks_.stop_token();
  for (;;) {
    CO_TRY_VOID(co_await resumed_.wait(stop));
    const auto step = framer_.feed(connection_.buffered());
    switch (step.status) {
      case imap::Framer::Status::kNeedMore: {
        connection_.consume(step.consumed);
        const Result<> filled = co_await connection_.fill(patience(), stop);
        if (filled) {
          last_heard_ = steady_clock::now();
          break;
        }
        if (filled.error().code() != Errc::kTimeout) co_return filled;
        if (is_overdue()) {
          co_return fail(Errc::kTimeout, fmt::format("the server was silent for {} s",
                                                     options_.response_timeout.count() / 1000));
        }
        break;
      }
      case imap::Framer::Status::kLiteral:
        connection_.consume(step.consumed);
        CO_TRY_VOID(co_await take_literal());
        break;
      case imap::Framer::Status::kFrame: {
        const imap::Frame frame = framer_.frame();
        imap::Response response = decoder_.decode(frame);
        if (trace_) trace("S:", frame.text.substr(0, 1000));
        connection_.consume(step.consumed);
        dispatch(std::move(response));
        break;
      }
      case imap::Framer::Status::kRejected:
        connection_.consume(step.consumed);
        if (framer_.lost_step()) {
          co_return fail(Errc::kProtocol,
                         "the server's stream cannot be followed: " + framer_.error().text());
        }
        options_.log.warning("a response was dropped: {}", framer_.error().text());
        break;
    }
  }
}

bool Client::is_overdue() const {
  if (pending_.empty() || idling_) return false;
  const auto since = std::max(last_heard_, pending_.front()->sent);
  return steady_clock::now() - since >= options_.response_timeout;
}

// How long to wait before the next look whether the server has gone silent.
milliseconds Client::patience() const {
  const milliseconds most = std::min(kHeartbeat, options_.response_timeout);
  if (pending_.empty() || idling_) return most;
  const auto until = std::max(last_heard_, pending_.front()->sent) + options_.response_timeout -
                     steady_clock::now();
  return std::clamp(std::chrono::ceil<milliseconds>(until), milliseconds(1), most);
}

Task<Result<>> Client::take_literal() {
  const std::uint64_t size = framer_.literal().size_bytes;
  const std::optional<imap::PendingFetchData> data =
      decoder_.find_pending_data(framer_.partial_frame());
  const bool small = size <= options_.inline_bytes / 2;
  if (!data || small) {
    if (framer_.take_inline()) co_return Result<>();
    if (!data) co_return Result<>();  // refused by the framer: skipped, and reported as rejected
  }
  // Shared: whoever wanted it may be told of a failure while it still eats.
  const std::shared_ptr<LiteralSink> sink = data ? find_sink(*data, size) : nullptr;
  framer_.stream();
  std::uint64_t left = size;
  while (left > 0) {
    if (connection_.buffered().empty()) {
      CO_TRY_VOID(co_await connection_.fill(options_.response_timeout, tasks_.stop_token()));
      last_heard_ = steady_clock::now();
    }
    const std::string_view bytes =
        connection_.buffered().substr(0, std::min<std::uint64_t>(left, kChunkBytes));
    left -= bytes.size();
    if (sink == nullptr) {
      connection_.consume(bytes.size());
      continue;
    }
    std::string chunk(bytes);
    connection_.consume(bytes.size());
    CO_TRY_VOID(co_await sink->feed(std::move(chunk)));
  }
  co_return Result<>();
}

std::shared_ptr<LiteralSink> Client::find_sink(const imap::PendingFetchData& data,
                                               std::uint64_t size) const {
  for (const Pending* one : pending_) {
    const Exchange& exchange = one->exchange;
    const bool is_asked = one == pending_.front() || (exchange.side_by_side && data.uid);
    if (is_asked && exchange.sink != nullptr && exchange.sink->begin(data, size)) {
      return exchange.sink;
    }
  }
  return nullptr;
}

void Client::learn(const imap::Response& response) {
  const auto from_code = [this](const imap::ResponseText& text) {
    if (const auto* code = text.find<imap::CapabilityCode>()) {
      capabilities_ = imap::Capabilities(code->capabilities);
    }
  };
  if (const auto* said = std::get_if<imap::CapabilityResponse>(&response)) {
    capabilities_ = imap::Capabilities(said->capabilities);
  } else if (const auto* condition = std::get_if<imap::ConditionResponse>(&response)) {
    from_code(condition->text);
    if (condition->condition == imap::Condition::kBye) {
      bye_ = condition->text.text.empty() ? "no reason given" : condition->text.text;
    }
  } else if (const auto* tagged = std::get_if<imap::TaggedResponse>(&response)) {
    from_code(tagged->text);
  }
}

void Client::dispatch(imap::Response response) {
  learn(response);
  if (!greeting_) {
    if (const auto* condition = std::get_if<imap::ConditionResponse>(&response)) {
      greeting_ = *condition;
      greeted_.set();
      return;
    }
  }
  if (auto* tagged = std::get_if<imap::TaggedResponse>(&response)) {
    const auto found =
        std::ranges::find(pending_, tagged->tag, [](const Pending* one) { return one->tag; });
    if (found == pending_.end()) {
      options_.log.warning("the server answered a command that nobody sent");
      return;
    }
    Pending* pending = *found;
    pending_.erase(found);
    const bool ok = tagged->condition == imap::Condition::kOk;
    // Before another byte is read: what follows belongs to the new layer.
    if (pending->compress && ok && !connection_.start_compression()) {
      options_.log.warning("compression could not be started");
    }
    if (pending->start_tls && ok) resumed_.reset();
    pending->result = Answer{tagged->condition, std::move(tagged->text)};
    pending->done.set();
    continued_.notify();
    return;
  }
  if (auto* request = std::get_if<imap::ContinuationRequest>(&response)) {
    if (continuations_.size() < kMaxContinuations) {
      continuations_.push_back(std::move(request->text));
    }
    continued_.notify();
    return;
  }
  for (const Pending* one : pending_) {
    const Exchange& exchange = one->exchange;
    const bool is_asked = one == pending_.front() || exchange.side_by_side;
    if (is_asked && exchange.on_response && exchange.on_response(response)) return;
  }
  if (listener_) listener_(response);
}

void Client::fail_all(Error error) {
  const bool first = !failure_;
  if (first) failure_ = error;
  for (Pending* pending : std::exchange(pending_, {})) {
    pending->result = fail(*failure_);
    pending->done.set();
  }
  greeted_.set();
  continued_.set();
  woken_.set();
  if (first && end_listener_) end_listener_();
}

// ---- Sending ----

Task<Result<Answer>> Client::run(imap::Command command, Exchange exchange) {
  Pending pending(connection_.loop());
  co_return co_await run_pending(&pending, std::move(command), std::move(exchange));
}

Task<Result<Answer>> Client::run_pending(Pending* pending, imap::Command command,
                                         Exchange exchange) {
  if (failure_) co_return fail(*failure_);
  {
    const AsyncMutex::Lock lock = co_await sending_.lock();
    if (failure_) co_return fail(*failure_);
    pending->tag = fmt::format("w{}", ++last_tag_);
    pending->exchange = exchange;
    pending->sent = steady_clock::now();
    continuations_.clear();  // a stray one would let a literal go before it is asked for
    pending_.push_back(pending);
    const Result<> sent = co_await send(pending, std::move(command), std::move(exchange));
    // A connection that cannot be written to is dead for everybody on it.
    if (!sent) {
      fail_all(sent.error());
      connection_.abort();
    }
  }
  const Result<> done = co_await pending->done.wait();
  CHECK(done && pending->result);
  co_return std::move(*pending->result);
}

Task<Result<>> Client::send(Pending* pending, imap::Command command, Exchange exchange) {
  const bool plus = has(imap::Capability::kLiteralPlus);
  imap::WriterOptions options;
  options.literals = plus                                   ? imap::LiteralStyle::kPlus
                     : has(imap::Capability::kLiteralMinus) ? imap::LiteralStyle::kMinus
                                                            : imap::LiteralStyle::kSynchronizing;
  if (trace_) trace("C:", imap::describe_command(pending->tag, command));
  const imap::EncodedCommand encoded = imap::encode_command(pending->tag, command, options);
  const auto* append = std::get_if<imap::AppendCommand>(&command);
  std::size_t at = 0;
  for (const imap::Writer::Break& stop : encoded.breaks) {
    connection_.write(std::string_view(encoded.text).substr(at, stop.offset - at));
    at = stop.offset;
    if (stop.wait_for_continuation) {
      Result<std::string> go = co_await continuation(pending);
      // Answered instead of asked for more: the command has ended here.
      if (!go && pending->result) co_return Result<>();
      if (!go) co_return fail(std::move(go).error());
    }
    if (!stop.streamed) continue;
    CHECK(append != nullptr && exchange.message);
    const std::uint64_t size = append->messages[*stop.streamed].size_bytes;
    for (std::uint64_t offset = 0; offset < size;) {
      CO_TRY(std::string bytes, co_await exchange.message(
                                    offset, std::min<std::uint64_t>(size - offset, kChunkBytes)));
      if (bytes.empty()) co_return fail(Errc::kCorruption, "the message is shorter than its size");
      offset += bytes.size();
      connection_.write(std::move(bytes));
      CO_TRY_VOID(co_await connection_.drain(kQueuedBytes, options_.response_timeout));
      pending->sent = steady_clock::now();
    }
  }
  connection_.write(std::string_view(encoded.text).substr(at));
  co_return Result<>();
}

Task<Result<std::string>> Client::continuation(Pending* pending) {
  const auto until = steady_clock::now() + options_.response_timeout;
  while (continuations_.empty()) {
    if (failure_) co_return fail(*failure_);
    if (pending->result) co_return fail(Errc::kProtocol, "answered before it was complete");
    const auto left = std::chrono::duration_cast<milliseconds>(until - steady_clock::now());
    if (left.count() <= 0) co_return fail(Errc::kTimeout, "the server does not ask for more");
    const Result<> waited = co_await continued_.wait_for(left);
    if (!waited && waited.error().code() == Errc::kCancelled) co_return fail(waited.error());
  }
  std::string text = std::move(continuations_.front());
  continuations_.pop_front();
  co_return text;
}

// ---- Special commands ----

Task<Result<>> Client::start_tls(net::ClientTls tls, std::string host, std::stop_token stop) {
  Pending pending(connection_.loop());
  pending.start_tls = true;
  CO_TRY(const Answer answer, co_await run_pending(&pending, imap::StartTlsCommand{}, {}));
  if (!answer.ok()) {
    co_return fail(Errc::kPermission, "the server refuses STARTTLS: " + answer.text.text);
  }
  const Result<> secured = co_await connection_.start_tls(std::move(tls), std::move(host),
                                                          options_.response_timeout, stop);
  // RFC 3501 6.2.1: nothing that was said before is to be believed.
  capabilities_ = {};
  resumed_.set();
  co_return secured;
}

Task<Result<Answer>> Client::compress() {
  Pending pending(connection_.loop());
  pending.compress = true;
  co_return co_await run_pending(&pending, imap::CompressCommand{"DEFLATE"}, {});
}

Task<Result<Answer>> Client::authenticate(std::unique_ptr<sasl::ClientExchange> exchange,
                                          std::stop_token) {
  const std::string mechanism(sasl::name_of(exchange->mechanism()));
  imap::AuthenticateCommand command;
  command.mechanism = mechanism;
  bool first_sent = false;
  if (has(imap::Capability::kSaslIr) && exchange->has_initial_response()) {
    CO_TRY(const std::string initial, exchange->step(""));
    command.initial_response = Secret(sasl::base64_encode(initial));
    first_sent = true;
  }
  Pending pending(connection_.loop());
  const AsyncMutex::Lock lock = co_await sending_.lock();
  if (failure_) co_return fail(*failure_);
  pending.tag = fmt::format("w{}", ++last_tag_);
  pending.sent = steady_clock::now();
  continuations_.clear();
  pending_.push_back(&pending);
  trace("C:", imap::describe_command(pending.tag, imap::Command(command)));
  connection_.write(imap::encode_command(pending.tag, imap::Command(std::move(command))).text);
  bool given_up = false;
  while (!pending.result) {
    const Result<std::string> challenge = co_await continuation(&pending);
    if (!challenge) {
      if (pending.result) break;
      fail_all(challenge.error());
      connection_.abort();
      break;
    }
    Result<std::string> raw = std::string();
    // Some servers greet the first response with words instead of an empty challenge.
    if (first_sent) raw = sasl::base64_decode(*challenge);
    Result<std::string> response = raw ? exchange->step(first_sent ? *raw : std::string()) : raw;
    first_sent = true;
    if (!response || given_up) {
      given_up = true;
      connection_.write("*\r\n");  // RFC 3501 6.2.2
      continue;
    }
    connection_.write(sasl::base64_encode(*response) + "\r\n");
    pending.sent = steady_clock::now();
  }
  if (!pending.result) co_return fail(*failure_);
  Result<Answer> answer = std::move(*pending.result);
  if (answer && answer->ok()) CO_TRY_VOID(exchange->finish());
  co_return answer;
}

Task<Result<Answer>> Client::idle(std::chrono::milliseconds limit, std::stop_token stop) {
  if (failure_) co_return fail(*failure_);
  Pending pending(connection_.loop());
  {
    const AsyncMutex::Lock lock = co_await sending_.lock();
    if (failure_) co_return fail(*failure_);
    pending.tag = fmt::format("w{}", ++last_tag_);
    pending.sent = steady_clock::now();
    continuations_.clear();
    pending_.push_back(&pending);
    trace("C:", pending.tag + " IDLE");
    connection_.write(pending.tag + " IDLE\r\n");
    const Result<std::string> idling = co_await continuation(&pending);
    if (!idling && !pending.result) {
      fail_all(idling.error());
      connection_.abort();
    }
    if (idling) {
      idling_ = true;
      const Result<> ended = co_await woken_.wait_for(limit, stop);
      idling_ = false;
      pending.sent = steady_clock::now();
      if (!failure_) connection_.write("DONE\r\n");
      static_cast<void>(ended);  // why does not matter
    }
    woken_.reset();
  }
  const Result<> done = co_await pending.done.wait();
  CHECK(done && pending.result);
  co_return std::move(*pending.result);
}

Task<void> Client::close(bool polite) {
  // What is still to come concerns nobody: those who listened may be gone.
  listener_ = {};
  end_listener_ = {};
  if (polite && !failure_ && connection_.is_open()) {
    // Nobody waits for the answer: the server is free to hang up first.
    connection_.write("bye LOGOUT\r\n");
    (void)co_await connection_.flush(milliseconds(500));
  }
  fail_all(Error(Errc::kCancelled, "closing"));
  connection_.abort();
  co_await tasks_.close();
}

}  // namespace upstream

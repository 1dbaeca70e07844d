#include "net/connection_impl.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.h"

namespace net {

namespace {

// Output is sent when this much has gathered, also in the middle of a turn.
constexpr std::size_t kPushBytes = std::size_t{64} * 1024;
constexpr std::chrono::seconds kLongestLinger{1};

std::unexpected<Error> closed_by_us() { return fail(Errc::kClosed, "the connection was closed"); }

Result<> result_of(Ended how) {
  switch (how) {
    case Ended::kReady:
      return {};
    case Ended::kTimeout:
      return fail(Errc::kTimeout, "timed out");
    case Ended::kCancelled:
      return fail(Errc::kCancelled, "cancelled");
    case Ended::kClosed:
    case Ended::kWaiting:
      break;
  }
  return closed_by_us();
}

// Whether closing now might destroy what the peer has not got yet: bytes that we have not read make
// TCP reset the connection, and a reset overtakes what is still on its way.
bool needs_linger(int socket) {
  int type = 0;
  socklen_t size = sizeof(type);
  if (getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &type, &size) != 0 || type == AF_UNIX) return false;
  int unread = 0;
  int unacknowledged = 0;
  if (ioctl(socket, FIONREAD, &unread) != 0) return false;
  if (ioctl(socket, SIOCOUTQ, &unacknowledged) != 0) return false;
  return unread > 0 || unacknowledged > 0;
}

}  // namespace

Result<Connection::Impl::Self> Connection::Impl::create(Loop* loop,
                                                        std::unique_ptr<Transport> transport) {
  CHECK(loop->is_current());
  auto impl = std::make_shared<Impl>(loop, std::move(transport));
  TRY_VOID(impl->poll_.open(loop, impl->transport->socket.get()));
  return impl;
}

Connection::Impl::Impl(Loop* owner, std::unique_ptr<Transport> connected)
    : loop(owner), transport(std::move(connected)), poll_([this](int ready) { on_ready(ready); }) {}

void Connection::Impl::watch(bool input) {
  watches_input_ = input;
  poll_.want((input ? Poll::kReadable : 0) | (blocked_ ? Poll::kWritable : 0));
}

void Connection::Impl::on_ready(int ready) {
  if ((ready & Poll::kWritable) != 0 && blocked_) push();
  bool input = watches_input_;
  if ((ready & Poll::kReadable) != 0) {
    // Watching goes on for whoever waits again in this turn; when nobody does, the second report
    // ends it. That saves two system calls for each fill.
    input = !input_waits_.empty();
    input_waits_.wake_all(Ended::kReady);
  }
  watch(input);
}

void Connection::Impl::push() {
  if (!open_ || output_error_) return;
  const std::uint64_t before = transport->sent_bytes;
  Result<bool> sent = transport->send();
  blocked_ = sent.has_value() && !*sent;
  if (!sent) {
    output_error_ = std::move(sent).error();
    transport->output.clear();
    transport->wire = std::string();
    transport->wire_sent = 0;
  }
  if (!blocked_ || transport->sent_bytes != before) output_waits_.wake_all(Ended::kReady);
  watch(watches_input_);
}

void Connection::Impl::written() {
  if (output_error_) {
    transport->output.clear();
    return;
  }
  if (blocked_) return;  // goes on when the socket is writable
  if (transport->queued_bytes() >= kPushBytes) {
    push();
  } else if (!scheduled_) {
    scheduled_ = true;
    loop->at_turn_end([weak = weak_from_this()] {
      if (const Self self = weak.lock()) {
        self->scheduled_ = false;
        self->push();
      }
    });
  }
}

std::unique_ptr<Transport> Connection::Impl::detach() {
  open_ = false;
  poll_.close();
  auto empty = std::make_unique<Transport>();
  empty->peer = transport->peer;
  empty->received_bytes = transport->received_bytes;
  empty->sent_bytes = transport->sent_bytes;
  transport.swap(empty);
  input_waits_.wake_all(Ended::kClosed);
  output_waits_.wake_all(Ended::kClosed);
  return empty;
}

void Connection::Impl::abort() {
  if (open_) detach();
}

Task<Result<>> Connection::Impl::wait_input(Self self, Deadline deadline, std::stop_token stop) {
  self->watch(true);
  CO_TRY_VOID(result_of(co_await Wait(self->loop, &self->input_waits_, deadline, stop)));
  if (!self->open_) co_return closed_by_us();
  co_return Result<>();
}

void Connection::Impl::receive() {
  Result<Transport::Received> got = transport->receive(loop->scratch());
  if (!got) input_error_ = std::move(got).error();
  // Reading may have made TLS answer: a new key, an alert.
  if (!transport->wire.empty()) push();
  decompress();
}

void Connection::Impl::decompress() {
  if (!transport->deflate || input_error_) return;
  Result<> done = transport->decompress(kFillBytes);
  if (!done) input_error_ = std::move(done).error();
}

Task<Result<>> Connection::Impl::fill(Self self, Milliseconds limit, std::stop_token stop) {
  const Deadline deadline = deadline_after(limit);
  CHECK(self->input_waits_.empty());
  if (!self->usable()) co_return closed_by_us();
  const std::size_t before = self->transport->input.size();
  self->decompress();
  while (self->transport->input.size() == before) {
    if (self->input_error_) co_return fail(*self->input_error_);
    if (self->transport->ended) co_return fail(Errc::kClosed, "the peer closed the connection");
    self->transport->input.shrink();
    CO_TRY_VOID(co_await wait_input(self, deadline, stop));
    if (!self->usable()) co_return closed_by_us();
    self->receive();
  }
  // What came before an error is given out first; the next fill tells.
  co_return Result<>();
}

Task<Result<>> Connection::Impl::drain(Self self, std::size_t at_most, Milliseconds stall,
                                       Deadline deadline, std::stop_token stop) {
  if (!self->blocked_) self->push();
  for (;;) {
    if (self->output_error_) co_return fail(*self->output_error_);
    if (!self->open_) co_return closed_by_us();
    if (self->transport->queued_bytes() <= at_most) co_return Result<>();
    const Deadline first = std::min(deadline, deadline_after(stall));
    CO_TRY_VOID(result_of(co_await Wait(self->loop, &self->output_waits_, first, stop)));
  }
}

Task<Result<>> Connection::Impl::handshake(Self self, Deadline deadline, std::stop_token stop) {
  Transport* transport = self->transport.get();
  CO_TRY_VOID(transport->tls->handshake({}, transport->input.tail(), &transport->wire));
  for (;;) {
    self->push();
    if (transport->is_tls()) co_return Result<>();
    if (transport->ended) co_return fail(Errc::kClosed, "the peer closed the connection");
    CO_TRY_VOID(co_await wait_input(self, deadline, stop));
    self->receive();
    if (self->input_error_) co_return fail(*self->input_error_);
  }
}

Task<Result<>> Connection::Impl::start_tls(Self self, Result<std::unique_ptr<TlsLayer>> layer,
                                           Milliseconds limit, std::stop_token stop) {
  const Deadline deadline = deadline_after(limit);
  if (!layer) co_return fail(std::move(layer).error());
  if (!self->usable()) co_return closed_by_us();
  if (self->transport->tls || self->transport->deflate) {
    co_return fail(Errc::kInvalid, "TLS cannot start over TLS or compression");
  }
  CHECK(self->input_waits_.empty());  // a fill would take the handshake's bytes
  Result<> done = co_await drain(self, 0, limit, deadline, stop);
  if (done && !self->usable()) done = closed_by_us();
  if (done) {
    if (const std::size_t injected = self->transport->input.size(); injected != 0) {
      // RFC 3501 6.2.1: both sides must discard what they knew before TLS.
      Log().warning("{}: discarded {} bytes that were sent before the TLS handshake",
                    self->transport->peer.text, injected);
    }
    self->transport->input.clear();
    self->transport->tls = std::move(*layer);
    done = co_await handshake(self, deadline, stop);
  }
  if (!done) {
    self->abort();
    co_return fail(std::move(done).error().within("TLS handshake"));
  }
  co_return Result<>();
}

Result<> Connection::Impl::start_compression() {
  if (!usable()) return closed_by_us();
  if (transport->deflate || (transport->tls && !transport->is_tls())) {
    return fail(Errc::kInvalid, "compression cannot start over compression or within a handshake");
  }
  TRY(std::unique_ptr<DeflateLayer> layer, DeflateLayer::create());
  TRY_VOID(transport->encode_all());
  layer->pending()->assign(transport->input.view());
  transport->input.clear();
  transport->deflate = std::move(layer);
  written();
  return {};
}

Task<void> Connection::Impl::linger(Self self, Deadline deadline) {
  const Deadline end = std::min(deadline, deadline_after(kLongestLinger));
  while (!self->transport->ended) {
    if (!co_await wait_input(self, end, {})) co_return;
    const std::span<char> scratch = self->loop->scratch();
    const ssize_t got =
        recv(self->transport->socket.get(), scratch.data(), scratch.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) co_return;
  }
}

Task<void> Connection::Impl::close(Self self, Milliseconds limit) {
  if (!self->usable()) co_return;
  const Deadline deadline = deadline_after(limit);
  self->closing_ = true;
  self->input_waits_.wake_all(Ended::kClosed);
  Result<> sent = co_await drain(self, 0, limit, deadline, {});
  if (sent && self->open_ && self->transport->is_tls()) {
    self->transport->tls->close_notify(&self->transport->wire);
    sent = co_await drain(self, 0, limit, deadline, {});
  }
  if (sent && self->open_) {
    const int socket = self->transport->socket.get();
    const bool lingers = needs_linger(socket);
    shutdown(socket, SHUT_WR);
    if (lingers) co_await linger(self, deadline);
  }
  self->abort();
}

Task<Result<Handover>> Connection::Impl::release(Self self, Milliseconds stall,
                                                 std::stop_token stop) {
  if (!self->usable()) co_return closed_by_us();
  if (self->transport->tls && !self->transport->is_tls()) {
    co_return fail(Errc::kInvalid, "a connection cannot move within a TLS handshake");
  }
  CO_TRY_VOID(co_await drain(self, 0, stall, kNever, stop));
  if (!self->usable()) co_return closed_by_us();
  co_return Handover(self->detach());
}

}  // namespace net

#include "net/connection.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "net/connection_impl.h"

namespace net {

Handover::Handover(std::unique_ptr<Transport> transport) : transport_(std::move(transport)) {}
Handover::Handover(Handover&&) noexcept = default;
Handover& Handover::operator=(Handover&&) noexcept = default;
Handover::~Handover() = default;

const Peer& Handover::peer() const { return transport_->peer; }

Connection::Connection(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::Connection(Connection&&) noexcept = default;

Connection& Connection::operator=(Connection&& other) noexcept {
  if (this == &other) return *this;
  if (impl_) impl_->abort();
  impl_ = std::move(other.impl_);
  return *this;
}

Connection::~Connection() {
  if (impl_) impl_->abort();
}

Result<Connection> Connection::open(Loop* loop, Descriptor socket, Peer peer) {
  auto transport = std::make_unique<Transport>();
  transport->socket = std::move(socket);
  transport->peer = std::move(peer);
  return adopt(loop, Handover(std::move(transport)));
}

Result<Connection> Connection::adopt(Loop* loop, Handover handover) {
  TRY(std::shared_ptr<Impl> impl, Impl::create(loop, std::move(handover.transport_)));
  return Connection(std::move(impl));
}

Result<std::pair<Connection, Connection>> Connection::pair(Loop* loop) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(Errc::kIo, std::string("cannot make a socket pair: ") + std::strerror(errno));
  }
  Descriptor first(ends[0]);
  Descriptor second(ends[1]);
  const Peer peer{.text = "socket pair", .host = "", .is_loopback = true};
  TRY(Connection one, open(loop, std::move(first), peer));
  TRY(Connection other, open(loop, std::move(second), peer));
  return std::pair(std::move(one), std::move(other));
}

Loop* Connection::loop() const { return impl_->loop; }
const Peer& Connection::peer() const { return impl_->transport->peer; }
bool Connection::is_open() const { return impl_ && impl_->usable(); }
bool Connection::is_tls() const { return impl_->transport->is_tls(); }
bool Connection::is_compressed() const { return impl_->transport->deflate != nullptr; }

std::optional<TlsInfo> Connection::tls_info() const {
  if (!is_tls()) return std::nullopt;
  return impl_->transport->tls->info();
}

std::uint64_t Connection::received_bytes() const { return impl_->transport->received_bytes; }
std::uint64_t Connection::sent_bytes() const { return impl_->transport->sent_bytes; }

Task<Result<>> Connection::fill(Milliseconds deadline, std::stop_token stop) {
  return Impl::fill(impl_, deadline, std::move(stop));
}

std::string_view Connection::buffered() const { return impl_->transport->input.view(); }

void Connection::consume(std::size_t bytes) { impl_->transport->input.consume(bytes); }

void Connection::write(std::string&& data) {
  if (!impl_->usable()) return;
  impl_->transport->output.append(std::move(data));
  impl_->written();
}

void Connection::write(std::string_view data) {
  if (!impl_->usable()) return;
  impl_->transport->output.append(data);
  impl_->written();
}

std::size_t Connection::queued_bytes() const { return impl_->transport->queued_bytes(); }

Task<Result<>> Connection::flush(Milliseconds deadline, std::stop_token stop) {
  return Impl::drain(impl_, 0, deadline, kNever, std::move(stop));
}

Task<Result<>> Connection::drain(std::size_t at_most, Milliseconds deadline, std::stop_token stop) {
  return Impl::drain(impl_, at_most, deadline, kNever, std::move(stop));
}

Task<Result<>> Connection::start_tls(ClientTls tls, std::string host, Milliseconds deadline,
                                     std::stop_token stop) {
  return Impl::start_tls(impl_, TlsLayer::client(tls, std::move(host)), deadline, std::move(stop));
}

Task<Result<>> Connection::start_tls(ServerTls tls, Milliseconds deadline, std::stop_token stop) {
  return Impl::start_tls(impl_, TlsLayer::server(tls), deadline, std::move(stop));
}

Result<> Connection::start_compression() { return impl_->start_compression(); }

Task<void> Connection::close(Milliseconds deadline) { return Impl::close(impl_, deadline); }

void Connection::abort() { impl_->abort(); }

Task<Result<Handover>> Connection::release(Milliseconds deadline, std::stop_token stop) {
  return Impl::release(impl_, deadline, std::move(stop));
}

}  // namespace net

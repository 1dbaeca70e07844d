#include "net/poll.h"

#include <uv.h>

#include <string>

#include "base/check.h"
#include "net/loop.h"

namespace net {

static_assert(Poll::kReadable == UV_READABLE && Poll::kWritable == UV_WRITABLE);

Result<> Poll::open(Loop* loop, int fd) {
  CHECK(handle_ == nullptr);
  auto* handle = new uv_poll_t;
  if (const int rc = uv_poll_init(loop->uv(), handle, fd); rc != 0) {
    delete handle;
    return fail(Errc::kIo, std::string("cannot watch a socket: ") + uv_strerror(rc));
  }
  handle->data = this;
  handle_ = handle;
  return {};
}

void Poll::want(int events) {
  if (handle_ == nullptr || events == wanted_) return;
  wanted_ = events;
  if (events == kNothing) {
    uv_poll_stop(handle_);
    return;
  }
  const auto on_ready = [](uv_poll_t* handle, int status, int ready) {
    auto* self = static_cast<Poll*>(handle->data);
    if (status < 0) {
      // libuv has stopped watching.
      self->wanted_ = kNothing;
      ready = kReadable | kWritable;
    }
    self->callback_(ready);
  };
  CHECK(uv_poll_start(handle_, events, on_ready) == 0);
}

void Poll::close() {
  if (handle_ == nullptr) return;
  auto* handle = reinterpret_cast<uv_handle_t*>(std::exchange(handle_, nullptr));
  uv_close(handle, [](uv_handle_t* closed) { delete reinterpret_cast<uv_poll_t*>(closed); });
}

}  // namespace net

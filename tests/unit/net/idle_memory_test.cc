// What a connection costs that just waits: thousands of them do.
#include <gtest/gtest.h>
#include <malloc.h>

#include <vector>

#include "tests/support/certificate.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/net/streams.h"

namespace net {
namespace {

using testing::both;
using testing::kLong;

constexpr std::size_t kPairs = 200;
using Pairs = std::vector<std::pair<Connection, Connection>>;

// As a session does: answers each command, and waits for the next.
Task<void> session(Connection* on) {
  while (co_await on->fill(std::chrono::hours(1))) {
    on->consume(on->buffered().size());
    on->write("a OK NOOP completed\r\n");
  }
}

Task<Result<>> ask(Connection* on) {
  on->write("a NOOP\r\n");
  CO_TRY_VOID(co_await on->fill(kLong));
  on->consume(on->buffered().size());
  co_return Result<>();
}

// Heap bytes in use; a sanitizer's allocator reports none, and the test then says nothing.
long heap_bytes() { return static_cast<long>(mallinfo2().uordblks); }

class IdleMemoryTest : public ::testing::Test {
 protected:
  IdleMemoryTest() {
    for (std::size_t i = 0; i < kPairs; ++i) {
      pairs_.push_back(Connection::pair(fixture_.loop()).value());
    }
  }
  // Bytes that one end of a connection keeps after it has answered a command.
  long measure() {
    TaskGroup sessions(fixture_.loop());
    for (auto& [client, server] : pairs_) sessions.spawn(session(&server));
    for (auto& [client, server] : pairs_) {
      EXPECT_TRUE(fixture_.run(ask(&client)).has_value());
    }
    const long used = heap_bytes() - before_;
    for (auto& [client, server] : pairs_) server.abort();
    fixture_.run(sessions.close());
    return used / static_cast<long>(kPairs) / 2;
  }

  LoopFixture fixture_;
  const long before_ = heap_bytes();
  Pairs pairs_;
};

TEST_F(IdleMemoryTest, APlainConnectionKeepsAFewKilobytes) { EXPECT_LT(measure(), 3'000); }

TEST_F(IdleMemoryTest, ATlsConnectionKeepsLessThan24KiB) {
  const support::TempDir folder;
  const auto made = support::make_certificate(folder.path()).value();
  const auto trust = ClientTls::create({.ca_file = made.certificate, .fingerprint = ""}).value();
  const auto identity = ServerTls::create({made.certificate, made.private_key}).value();
  for (auto& [client, server] : pairs_) {
    const auto [served, asked] =
        fixture_.run(both(fixture_.loop(), server.start_tls(identity, kLong),
                          client.start_tls(trust, "localhost", kLong)));
    ASSERT_TRUE(served.has_value() && asked.has_value());
  }
  EXPECT_LT(measure(), 24 * 1024);
}

}  // namespace
}  // namespace net

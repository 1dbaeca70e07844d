// Messages for the demo: made from a seed, of many kinds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace proxy {

/// The n-th message of the demo's far mailbox: plain, alternative or with an attachment; most are a
/// few kilobytes, some a few hundred.
std::string demo_message(std::size_t n);
/// Seconds since 1970 when it arrived.
std::int64_t demo_date(std::size_t n);

}  // namespace proxy

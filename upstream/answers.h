// Answers: what a NO or a BAD means for us.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "upstream/client.h"

namespace upstream {

/// The error that `answer` to `what` stands for. kUnavailable: passing trouble, by its code or its
/// words (field: throttling, "Server Unavailable"); kLimit: over quota, too big; kNotFound: no such
/// mailbox; kAlreadyExists; kPermission; kInvalid: BAD, or a NO without a known reason.
Error error_of(const Answer& answer, std::string_view what);
/// The same for LOGIN and AUTHENTICATE.
Error login_error(const Answer& answer);
/// How long a server that is overused wants to be left alone, an hour at most; none when `error`
/// says nothing of the kind. Exchange: "Suggested Backoff Time: 5000 milliseconds"; where no time
/// is given (Gmail's THROTTLED, Yahoo's LIMIT), a minute.
std::optional<std::chrono::milliseconds> throttle_of(const Error& error);
/// Whether trying again later can help.
bool is_passing(const Error& error);

}  // namespace upstream

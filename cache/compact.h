// Compaction that ends when the program does.
#pragma once

#include <stop_token>

#include "base/result.h"
#include "cache/store.h"

namespace cache {

/// As Store::compact(). Thread: a worker; long. Errors: kCancelled when `stop` asks for it.
Result<> compact(Store* store, std::stop_token stop);

}  // namespace cache

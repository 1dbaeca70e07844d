// CacheReport: what `waystation cache` found or did, here or in the program that serves.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cache/database.h"
#include "cache/verify.h"

namespace proxy {

struct CacheReport {
  std::string verb;  // "verify", "stats", "compact"
  std::uint64_t disk_bytes = 0;
  // verify
  cache::VerifyReport counts;
  std::vector<std::string> findings;  // the first 10,000
  // stats
  std::uint64_t memory_bytes = 0;
  std::vector<std::pair<std::string, std::uint64_t>> families;
  // compact
  std::uint64_t disk_bytes_before = 0;

  bool is_sound() const { return counts.findings == 0; }
};

/// Thread: a worker; long. `progress` from 0 to 1, of verify alone.
/// Errors: kInvalid: an unknown verb; kCancelled; what the store says.
Result<CacheReport> look_after_cache(const cache::Database& database, const std::string& verb,
                                     const std::function<void(double)>& progress,
                                     std::stop_token stop);

std::string cache_report_to_json(const CacheReport& report);
Result<CacheReport> cache_report_from_json(std::string_view json);
/// For a terminal: findings a line each.
std::string render_cache_report(const CacheReport& report, const std::string& data_dir);

}  // namespace proxy

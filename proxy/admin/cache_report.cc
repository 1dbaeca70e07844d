#include "proxy/admin/cache_report.h"

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "cache/compact.h"
#include "cache/journal_file.h"
#include "proxy/admin/text_table.h"

namespace proxy {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostFindings = 10'000;

Result<> verify(const cache::Database& database, const std::function<void(double)>& progress,
                std::stop_token stop, CacheReport* report) {
  const auto found = [report](const std::string& line) {
    if (report->findings.size() < kMostFindings) report->findings.push_back(line);
  };
  TRY(report->counts, cache::verify(database.store(), found, progress, std::move(stop)));
  const std::string path = database.directory() + "/journal";
  TRY(const cache::JournalFile::Facts facts, cache::JournalFile::look(path));
  if (!facts.exists || facts.damaged_bytes > 0) {
    ++report->counts.findings;
    found(facts.exists ? fmt::format("{}: {} bytes are damaged; the next start makes it anew", path,
                                     facts.damaged_bytes)
                       : fmt::format("{} is missing; the next start makes it anew", path));
  }
  return {};
}

}  // namespace

Result<CacheReport> look_after_cache(const cache::Database& database, const std::string& verb,
                                     const std::function<void(double)>& progress,
                                     std::stop_token stop) {
  CacheReport report;
  report.verb = verb;
  cache::Store* const store = database.store();
  if (verb == "verify") {
    TRY_VOID(verify(database, progress, std::move(stop), &report));
  } else if (verb == "compact") {
    report.disk_bytes_before = store->stats().disk_bytes;
    TRY_VOID(cache::compact(store, std::move(stop)));
  } else if (verb != "stats") {
    return fail(Errc::kInvalid, "unknown cache request");
  }
  cache::Store::Stats stats = store->stats();
  report.disk_bytes = stats.disk_bytes;
  report.memory_bytes = stats.memory_bytes;
  report.families = std::move(stats.family_bytes);
  return report;
}

std::string cache_report_to_json(const CacheReport& report) {
  Json json = {{"verb", report.verb}, {"disk_bytes", report.disk_bytes}};
  if (report.verb == "verify") {
    json["sound"] = report.is_sound();
    json["findings"] = report.findings;
    json["finding_count"] = report.counts.findings;
    json["accounts"] = report.counts.accounts;
    json["mailboxes"] = report.counts.mailboxes;
    json["messages"] = report.counts.rows;
    json["bodies"] = report.counts.bodies;
    json["writes"] = report.counts.writes;
  } else if (report.verb == "compact") {
    json["disk_bytes_before"] = report.disk_bytes_before;
  } else {
    json["memory_bytes"] = report.memory_bytes;
    json["families"] = Json::array();
    for (const auto& [name, bytes] : report.families) {
      json["families"].push_back({{"name", name}, {"disk_bytes", bytes}});
    }
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<CacheReport> cache_report_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    CacheReport report;
    json.at("verb").get_to(report.verb);
    json.at("disk_bytes").get_to(report.disk_bytes);
    if (report.verb == "verify") {
      json.at("findings").get_to(report.findings);
      json.at("finding_count").get_to(report.counts.findings);
      json.at("accounts").get_to(report.counts.accounts);
      json.at("mailboxes").get_to(report.counts.mailboxes);
      json.at("messages").get_to(report.counts.rows);
      json.at("bodies").get_to(report.counts.bodies);
      json.at("writes").get_to(report.counts.writes);
    } else if (report.verb == "compact") {
      json.at("disk_bytes_before").get_to(report.disk_bytes_before);
    } else {
      json.at("memory_bytes").get_to(report.memory_bytes);
      for (const Json& family : json.at("families")) {
        report.families.emplace_back(family.at("name").get<std::string>(),
                                     family.at("disk_bytes").get<std::uint64_t>());
      }
    }
    return report;
  } catch (const Json::exception& error) {
    return fail(Errc::kProtocol, fmt::format("the answer is not understood: {}", error.what()));
  }
}

std::string render_cache_report(const CacheReport& report, const std::string& data_dir) {
  if (report.verb == "compact") {
    return fmt::format("{} before, {} now\n", human_bytes(report.disk_bytes_before),
                       human_bytes(report.disk_bytes));
  }
  if (report.verb == "stats") {
    using enum TextTable::Align;
    TextTable table({{"family", kLeft}, {"on disk", kRight}});
    for (const auto& [name, bytes] : report.families) table.add({name, human_bytes(bytes)});
    table.add({"all", human_bytes(report.disk_bytes)});
    return table.render(80) + fmt::format("{} in memory\n", human_bytes(report.memory_bytes));
  }
  std::string text;
  for (const std::string& line : report.findings) text += line + '\n';
  if (report.counts.findings > report.findings.size()) {
    text += fmt::format("and {} more\n", report.counts.findings - report.findings.size());
  }
  const cache::VerifyReport& counts = report.counts;
  text += fmt::format(
      "{}: {} accounts, {} mailboxes, {} messages, {} bodies, {} unsent writes: {}\n", data_dir,
      counts.accounts, counts.mailboxes, counts.rows, counts.bodies, counts.writes,
      report.is_sound() ? std::string("everything is sound")
                        : fmt::format("{} findings", counts.findings));
  return text;
}

}  // namespace proxy

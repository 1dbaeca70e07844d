#include "cache/database.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <utility>

#include "base/log.h"
#include "cache/codec.h"
#include "cache/journal_file.h"
#include "cache/kept.h"
#include "cache/keys.h"

namespace cache {
namespace {

constexpr std::size_t kRestoreBytes = std::size_t{4} << 20;

Result<> make_private_directory(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(Errc::kIo, fmt::format("cannot make the data directory {}: {}", directory,
                                       std::strerror(errno)));
  }
  struct stat facts{};
  if (::stat(directory.c_str(), &facts) != 0) {
    return fail(Errc::kIo, fmt::format("cannot look at the data directory {}: {}", directory,
                                       std::strerror(errno)));
  }
  if (!S_ISDIR(facts.st_mode)) {
    return fail(Errc::kIo, fmt::format("the data directory {} is not a directory", directory));
  }
  // Mail is private: what others could read is closed to them, or refused when it is not ours.
  if ((facts.st_mode & 077) != 0 && ::chmod(directory.c_str(), 0700) != 0) {
    return fail(Errc::kPermission,
                fmt::format("the data directory {} can be read by others and cannot be closed to "
                            "them ({}): run chmod 700 on it, or as its owner",
                            directory, std::strerror(errno)));
  }
  return {};
}

std::string read_note(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  std::getline(file, text);
  if (text.empty() && std::filesystem::exists(path)) text = "the cache is marked as damaged";
  return text;
}

// RocksDB makes a new store where it finds no CURRENT, over whatever is there.
std::string what_is_missing(const std::string& store_path, const std::string& journal_path) {
  std::error_code ignored;
  if (std::filesystem::exists(store_path + "/CURRENT", ignored)) return {};
  const bool has_tables =
      std::filesystem::exists(store_path, ignored) &&
      std::ranges::any_of(std::filesystem::directory_iterator(store_path), [](const auto& file) {
        return file.path().extension() == ".sst" || file.path().extension() == ".blob";
      });
  if (!has_tables && !std::filesystem::exists(journal_path, ignored)) return {};
  return store_path + " has no CURRENT";
}

std::string free_path(const std::string& base) {
  for (std::time_t stamp = std::time(nullptr);; ++stamp) {
    std::string path = fmt::format("{}{}", base, stamp);
    if (!std::filesystem::exists(path)) return path;
  }
}

Result<> move(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0) return {};
  return fail(Errc::kIo, fmt::format("cannot move {} to {}: {}", from, to, std::strerror(errno)));
}

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const std::string& directory,
                                                 const StoreOptions& options) {
  TRY_VOID(make_private_directory(directory));
  std::unique_ptr<Database> database(new Database);
  database->directory_ = directory;

  const std::string lock_path = directory + "/LOCK";
  database->lock_ = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (database->lock_ < 0) {
    return fail(Errc::kIo, fmt::format("cannot open {}: {}", lock_path, std::strerror(errno)));
  }
  if (::flock(database->lock_, LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = {};
    const ssize_t length = ::pread(database->lock_, holder, sizeof holder - 1, 0);
    return fail(
        Errc::kLimit,
        fmt::format("the data directory {} is in use by process {}: stop it, or use another "
                    "data_dir",
                    directory, length > 0 ? std::atol(holder) : 0L));
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(database->lock_, 0) != 0 ||
      ::pwrite(database->lock_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return fail(Errc::kIo, fmt::format("cannot write {}: {}", lock_path, std::strerror(errno)));
  }

  TRY_VOID(database->open_store(options));
  return database;
}

Result<> Database::open_store(const StoreOptions& asked) {
  StoreOptions options = asked;
  options.journal_file = directory_ + "/journal";
  options.damage_note = directory_ + "/DAMAGED";
  const std::string store_path = directory_ + "/store";
  std::string damage = read_note(options.damage_note);
  if (damage.empty()) damage = what_is_missing(store_path, options.journal_file);
  if (damage.empty()) {
    Result<std::unique_ptr<Store>> store = open_rocks_store(store_path, options);
    if (store) {
      store_ = std::move(*store);
      return {};
    }
    if (store.error().code() != Errc::kCorruption) return fail(std::move(store).error());
    damage = store.error().text();
  }
  TRY_VOID(rebuild(options, damage));
  TRY(store_, open_rocks_store(store_path, options));
  return {};
}

// In steps that can be begun anew after a crash: the journal file stays as it is until the new
// store, in its place and complete, has made another one.
Result<> Database::rebuild(const StoreOptions& options, const std::string& why) {
  const std::string store_path = directory_ + "/store";
  const std::string fresh_path = directory_ + "/store.new";
  const auto step = [&options](std::string_view name) {
    if (options.at_step) options.at_step(name);
  };
  std::error_code error;
  std::filesystem::remove_all(fresh_path, error);
  if (error)
    return fail(Errc::kIo, fmt::format("cannot remove {}: {}", fresh_path, error.message()));

  StoreOptions fresh_options = options;
  fresh_options.journal_file.clear();
  fresh_options.damage_note.clear();
  JournalFile::Facts facts;
  Restored restored;
  {
    TRY(const std::unique_ptr<Store> fresh, open_rocks_store(fresh_path, fresh_options));
    Batch batch;
    const auto take = [&](const JournalFile::Op& op) -> Result<> {
      if (!op.kept || (op.family == Family::kMeta && op.key == keys::schema())) return {};
      const std::string key(op.key);
      if (op.kind == Batch::Kind::kPut) batch.put(op.family, key, std::string(op.value));
      if (op.kind == Batch::Kind::kErase) batch.erase(op.family, key);
      if (op.kind == Batch::Kind::kEraseRange) {
        batch.erase_range(op.family, key, std::string(op.value));
      }
      if (batch.bytes() < kRestoreBytes) return {};
      return commit_and_wait(fresh.get(), std::exchange(batch, {}));
    };
    TRY(facts, JournalFile::read(options.journal_file, 0, take));
    std::string sequence;
    Encoder(&sequence).number(facts.sequence + 1);
    batch.put(Family::kMeta, keys::sequence(), std::move(sequence));
    TRY_VOID(commit_and_wait(fresh.get(), std::move(batch)));
    TRY(restored, settle_restored(fresh.get()));
  }
  step("restored");

  rebuilt_ = why;
  if (std::filesystem::exists(store_path)) {
    const std::string aside = free_path(store_path + ".damaged-");
    TRY_VOID(move(store_path, aside));
    step("set aside");
    rebuilt_ +=
        fmt::format("; it was set aside as {}, which can be removed when all is well", aside);
  }
  TRY_VOID(move(fresh_path, store_path));
  step("in place");
  // Gone last: until then another start does the same again.
  ::unlink(options.damage_note.c_str());
  if (facts.exists) {
    rebuilt_ += fmt::format("; writes that wait to be sent: {} kept, {} lost", restored.writes,
                            restored.lost);
  } else {
    rebuilt_ += "; there was no journal file beside it: writes that waited to be sent are lost";
  }
  if (facts.damaged_bytes > 0) {
    const std::string aside = free_path(options.journal_file + ".damaged-");
    std::filesystem::copy_file(options.journal_file, aside, error);
    rebuilt_ += fmt::format("; the journal file is damaged too ({} bytes), a copy is {}",
                            facts.damaged_bytes, aside);
  }
  return {};
}

Database::~Database() {
  store_.reset();
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace cache

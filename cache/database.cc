#include "cache/database.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "base/log.h"

namespace cache {
namespace {

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

  const std::string store_path = directory + "/store";
  Result<std::unique_ptr<Store>> store = open_rocks_store(store_path, options);
  if (!store && store.error().code() == Errc::kCorruption) {
    database->rebuilt_ = store.error().text();
    TRY_VOID(repair_rocks_store(store_path));
    store = open_rocks_store(store_path, options);
    if (!store) {
      // Beyond repair: set aside, never deleted, as it may hold writes that upstream never saw.
      const std::string aside = fmt::format("{}.damaged-{}", store_path, std::time(nullptr));
      if (std::rename(store_path.c_str(), aside.c_str()) != 0) {
        return fail(Errc::kIo, fmt::format("cannot set the damaged store aside as {}: {}", aside,
                                           std::strerror(errno)));
      }
      database->rebuilt_ += "; it could not be repaired and was set aside as " + aside;
      store = open_rocks_store(store_path, options);
    }
  }
  if (!store) return fail(std::move(store).error());
  database->store_ = std::move(*store);
  return database;
}

Database::~Database() {
  store_.reset();
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace cache

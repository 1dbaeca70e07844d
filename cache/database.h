// Database: the data directory: one process at a time, private to its owner.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cache/store.h"

namespace cache {

/// Holds the lock of a data directory and the store in it: DIR/LOCK, DIR/store/, DIR/journal (what
/// is kept apart: cache/kept.h), DIR/DAMAGED (a note that the store is not sound).
///
/// Errors of open(): kLimit "in use by process 123"; kStale "made by version N"; kPermission;
///         kIo. A damaged store is set aside (DIR/store.damaged-TIME) and made again with what the
///         journal file has; upstream fills the rest, and `rebuilt` says so.
class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const std::string& directory,
                                                const StoreOptions& options);
  ~Database();

  Store* store() const { return store_.get(); }
  const std::string& directory() const { return directory_; }
  /// What was wrong with the store that was replaced; empty when it was sound.
  const std::string& rebuilt() const { return rebuilt_; }

 private:
  Database() = default;
  Result<> open_store(const StoreOptions& options);
  Result<> rebuild(const StoreOptions& options, const std::string& why);

  std::string directory_;
  int lock_ = -1;
  std::unique_ptr<Store> store_;
  std::string rebuilt_;
};

}  // namespace cache

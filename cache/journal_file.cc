#include "cache/journal_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/log.h"
#include "cache/codec.h"

namespace cache {
namespace {

// DO NOT CHANGE: stored.
constexpr std::string_view kFileHead = "waystation journal 2\n";
constexpr std::string_view kFileHeadBefore = "waystation journal 1\n";  // no group is whole
constexpr std::string_view kFileHeadAnyVersion = "waystation journal ";
constexpr std::string_view kRecordMark = "\xd7WSJ";
constexpr std::size_t kHeadBytes = 4 + 4 + 4 + 8 + 1;  // mark, checksum, length, sequence, bits
constexpr std::uint8_t kLastOfGroup = 1;
constexpr std::uint8_t kGroupIsWhole = 2;
constexpr std::uint8_t kNotKept = 0x80;  // beside the kind of an operation
constexpr std::size_t kMaxRecordBytes = std::size_t{8} << 20;

// A group is cut into records of about this size, so that a long message is never held whole.
constexpr std::size_t kRecordBytes = std::size_t{512} << 10;
constexpr std::uint64_t kReserveStep = 1U << 20;

struct Crc {
  std::array<std::array<std::uint32_t, 256>, 8> table{};
  constexpr Crc() {
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78 : 0);
      table[0][i] = value;
    }
    for (std::uint32_t i = 0; i < 256; ++i) {
      for (std::size_t t = 1; t < 8; ++t) {
        table[t][i] = (table[t - 1][i] >> 8) ^ table[0][table[t - 1][i] & 0xff];
      }
    }
  }
};
constexpr Crc kCrc;

Result<> sync_directory_of(const std::string& path) {
  const std::string directory = path.substr(0, path.rfind('/'));
  const int file = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = file >= 0 && ::fsync(file) == 0;
  const int why = errno;
  if (file >= 0) ::close(file);
  if (synced) return {};
  return fail(Errc::kIo, fmt::format("cannot sync {}: {}", directory, std::strerror(why)));
}

// A record in the file: where its operations are, and which group they belong to.
struct Found {
  std::uint64_t at;
  std::uint32_t bytes;
  std::uint64_t sequence;
  std::uint8_t bits;
  bool is_last() const { return (bits & kLastOfGroup) != 0; }
  bool is_whole() const { return (bits & kGroupIsWhole) != 0; }
};

class Reading {
 public:
  explicit Reading(std::string path) : path_(std::move(path)) {}
  ~Reading() {
    if (file_ >= 0) ::close(file_);
  }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  /// False when there is no file.
  Result<bool> open() {
    file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (file_ < 0 && errno == ENOENT) return false;
    struct stat facts{};
    if (file_ < 0 || ::fstat(file_, &facts) != 0) return fail(error());
    size_ = static_cast<std::uint64_t>(facts.st_size);
    std::string head;
    TRY_VOID(read(0, std::min<std::uint64_t>(kFileHead.size(), size_), &head));
    if (head.starts_with(kFileHeadAnyVersion) && head != kFileHead && head != kFileHeadBefore) {
      return fail(Errc::kStale,
                  fmt::format("{} was made by another version of Waystation: use that version, or "
                              "another data_dir",
                              path_));
    }
    return true;
  }

  // Where a record does not add up the next mark is looked for: damage costs what it hit.
  Result<std::vector<Found>> find(std::uint64_t* damaged) {
    std::vector<Found> records;
    std::uint64_t at = std::min<std::uint64_t>(kFileHead.size(), size_);
    std::uint64_t bad_from = at;
    while (at < size_) {
      TRY(const bool good, take(at, &records));
      if (good) {
        *damaged += at - bad_from;
        at = records.back().at + records.back().bytes;
        bad_from = at;
        continue;
      }
      TRY(at, next_mark(at + 1));
    }
    return records;
  }

  Result<> each_op(const Found& record,
                   const std::function<Result<>(const JournalFile::Op& op)>& each) {
    std::string bytes;
    TRY_VOID(read(record.at, record.bytes, &bytes));
    Decoder in(bytes);
    while (in.ok() && !in.rest().empty()) {
      JournalFile::Op op{};
      const auto kind_bits = in.number<std::uint8_t>();
      const std::uint8_t kind = kind_bits & static_cast<std::uint8_t>(~kNotKept);
      op.kept = kind == kind_bits;
      const auto family = in.number<std::uint8_t>();
      op.key = in.text();
      op.value = in.text();
      if (!in.ok() || family >= kFamilies ||
          kind > static_cast<std::uint8_t>(Batch::Kind::kEraseRange)) {
        return fail(Errc::kCorruption, fmt::format("{}: unknown operation", path_));
      }
      op.kind = static_cast<Batch::Kind>(kind);
      op.family = static_cast<Family>(family);
      TRY_VOID(each(op));
    }
    return {};
  }

 private:
  Error error() const {
    return {Errc::kIo, fmt::format("cannot read {}: {}", path_, std::strerror(errno))};
  }

  Result<> read(std::uint64_t at, std::uint64_t bytes, std::string* into) {
    into->resize(bytes);
    std::size_t have = 0;
    while (have < bytes) {
      const ssize_t got =
          ::pread(file_, into->data() + have, bytes - have, static_cast<off_t>(at + have));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail(error());
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    into->resize(have);
    return {};
  }

  Result<bool> take(std::uint64_t at, std::vector<Found>* records) {
    TRY_VOID(read(at, kHeadBytes, &buffer_));
    if (buffer_.size() < kHeadBytes || !buffer_.starts_with(kRecordMark)) return false;
    Decoder in(std::string_view(buffer_).substr(kRecordMark.size()));
    const auto checksum = in.number<std::uint32_t>();
    const auto length = in.number<std::uint32_t>();
    if (length > kMaxRecordBytes || at + kHeadBytes + length > size_) return false;
    const auto sequence = in.number<std::uint64_t>();
    const auto bits = in.number<std::uint8_t>();
    TRY_VOID(read(at + 8, kHeadBytes - 8 + length, &buffer_));
    if (buffer_.size() != kHeadBytes - 8 + length || crc32c(buffer_) != checksum) return false;
    records->push_back({at + kHeadBytes, length, sequence, bits});
    return true;
  }

  Result<std::uint64_t> next_mark(std::uint64_t at) {
    constexpr std::size_t kWindow = std::size_t{64} << 10;
    while (at < size_) {
      TRY_VOID(read(at, kWindow, &buffer_));
      const std::size_t found = buffer_.find(kRecordMark);
      if (found != std::string::npos) return at + found;
      if (buffer_.size() < kWindow) break;
      at += kWindow - kRecordMark.size() + 1;
    }
    return size_;
  }

  std::string path_;
  int file_ = -1;
  std::uint64_t size_ = 0;
  std::string buffer_;
};

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  const auto& table = kCrc.table;
  std::uint32_t crc = ~std::uint32_t{0};
  const auto byte = [](std::uint32_t word, int n) { return (word >> (8 * n)) & 0xff; };
  while (bytes.size() >= 8) {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    for (int n = 3; n >= 0; --n) {
      low = (low << 8) | static_cast<unsigned char>(bytes[static_cast<std::size_t>(n)]);
      high = (high << 8) | static_cast<unsigned char>(bytes[static_cast<std::size_t>(n) + 4]);
    }
    low ^= crc;
    crc = table[7][byte(low, 0)] ^ table[6][byte(low, 1)] ^ table[5][byte(low, 2)] ^
          table[4][byte(low, 3)] ^ table[3][byte(high, 0)] ^ table[2][byte(high, 1)] ^
          table[1][byte(high, 2)] ^ table[0][byte(high, 3)];
    bytes.remove_prefix(8);
  }
  for (const char c : bytes) {
    crc = (crc >> 8) ^ table[0][(crc ^ static_cast<unsigned char>(c)) & 0xff];
  }
  return ~crc;
}

Result<std::unique_ptr<JournalFile>> JournalFile::create(
    std::string path, std::uint64_t sequence,
    const std::function<Result<>(JournalFile* file)>& fill, const StepHook& at_step) {
  const std::string fresh = path + ".new";
  const int file = ::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  std::unique_ptr<JournalFile> made(new JournalFile(fresh, file));
  if (file < 0) return fail(made->failed("make"));
  made->record_ = kFileHead;
  made->begin(sequence);
  Result<> written = fill(made.get());
  if (written) written = made->end(true);
  if (written && at_step) at_step("journal file written");
  if (written && ::rename(fresh.c_str(), path.c_str()) != 0) written = fail(made->failed("rename"));
  if (!written) {
    // Half of it would take what little room the disk has.
    ::unlink(fresh.c_str());
    return fail(std::move(written).error());
  }
  made->path_ = std::move(path);
  TRY_VOID(sync_directory_of(made->path_));
  if (at_step) at_step("journal file renewed");
  made->first_size_ = made->size_;
  return made;
}

JournalFile::~JournalFile() {
  if (file_ >= 0) ::close(file_);
}

Error JournalFile::failed(std::string_view what) const {
  const Errc code = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? Errc::kLimit : Errc::kIo;
  return {code, fmt::format("cannot {} {}: {}", what, path_, std::strerror(errno))};
}

Result<> JournalFile::reserve(std::uint64_t bytes) {
  const std::uint64_t needed = size_ + bytes + kHeadBytes * (bytes / kRecordBytes + 2);
  if (needed <= reserved_) return {};
  const std::uint64_t more = std::max(needed - size_, kReserveStep);
  if (::fallocate(file_, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(size_),
                  static_cast<off_t>(more)) != 0) {
    // A file system that cannot reserve takes its chance.
    if (errno != EOPNOTSUPP) return fail(failed("make room for"));
  }
  reserved_ = size_ + more;
  return {};
}

void JournalFile::begin(std::uint64_t sequence, bool is_whole) {
  group_at_ = size_;
  sequence_ = sequence;
  is_whole_ = is_whole;
}

Result<> JournalFile::add(const Op& op) {
  if (record_.size() + op.key.size() + op.value.size() > kRecordBytes && !record_.empty()) {
    is_whole_ = false;
    TRY_VOID(write_record(false));
  }
  Encoder(&record_)
      .number(
          static_cast<std::uint8_t>(static_cast<std::uint8_t>(op.kind) | (op.kept ? 0 : kNotKept)))
      .number(static_cast<std::uint8_t>(op.family))
      .text(op.key)
      .text(op.value);
  return {};
}

Result<> JournalFile::end(bool sync) {
  TRY_VOID(write_record(true));
  if (sync && ::fdatasync(file_) != 0) return fail(failed("sync"));
  return {};
}

Result<> JournalFile::drop() {
  record_.clear();
  if (::ftruncate(file_, static_cast<off_t>(group_at_)) != 0) return fail(failed("cut"));
  size_ = reserved_ = group_at_;
  return {};
}

Result<> JournalFile::write_record(bool is_last) {
  std::string bytes;
  std::string_view ops = record_;
  // The head of the file comes with its first record.
  if (size_ == 0) {
    bytes = kFileHead;
    ops.remove_prefix(kFileHead.size());
  }
  const std::size_t begin = bytes.size();
  Encoder out(&bytes);
  out.raw(kRecordMark)
      .number(std::uint32_t{0})
      .number(static_cast<std::uint32_t>(ops.size()))
      .number(sequence_)
      .number(
          static_cast<std::uint8_t>((is_last ? kLastOfGroup : 0) | (is_whole_ ? kGroupIsWhole : 0)))
      .raw(ops);
  std::string checksum;
  Encoder(&checksum).number(crc32c(std::string_view(bytes).substr(begin + 8)));
  bytes.replace(begin + 4, 4, checksum);
  record_.clear();
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t wrote =
        ::pwrite(file_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(size_ + done));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return fail(failed("write"));
    done += static_cast<std::size_t>(wrote);
  }
  size_ += bytes.size();
  return {};
}

bool JournalFile::wants_renewal(std::uint64_t least) const {
  return size_ > least && size_ > 2 * first_size_;
}

Result<JournalFile::Facts> JournalFile::read(const std::string& path, std::uint64_t after,
                                             const std::function<Result<>(const Op& op)>& each) {
  Facts facts;
  Reading reading(path);
  TRY(facts.exists, reading.open());
  if (!facts.exists) return facts;
  TRY(std::vector<Found> records, reading.find(&facts.damaged_bytes));
  // What a crash cut off was not acknowledged: the last group counts when its last record is there.
  while (!records.empty() && !records.back().is_last()) records.pop_back();
  if (records.empty()) return facts;
  facts.records = records.size();
  for (const Found& record : records) {
    const bool follows = record.sequence == facts.sequence + 1;
    if (!record.is_whole()) {
      facts.whole_from = record.sequence + 1;
    } else if (!follows) {
      facts.whole_from = record.sequence;
    }
    facts.sequence = record.sequence;
    if (record.sequence > after) TRY_VOID(reading.each_op(record, each));
  }
  return facts;
}

}  // namespace cache

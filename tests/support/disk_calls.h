// The calls that bring bytes to the disk, as a test sees them: a program that this is linked into
// has write(), pwrite(), fsync() and fdatasync() of its own, which all of its libraries use.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace support {

enum class DiskCall : std::uint8_t { kWrite, kSync };

/// The path that `file` is open as; empty: none.
std::string path_of(int file);

/// From now on asked before every call, on whatever thread makes it: false lets it fail with EIO.
/// An empty one ends that, but for calls that are being made.
void watch_disk_calls(std::function<bool(DiskCall call, int file)> allow);

}  // namespace support

// Allocator: keeps the C library's allocator from holding on to memory that nobody uses.
#pragma once

#include <cstddef>

/// Few arenas rather than one for each thread, and large blocks that go back to the system when
/// they are freed. Once, before there are threads. Does nothing where the C library is not glibc.
void tune_allocator();

/// Gives memory back to the system that is free once the program has come to rest: a first sync
/// leaves several times what is needed afterwards. Asked every few seconds; while the heap still
/// changes it does nothing, as what is free now is needed again at once.
///
/// Thread: one at a time; may block for some milliseconds.
class MemoryReturner {
 public:
  /// Whether something was given back.
  bool look();

 private:
  std::size_t last_seen_ = 0;  // bytes that are free, given back or not
  bool has_worked_ = true;     // since something was given back
};

// CHECK: a broken invariant of our own ends the process with a message, rather than going on wrong.
#pragma once

/// Writes "file:line: CHECK failed: what" to standard error and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* what);

#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : check_failed(__FILE__, __LINE__, #condition))

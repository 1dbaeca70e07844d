// What a process_keeper tells the test that started it.
#pragma once

namespace support {

struct KeeperMessage {
  enum Kind : int { kStarted, kError, kEnded };
  Kind kind;
  int value;  // the program's pid; errno; a status of waitpid()
};

}  // namespace support

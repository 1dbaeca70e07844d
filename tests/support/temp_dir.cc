#include "tests/support/temp_dir.h"

#include <cstdlib>
#include <string>

#include "base/check.h"

namespace support {

TempDir::TempDir(std::string_view prefix) {
  const char* base = std::getenv("TMPDIR");
  std::string name = (base != nullptr && *base != 0) ? base : "/tmp";
  name.append("/").append(prefix).append(".XXXXXX");
  CHECK(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TempDir::~TempDir() {
  if (std::getenv("WAYSTATION_KEEP_TEMP") != nullptr) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace support

// Messages, whole and broken, that several tests take apart.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace mime {

struct Sample {
  const char* name;  // becomes a test name: letters and digits only
  std::string message;
  std::string body_structure;  // what FETCH BODYSTRUCTURE shows

  friend void PrintTo(const Sample& sample, std::ostream* out) { *out << sample.name; }
};

/// The structures were compared with Dovecot 2.3's; where ours differs on purpose, samples.cc says
/// so.
const std::vector<Sample>& samples();

/// Everything that is learnt of a message, as one text: equal texts mean equal results.
std::string describe(std::string_view message, const std::vector<std::size_t>& cuts);
/// The same, fed in one piece.
std::string describe(std::string_view message);

}  // namespace mime

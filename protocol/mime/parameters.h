// Parameters of Content-Type and Content-Disposition (RFC 2045 5.1, RFC 2231).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/imap/body_structure.h"
#include "protocol/mime/value_reader.h"

namespace mime {

/// Reads `*(";" name "=" value)` to the end of the value. Continuations (name*0, name*1) are
/// joined; values in RFC 2231's charset form stay encoded, under a name that ends in "*": clients
/// decode them. What is no parameter is skipped.
imap::Parameters read_parameters(ValueReader* reader);

/// The value of the parameter `name` (any case), decoded to UTF-8 if it is in RFC 2231's form.
std::optional<std::string> find_parameter(const imap::Parameters& parameters,
                                          std::string_view name);

}  // namespace mime

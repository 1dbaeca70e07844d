#include "config/kinds.h"

#include <arpa/inet.h>

#include <array>

namespace config {
namespace {

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f;
  });
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_ip_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
         inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

std::string check_host(std::string_view host) {
  const bool plain = std::ranges::all_of(host, [](char c) {
    return is_letter_or_digit(c) || c == '.' || c == '-' || c == '_' || c == ':' ||
           static_cast<unsigned char>(c) >= 0x80;  // an internationalized name
  });
  if (plain && !host.starts_with('.') && !host.starts_with('-')) {
    const bool is_address = host.find(':') == host.npos || is_ip_address(std::string(host));
    if (is_address) return {};
  }
  return "the name or the IP address of a server, without a scheme or a port";
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && !(name.front() >= '0' && name.front() <= '9') &&
         std::ranges::all_of(name, [](char c) { return is_letter_or_digit(c) || c == '_'; });
}

// Reads {"env": …}, {"file": …} or {"command": …}. No value is ever shown: a secret may have been
// written in its place.
void read_secret_object(Reader& reader, const Json& json, SecretSource* source) {
  static const std::vector<std::string_view> kKeys = {"env", "file", "command"};
  check_members(reader, json, kKeys);
  std::size_t given = 0;
  for (const std::string_view key : kKeys) {
    const Json* value = find_member(json, key);
    if (value == nullptr) continue;
    ++given;
    const Reader::Scope scope(&reader, key, value->line);
    const bool is_text = value->type == Json::Type::kString && !value->text.empty() &&
                         value->text.find('\0') == std::string::npos;
    if (!is_text) {
      reader.error(value->type == Json::Type::kString ? "an empty or unusable text"
                                                      : std::string(type_name(*value)),
                   key == "env"    ? "the name of an environment variable"
                   : key == "file" ? "the path of a file"
                                   : "a command for sh -c");
    } else if (key == "env" && !is_variable_name(value->text)) {
      reader.error("a text that cannot be the name of a variable",
                   "letters, digits and \"_\" (the name of a variable, not the secret itself)");
    } else {
      source->kind = key == "env"    ? SecretSource::Kind::kEnvironment
                     : key == "file" ? SecretSource::Kind::kFile
                                     : SecretSource::Kind::kCommand;
      source->location = value->text;
    }
  }
  if (given != 1) {
    reader.error(given == 0 ? "none of them" : "several of them",
                 "exactly one of \"env\", \"file\", \"command\"");
  }
}

}  // namespace

void check_duplicates(Reader& reader, const Json& json) {
  std::map<std::string_view, std::size_t> seen;
  for (const JsonMember& member : json.members) {
    const auto [first, is_new] = seen.emplace(member.key, member.line);
    if (is_new) continue;
    const Reader::Scope scope(&reader, member.key, member.line);
    reader.error("the same key again",
                 fmt::format("each key once (the first is in line {})", first->second));
  }
}

void check_members(Reader& reader, const Json& json, const std::vector<std::string_view>& known) {
  check_duplicates(reader, json);
  for (const JsonMember& member : json.members) {
    if (std::ranges::find(known, member.key) != known.end()) continue;
    const Reader::Scope scope(&reader, member.key, member.line);
    const std::string near = nearest(member.key, known);
    if (near.empty()) {
      reader.error("an unknown key", fmt::format("one of {}", fmt::join(known, ", ")));
    } else {
      reader.error("an unknown key", "", fmt::format("did you mean \"{}\"?", near));
    }
  }
}

const Json* find_member(const Json& json, std::string_view key) {
  const auto found = std::ranges::find(json.members, key, &JsonMember::key);
  return found == json.members.end() ? nullptr : &found->value;
}

Kind<std::string> text(std::string type, std::size_t min, std::size_t max, TextCheck check) {
  Kind<std::string> kind;
  kind.type = type;
  kind.read = [=](Reader& reader, const Json& json, std::string* value) {
    if (json.type != Json::Type::kString) {
      reader.wrong(json, "a text in quotation marks");
    } else if (json.text.size() < min) {
      reader.wrong(json, "a text that is not empty");
    } else if (json.text.size() > max) {
      reader.wrong(json, fmt::format("at most {} bytes", max));
    } else if (has_control(json.text)) {
      reader.wrong(json, "a text without control characters");
    } else if (std::string expected = check ? check(json.text) : ""; !expected.empty()) {
      // "imaps://me:password@host" is a common slip, and must not be shown.
      if (json.text.find('@') != std::string::npos) {
        reader.wrong_secret(json, std::move(expected));
      } else {
        reader.wrong(json, std::move(expected));
      }
    } else {
      *value = json.text;
    }
  };
  kind.show = [](const std::string& value) {
    return value.empty() ? std::string() : in_quotes(value);
  };
  return kind;
}

Kind<std::string> path() { return text("path", 1, 4096); }

Kind<std::string> ip_address() {
  Kind<std::string> kind = text("IP address", 1, 64, [](std::string_view value) {
    return value == "localhost" || is_ip_address(std::string(value))
               ? ""
               : "an IP address, such as 127.0.0.1, 0.0.0.0 or ::";
  });
  kind.read = [read = kind.read](Reader& reader, const Json& json, std::string* value) {
    read(reader, json, value);
    if (*value == "localhost") *value = "127.0.0.1";
  };
  return kind;
}

Kind<std::string> host_name() { return text("host name", 1, 253, check_host); }

Kind<std::string> fingerprint() {
  Kind<std::string> kind;
  kind.type = "SHA-256 fingerprint";
  kind.read = [](Reader& reader, const Json& json, std::string* value) {
    std::string digits;
    bool is_fine = json.type == Json::Type::kString;
    for (const char c : json.text) {
      const bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
      const bool is_upper = c >= 'A' && c <= 'F';
      if (is_digit) digits += c;
      if (is_upper) digits += static_cast<char>(c - 'A' + 'a');
      is_fine = is_fine && (is_digit || is_upper || c == ':');
    }
    if (is_fine && digits.size() == 64) {
      *value = std::move(digits);
    } else {
      reader.wrong(json,
                   "64 hexadecimal digits, with or without colons, as printed by "
                   "openssl x509 -noout -fingerprint -sha256");
    }
  };
  return kind;
}

Kind<bool> boolean() {
  Kind<bool> kind;
  kind.type = "`true`, `false`";
  kind.read = [](Reader& reader, const Json& json, bool* value) {
    if (json.type != Json::Type::kBoolean) return reader.wrong(json, "true or false");
    *value = json.boolean;
  };
  kind.show = [](const bool& value) { return std::string(value ? "true" : "false"); };
  return kind;
}

Kind<Duration> duration(Duration min, Duration max) {
  Kind<Duration> kind;
  kind.type = fmt::format("duration, {} to {}", format_duration(min), format_duration(max));
  kind.read = [min, max](Reader& reader, const Json& json, Duration* value) {
    const auto parsed = json.type == Json::Type::kString ? parse_duration(json.text) : std::nullopt;
    if (!parsed || *parsed < min || *parsed > max) {
      reader.wrong(json,
                   fmt::format("a duration from \"{}\" to \"{}\"", format_duration(min),
                               format_duration(max)),
                   parsed ? "" : "units are ms, s, m, h, d");
      return;
    }
    *value = *parsed;
  };
  kind.show = [](const Duration& value) { return fmt::format("\"{}\"", format_duration(value)); };
  return kind;
}

Kind<std::uint64_t> size(std::uint64_t min, std::uint64_t max, bool may_be_unlimited) {
  Kind<std::uint64_t> kind;
  const std::string also = may_be_unlimited ? ", or \"unlimited\"" : "";
  kind.type = may_be_unlimited ? fmt::format("size from {}, or `\"unlimited\"`", format_size(min))
                               : fmt::format("size, {} to {}", format_size(min), format_size(max));
  kind.read = [=](Reader& reader, const Json& json, std::uint64_t* value) {
    std::optional<std::uint64_t> parsed;
    if (json.type == Json::Type::kString) parsed = parse_size(json.text);
    if (json.type == Json::Type::kInteger && json.integer >= 0) {
      parsed = static_cast<std::uint64_t>(json.integer);
    }
    if (may_be_unlimited && json.type == Json::Type::kString && json.text == "unlimited") {
      *value = kUnlimited;
    } else if (parsed && *parsed >= min && *parsed <= max) {
      *value = *parsed;
    } else {
      reader.wrong(
          json,
          fmt::format("a size from \"{}\" to \"{}\"{}", format_size(min), format_size(max), also),
          parsed ? "" : "units are B, KB, MB, GB, TB");
    }
  };
  kind.show = [](const std::uint64_t& value) { return fmt::format("\"{}\"", format_size(value)); };
  return kind;
}

Kind<Prefetch> prefetch() {
  Kind<Prefetch> kind;
  kind.type = "`\"headers\"`, `\"recent:DURATION\"`, `\"all\"`";
  kind.read = [](Reader& reader, const Json& json, Prefetch* value) {
    constexpr std::string_view kRecent = "recent:";
    if (json.type == Json::Type::kString) {
      if (json.text == "headers") {
        *value = {.kind = Prefetch::Kind::kHeaders};
        return;
      }
      if (json.text == "all") {
        *value = {.kind = Prefetch::Kind::kAll};
        return;
      }
      if (json.text.starts_with(kRecent)) {
        const auto age = parse_duration(std::string_view(json.text).substr(kRecent.size()));
        if (age && age->count() > 0) {
          *value = {.kind = Prefetch::Kind::kRecent, .recent = *age};
          return;
        }
      }
    }
    reader.wrong(json,
                 "\"headers\", \"all\", or \"recent:\" and a duration, such as "
                 "\"recent:30d\"");
  };
  kind.show = [](const Prefetch& value) { return in_quotes(name_of(value)); };
  return kind;
}

Kind<SecretSource> secret(bool may_be_verifier) {
  constexpr std::string_view kSources =
      "{\"env\": NAME}, {\"file\": PATH} or {\"command\": COMMAND}";
  Kind<SecretSource> kind;
  kind.type = "[secret](#secrets)";
  kind.read = [=](Reader& reader, const Json& json, SecretSource* value) {
    if (json.type == Json::Type::kObject) return read_secret_object(reader, json, value);
    if (json.type != Json::Type::kString) return reader.wrong_secret(json, std::string(kSources));
    if (json.text.empty() || json.text.find('\0') != std::string::npos) {
      return reader.error("an empty or unusable text", std::string(kSources));
    }
    value->kind = SecretSource::Kind::kPlain;
    value->plain = Secret(json.text);
    if (may_be_verifier && json.text.starts_with("SCRAM-SHA-256$")) return;
    reader.warning("a secret in the config itself", std::string(kSources));
  };
  return kind;
}

}  // namespace config

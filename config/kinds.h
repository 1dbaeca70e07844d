// Kinds of values: how each is read, checked and shown. The schema (schema.cc) is made of them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/log.h"
#include "config/config.h"
#include "config/reader.h"
#include "config/units.h"

namespace config {

/// The type-erased side of a schema: what the reference shows of one key and of one object.
struct Section;
struct Row {
  std::string_view key;
  std::string type;
  std::string standard;  // the default as the file would write it; empty: none
  bool required = false;
  std::string_view about;
  std::string_view example;
  const Section* section = nullptr;  // of an object
};
struct Section {
  std::string_view title;  // "`accounts.NAME.upstream`"
  std::string_view about;
  std::vector<Row> rows;
};

/// How a T is written. `read` sets the value, or reports a mistake and leaves it.
template <class T>
struct Kind {
  std::string type;
  std::function<void(Reader&, const Json&, T*)> read;
  std::function<std::string(const T&)> show = [](const T&) { return std::string(); };
  const Section* section = nullptr;
};

/// Checks a text; returns what was expected, or an empty string when it is fine.
using TextCheck = std::function<std::string(std::string_view)>;

/// A text of `min` to `max` bytes without control characters.
Kind<std::string> text(std::string type, std::size_t min, std::size_t max, TextCheck check = {});
Kind<std::string> path();
Kind<std::string> ip_address();
Kind<std::string> host_name();
Kind<std::string> fingerprint();
Kind<bool> boolean();
Kind<Duration> duration(Duration min, Duration max);
Kind<std::uint64_t> size(std::uint64_t min, std::uint64_t max, bool may_be_unlimited = false);
Kind<Prefetch> prefetch();
/// `may_be_verifier`: a plain "SCRAM-SHA-256$…" needs no warning, as it is not the password.
Kind<SecretSource> secret(bool may_be_verifier = false);

/// What an object without a certain key gets: mistakes and a suggestion for each unknown key.
void check_members(Reader& reader, const Json& json, const std::vector<std::string_view>& known);
/// Reports keys that are there twice.
void check_duplicates(Reader& reader, const Json& json);
/// The first member with that key, or null.
const Json* find_member(const Json& json, std::string_view key);

template <class T>
Kind<T> integer(T min, T max) {
  Kind<T> kind;
  kind.type = fmt::format("number, {} to {}", min, max);
  kind.read = [min, max](Reader& reader, const Json& json, T* value) {
    if (json.type != Json::Type::kInteger || !std::in_range<T>(json.integer) ||
        static_cast<T>(json.integer) < min || static_cast<T>(json.integer) > max) {
      reader.wrong(json, fmt::format("a whole number from {} to {}", min, max));
      return;
    }
    *value = static_cast<T>(json.integer);
  };
  kind.show = [](const T& value) { return fmt::to_string(value); };
  return kind;
}

/// One of several words.
template <class E>
Kind<E> choice(std::vector<std::pair<std::string_view, E>> words) {
  std::vector<std::string_view> names;
  for (const auto& word : words) names.push_back(word.first);
  Kind<E> kind;
  kind.type = fmt::format("`\"{}\"`", fmt::join(names, "\"`, `\""));
  kind.read = [words, names](Reader& reader, const Json& json, E* value) {
    const auto found = std::ranges::find(words, json.text, &std::pair<std::string_view, E>::first);
    if (json.type == Json::Type::kString && found != words.end()) {
      *value = found->second;
      return;
    }
    const std::string near =
        json.type == Json::Type::kString ? nearest(json.text, names) : std::string();
    reader.wrong(
        json,
        fmt::format("{}\"{}\"", names.size() > 1 ? "one of " : "", fmt::join(names, "\", \"")),
        near.empty() ? "" : fmt::format("did you mean \"{}\"?", near));
  };
  kind.show = [words](const E& value) {
    const auto found = std::ranges::find(words, value, &std::pair<std::string_view, E>::second);
    return found == words.end() ? std::string() : fmt::format("\"{}\"", found->first);
  };
  return kind;
}

/// An object: its keys, each described once.
template <class T>
class Schema {
 public:
  struct Info {
    std::string_view about = {};
    std::string_view example = {};
    const char* standard = nullptr;  // in place of the default that a fresh T has
    bool required = false;
  };

  Schema(std::string_view title, std::string_view about) {
    section_.title = title;
    section_.about = about;
  }

  template <class V, class Member>
  Schema& add(std::string_view key, Member T::* member, const Kind<V>& kind, Info info) {
    Row row{.key = key,
            .type = kind.type,
            .standard = {},
            .required = info.required,
            .about = info.about,
            .example = info.example,
            .section = kind.section};
    if (info.standard != nullptr) {
      row.standard = info.standard;
    } else if constexpr (std::is_same_v<V, Member>) {
      if (!info.required) row.standard = kind.show(T{}.*member);
    }
    section_.rows.push_back(std::move(row));
    readers_.push_back([read = kind.read, member](Reader& reader, const Json& json, T* object) {
      if constexpr (std::is_same_v<V, Member>) {
        read(reader, json, &(object->*member));
      } else {
        read(reader, json, &(object->*member).emplace());  // std::optional<V>
      }
    });
    return *this;
  }

  /// A key whose value needs to know the rest of the object.
  Schema& add_row(Row row, std::function<void(Reader&, const Json&, T*)> read) {
    section_.rows.push_back(std::move(row));
    readers_.push_back(std::move(read));
    return *this;
  }

  /// Reads every key in the order of the table, whatever that of the file.
  void read(Reader& reader, const Json& json, T* object) const {
    if (json.type != Json::Type::kObject) {
      reader.wrong_secret(json, "an object");  // it may be a URL with a password
      return;
    }
    std::vector<std::string_view> known;
    for (const Row& row : section_.rows) known.push_back(row.key);
    check_members(reader, json, known);
    for (std::size_t i = 0; i < section_.rows.size(); ++i) {
      const Row& row = section_.rows[i];
      if (const Json* value = find_member(json, row.key)) {
        const Reader::Scope scope(&reader, row.key, value->line);
        readers_[i](reader, *value, object);
      } else if (row.required) {
        const Reader::Scope scope(&reader, row.key, json.line);
        reader.error("nothing", std::string(row.about));
      }
    }
  }

  /// This schema as the kind of a key.
  Kind<T> kind() const {
    Kind<T> kind;
    kind.type = "object";
    kind.section = &section_;
    kind.read = [this](Reader& reader, const Json& json, T* value) { read(reader, json, value); };
    return kind;
  }
  const Section& section() const { return section_; }

 private:
  Section section_;
  std::vector<std::function<void(Reader&, const Json&, T*)>> readers_;
};

/// A list with at least one item.
template <class T>
Kind<std::vector<T>> list_of(Kind<T> item) {
  Kind<std::vector<T>> kind;
  kind.type = item.section ? "list of objects" : fmt::format("list of {}s", item.type);
  kind.section = item.section;
  kind.read = [item](Reader& reader, const Json& json, std::vector<T>* list) {
    if (json.type != Json::Type::kList) {
      reader.wrong_secret(json, "a list");
      return;
    }
    if (json.items.empty()) reader.error("an empty list", "at least one");
    for (std::size_t i = 0; i < json.items.size(); ++i) {
      const Reader::Scope scope(&reader, i, json.items[i].line);
      item.read(reader, json.items[i], &list->emplace_back());
    }
  };
  return kind;
}

/// An object whose keys are names that the user chose; at least one. Each value starts as `fresh`.
template <class T>
void read_map(Reader& reader, const Json& json, const Schema<T>& schema, const T& fresh,
              const TextCheck& check_name, std::map<std::string, T>* map) {
  if (json.type != Json::Type::kObject) {
    reader.wrong_secret(json, "an object with a name for each key");
    return;
  }
  if (json.members.empty()) reader.error("an empty object", "at least one name");
  check_duplicates(reader, json);
  for (const JsonMember& member : json.members) {
    if (map->contains(member.key)) continue;  // reported as a duplicate
    const Reader::Scope scope(&reader, member.key, member.line);
    std::string expected = check_name(member.key);
    if (!expected.empty())
      reader.error(fmt::format("the name {}", in_quotes(member.key)), expected);
    T value = fresh;
    schema.read(reader, member.value, &value);
    map->emplace(member.key, std::move(value));
  }
}

}  // namespace config

// Reader: walks over parsed JSON, knows where it is, and collects mistakes.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "config/json.h"
#include "config/load.h"

namespace config {

/// A key as a path shows it: itself, or in quotation marks unless it is a plain word.
std::string path_part(std::string_view key);

class Reader {
 public:
  /// More than so many are cut off with a last line that says so.
  static constexpr std::size_t kMaxMistakes = 200;

  /// Goes down into a member or an item while it lives.
  class Scope {
   public:
    Scope(Reader* reader, std::string_view key, std::size_t line);
    Scope(Reader* reader, std::size_t index, std::size_t line);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    void enter(std::size_t line);
    Reader* reader_;
    std::size_t path_size_;
    std::size_t line_;
  };

  /// A mistake at the current place.
  void error(std::string found, std::string expected, std::string hint = {});
  void warning(std::string found, std::string expected, std::string hint = {});
  /// The value has the wrong type or is not allowed; a scalar is shown.
  void wrong(const Json& json, std::string expected, std::string hint = {});
  /// The same where the value may be a secret: only its type is shown.
  void wrong_secret(const Json& json, std::string expected);

  /// A mistake found after reading; its line is that of the nearest place that was read.
  void error_at(std::string_view path, std::string found, std::string expected,
                std::string hint = {});
  void warning_at(std::string_view path, std::string found, std::string expected);
  /// Whether something at or below `path` is wrong already, so that more would only confuse.
  bool has_error_below(std::string_view path) const;
  bool was_read(std::string_view path) const { return lines_.contains(path); }
  bool has_errors() const { return errors_ > 0; }

  /// In the order of the file.
  Mistakes take_mistakes();

 private:
  void add(Mistake mistake);
  std::size_t line_of(std::string_view path) const;

  std::string path_;
  std::size_t line_ = 1;
  std::map<std::string, std::size_t, std::less<>> lines_;
  Mistakes mistakes_;
  std::size_t errors_ = 0;
  bool cut_off_ = false;
};

/// "a string", "an object", …
std::string_view type_name(const Json& json);

}  // namespace config

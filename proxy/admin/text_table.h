// TextTable: columns that line up on a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace proxy {

/// Columns a UTF-8 text takes on a terminal (ICU-free: combining marks 0, wide East Asian 2).
std::size_t display_width(std::string_view utf8);
/// Cut to at most `columns`, with an ellipsis at the end when something was cut.
std::string cut_to_width(std::string_view utf8, std::size_t columns);

/// Without control characters, by which a mailbox name could drive the terminal.
std::string printable(std::string_view text);

/// "3 s", "5 min", "2 h", "12 d".
std::string human_age(std::int64_t seconds);
/// "734 B", "12.3 MB".
std::string human_bytes(std::uint64_t bytes);
/// "[██████░░░░]"
std::string progress_bar(std::uint64_t done, std::uint64_t total, std::size_t columns);

class TextTable {
 public:
  enum class Align : std::uint8_t { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// REQUIRES: as many cells as columns.
  void add(std::vector<std::string> cells);
  /// Titles, a rule, the rows; two blanks between columns. Too wide for `columns`, the first column
  /// is cut. Every cell is made safe for a terminal (no control characters).
  std::string render(std::size_t columns) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace proxy

#include "proxy/admin/text_table.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/log.h"

namespace proxy {
namespace {

struct Rune {
  char32_t value;
  std::size_t bytes;
};

// The character at the front; a byte that is none counts as one column of its own.
Rune front(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t bytes = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (bytes == 1 || lead < 0xc0 || bytes > text.size()) return {lead, 1};
  char32_t value = lead & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) return {lead, 1};
    value = (value << 6) | (next & 0x3fU);
  }
  return {value, bytes};
}

std::size_t width_of(char32_t c) {
  const auto in = [c](char32_t from, char32_t to) { return c >= from && c <= to; };
  if (c < 0x20 || in(0x7f, 0x9f) || in(0x300, 0x36f) || in(0x200b, 0x200f) || in(0xfe00, 0xfe0f)) {
    return 0;
  }
  return in(0x1100, 0x115f) || in(0x2e80, 0xa4cf) || in(0xac00, 0xd7a3) || in(0xf900, 0xfaff) ||
                 in(0xfe30, 0xfe6f) || in(0xff00, 0xff60) || in(0x1f300, 0x1faff) ||
                 in(0x20000, 0x3fffd)
             ? 2
             : 1;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Rune rune = front(text);
    const bool control = rune.value < 0x20 || (rune.value >= 0x7f && rune.value <= 0x9f);
    if (control) {
      out.push_back('?');
    } else {
      out.append(text.substr(0, rune.bytes));
    }
    text.remove_prefix(rune.bytes);
  }
  return out;
}

std::size_t display_width(std::string_view utf8) {
  std::size_t width = 0;
  while (!utf8.empty()) {
    const Rune rune = front(utf8);
    width += width_of(rune.value);
    utf8.remove_prefix(rune.bytes);
  }
  return width;
}

std::string cut_to_width(std::string_view utf8, std::size_t columns) {
  if (display_width(utf8) <= columns) return std::string(utf8);
  std::string out;
  std::size_t width = 0;
  while (!utf8.empty()) {
    const Rune rune = front(utf8);
    if (width + width_of(rune.value) + 1 > columns) break;
    width += width_of(rune.value);
    out.append(utf8.substr(0, rune.bytes));
    utf8.remove_prefix(rune.bytes);
  }
  return columns == 0 ? std::string() : out + "…";
}

std::string human_age(std::int64_t seconds) {
  if (seconds < 0) seconds = 0;
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min", seconds / 60);
  if (seconds < 2 * 86'400) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} d", seconds / 86'400);
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 999.95 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string progress_bar(std::uint64_t done, std::uint64_t total, std::size_t columns) {
  const std::size_t full =
      total == 0 ? columns : static_cast<std::size_t>(std::min(done, total) * columns / total);
  std::string bar;
  for (std::size_t i = 0; i < columns; ++i) bar += i < full ? "█" : "░";
  return bar;
}

void TextTable::add(std::vector<std::string> cells) {
  CHECK(cells.size() == columns_.size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::string TextTable::render(std::size_t columns) const {
  std::vector<std::size_t> widths;
  std::size_t total = 0;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = display_width(columns_[c].title);
    for (const auto& row : rows_) width = std::max(width, display_width(row[c]));
    widths.push_back(width);
    total += width + (c == 0 ? 0 : 2);
  }
  if (total > columns) {
    const std::size_t excess = total - columns;
    widths[0] = widths[0] > excess + 8 ? widths[0] - excess : std::min<std::size_t>(widths[0], 8);
  }
  const auto line = [&](auto cell_of) {
    std::string out;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const std::string cell = cut_to_width(cell_of(c), widths[c]);
      const std::string pad(widths[c] - std::min(widths[c], display_width(cell)), ' ');
      if (c > 0) out += "  ";
      out += columns_[c].align == Align::kRight ? pad + cell : cell + pad;
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return out + '\n';
  };
  std::string out = line([&](std::size_t c) { return columns_[c].title; });
  std::string rule;
  for (std::size_t c = 0; c < widths.size(); ++c) {
    if (c > 0) rule += "  ";
    for (std::size_t i = 0; i < widths[c]; ++i) rule += "─";
  }
  out += rule + '\n';
  for (const auto& row : rows_) out += line([&row](std::size_t c) { return row[c]; });
  return out;
}

}  // namespace proxy

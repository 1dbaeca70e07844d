#include "protocol/mime/search_text.h"

#include <algorithm>

#include "protocol/mime/ascii.h"
#include "protocol/mime/encoded_word.h"
#include "protocol/mime/header.h"

namespace mime {
namespace {

// Small enough to be kept around, large enough that a call of the sink costs nothing.
constexpr std::size_t kSinkChunk = std::size_t{16} * 1024;
// How much is decoded at once: keeps the buffers small when a whole body is fed in one piece.
constexpr std::size_t kStep = std::size_t{16} * 1024;

// "name: value" of each field, decoded and folded, one per line.
void append_header(std::string_view block, std::string* out) {
  HeaderReader reader(block);
  while (const auto field = reader.next()) {
    append_folded(to_utf8({}, field->name), out);
    if (field->has_colon) {
      std::string value = decode_header(field->value);
      // An encoded line end must not make a line that looks like another field.
      std::ranges::replace_if(value, [](char c) { return c == '\r' || c == '\n'; }, ' ');
      out->append(": ");
      append_folded(value, out);
    }
    out->push_back('\n');
  }
}

}  // namespace

void SearchText::on_header(const PartInfo& part, std::string_view header) {
  if (part.depth == 0) {
    append_header(header, &header_.all);
    const auto collect = [&](std::string_view name, std::string* out) {
      any_field(header_.all, name, [out](std::string_view value) {
        if (!out->empty()) out->push_back('\n');
        out->append(value);
        return false;
      });
    };
    collect("subject", &header_.subject);
    collect("from", &header_.from);
    collect("to", &header_.to);
    collect("cc", &header_.cc);
    collect("bcc", &header_.bcc);
  } else {
    append_header(header, &folded_);
    folded_.push_back('\n');
    flush(/*all=*/true);  // nothing may come behind it
  }
  in_text_ = !part.is_container && part.type == "text";
  if (!in_text_) return;
  transfer_.emplace(transfer_encoding_of(part.encoding));
  charset_.emplace(part.charset);
}

void SearchText::on_body(std::string_view bytes) {
  if (!in_text_) return;
  while (!bytes.empty()) {
    const std::string_view step = bytes.substr(0, kStep);
    bytes.remove_prefix(step.size());
    decoded_.clear();
    transfer_->feed(step, &decoded_);
    utf8_.clear();
    charset_->feed(decoded_, &utf8_);
    append_folded(utf8_, &folded_);
    flush(/*all=*/false);
  }
}

void SearchText::on_body_end() {
  if (!in_text_) return;
  in_text_ = false;
  decoded_.clear();
  transfer_->finish(&decoded_);
  utf8_.clear();
  charset_->feed(decoded_, &utf8_);
  charset_->finish(&utf8_);
  append_folded(utf8_, &folded_);
  folded_.push_back('\n');
  flush(/*all=*/true);
}

void SearchText::flush(bool all) {
  if (folded_.empty() || (!all && folded_.size() < kSinkChunk)) return;
  sink_(folded_);
  folded_.clear();
}

bool any_field(std::string_view all, std::string_view name,
               const std::function<bool(std::string_view value)>& visit) {
  while (!all.empty()) {
    const std::size_t end = all.find('\n');
    const std::string_view line = all.substr(0, end);
    all.remove_prefix(end == std::string_view::npos ? all.size() : end + 1);
    const bool same = line.size() > name.size() && line[name.size()] == ':' &&
                      equals_ignoring_case(line.substr(0, name.size()), name);
    if (!same) continue;
    std::string_view value = line.substr(name.size() + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (visit(value)) return true;
  }
  return false;
}

}  // namespace mime

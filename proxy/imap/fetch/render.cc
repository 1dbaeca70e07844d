#include "proxy/imap/fetch/render.h"

#include <algorithm>

#include "protocol/mime/section_map.h"
#include "proxy/imap/names.h"

namespace proxy {
namespace {

using imap::FetchKind;

// RFC822, RFC822.HEADER and RFC822.TEXT are sections under other names (RFC 3501 6.4.5).
imap::Section section_of(const imap::FetchItem& item) {
  imap::Section section;
  switch (item.kind) {
    case FetchKind::kRfc822Header:
      section.text = imap::SectionText::kHeader;
      return section;
    case FetchKind::kRfc822Text:
      section.text = imap::SectionText::kText;
      return section;
    case FetchKind::kBodySection:
      return item.section;
    default:
      return section;
  }
}

bool is_data(FetchKind kind) {
  return kind == FetchKind::kRfc822 || kind == FetchKind::kRfc822Header ||
         kind == FetchKind::kRfc822Text || kind == FetchKind::kBodySection;
}

bool is_whole(const imap::FetchItem& item) {
  return item.kind == FetchKind::kRfc822 ||
         (item.kind == FetchKind::kBodySection && item.section.is_whole_message());
}

// RFC 3501 6.4.5: a partial beyond the end is empty, one across it is cut.
mime::Range apply_partial(const imap::FetchItem& item, mime::Range range) {
  if (!item.partial) return range;
  const std::uint64_t skip = std::min(item.partial->offset_bytes, range.size);
  return {range.offset + skip, std::min(item.partial->length_bytes, range.size - skip)};
}

std::string_view cut_partial(const imap::FetchItem& item, std::string_view bytes) {
  const mime::Range range = apply_partial(item, {0, bytes.size()});
  return bytes.substr(range.offset, range.size);
}

}  // namespace

Result<SectionBytes> Renderer::locate(const imap::FetchItem& item, std::string_view sections,
                                      std::uint64_t message_size) {
  if (is_whole(item)) return SectionBytes{true, apply_partial(item, {0, message_size})};
  TRY(const mime::SectionMap map, mime::SectionMap::decode(sections));
  const std::optional<mime::Range> found = map.find(section_of(item));
  if (!found) return SectionBytes{false, {}};
  return SectionBytes{true, apply_partial(item, *found)};
}

void Renderer::append_plain(const FetchTarget& target, const imap::FetchItem& item,
                            imap::FetchWriter* fetch) const {
  const cache::MessageEntry& entry = target.entry;
  switch (item.kind) {
    case FetchKind::kUid:
      fetch->uid(entry.uid);
      break;
    case FetchKind::kFlags:
      fetch->flags(entry.visible.system, target.keywords, target.recent);
      break;
    case FetchKind::kInternalDate:
      fetch->internal_date(
          imap::DateTime{std::chrono::sys_seconds(std::chrono::seconds(entry.internal_date)),
                         std::chrono::minutes(entry.date_zone)});
      break;
    case FetchKind::kRfc822Size:
      fetch->size(entry.size);
      break;
    case FetchKind::kModSeq:
      fetch->mod_seq(imap::ModSeq(entry.modseq));
      break;
    case FetchKind::kEmailId: {
      std::string id;
      append_email_object_id(entry.message, &id);
      fetch->email_id(id);
      break;
    }
    case FetchKind::kThreadId:
      fetch->thread_id({});
      break;
    default:
      break;
  }
}

Result<> Renderer::append_data(const FetchTarget& target, const PlannedItem& planned,
                               const Content& content, imap::FetchWriter* fetch, std::string* out) {
  const imap::FetchItem& item = planned.item;
  const imap::Section section = section_of(item);
  const bool in_block = !content.header_block.empty() && mime::SectionMap::in_header(section);
  if (in_block && planned.fields) {
    scratch_.clear();
    mime::header_fields(content.header_block, *planned.fields,
                        section.text == imap::SectionText::kHeaderFields ? mime::FieldFilter::kOnly
                                                                         : mime::FieldFilter::kNot,
                        &scratch_);
    fetch->data(item, cut_partial(item, scratch_));
    return {};
  }
  if (in_block) {
    fetch->data(item, cut_partial(item, content.header_block));
    return {};
  }
  // Fields of an enclosed message's header: its block is read and filtered; a partial is of the
  // result, not of the block.
  if (planned.fields) {
    imap::FetchItem whole = item;
    whole.partial.reset();
    TRY(const SectionBytes block, locate(whole, content.sections, target.entry.size));
    if (!block.exists) {
      fetch->nil_data(item);
      return {};
    }
    std::string bytes;
    TRY_VOID(reader_.body(target.entry.message, block.range.offset, block.range.size, &bytes));
    scratch_.clear();
    mime::header_fields(bytes, *planned.fields,
                        section.text == imap::SectionText::kHeaderFields ? mime::FieldFilter::kOnly
                                                                         : mime::FieldFilter::kNot,
                        &scratch_);
    fetch->data(item, cut_partial(item, scratch_));
    return {};
  }
  TRY(const SectionBytes found, locate(item, content.sections, target.entry.size));
  if (!found.exists) {
    fetch->nil_data(item);
    return {};
  }
  fetch->literal_header(item, found.range.size);
  const std::size_t before = out->size();
  TRY_VOID(reader_.body(target.entry.message, found.range.offset, found.range.size, out));
  if (out->size() - before != found.range.size) {
    return fail(Errc::kCorruption, "a stored body is shorter than it should be");
  }
  return {};
}

Result<> Renderer::append_message(const FetchTarget& target, const Content& content,
                                  std::string* out) {
  imap::FetchWriter fetch(out, target.number);
  for (const PlannedItem& planned : plan_->items) {
    switch (planned.item.kind) {
      case FetchKind::kEnvelope:
        fetch.envelope(content.summary->envelope);
        break;
      case FetchKind::kBody:
        fetch.body(content.summary->body);
        break;
      case FetchKind::kBodyStructure:
        fetch.body_structure(content.summary->body_structure);
        break;
      default:
        if (is_data(planned.item.kind)) {
          TRY_VOID(append_data(target, planned, content, &fetch, out));
        } else {
          append_plain(target, planned.item, &fetch);
        }
        break;
    }
  }
  fetch.finish();
  return {};
}

Result<std::size_t> Renderer::render(std::span<const FetchTarget> targets, std::size_t limit_bytes,
                                     std::string* out) {
  const std::size_t begin = out->size();
  std::vector<cache::MessageId> ids;
  ids.reserve(targets.size());
  for (const FetchTarget& target : targets) ids.push_back(target.entry.message);

  std::size_t done = 0;
  Result<> failure;
  // A message that cannot be read must not hide the others: its response is taken back.
  const auto append = [&](std::size_t i, const Content& content) {
    for (; done < i; ++done) failed_.add(targets[done].number);
    done = i + 1;
    const std::size_t before = out->size();
    if (const Result<> appended = append_message(targets[i], content, out); !appended) {
      out->resize(before);
      if (appended.error().code() != Errc::kNotFound &&
          appended.error().code() != Errc::kCorruption) {
        failure = appended;
        return false;
      }
      failed_.add(targets[i].number);
    }
    return out->size() - begin < limit_bytes;
  };
  const auto stored_header = [this](cache::MessageId id) {
    return reader_.header(id).value_or(cache::MessageReader::Header());
  };
  const bool whole_only = std::ranges::all_of(plan_->items, [](const PlannedItem& planned) {
    return !is_data(planned.item.kind) || is_whole(planned.item);
  });

  Result<> read;
  bool stopped = false;
  if (plan_->needs_summary) {
    read = reader_.summaries(ids, [&](std::size_t i, const cache::SummaryView& summary) {
      Content content;
      content.summary = &summary;
      cache::MessageReader::Header header;
      if (!whole_only) {
        header = stored_header(ids[i]);
        content.header_block = header.block;
        content.sections = header.sections;
      }
      stopped = !append(i, content);
      return !stopped;
    });
  } else if (!whole_only) {
    read =
        reader_.headers(ids, [&](std::size_t i, std::string_view block, std::string_view sections) {
          stopped = !append(i, {nullptr, block, sections});
          return !stopped;
        });
  } else {
    for (std::size_t i = 0; i < targets.size() && !stopped; ++i) stopped = !append(i, {});
  }
  if (!read) return fail(std::move(read).error());
  if (!failure) return fail(std::move(failure).error());
  if (stopped) return done;
  for (; done < targets.size(); ++done) failed_.add(targets[done].number);
  return targets.size();
}

}  // namespace proxy

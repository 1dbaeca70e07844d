// FETCH: RFC 3501 6.4.5; CHANGEDSINCE and VANISHED: RFC 7162 3.1.4.1, 3.2.6.
//
// C: A1 FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])
// S: * 2 FETCH (FLAGS (\Seen) BODY[HEADER.FIELDS (DATE FROM)] {…} …)
// S: A1 OK FETCH completed
//
// The messages are walked in slices. Items that the array in memory answers are written on the
// loop; content is rendered on a worker, a piece of output at a time, while the piece before is on
// its way to the client. Large messages are streamed chunk by chunk.
#include <algorithm>

#include "protocol/mime/section_map.h"
#include "proxy/imap/fetch/flags.h"
#include "proxy/imap/fetch/plan.h"
#include "proxy/imap/fetch/render.h"
#include "proxy/imap/handlers.h"
#include "proxy/imap/message_set.h"

namespace proxy {
namespace {

constexpr std::size_t kArraySlice = 2'048;  // messages per turn of the loop
constexpr std::size_t kContentSlice = 256;  // messages per visit to a worker
constexpr std::size_t kOutputBytes = std::size_t{512} << 10;
constexpr std::uint64_t kLargeBytes = std::uint64_t{1} << 20;  // streamed rather than rendered
constexpr std::size_t kStreamBytes = std::size_t{256} << 10;

class Fetch {
 public:
  Fetch(Session* session, const imap::FetchCommand& command)
      : session_(session),
        account_(session->selected()->account),
        mailbox_(session->selected()->mailbox),
        view_(session->selected()->view.get()),
        plan_(plan_fetch(command.items, command.uid,
                         session->condstore() && command.changed_since.has_value())),
        changed_since_(command.changed_since ? command.changed_since->value() : 0),
        filtered_(command.changed_since.has_value()),
        uid_(command.uid) {}

  Task<Result<Reply>> run(imap::SequenceSet uids) {
    CO_TRY_VOID(co_await account_->settled());
    const std::size_t slice = plan_.reads_content() ? kContentSlice : kArraySlice;
    for (const imap::SequenceSet::Range& range : uids.ranges()) {
      imap::Uid next(range.first);
      const imap::Uid last(range.last);
      while (next <= last) {
        Slice found = collect(next, last, slice);
        if (!found.missing.empty()) {
          CO_TRY_VOID(co_await fetch_missing(std::move(found.missing), plan_.needs_body));
          // Entries may have moved and know more now.
          found = collect(next, last, slice);
        }
        if (!found.missing.empty() && plan_.needs_header && !plan_.needs_body) {
          // A header block that does not come by itself: it is too long, or the server is odd.
          CO_TRY_VOID(co_await fetch_missing(std::move(found.missing), true));
          found = collect(next, last, slice);
        }
        absent_ += found.missing_count;
        CO_TRY_VOID(co_await answer(std::move(found.targets)));
        CO_TRY_VOID(co_await set_seen());
        if (!found.more) break;
        next = found.next;
      }
    }
    if (absent_ + failed_ > 0) {
      co_return Reply::no(imap::Code::kUnavailable,
                          fmt::format("{} of the messages are not cached here, and the server "
                                      "is out of reach or does not give them",
                                      absent_ + failed_));
    }
    co_return Reply::ok("FETCH completed");
  }

 private:
  struct Slice {
    std::vector<FetchTarget> targets;
    imap::SequenceSet missing;
    std::size_t missing_count = 0;
    bool more = false;
    imap::Uid next;
  };

  // The next messages of [next, last], and which of them lack something.
  Slice collect(imap::Uid next, imap::Uid last, std::size_t limit) {
    Slice slice;
    const std::span<const cache::MessageEntry> all = mailbox_->messages();
    const cache::KeywordTable& keywords = account_->keywords();
    const std::uint8_t wanted = plan_.wanted();
    const bool dense = !view_->has_unreported_expunges();
    std::size_t i = mailbox_->lower_bound(next);
    for (; i < all.size() && all[i].uid <= last; ++i) {
      if (slice.targets.size() + slice.missing_count == limit) {
        slice.more = true;
        slice.next = all[i].uid;
        break;
      }
      const cache::MessageEntry& entry = all[i];
      if (filtered_ && entry.modseq <= changed_since_) continue;
      const std::optional<imap::SequenceNumber> number =
          dense ? imap::SequenceNumber(static_cast<std::uint32_t>(i + 1))
                : view_->sequence_of(entry.uid);
      if (!number) continue;
      // A body brings its header.
      const unsigned have = entry.have | (entry.has(cache::kHaveBody) ? cache::kHaveHeader : 0U);
      if ((have & wanted) != wanted) {
        slice.missing.add(entry.uid);
        ++slice.missing_count;
        continue;
      }
      slice.targets.push_back(
          {*number, entry, keywords.wire(entry.visible.keywords), view_->is_recent(entry.uid)});
    }
    return slice;
  }

  void delivered(const FetchTarget& target) {
    const bool seen = target.entry.visible.system.has(imap::SystemFlag::kSeen);
    if (plan_.sets_seen && !seen && !session_->selected()->read_only) {
      delivered_.add(target.entry.uid);
    }
  }

  // RFC 3501 6.4.5: reading a body sets \Seen. Not before it was sent: a message whose body does
  // not come, or whose reader has gone, must not look as if somebody had read it. So the flags
  // follow in responses of their own.
  Task<Result<>> set_seen() {
    if (delivered_.empty()) co_return Result<>();
    cache::FlagDelta delta;
    delta.add.system.add(imap::SystemFlag::kSeen);
    const Result<cache::StoreResult> stored = co_await account_->store_flags(
        mailbox_->id(), std::exchange(delivered_, {}), std::move(delta), std::nullopt, view_);
    if (!stored) {
      // The mail was read all the same: on a full disk reading goes on.
      session_->log().warning("\\Seen could not be set: {}", stored.error().text());
      co_return Result<>();
    }
    view_->forget_flag_changes(stored->changed);
    const FlagWriter flags(
        session_, {.uid = uid_ || session_->condstore(), .mod_seq = session_->condstore()});
    for (const imap::SequenceSet::Range& range : stored->changed.ranges()) {
      flags.write_range(imap::Uid(range.first), imap::Uid(range.last), &session_->out());
    }
    co_return co_await session_->push();
  }

  Task<Result<>> fetch_missing(imap::SequenceSet missing, bool bodies) {
    // What is there already is on its way while upstream is asked.
    CO_TRY_VOID(co_await session_->push());
    cache::Remote& remote = account_->remote();
    Result<> got = bodies
                       ? co_await remote.fetch_bodies(mailbox_->id(), missing, session_->stop())
                       : co_await remote.fetch_summaries(mailbox_->id(), missing, session_->stop());
    // Out of reach: those that are here are answered all the same, the rest is counted.
    if (!got && got.error().code() == Errc::kCancelled) co_return got;
    co_return Result<>();
  }

  Task<Result<>> answer(std::vector<FetchTarget> targets) {
    if (!plan_.reads_content()) {
      Renderer renderer(&plan_, account_->reader());
      CO_TRY(const std::size_t done, renderer.render(targets, SIZE_MAX, &session_->out()));
      CHECK(done == targets.size());
      co_return co_await session_->push();
    }
    std::size_t at = 0;
    while (at < targets.size()) {
      if (is_large(targets[at])) {
        CO_TRY_VOID(co_await stream(targets[at]));
        ++at;
        continue;
      }
      std::size_t end = at;
      while (end < targets.size() && !is_large(targets[end])) ++end;
      const std::span<const FetchTarget> piece(targets.data() + at, end - at);
      std::string out;
      Renderer renderer(&plan_, account_->reader());
      Result<std::size_t> done =
          co_await run_blocking(static_cast<Executor*>(session_->loop()),
                                [&] { return renderer.render(piece, kOutputBytes, &out); });
      if (!done) co_return fail(std::move(done).error());
      session_->out() += out;
      CO_TRY_VOID(co_await session_->push());
      for (const std::size_t end_of_piece = at + *done; at < end_of_piece; ++at) {
        if (renderer.failed().contains(targets[at].number)) {
          ++failed_;
        } else {
          delivered(targets[at]);
        }
      }
    }
    if (plan_.needs_body) {
      for (const FetchTarget& target : targets) account_->touched(target.entry.message);
    }
    co_return Result<>();
  }

  bool is_large(const FetchTarget& target) const {
    return plan_.needs_body && target.entry.size > kLargeBytes;
  }

  // One message whose bytes are never held whole.
  Task<Result<>> stream(FetchTarget target) {
    Executor* executor = session_->loop();
    const cache::MessageReader reader = account_->reader();
    Result<cache::MessageReader::Header> header = co_await run_blocking(
        executor, [&reader, &target] { return reader.header(target.entry.message); });
    if (!header) {
      ++failed_;
      co_return Result<>();
    }
    std::string summary_record;
    cache::SummaryView summary;
    if (plan_.needs_summary) {
      const cache::MessageId ids[] = {target.entry.message};
      CO_TRY_VOID(co_await run_blocking(executor, [&] {
        return reader.summaries(ids, [&](std::size_t, const cache::SummaryView& view) {
          summary_record =
              cache::encode_summary({.envelope = std::string(view.envelope),
                                     .body = std::string(view.body),
                                     .body_structure = std::string(view.body_structure),
                                     .fields = {},
                                     .header = {}});
          return true;
        });
      }));
      CO_TRY(summary, cache::decode_summary(summary_record));
    }
    // Everything is located before the first byte goes out: after that there is no way back.
    std::vector<SectionBytes> places;
    std::vector<std::string> fields;  // of the items that name some
    for (const PlannedItem& planned : plan_.items) {
      Result<SectionBytes> place =
          Renderer::locate(planned.item, header->sections, target.entry.size);
      Result<std::string> text;
      if (place && place->exists && planned.fields) {
        text = co_await read_fields(&target, &planned, &*header);
      }
      if (!place || !text) {
        ++failed_;
        co_return Result<>();
      }
      places.push_back(*place);
      fields.push_back(std::move(*text));
    }
    const Renderer renderer(&plan_, reader);
    imap::FetchWriter fetch(&session_->out(), target.number);
    for (std::size_t i = 0; i < plan_.items.size(); ++i) {
      const PlannedItem& planned = plan_.items[i];
      switch (planned.item.kind) {
        case imap::FetchKind::kEnvelope:
          fetch.envelope(summary.envelope);
          break;
        case imap::FetchKind::kBody:
          fetch.body(summary.body);
          break;
        case imap::FetchKind::kBodyStructure:
          fetch.body_structure(summary.body_structure);
          break;
        case imap::FetchKind::kRfc822:
        case imap::FetchKind::kRfc822Header:
        case imap::FetchKind::kRfc822Text:
        case imap::FetchKind::kBodySection:
          if (!places[i].exists) {
            fetch.nil_data(planned.item);
          } else if (planned.fields) {
            fetch.data(planned.item, fields[i]);
          } else {
            fetch.literal_header(planned.item, places[i].range.size);
            CO_TRY_VOID(co_await stream_bytes(target.entry.message, places[i].range));
          }
          break;
        default:
          renderer.append_plain(target, planned.item, &fetch);
          break;
      }
    }
    fetch.finish();
    CO_TRY_VOID(co_await session_->push());
    delivered(target);
    co_return Result<>();
  }

  // HEADER.FIELDS and HEADER.FIELDS.NOT of a large message, or of one that is enclosed in it.
  Task<Result<std::string>> read_fields(const FetchTarget* target, const PlannedItem* planned,
                                        const cache::MessageReader::Header* header) {
    std::string block = header->block;
    if (block.empty() || !mime::SectionMap::in_header(planned->item.section)) {
      block.clear();
      imap::FetchItem whole = planned->item;
      whole.partial.reset();  // a partial is of the result, not of the block
      CO_TRY(const SectionBytes place,
             Renderer::locate(whole, header->sections, target->entry.size));
      const cache::MessageReader reader = account_->reader();
      CO_TRY_VOID(co_await run_blocking(static_cast<Executor*>(session_->loop()), [&] {
        return reader.body(target->entry.message, place.range.offset,
                           std::min<std::uint64_t>(place.range.size, kLargeBytes), &block);
      }));
    }
    std::string fields;
    mime::header_fields(block, *planned->fields,
                        planned->item.section.text == imap::SectionText::kHeaderFields
                            ? mime::FieldFilter::kOnly
                            : mime::FieldFilter::kNot,
                        &fields);
    if (planned->item.partial) {
      const std::size_t from =
          std::min<std::uint64_t>(planned->item.partial->offset_bytes, fields.size());
      fields = fields.substr(from, planned->item.partial->length_bytes);
    }
    co_return fields;
  }

  // A client that was promised bytes gets them or loses the connection: there is no third way.
  Task<Result<>> stream_bytes(cache::MessageId message, mime::Range range) {
    const cache::MessageReader reader = account_->reader();
    while (range.size > 0) {
      const std::uint64_t length = std::min<std::uint64_t>(range.size, kStreamBytes);
      std::string chunk;
      const Result<> read = co_await run_blocking(static_cast<Executor*>(session_->loop()), [&] {
        return reader.body(message, range.offset, length, &chunk);
      });
      if (!read || chunk.size() != length) {
        session_->log().error("message {} broke off while it was sent: {}", message.value(),
                              read ? "it is shorter than it should be" : read.error().text());
        session_->connection().abort();
        co_return fail(Errc::kClosed, "the message broke off");
      }
      session_->out() += chunk;
      range.offset += length;
      range.size -= length;
      CO_TRY_VOID(co_await session_->push());
    }
    co_return Result<>();
  }

  Session* session_;
  cache::Account* account_;
  cache::MailboxRef mailbox_;
  cache::MailboxView* view_;
  FetchPlan plan_;
  std::uint64_t changed_since_;
  bool filtered_;
  bool uid_;
  imap::SequenceSet delivered_;  // and not \Seen yet
  std::size_t absent_ = 0;
  std::size_t failed_ = 0;
};

}  // namespace

Handled handle(Session* session, imap::FetchCommand command) {
  Selected& selected = *session->selected();
  const bool asks_mod_seq = std::ranges::any_of(command.items, [](const imap::FetchItem& item) {
    return item.kind == imap::FetchKind::kModSeq;
  });
  if (command.changed_since || asks_mod_seq) session->enable_condstore();
  if (command.vanished && !session->qresync()) {
    co_return Reply::bad("ENABLE QRESYNC comes first");  // RFC 7162 3.2.6
  }
  CO_TRY(NamedMessages named, named_messages(*selected.view, command.set, command.uid));
  if (command.vanished) {
    Result<imap::SequenceSet> gone = co_await selected.account->vanished_since(
        selected.mailbox->id(), command.changed_since->value());
    if (!gone) co_return fail(std::move(gone).error());
    const std::optional<imap::Uid> last = selected.view->last_uid();
    const imap::SequenceSet told = gone->intersected(command.set.resolve(
        std::max(selected.mailbox->record().uid_next.value(), last ? last->value() : 0)));
    if (!told.empty()) session->write(imap::VanishedResponse{true, told});
  }
  Fetch fetch(session, command);
  CO_TRY(Reply reply, co_await fetch.run(std::move(named.uids)));
  if (reply.condition == imap::Condition::kOk && named.names_expunged) {
    co_return Reply::no(imap::Code::kExpungeIssued, "Some of the messages no longer exist");
  }
  co_return reply;
}

}  // namespace proxy

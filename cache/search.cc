#include "cache/search.h"

#include <algorithm>
#include <chrono>

#include "cache/search_match.h"

namespace cache {
namespace {

// Between two looks at the stop token, and between two turns of the loop.
constexpr std::size_t kSlice = 4'096;

std::int64_t now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// A message that the cheap keys alone could not decide.
struct Candidate {
  MessageEntry entry;
  Tri verdict = Tri::kUnknown;
};

// Messages in doubt, and what is known of the leaves for each of them.
struct Doubts {
  std::vector<Candidate> candidates;
  std::vector<std::vector<Tri>> answers;  // [leaf][candidate]

  void decide(const Matcher& matcher, KeywordTable& keywords, std::size_t i) {
    candidates[i].verdict = matcher.match(candidates[i].entry, keywords,
                                          [this, i](std::size_t leaf) { return answers[leaf][i]; });
  }
};

// The worker's part: reads records for the undecided, cheapest source first, so that the scan of
// bodies sees as few as can be.
class TextPass {
 public:
  TextPass(const Matcher* matcher, MessageReader reader, std::vector<Candidate> candidates,
           KeywordTable* keywords, std::stop_token stop)
      : matcher_(matcher),
        reader_(reader),
        doubts_{std::move(candidates), {}},
        keywords_(keywords),
        stop_(std::move(stop)) {
    answers_.assign(matcher->leaves().size(), std::vector<Tri>(candidates_.size(), Tri::kUnknown));
    // One scan wants ids in order; in a mailbox filled by COPY they may not be.
    std::ranges::sort(candidates_, {}, [](const Candidate& c) { return c.entry.message; });
  }

  Result<Doubts> run() {
    for (const LeafSource source : {LeafSource::kFields, LeafSource::kHeader, LeafSource::kBody}) {
      if (!matcher_->reads(source)) continue;
      std::vector<std::size_t> open;
      std::vector<MessageId> ids;
      for (std::size_t i = 0; i < candidates_.size(); ++i) {
        if (candidates_[i].verdict != Tri::kUnknown) continue;
        open.push_back(i);
        ids.push_back(candidates_[i].entry.message);
      }
      TRY_VOID(read(source, open, ids));
      if (stop_.stop_requested()) return fail(Errc::kCancelled, "cancelled");
      for (const std::size_t i : open) doubts_.decide(*matcher_, *keywords_, i);
    }
    return std::move(doubts_);
  }

 private:
  Result<> read(LeafSource source, const std::vector<std::size_t>& open,
                const std::vector<MessageId>& ids) {
    const std::vector<SearchLeaf>& leaves = matcher_->leaves();
    switch (source) {
      case LeafSource::kEntry:
        break;
      case LeafSource::kFields:
        return reader_.search_fields(ids, [&](std::size_t n, const SearchFields& fields) {
          for (std::size_t l = 0; l < leaves.size(); ++l) {
            if (leaves[l].source != LeafSource::kFields) continue;
            answers_[l][open[n]] = tri(Matcher::matches_fields(leaves[l], fields));
          }
          return !stop_.stop_requested();
        });
      case LeafSource::kHeader:
        return reader_.search_headers(ids, [&](std::size_t n, std::string_view all) {
          for (std::size_t l = 0; l < leaves.size(); ++l) {
            if (leaves[l].source != LeafSource::kHeader) continue;
            answers_[l][open[n]] = tri(Matcher::matches_header(leaves[l], all));
          }
          return !stop_.stop_requested();
        });
      case LeafSource::kBody:
        return read_bodies(open, ids);
    }
    return {};
  }

  Result<> read_bodies(const std::vector<std::size_t>& open, const std::vector<MessageId>& ids) {
    const std::vector<SearchLeaf>& leaves = matcher_->leaves();
    std::size_t longest = 1;
    bool any_text = false;
    for (std::size_t l = 0; l < leaves.size(); ++l) {
      if (leaves[l].source != LeafSource::kBody) continue;
      longest = std::max(longest, leaves[l].needle.size());
      any_text |= leaves[l].key->kind == imap::SearchKind::kText;
      // A message whose text is here has a part without text at worst: then nothing matches.
      for (const std::size_t i : open) {
        if (candidates_[i].entry.has(kHaveText)) answers_[l][i] = Tri::kFalse;
      }
    }
    if (any_text) {
      TRY_VOID(reader_.search_headers(ids, [&](std::size_t n, std::string_view all) {
        for (std::size_t l = 0; l < leaves.size(); ++l) {
          if (leaves[l].source != LeafSource::kBody ||
              leaves[l].key->kind != imap::SearchKind::kText) {
            continue;
          }
          if (contains(all, leaves[l].needle)) answers_[l][open[n]] = Tri::kTrue;
        }
        return !stop_.stop_requested();
      }));
    }
    // A match may lie across the seam of two chunks: the end of one goes in front of the next.
    std::size_t at = open.size();
    std::string tail;
    return reader_.search_texts(ids, [&](std::size_t n, std::string_view chunk) {
      if (n != at) tail.clear();
      at = n;
      std::string seam;
      if (!tail.empty()) seam = tail + std::string(chunk.substr(0, longest - 1));
      bool undecided = false;
      for (std::size_t l = 0; l < leaves.size(); ++l) {
        if (leaves[l].source != LeafSource::kBody || answers_[l][open[n]] == Tri::kTrue) continue;
        if (contains(chunk, leaves[l].needle) || contains(seam, leaves[l].needle)) {
          answers_[l][open[n]] = Tri::kTrue;
        } else {
          undecided = true;
        }
      }
      tail = chunk.substr(chunk.size() - std::min(chunk.size(), longest - 1));
      return undecided && !stop_.stop_requested();
    });
  }

  const Matcher* matcher_;
  MessageReader reader_;
  Doubts doubts_;
  std::vector<Candidate>& candidates_ = doubts_.candidates;
  std::vector<std::vector<Tri>>& answers_ = doubts_.answers;
  KeywordTable* keywords_;
  std::stop_token stop_;
};

// Asks upstream for the leaves that nothing here answers, each on its own: numbers, UIDs and flags
// mean something else there, so how the leaves go together is decided here.
Task<Result<>> ask_upstream(Account* account, MailboxRef mailbox, const Matcher* matcher,
                            Doubts* doubts, std::stop_token stop) {
  for (std::size_t leaf = 0; leaf < matcher->leaves().size(); ++leaf) {
    std::vector<imap::Uid> uids;
    for (std::size_t i = 0; i < doubts->candidates.size(); ++i) {
      const Candidate& candidate = doubts->candidates[i];
      const bool open =
          candidate.verdict == Tri::kUnknown && doubts->answers[leaf][i] == Tri::kUnknown;
      if (open) uids.push_back(candidate.entry.uid);
    }
    if (uids.empty()) continue;
    std::ranges::sort(uids);
    const auto asked = imap::SequenceSet::from_sorted(std::span<const imap::Uid>(uids));
    CO_TRY(const imap::SequenceSet found,
           co_await account->remote().search(mailbox->id(), asked, matcher->leaves()[leaf].asked,
                                             stop));
    for (std::size_t i = 0; i < doubts->candidates.size(); ++i) {
      const imap::Uid uid = doubts->candidates[i].entry.uid;
      if (doubts->answers[leaf][i] == Tri::kUnknown && asked.contains(uid)) {
        doubts->answers[leaf][i] = tri(found.contains(uid));
      }
    }
    for (std::size_t i = 0; i < doubts->candidates.size(); ++i) {
      if (doubts->candidates[i].verdict != Tri::kUnknown) continue;
      doubts->decide(*matcher, account->keywords(), i);
    }
  }
  co_return Result<>();
}

}  // namespace

Task<Result<SearchResult>> search(Account* account, MailboxRef mailbox, const MailboxView* view,
                                  imap::SearchKey key, std::string charset, std::stop_token stop) {
  CO_TRY(const Matcher matcher,
         Matcher::make(std::move(key), charset,
                       {[view](const imap::SequenceSet& set) { return view->uids_of_numbers(set); },
                        [view](const imap::SequenceSet& set) { return view->uids_of_uids(set); },
                        view->recent_from(), now_seconds()}));
  SearchResult result;
  std::vector<imap::Uid> hits;
  std::vector<Candidate> candidates;
  const std::optional<imap::Uid> last = view->last_uid();
  // By UID rather than by index: the array may change while others have their turn.
  imap::Uid next{1};
  while (last && next <= *last) {
    const std::span<const MessageEntry> all = mailbox->messages();
    std::size_t i = mailbox->lower_bound(next);
    const std::size_t end = std::min(all.size(), i + kSlice);
    for (; i < end && all[i].uid <= *last; ++i) {
      switch (
          matcher.match(all[i], account->keywords(), [](std::size_t) { return Tri::kUnknown; })) {
        case Tri::kTrue:
          hits.push_back(all[i].uid);
          break;
        case Tri::kUnknown:
          candidates.push_back({all[i], Tri::kUnknown});
          break;
        case Tri::kFalse:
          break;
      }
    }
    if (i >= all.size() || all[i].uid > *last) break;
    next = all[i].uid;
    co_await yield_to(account->executor());
    if (stop.stop_requested()) co_return fail(Errc::kCancelled, "cancelled");
  }

  if (!candidates.empty()) {
    // The worker gets a table of its own: keywords may be added meanwhile.
    KeywordTable keywords = account->keywords();
    CO_TRY(Doubts doubts,
           co_await run_blocking(account->executor(), [&matcher, &candidates, &keywords,
                                                       reader = account->reader(), stop] {
             return TextPass(&matcher, reader, std::move(candidates), &keywords, stop).run();
           }));
    for (const Candidate& candidate : doubts.candidates) {
      result.asked += candidate.verdict == Tri::kUnknown ? 1 : 0;
    }
    if (result.asked > 0) {
      const Result<> answered = co_await ask_upstream(account, mailbox, &matcher, &doubts, stop);
      if (!answered && answered.error().code() == Errc::kCancelled)
        co_return fail(answered.error());
    }
    for (const Candidate& candidate : doubts.candidates) {
      if (candidate.verdict == Tri::kTrue) hits.push_back(candidate.entry.uid);
      if (candidate.verdict == Tri::kUnknown) ++result.unknown;
    }
  }
  std::ranges::sort(hits);
  result.uids = imap::SequenceSet::from_sorted(std::span<const imap::Uid>(hits));
  co_return result;
}

}  // namespace cache

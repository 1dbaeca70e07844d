// Two clients of Waystation and two of the server do what comes to their mind, while the link fails
// and the program is killed: when all is quiet both sides are equal, and what they have is what
// they were told that they have.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "tests/end_to_end/mail_model.h"
#include "tests/end_to_end/proxy_fixture.h"

namespace support {
namespace {

using namespace std::chrono_literals;

constexpr int kEpochs = 2;
constexpr int kSteps = 30;
constexpr const char* kRecovered = "Recovered";
// Those that the clients write to; some of them are there at times.
constexpr const char* kBoxes[] = {"INBOX", "INBOX", "a", "b", "a/x", "Archive"};
// Those that they make, rename and delete.
constexpr const char* kFolders[] = {"a", "b", "a/x", "c"};

std::string marker_of(std::string_view text) {
  const std::size_t at = text.find("Subject: ");
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + 9;
  return std::string(text.substr(begin, text.find('\r', begin) - begin));
}

std::string body_of(const std::string& marker) {
  return simple_message(marker, "This is " + marker + ".\r\n", "<" + marker + "@model.test>");
}

struct Seen {
  std::uint32_t uid;
  ModelMessage message;
};

struct Param {
  ServerKind kind;
  bool plain;  // without all extensions
  unsigned seed;
};

std::string name_of_param(const Param& param) {
  return name_of(param.kind) + (param.plain ? "Plain_" : "_") + std::to_string(param.seed);
}
void PrintTo(const Param& param, std::ostream* out) { *out << name_of_param(param); }

class ModelTest : public ProxyFixture, public testing::WithParamInterface<Param> {
 protected:
  // What one client is connected to.
  struct Client {
    Side side;
    std::unique_ptr<RawImap> imap;
  };

  void SetUp() override {
    random_.seed(GetParam().seed * 4 + static_cast<unsigned>(GetParam().kind));
    ServerOptions server;
    if (GetParam().plain) server.without = all_extensions();
    ASSERT_NO_FATAL_FAILURE(start_server(GetParam().kind, server));
    has_keywords_ = GetParam().kind != ServerKind::kImap4d;
    const auto client = upstream();
    ASSERT_TRUE(client);
    for (const char* name : {"a", "a/x", "b", "Archive"}) {
      (void)client->command("CREATE \"" + server_->mailbox_name(name) + "\"");
    }
    for (const char* name : {"INBOX", "a", "b"}) {
      for (int i = 0; i < 3; ++i) {
        const auto done = client->append(server_->mailbox_name(name), body_of(new_marker()));
        ASSERT_TRUE(done && done->ok()) << done->str();
      }
    }
    WaystationOptions wanted = options();
    wanted.extra_upstream = R"("response_timeout": "3s", "connect_timeout": "3s")";
    // The conversations with the server, for who follows a failing seed.
    if (std::getenv("WAYSTATION_TRACE") != nullptr) wanted.extra_account = R"("trace": true)";
    ASSERT_NO_FATAL_FAILURE(start_proxy(wanted));
    const auto complete = proxy_->wait_until_complete();
    ASSERT_TRUE(complete) << complete.error().text() << proxy_->log();
    for (const Side side : {Side::kHere, Side::kHere, Side::kThere, Side::kThere}) {
      clients_.push_back({side, nullptr});
    }
  }

  void TearDown() override {
    if (!HasFailure()) return;
    const std::string name = name_of_param(GetParam());
    const char* temporary = std::getenv("TMPDIR");
    const std::string path = std::string(temporary == nullptr ? "/tmp" : temporary) +
                             "/waystation-model-" + name + ".log";
    std::ofstream file(path);
    for (const std::string& line : trace_) file << line << "\n";
    file << "\n" << (proxy_ ? proxy_->log() : "") << "\n" << server_->log();
    std::string tail;
    for (std::size_t i = trace_.size() - std::min<std::size_t>(trace_.size(), 60);
         i < trace_.size(); ++i) {
      tail += "  " + trace_[i] + "\n";
    }
    std::fprintf(stderr,
                 "What led to it, in the end:\n%sall of it, with the logs: %s\n"
                 "again: WAYSTATION_TRACE=1 WAYSTATION_SEEDS=%u end_to_end_test "
                 "--gtest_filter='*ModelTest*/%s'\n",
                 tail.c_str(), path.c_str(), GetParam().seed, name.c_str());
  }

  // ---- Chance ----
  std::uint32_t pick(std::size_t below) { return static_cast<std::uint32_t>(random_() % below); }
  bool chance(std::uint32_t percent) { return pick(100) < percent; }
  std::string new_marker() { return "m" + std::to_string(next_marker_++); }
  std::string any_box() { return kBoxes[pick(std::size(kBoxes))]; }
  std::string any_flag() {
    static const char* const kFlags[] = {"\\Seen", "\\Flagged", "\\Answered", "$work"};
    return kFlags[pick(has_keywords_ ? 4 : 3)];
  }

  void note(const std::string& text) {
    static const auto kBegin = std::chrono::steady_clock::now();
    const std::chrono::duration<double> now = std::chrono::steady_clock::now() - kBegin;
    char time[32];
    std::snprintf(time, sizeof time, "%9.3f ", now.count());
    trace_.push_back(time + text);
  }
  static std::string who(Side side) { return side == Side::kHere ? "here  " : "there "; }

  // ---- Commands ----
  struct Answer {
    bool refused = false;
    Outcome outcome = Outcome::kDone;
    Reply reply = {};
    bool ok() const { return !refused && outcome == Outcome::kDone; }
  };

  bool connect(Client* client) {
    if (client->imap) return true;
    auto made = client->side == Side::kHere ? proxy_->login() : server_->login();
    if (!made) {
      ADD_FAILURE() << who(client->side) << made.error().text();
      return false;
    }
    client->imap = std::move(*made);
    return true;
  }
  std::string quoted(const Client& client, const std::string& box) const {
    return "\"" + (client.side == Side::kHere ? box : server_->mailbox_name(box)) + "\"";
  }

  // A command that changes something: the one during which the program may be killed.
  Answer change(Client* client, const std::string& command) {
    const std::string shown = command.substr(0, command.find("\r\n"));
    if (!connect(client)) return {.refused = true};
    if (!command.starts_with("UID ") && command != "EXPUNGE") {
      // Needs nothing selected: on a new connection if the old one has ended.
      const auto alive = client->imap->command("NOOP");
      if (!alive) client->imap.reset();
      if (!connect(client)) return {.refused = true};
    }
    const bool kill = client->side == Side::kHere && std::exchange(kill_next_, false);
    const auto tag = client->imap->send_command(command);
    if (kill) {
      std::this_thread::sleep_for(std::chrono::microseconds(pick(12'000)));
      proxy_->kill_hard();
    }
    Result<Reply> reply = fail(Errc::kClosed, "not sent");
    if (tag) reply = client->imap->collect(*tag);
    if (kill) restart();
    if (!reply) {
      note(who(client->side) + shown + ": unknown");
      // The other side may have deleted what was selected: then the connection ends.
      EXPECT_TRUE(proxy_->running()) << "waystation has ended at " << shown;
      client->imap.reset();
      return {.outcome = Outcome::kUnknown};
    }
    note(who(client->side) + shown + ": " + reply->status + " " + reply->text);
    EXPECT_NE(reply->status, "BAD") << shown << ": " << reply->text;
    const bool refused = !reply->ok();
    return {.refused = refused, .reply = std::move(*reply)};
  }

  // The mailbox as the client sees it now; nothing when it cannot be selected or read.
  std::vector<Seen> look(Client* client, const std::string& box) {
    if (!connect(client)) return {};
    auto selected = client->imap->command("SELECT " + quoted(*client, box));
    if (!selected) {
      // What it had selected may be gone, and with it the connection.
      client->imap.reset();
      if (!connect(client)) return {};
      selected = client->imap->command("SELECT " + quoted(*client, box));
    }
    if (!selected) {
      ADD_FAILURE() << "SELECT " << box << ": " << selected.error().text();
      client->imap.reset();
      return {};
    }
    if (!selected->ok()) return {};
    const std::vector<MessageView> views = views_of(client);
    if (!client->imap) return {};
    const std::string id = mailbox_id_of(*selected);
    std::map<std::uint32_t, std::string> subjects = subjects_of(client, id, views);
    std::vector<Seen> seen;
    bool complete = true;
    for (const MessageView& view : views) {
      const auto found = subjects.find(view.uid);
      complete = complete && found != subjects.end();
      if (found == subjects.end()) continue;
      seen.push_back({view.uid, {found->second, {view.flags.begin(), view.flags.end()}}});
    }
    if (client->side == Side::kHere && complete) check_view(box, seen);
    return seen;
  }
  // UIDs and flags of what is selected.
  static std::vector<MessageView> views_of(Client* client) {
    std::vector<MessageView> views;
    const auto fetched = client->imap->command("UID FETCH 1:* (UID FLAGS)");
    if (!fetched) {
      client->imap.reset();
      return views;
    }
    for (const std::string& line : fetched->untagged) {
      const std::size_t uid = line.find("UID ");
      const std::size_t flags = line.find("FLAGS (");
      if (line.find(" FETCH (") == std::string::npos || uid == std::string::npos ||
          flags == std::string::npos) {
        continue;
      }
      MessageView view;
      view.uid = static_cast<std::uint32_t>(std::stoul(line.substr(uid + 4)));
      std::istringstream words(line.substr(flags + 7, line.find(')', flags) - flags - 7));
      for (std::string flag; words >> flag;) {
        if (flag != "\\Recent") view.flags.push_back(flag);
      }
      // Of flags that change just now a second line tells (RFC 3501 7.4.2).
      const auto known = std::ranges::find(views, view.uid, &MessageView::uid);
      if (known == views.end()) {
        views.push_back(std::move(view));
      } else {
        *known = std::move(view);
      }
    }
    return views;
  }
  static std::string mailbox_id_of(const Reply& selected) {
    const std::string* line = selected.find("MAILBOXID");
    return line == nullptr ? "" : *line;
  }
  // Local UIDs keep their message for ever, so they are asked for once.
  std::map<std::uint32_t, std::string> subjects_of(Client* client, const std::string& mailbox_id,
                                                   const std::vector<MessageView>& views) {
    std::map<std::uint32_t, std::string> subjects;
    std::string unknown;
    for (const MessageView& view : views) {
      const auto known = marker_of_uid_.find({mailbox_id, view.uid});
      if (client->side == Side::kHere && known != marker_of_uid_.end()) {
        subjects[view.uid] = known->second;
      } else {
        unknown += (unknown.empty() ? "" : ",") + std::to_string(view.uid);
      }
    }
    if (unknown.empty() || !client->imap) return subjects;
    // Of a message that came just before a cut not even the header may be here.
    client->imap->set_timeout(8s);
    const auto fetched =
        client->imap->command("UID FETCH " + unknown + " (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])");
    if (!fetched) {
      client->imap.reset();
      return subjects;
    }
    client->imap->set_timeout(RawImap::kDefaultTimeout);
    for (const std::string& line : fetched->untagged) {
      const std::size_t at = line.find("UID ");
      const std::string marker = marker_of(line);
      if (at == std::string::npos || marker.empty()) continue;
      const auto uid = static_cast<std::uint32_t>(std::stoul(line.substr(at + 4)));
      subjects[uid] = marker;
      if (client->side == Side::kHere) marker_of_uid_[{mailbox_id, uid}] = marker;
    }
    return subjects;
  }
  void check_view(const std::string& box, const std::vector<Seen>& seen) {
    std::vector<ModelMessage> messages;
    for (const Seen& one : seen) messages.push_back(one.message);
    for (const std::string& problem : model_.check_view(box, messages)) {
      ADD_FAILURE() << "as seen here: " << problem;
      note("WRONG: " + problem);
    }
  }

  std::vector<Seen> some_of(std::vector<Seen> seen) {
    std::vector<Seen> chosen;
    for (const Seen& one : seen) {
      if (chosen.size() < 3 && chance(40)) chosen.push_back(one);
    }
    return chosen;
  }
  static std::string uids_of(const std::vector<Seen>& seen) {
    std::string uids;
    for (const Seen& one : seen) uids += (uids.empty() ? "" : ",") + std::to_string(one.uid);
    return uids;
  }

  // ---- What clients do ----
  void act(Client* client) {
    switch (pick(16)) {
      case 0:
      case 1:
      case 2:
        return store(client);
      case 3:
      case 4:
      case 5:
        return append(client);
      case 6:
      case 7:
        return copy(client);
      case 8:
      case 9:
      case 10:
        return move(client);
      case 11:
      case 12:
        return expunge(client);
      case 13:
        return create(client);
      case 14:
        return chance(50) ? remove_folder(client) : subscribe(client);
      default:
        return rename(client);
    }
  }

  void store(Client* client) {
    const std::string box = any_box();
    const std::vector<Seen> chosen = some_of(look(client, box));
    if (chosen.empty() || !client->imap) return;
    const std::string flag = any_flag();
    const bool on = chance(60);
    const Answer answer = change(client, "UID STORE " + uids_of(chosen) + (on ? " +" : " -") +
                                             "FLAGS.SILENT (" + flag + ")");
    if (answer.refused) return;
    for (const Seen& one : chosen) {
      model_.flagged(client->side, one.message.marker, flag, on, answer.outcome);
    }
  }

  void append(Client* client) {
    const std::string box = any_box();
    const std::string marker = new_marker();
    const std::string body = body_of(marker);
    std::set<std::string> flags;
    // imap4d takes flags with an APPEND and forgets them.
    if (chance(40) && GetParam().kind != ServerKind::kImap4d) flags.insert(any_flag());
    const std::string shown = flags.empty() ? "" : "(" + *flags.begin() + ") ";
    const std::string head =
        "APPEND " + quoted(*client, box) + " " + shown + "{" + std::to_string(body.size());
    Answer answer;
    if (client->side == Side::kHere) {
      answer = change(client, head + "+}\r\n" + body);
    } else {
      // Not every server knows LITERAL+.
      if (!connect(client)) return;
      if (!client->imap->command("NOOP")) client->imap.reset();
      if (!connect(client)) return;
      const auto reply = client->imap->command(head + "}\r\n" + body);
      if (!reply) client->imap.reset();
      answer.outcome = reply ? Outcome::kDone : Outcome::kUnknown;
      answer.refused = reply && !reply->ok();
      note("there " + head + "} (" + marker + "): " + (reply ? reply->status : "unknown"));
    }
    if (answer.refused) return;
    note("      " + marker + " in " + box);
    model_.appended(client->side, box, marker, flags, answer.outcome);
  }

  void copy(Client* client) {
    const std::string from = any_box();
    const std::string to = any_box();
    const std::vector<Seen> chosen = some_of(look(client, from));
    if (chosen.empty() || !client->imap || from == to) return;
    const Answer answer = change(client, "UID COPY " + uids_of(chosen) + " " + quoted(*client, to));
    if (answer.refused) return;
    for (const Seen& one : chosen) {
      note("      " + one.message.marker);
      model_.copied(client->side, from, to, one.message.marker, answer.outcome);
    }
  }

  void move(Client* client) {
    const std::string from = any_box();
    const std::string to = any_box();
    const std::vector<Seen> chosen = some_of(look(client, from));
    if (chosen.empty() || !client->imap || from == to) return;
    if (client->side == Side::kThere && !has_move()) {
      const Answer copied =
          change(client, "UID COPY " + uids_of(chosen) + " " + quoted(*client, to));
      if (copied.refused) return;
      for (const Seen& one : chosen) {
        note("      " + one.message.marker);
        model_.copied(client->side, from, to, one.message.marker, copied.outcome);
      }
      return remove(client, from, chosen);
    }
    const Answer answer = change(client, "UID MOVE " + uids_of(chosen) + " " + quoted(*client, to));
    if (answer.refused) return;
    for (const Seen& one : chosen) {
      note("      " + one.message.marker);
      model_.moved(client->side, from, to, one.message.marker, answer.outcome);
    }
  }
  bool has_move() const {
    if (GetParam().plain) return false;
    return GetParam().kind == ServerKind::kDovecot || GetParam().kind == ServerKind::kCyrus;
  }

  void expunge(Client* client) {
    const std::string box = any_box();
    const std::vector<Seen> chosen = some_of(look(client, box));
    if (chosen.empty() || !client->imap) return;
    remove(client, box, chosen);
  }
  void remove(Client* client, const std::string& box, const std::vector<Seen>& chosen) {
    const Answer stored =
        change(client, "UID STORE " + uids_of(chosen) + " +FLAGS.SILENT (\\Deleted)");
    Answer expunged = {.refused = true};
    if (stored.ok() && client->imap) {
      const bool named = chance(50) && GetParam().kind != ServerKind::kImap4d;
      expunged = change(client, named ? "UID EXPUNGE " + uids_of(chosen) : "EXPUNGE");
    }
    if (stored.refused) return;
    // Marked and not removed: the next EXPUNGE of anybody takes it.
    const Outcome outcome = expunged.ok() ? Outcome::kDone : Outcome::kUnknown;
    for (const Seen& one : chosen) {
      note("      " + one.message.marker);
      model_.removed(client->side, box, one.message.marker, outcome);
    }
  }

  void create(Client* client) {
    const std::string name = kFolders[pick(std::size(kFolders))];
    const Answer answer = change(client, "CREATE " + quoted(*client, name));
    if (!answer.refused) model_.created(client->side, name);
  }

  void rename(Client* client) {
    const std::string from = kFolders[pick(std::size(kFolders))];
    const std::string to = kFolders[pick(std::size(kFolders))];
    if (from == to || to.starts_with(from + "/")) return;
    const Answer answer =
        change(client, "RENAME " + quoted(*client, from) + " " + quoted(*client, to));
    if (!answer.refused) model_.renamed(client->side, from, to, answer.outcome);
  }

  void remove_folder(Client* client) {
    const std::string name = kFolders[pick(std::size(kFolders))];
    std::vector<std::string> contents;
    // Cyrus keeps a mailbox that has others below it; imap4d says so, and empties it.
    const bool keeps_parents =
        GetParam().kind == ServerKind::kCyrus || GetParam().kind == ServerKind::kImap4d;
    if (keeps_parents && has_children(name)) return;
    if (client->side == Side::kThere) {
      // So that nothing comes into it between the look and the end.
      link_->stall();
      std::this_thread::sleep_for(30ms);
      for (const Seen& one : look(client, name)) contents.push_back(one.message.marker);
      // Some servers do not delete what is selected.
      if (client->imap) (void)client->imap->command("EXAMINE INBOX");
    }
    const Answer answer = change(client, "DELETE " + quoted(*client, name));
    if (client->side == Side::kThere && !is_down_) link_->up();
    if (!answer.refused) model_.deleted(client->side, name, contents, answer.outcome);
  }

  bool has_children(const std::string& name) {
    for (const Side side : {Side::kHere, Side::kThere}) {
      Client client{side, nullptr};
      if (!connect(&client)) return true;
      const auto names = list_mailboxes(client.imap.get());
      if (!names) return true;
      for (const std::string& one : *names) {
        if (local_name_if(side, one).starts_with(name + "/")) return true;
      }
    }
    return false;
  }

  void subscribe(Client* client) {
    const std::string name = kFolders[pick(std::size(kFolders))];
    (void)change(client, (chance(50) ? "SUBSCRIBE " : "UNSUBSCRIBE ") + quoted(*client, name));
  }

  // ---- What goes wrong ----
  void disturb() {
    switch (pick(8)) {
      case 0:
      case 1:
        note("link down");
        is_down_ = true;
        return link_->down();
      case 2:
        note("link stalled");
        is_down_ = true;
        return link_->stall();
      case 3:
        note("connections dropped");
        return link_->drop_all();
      case 4:
        note("half of the connections refused");
        return link_->refuse_share(0.5);
      default: {
        static constexpr CutStyle kStyles[] = {CutStyle::kClose, CutStyle::kReset,
                                               CutStyle::kStall};
        const LinkDirection way = chance(50) ? LinkDirection::kToServer : LinkDirection::kToClient;
        const std::uint32_t bytes = pick(chance(50) ? 200 : 3'000);
        note("cut " +
             std::string(way == LinkDirection::kToServer ? "to the server" : "to the client") +
             " after " + std::to_string(bytes));
        return link_->cut_after(way, bytes, kStyles[pick(3)]);
      }
    }
  }
  void mend() {
    if (is_down_) note("link up");
    is_down_ = false;
    link_->up();
    link_->refuse_share(0);
  }
  void restart() {
    note("waystation is started again");
    for (Client& client : clients_) {
      // The one that waits for an answer drops its connection itself.
      if (client.side == Side::kHere) client.imap.reset();
    }
    const auto again = proxy_->start_again();
    EXPECT_TRUE(again) << again.error().text();
  }

  void step(std::uint32_t here_percent) {
    const std::uint32_t what = pick(100);
    if (what < 10) return disturb();
    if (what < 22) return mend();
    if (what < 26) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20 + pick(300)));
      return;
    }
    if (what < 29) {
      note("killed");
      proxy_->kill_hard();
      return restart();
    }
    if (what < 33) kill_next_ = true;
    act(&clients_[(chance(here_percent) ? 0 : 2) + pick(2)]);
  }

  // ---- Quiet ----
  void settle(bool is_first = false, bool one_sided = false) {
    note("settling");
    kill_next_ = false;
    mend();
    ASSERT_TRUE(proxy_->running()) << "waystation has ended";
    // Dovecot's processes may wait two minutes for a lock that one of them has left behind.
    ASSERT_TRUE(eventually(
        [&, tries = 0]() mutable {
          const auto status = proxy_->status();
          if (status && status->pending == 0) return true;
          if (++tries % 20 == 0) tell_queue("retry");  // not after minutes
          return false;
        },
        200s))
        << "the queue is not empty: " << queue();
    const int parked = tell_queue("drop");
    // With nobody to disagree with, nothing is refused.
    if (one_sided) EXPECT_EQ(parked, 0);
    // Connecting anew makes it look at everything; flags that the server cannot tell of are looked
    // at once at the start.
    if (has_move()) {
      link_->drop_all();
    } else {
      EXPECT_TRUE(proxy_->stop().success());
      restart();
    }
    Result<SeenTree> here = fail(Errc::kBug, "not read");
    Result<SeenTree> there = fail(Errc::kBug, "not read");
    std::vector<ModelMessage> recovered;
    const bool equal = eventually(
        [&] {
          std::this_thread::sleep_for(150ms);  // reading everything is work on both sides
          here = local_tree();
          there = upstream_tree();
          if (!here || !there) return false;
          recovered = messages_of((*here)[kRecovered]);
          here->erase(kRecovered);
          return *here == *there &&
                 subscriptions(Side::kHere, *there) == subscriptions(Side::kThere, *there);
        },
        200s);  // Dovecot may wait two minutes for a lock of its own, after a RENAME
    ASSERT_TRUE(here) << here.error().text();
    ASSERT_TRUE(there) << there.error().text();
    const auto ours = subscriptions(Side::kHere, *there);
    const auto theirs = subscriptions(Side::kThere, *there);
    ASSERT_TRUE(equal) << "here:\n"
                       << describe(*here) << join(ours) << "\nupstream:\n"
                       << describe(*there) << join(theirs);
    ModelTree tree;
    for (const auto& [name, messages] : *there) {
      tree[name] = messages_of(messages);
      for (const SeenMessage& message : messages) {
        EXPECT_EQ(message.body, body_of(marker_of(message.body)));
      }
    }
    if (is_first) return model_.begin(tree);
    const std::vector<std::string> problems = model_.check_end(tree, recovered);
    for (const std::string& problem : problems) {
      note("WRONG: " + problem);
      ADD_FAILURE() << problem;
    }
    if (!problems.empty()) ADD_FAILURE() << "there is:\n" << describe(*there);
    empty_recovered();
    model_.begin(tree);
    note("settled");
  }
  static std::vector<ModelMessage> messages_of(const std::vector<SeenMessage>& seen) {
    std::vector<ModelMessage> messages;
    for (const SeenMessage& one : seen) {
      messages.push_back({marker_of(one.body), {one.flags.begin(), one.flags.end()}});
    }
    return messages;
  }
  static std::string join(const std::set<std::string>& names) {
    std::string text = "subscribed:";
    for (const std::string& name : names) text += " " + name;
    return text;
  }

  // Of those that are there: LIST RETURN (SUBSCRIBED) does not tell of others (RFC 5258 3.5).
  std::set<std::string> subscriptions(Side side, const SeenTree& tree) {
    Client client{side, nullptr};
    std::set<std::string> names;
    if (!connect(&client)) return names;
    const auto reply = client.imap->command("LSUB \"\" \"*\"");
    if (!reply) return names;
    for (const std::string& line : reply->untagged) {
      const std::string name = local_name_if(side, last_word(line));
      const bool is_ours = std::ranges::find(kFolders, name) != std::end(kFolders);
      // Courier tells of the levels above, too.
      const bool is_a_level = line.find("\\Noselect") != std::string::npos;
      if (line.starts_with("LSUB ") && is_ours && !is_a_level && tree.contains(name))
        names.insert(name);
    }
    return names;
  }
  static std::string last_word(const std::string& line) {
    std::string word = line.substr(line.rfind(' ') + 1);
    std::erase(word, '"');
    return word;
  }
  std::string local_name_if(Side side, const std::string& name) const {
    return side == Side::kHere ? name : server_->local_name(name);
  }

  std::string queue() {
    const auto listed = proxy_->command({"queue", "list"});
    return listed ? listed->output : listed.error().text();
  }
  // Tells every entry that is parked, or waits, to be tried or dropped; returns how many.
  int tell_queue(const std::string& verb) {
    const auto listed = proxy_->command({"queue", "list", "--json"});
    if (!listed) return 0;
    int told = 0;
    for (std::size_t at = 0; (at = listed->output.find("\"seq\"", at)) != std::string::npos;) {
      at = listed->output.find_first_of("0123456789", at);
      const std::size_t end = listed->output.find_first_not_of("0123456789", at);
      const std::string seq = listed->output.substr(at, end - at);
      const auto said = proxy_->command({"queue", verb, "work", seq});
      note("queue " + verb + " " + seq + ": " + (said ? said->output : said.error().text()));
      ++told;
    }
    if (told > 0) note(listed->output);
    return told;
  }

  void empty_recovered() {
    Client client{Side::kHere, nullptr};
    if (!connect(&client) || !client.imap->command("SELECT Recovered")->ok()) return;
    (void)client.imap->command("STORE 1:* +FLAGS.SILENT (\\Deleted)");
    EXPECT_TRUE(client.imap->command("EXPUNGE")->ok());
  }

  MailModel model_;
  std::mt19937 random_;
  std::vector<Client> clients_;
  std::vector<std::string> trace_;
  std::map<std::pair<std::string, std::uint32_t>, std::string> marker_of_uid_;
  int next_marker_ = 1;
  bool has_keywords_ = true;
  bool is_down_ = false;
  bool kill_next_ = false;
};

TEST_P(ModelTest, NothingIsLostAndBothSidesEndUpEqual) {
  ASSERT_NO_FATAL_FAILURE(settle(true));
  for (int epoch = 0; epoch < kEpochs && !HasFailure(); ++epoch) {
    // Where one side alone writes, everything must be exact.
    static constexpr std::uint32_t kHere[] = {60, 60, 60, 100, 0};
    const std::uint32_t here_percent = kHere[pick(std::size(kHere))];
    note("epoch " + std::to_string(epoch) + ": " + std::to_string(here_percent) + " % here");
    for (int i = 0; i < kSteps && !HasFailure(); ++i) step(here_percent);
    if (HasFailure()) break;
    ASSERT_NO_FATAL_FAILURE(settle(false, here_percent == 0 || here_percent == 100));
  }
}

// A minute or two; WAYSTATION_SEEDS=200 for a long look.
std::vector<Param> params() {
  const char* wanted = std::getenv("WAYSTATION_SEEDS");
  const auto seeds = [wanted](unsigned usual) {
    return wanted == nullptr ? usual : static_cast<unsigned>(std::strtoul(wanted, nullptr, 10));
  };
  std::vector<Param> all;
  for (const ServerKind kind : all_server_kinds()) {
    const bool is_dovecot = kind == ServerKind::kDovecot;
    for (unsigned seed = 1; seed <= seeds(is_dovecot ? 6 : 2); ++seed) {
      all.push_back({kind, false, seed});
      if (is_dovecot && seed <= seeds(2)) all.push_back({kind, true, seed});
    }
  }
  return all;
}
INSTANTIATE_TEST_SUITE_P(Seeds, ModelTest, testing::ValuesIn(params()),
                         [](const auto& info) { return name_of_param(info.param); });

}  // namespace
}  // namespace support

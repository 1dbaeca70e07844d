// MailModel: what must and may be in a mail account that two sides change at the same time, told by
// what each of them was answered. It knows nothing of servers; model_test.cc feeds it.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace support {

enum class Side : unsigned char { kHere, kThere };  // a client of Waystation, of the server

/// What is refused has done nothing and is not told to the model.
enum class Outcome : unsigned char { kDone, kUnknown };  // unknown: killed before the answer

struct ModelMessage {
  std::string marker;  // unique: copies of a message share it
  std::set<std::string> flags;
};
using ModelTree = std::map<std::string, std::vector<ModelMessage>>;

/// One epoch: from one moment at which both sides are equal to the next.
///
/// A message that one side alone has touched, with known outcomes, must be exactly where that side
/// put it. For any other there are bounds: it is not lost unless somebody removed it, and there are
/// no more of it than were made. Of each flag the last word counts, where one side alone spoke.
///
/// Thread: any; owned by one.
class MailModel {
 public:
  /// Both sides are equal and look so.
  void begin(const ModelTree& tree);

  void appended(Side side, const std::string& box, const std::string& marker,
                const std::set<std::string>& flags, Outcome outcome);
  void copied(Side side, const std::string& from, const std::string& to, const std::string& marker,
              Outcome outcome);
  void moved(Side side, const std::string& from, const std::string& to, const std::string& marker,
             Outcome outcome);
  void removed(Side side, const std::string& box, const std::string& marker, Outcome outcome);
  void flagged(Side side, const std::string& marker, const std::string& flag, bool on,
               Outcome outcome);
  void created(Side side, const std::string& name);
  /// `contents` is what the mailbox held at the server; of a mailbox that is deleted here all goes
  /// that comes into it until the server knows.
  void deleted(Side side, const std::string& name, const std::vector<std::string>& contents,
               Outcome outcome);
  void renamed(Side side, const std::string& from, const std::string& to, Outcome outcome);

  /// Read your writes: what is wrong with a mailbox as a client of Waystation sees it now.
  std::vector<std::string> check_view(const std::string& box,
                                      const std::vector<ModelMessage>& seen) const;
  /// What is wrong with what both sides have in the end, and with what is kept aside.
  std::vector<std::string> check_end(const ModelTree& tree,
                                     const std::vector<ModelMessage>& recovered) const;

 private:
  struct FlagFate {
    bool value = false;
    std::array<bool, 2> touched{};
    bool unsure = false;
  };
  struct Fate {
    std::vector<std::string> boxes;  // of its instances, while it is exact
    std::set<std::string> places;    // where it is, was or may have been
    int base = 0;
    int appends = 0;
    int unsure_appends = 0;
    int copies = 0;
    int moves = 0;
    int removals = 0;
    std::array<bool, 2> touched{};  // where it is, not its flags
    bool unsure = false;
    bool copied = false;
    std::map<std::string, FlagFate> flags;

    bool is_exact() const { return !unsure && !(touched[0] && touched[1]); }
  };
  using Fates = std::map<std::string, Fate>;

  static std::size_t index(Side side) { return static_cast<std::size_t>(side); }
  static std::size_t other(Side side) { return 1 - index(side); }
  static std::string renamed_name(const std::string& name, const std::string& from,
                                  const std::string& to);
  Fate* touch(Side side, const std::string& box, const std::string& marker, Outcome outcome);
  bool is_touched(std::size_t side, const std::string& box) const;
  void arrive(Side side, const std::string& box, Fate* fate);
  void touch_folder(Side side, const std::string& name, Outcome outcome);
  std::set<std::string> linked(const std::string& name) const;
  static void check_flags(const std::string& marker, const Fate& fate, const ModelMessage& seen,
                          std::vector<std::string>* problems);

  Fates fates_;
  std::array<std::set<std::string>, 2> folders_;            // touched by each side
  std::array<std::set<std::string>, 2> renamed_;            // of these, with what is below them
  std::vector<std::pair<std::string, std::string>> links_;  // renames of either side
  std::set<std::string> deleted_here_;                      // and what these names may be there
};

}  // namespace support

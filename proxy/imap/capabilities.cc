#include "proxy/imap/capabilities.h"

namespace proxy {
namespace {

void add_common(std::vector<std::string>* all) {
  all->insert(all->end(), {"IMAP4rev1", "LITERAL+", "ID", "ENABLE"});
}

}  // namespace

std::vector<std::string> capabilities(bool compressed) {
  std::vector<std::string> all;
  add_common(&all);
  all.insert(all.end(),
             {"IDLE", "NAMESPACE", "UNSELECT", "UIDPLUS", "MOVE", "CONDSTORE", "QRESYNC",
              "CHILDREN", "SPECIAL-USE", "CREATE-SPECIAL-USE", "LIST-EXTENDED", "LIST-STATUS",
              "ESEARCH", "WITHIN", "STATUS=SIZE", "OBJECTID", "UTF8=ACCEPT"});
  // RFC 4978 3: not again once it is active.
  if (!compressed) all.emplace_back("COMPRESS=DEFLATE");
  return all;
}

std::vector<std::string> login_capabilities(bool starttls, bool secrets_allowed) {
  std::vector<std::string> all;
  add_common(&all);
  all.emplace_back("SASL-IR");
  if (starttls) all.emplace_back("STARTTLS");
  all.emplace_back("AUTH=SCRAM-SHA-256");
  if (secrets_allowed) {
    all.insert(all.end(), {"AUTH=PLAIN", "AUTH=LOGIN"});
  } else {
    all.emplace_back("LOGINDISABLED");
  }
  return all;
}

}  // namespace proxy

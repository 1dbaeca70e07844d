#include "tests/unit/protocol/mime/samples.h"

#include "protocol/imap/body_structure.h"
#include "protocol/imap/envelope.h"
#include "protocol/mime/parser.h"
#include "protocol/mime/search_text.h"

namespace mime {
namespace {

using namespace std::string_literals;

constexpr const char* kMixed =
    "From: a@b\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"B\"\r\n\r\n";

std::string mixed(const std::string& body) { return kMixed + body; }

// Two leaf parts of plain text, as they look in most of the structures below.
std::string plain(int octets, int lines) {
  return R"(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" )" + std::to_string(octets) +
         " " + std::to_string(lines) + " NIL NIL NIL NIL)";
}
std::string mixed_of(const std::string& parts) {
  return "(" + parts + R"( "mixed" ("boundary" "B") NIL NIL NIL))";
}
// What the encoder makes of a multipart without parts (the grammar wants one).
const std::string kNoParts =
    R"(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 0 0 NIL NIL NIL NIL))";
const std::string kNilEnvelope = "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)";

std::vector<Sample> make_samples() {
  std::vector<Sample> out;
  const auto add = [&](const char* name, std::string message, std::string structure) {
    out.push_back({name, std::move(message), std::move(structure)});
  };

  // ---- no MIME ----
  add("Empty", "", plain(0, 0));
  add("OnlyAnEmptyLine", "\r\n", plain(0, 0));
  add("OneByte", "x", plain(0, 0));
  add("HeaderOnly", "From: a@b\r\n", plain(0, 0));
  add("HeaderWithoutItsLastLineEnd", "From: a@b", plain(0, 0));
  add("Plain", "From: a@b\r\nSubject: s\r\n\r\none\r\ntwo\r\n", plain(10, 2));
  add("NoLastLineEnd", "From: a@b\r\n\r\none\r\ntwo", plain(8, 1));
  add("BareLineFeeds", "From: a@b\nSubject: s\n\none\ntwo\n", plain(8, 2));
  add("BareCarriageReturnsAreNoLines", "Subject: x\rFrom: a@b\r\n\r\n\r\rx\r", plain(4, 0));
  add("MboxLine", "From a@b Mon Jan  1 00:00:00 2024\r\nFrom: a@b\r\n\r\nx\r\n", plain(3, 1));
  add("NoSeparator", "From: a@b\r\nthis is no field\r\nSubject: x\r\n\r\nbody", plain(4, 0));
  add("NoHeaderAtAll", "a body without header\r\nmore of it\r\n", plain(0, 0));
  add("Nul", "Subject: a\0b\r\n\0: x\r\n\r\n\0\0\r\n"s, plain(4, 1));
  add("EightBit", "Subject: \xff\xfe\r\nFrom: \xe9 <a@b>\r\n\r\n\xff\x80\r\n", plain(4, 1));
  add("LongLines",
      "X-Long: " + std::string(100'000, 'a') + "\r\nFrom: a@b\r\n\r\n" + std::string(100'000, 'b') +
          "\r\n",
      plain(100'002, 1));

  // ---- Content-Type, good and bad (RFC 2045 5.1, 5.2) ----
  const auto type = [](const std::string& value) {
    return "From: a@b\r\nContent-Type: " + value + "\r\n\r\nx\r\n";
  };
  const auto leaf = [](const std::string& head, const std::string& tail = "NIL NIL \"7bit\" 3") {
    return "(" + head + " " + tail + " NIL NIL NIL NIL)";
  };
  const std::string text_tail = "NIL NIL \"7bit\" 3 1";
  add("CharsetKept", type("text/html; charset=\"UTF-8\""),
      leaf(R"("text" "html" ("charset" "UTF-8"))", text_tail));
  add("CommentsInTheType", type("text/plain (c); (d) charset (e) = (f) utf-8 (g (h))"),
      leaf(R"("text" "plain" ("charset" "utf-8"))", text_tail));
  add("FoldedParameters", type("text/plain;\r\n\tcharset=x;\r\n name=\"a\r\n b\""),
      leaf(R"("text" "plain" ("charset" "x" "name" "a b"))", text_tail));
  add("QuotedPairs", type(R"(application/x; name="a\"b\\c")"),
      leaf(R"("application" "x" ("name" "a\"b\\c"))"));
  add("UnquotedEncodedWord", type("application/x; name==?utf-8?q?x?=; y=1"),
      leaf(R"("application" "x" ("name" "=?utf-8?q?x?=" "y" "1"))"));
  add("OnlyAMainType", type("text"), leaf(R"("text" "plain" ("charset" "us-ascii"))", text_tail));
  add("GarbageType", type("%$&/( ;;; =="), leaf(R"("%$&" "x-unknown" NIL)"));
  add("EmptyType", type(""), leaf(R"("text" "plain" ("charset" "us-ascii"))", text_tail));
  add("QuoteWithoutEnd", type("application/x; name=\"abc"),
      leaf(R"("application" "x" ("name" "abc"))"));
  add("ParameterWithoutValue", type("application/x; a; b=2; =3; ;; c="),
      leaf(R"("application" "x" ("b" "2" "c" ""))"));
  add("Continuations", type("application/x; name*1=b; name*0=a; y=2"),
      leaf(R"("application" "x" ("y" "2" "name" "ab"))"));
  add("CharsetContinuations", type("application/x; n*0*=utf-8''%e4; n*1=b%; n*2*=%20c"),
      leaf(R"("application" "x" ("n*" "utf-8''%e4b%25%20c"))"));
  add("ContinuationMissing", type("application/x; n*0=a; n*2=c"),
      leaf(R"("application" "x" ("n*0" "a" "n*2" "c"))"));
  add("MultipartWithoutBoundary", type("multipart/mixed"),
      "(" + kNoParts + R"( "mixed" NIL NIL NIL NIL))");
  add("MultipartWithoutSubtype", type("multipart"), leaf(R"("application" "octet-stream" NIL)"));
  add("FirstTypeCounts", "Content-Type: text/html\r\nContent-Type: image/png\r\n\r\nx\r\n",
      leaf(R"("text" "html" ("charset" "us-ascii"))", text_tail));
  add("AllContentFields",
      "MIME-Version: 1.0\r\nContent-Type: image/png\r\nContent-ID: <i@d>\r\nContent-Description: "
      "a\r\n"
      " b\r\nContent-Transfer-Encoding: BASE64\r\nContent-MD5: m\r\nContent-Language: en, de\r\n"
      "Content-Location: http://l/\r\nContent-Disposition: attachment; filename=\"f\"\r\n\r\nx\r\n",
      R"(("image" "png" NIL "<i@d>" "a b" "BASE64" 3 "m" ("attachment" ("filename" "f")) )"
      R"(("en" "de") "http://l/"))");
  add("ContentFieldsNeedMime", "Content-Transfer-Encoding: base64\r\nContent-ID: <x>\r\n\r\nx\r\n",
      plain(3, 1));

  // ---- multiparts (RFC 2046 5.1) ----
  add("TwoParts",
      mixed("preamble\r\n--B\r\n\r\none\r\n--B\r\n\r\ntwo\r\n\r\n--B--\r\nepilogue\r\n"),
      mixed_of(plain(3, 0) + plain(5, 1)));
  add("NoClosingBoundary", mixed("--B\r\n\r\none\r\n--B\r\n\r\ntwo\r\n"),
      mixed_of(plain(3, 0) + plain(5, 1)));
  add("EndsInABoundaryLine", mixed("--B\r\n\r\none\r\n--B"), mixed_of(plain(3, 0)));
  add("NoParts", mixed("nothing here\r\n"), mixed_of(kNoParts));
  add("EndsAtOnce", mixed("--B--\r\n\r\nx"), mixed_of(kNoParts));
  add("EmptyBody", mixed(""), mixed_of(kNoParts));
  add("BareLineFeedsInParts",
      "Content-Type: multipart/mixed; boundary=B\n\n--B\n\none\n--B\n\ntwo\n--B--\n",
      mixed_of(plain(3, 0) + plain(3, 0)));
  add("BlanksBehindBoundaries", mixed("--B \t\r\n\r\none\r\n--B-- \r\n"), mixed_of(plain(3, 0)));
  add("BoundaryInTheHeaderOfAPart",
      mixed("--B\r\nContent-Type: text/html\r\n--B\r\n\r\ntwo\r\n--B--"),
      mixed_of(R"(("text" "html" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL))" +
               plain(3, 0)));
  add("EndInTheHeaderOfAPart", mixed("--B\r\nContent-Type: text/html"),
      mixed_of(R"(("text" "html" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL))"));
  add("DashesThatAreNoBoundary",
      mixed("--B\r\n\r\n--\r\n-- B\r\n --B\r\n--b\r\nx--B\r\n-\r\n--\n-B\r\n--B--"),
      mixed_of(plain(35, 7)));
  add("EmptyLinesBeforeBoundaries", mixed("\r\n--B\r\n\r\n\r\n\r\n--B\r\n\r\n--B--"),
      mixed_of(plain(2, 1) + plain(0, 0)));
  add("AnyPrefixMatches", mixed("--Bxyz\r\n\r\none\r\n--B--xyz\r\n"), mixed_of(plain(3, 0)));

  const auto nested = [](const std::string& boundary, const std::string& body) {
    return mixed("--B\r\nContent-Type: multipart/alternative; boundary=\"" + boundary +
                 "\"\r\n\r\n" + body);
  };
  const auto alternative_of = [](const std::string& boundary, const std::string& parts) {
    return "(" + parts + R"( "alternative" ("boundary" ")" + boundary + R"(") NIL NIL NIL))";
  };
  add("InnerBoundaryIsLonger", nested("BC", "--BC\r\n\r\n1\r\n--BC--\r\n--B\r\n\r\n2\r\n--B--\r\n"),
      mixed_of(alternative_of("BC", plain(1, 0)) + plain(1, 0)));
  add("InnerBoundaryIsTheSame", nested("B", "--B\r\n\r\n1\r\n--B--\r\n--B\r\n\r\n2\r\n--B--\r\n"),
      mixed_of(alternative_of("B", plain(1, 0)) + plain(1, 0)));
  add("InnerBoundaryLooksLikeAnEnd",
      nested("B--", "--B--\r\n\r\n1\r\n--B----\r\n--B\r\n\r\n2\r\n--B--\r\n"),
      mixed_of(alternative_of("B--", plain(1, 0)) + plain(1, 0)));
  add("InnerMultipartNotClosed", nested("C", "--C\r\n\r\n1\r\n--B\r\n\r\n2\r\n--B--\r\n"),
      mixed_of(alternative_of("C", plain(1, 0)) + plain(1, 0)));
  add("InnerMultipartWithoutParts", nested("C", "--B\r\n\r\n2\r\n--B--\r\n"),
      mixed_of(alternative_of("C", kNoParts) + plain(1, 0)));
  // Only 80 bytes of a boundary are compared, so this one's end is not seen as such.
  add("LongBoundariesMatchByTheirBeginning",
      "Content-Type: multipart/mixed; boundary=" + std::string(100, 'B') + "\r\n\r\n--" +
          std::string(100, 'B') + "\r\n\r\n1\r\n--" + std::string(100, 'B') + "--\r\n",
      "(" + plain(1, 0) + plain(0, 0) + R"( "mixed" ("boundary" ")" + std::string(100, 'B') +
          R"(") NIL NIL NIL))");

  // ---- messages in messages ----
  add("MessageInMixed",
      mixed("--B\r\nContent-Type: message/rfc822\r\n\r\nFrom: x@y\r\nSubject: "
            "in\r\n\r\nbody\r\n\r\n--B--"),
      mixed_of(R"(("message" "rfc822" NIL NIL NIL "7bit" 32 (NIL "in" ((NIL NIL "x" "y")) )"
               R"(((NIL NIL "x" "y")) ((NIL NIL "x" "y")) NIL NIL NIL NIL NIL) )" +
               plain(6, 1) + " 4 NIL NIL NIL NIL)"));
  add("MessageAtTheTop", "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nbody",
      R"(("message" "rfc822" NIL NIL NIL "7bit" 19 (NIL "in" NIL NIL NIL NIL NIL NIL NIL NIL) )" +
          plain(4, 0) + " 2 NIL NIL NIL NIL)");
  add("EmptyMessageInMixed", mixed("--B\r\nContent-Type: message/rfc822\r\n\r\n--B--"),
      mixed_of(R"(("message" "rfc822" NIL NIL NIL "7bit" 0 )" + kNilEnvelope + " " + plain(0, 0) +
               " 0 NIL NIL NIL NIL)"));
  // Dovecot counts the line end before the boundary here: RFC 2046 5.1.1 gives it to the boundary.
  add("EncodedMessageInMixed",
      mixed("--B\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            "RnJvbQ==\r\n--B--"),
      mixed_of(R"(("message" "rfc822" NIL NIL NIL "base64" 8 )" + kNilEnvelope + " " + plain(0, 0) +
               " 0 NIL NIL NIL NIL)"));
  add("Digest",
      "Content-Type: multipart/digest; boundary=B\r\n\r\n--B\r\n\r\nSubject: 1\r\n\r\nx\r\n--B\r\n"
      "Content-Type: text/plain\r\n\r\ny\r\n--B--",
      R"((("message" "rfc822" NIL NIL NIL "7bit" 15 (NIL "1" NIL NIL NIL NIL NIL NIL NIL NIL) )" +
          plain(1, 0) + " 2 NIL NIL NIL NIL)" + plain(1, 0) +
          R"( "digest" ("boundary" "B") NIL NIL NIL))");
  return out;
}

}  // namespace

const std::vector<Sample>& samples() {
  static const std::vector<Sample> all = make_samples();
  return all;
}

std::string describe(std::string_view message, const std::vector<std::size_t>& cuts) {
  std::string text;
  SearchText search([&](std::string_view folded) { text += folded; });
  Parser parser(&search);
  std::size_t done = 0;
  for (const std::size_t cut : cuts) {
    parser.feed(message.substr(done, cut - done));
    done = cut;
  }
  parser.feed(message.substr(done));
  const Message result = parser.finish();

  std::string out;
  imap::encode_envelope(result.envelope, &out);
  out += "\n";
  imap::encode_body_structure(result.structure, &out);
  out += "\n" + std::to_string(result.size_bytes) + (result.header_is_whole ? " whole " : " cut ");
  out += result.section_map + "\n" + result.header + "\n" + search.header().all + "\n" + text;
  return out;
}

std::string describe(std::string_view message) { return describe(message, {}); }

}  // namespace mime

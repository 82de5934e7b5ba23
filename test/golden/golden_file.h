// test/golden/golden_file.h
//
// Golden files: cases as text that a reviewer can read.  One file holds many
// cases; a case is its name and what goes in and must come out:
//
//   # RFC 1812 5.2.2 (4): a checksum of 0 is wrong, too.
//   case M041-checksum C=bad,0x0000,0xffff
//   in pod: eth / ip4 csum={C} / udp / data 4
//   drop: IP4_CSUM
//
//   twin M098-unknown-protocol
//   in: eth / {ip} {proto=200|next=200} / data 4
//   pass: protocol=200
//
// A line is a directive "WORDS: TEXT"; a line that begins with a space
// continues the one before.  What the words mean is the runner's matter.
// "twin" stands for one case in each family: {ip}, {icmp}, {ttl}, {v} are
// replaced by ip4, icmp, ttl, 4 or ip6, icmp6, hop, 6, {ip-df} by "ip4 df=1" or
// ip6, and {A|B} by A or B; the case's name gets "/v4" or "/v6" behind it.
// NAME=LIST behind a case's name repeats it for each value in place of {NAME}:
// a comma list, of which N..M is a range of numbers.
//
// "scene NAME" begins directives that several cases of the file have in common,
// "play NAME" stands for them in a case or in another scene further down:
//
//   scene open
//   in client: ...
//   twin closed-at-once
//   play open
//   in client: ...
//
// Errors name file and line.  Test code; thread-compatible.

#ifndef VSWITCH_TEST_GOLDEN_GOLDEN_FILE_H_
#define VSWITCH_TEST_GOLDEN_GOLDEN_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace vswitch {

// "in pod: eth / ip4" has the words {"in", "pod"} and the text "eth / ip4".
struct GoldenDirective {
  std::vector<std::string> words;
  std::string text;
  int line = 0;
};

struct GoldenCase {
  std::string name;   // "M041-checksum/C=bad", "M098-unknown-protocol/v4"
  std::string where;  // "malformed.golden:12"
  std::vector<GoldenDirective> directives;
};

// Returns the cases that `text` holds; `file_name` is for messages.
absl::StatusOr<std::vector<GoldenCase>> ParseGoldenFile(
    absl::string_view text, absl::string_view file_name);

// Reads the file at `path`.
absl::StatusOr<std::vector<GoldenCase>> ReadGoldenFile(const std::string& path);

// Returns the values of a comma list, of which N..M is a range of numbers.
std::vector<std::string> ExpandGoldenList(absl::string_view list);

// The key=value pairs of a directive's text, in order: "bytes=60 ttl=3".
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> KeyValues(
    const GoldenDirective& directive);

// Returns `name` with only letters, digits and '_': a GoogleTest name.
std::string GoldenTestName(absl::string_view name);

}  // namespace vswitch

#endif  // VSWITCH_TEST_GOLDEN_GOLDEN_FILE_H_

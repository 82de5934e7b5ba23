// test/golden/pipeline/golden_values.h
//
// What a case leaves to the switch, such as the port that source NAT takes, and
// holds it to from then on.  "<X>" in the text of a packet that leaves stands
// for whatever the field says; every other packet has that value in its place:
//
//   in client: @ / {ip} dst=$outside / udp
//   out uplink: @ / {ip} src=$nat dst=$outside {ttl}=63 / udp sport=<X>
//   in uplink: @ / {ip} src=$outside dst=$nat / udp sport=53 dport=<X>
//
// A packet that comes in many times ("in client I=1..100:") learns a value each
// time; a check speaks of all of them:
//
//   check: X in 20000..20999   each is one of these numbers
//   check: X distinct          no two are equal
//   check: X same              all are equal; X may be used from then on
//   check: X covers A,B        each is one of these, and each of these came
//   check: X != Y              the one value differs from the other's
//   check: X shared            some are equal
//   check: X balanced          of the numbers 40 to 60 in 100 are even
//   check: X scattered         no distance from one number to the next comes
//                              in more than 5 of 100
//
// Test code; thread-compatible.

#ifndef VSWITCH_TEST_GOLDEN_PIPELINE_GOLDEN_VALUES_H_
#define VSWITCH_TEST_GOLDEN_PIPELINE_GOLDEN_VALUES_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace vswitch {

class GoldenValues {
 public:
  // Returns `text` with the known values in place of their names.
  std::string Fill(absl::string_view text) const;

  // Learns the names that are left in `wanted` from what `actual` says in the
  // same fields.
  void Learn(absl::string_view wanted, absl::string_view actual);

  // Begins with a packet that comes in many times, with each time, and ends
  // with it: what was learnt since BeginSteps() is to be learnt again.
  void BeginSteps() { before_ = known_; }
  void BeginStep() { known_ = before_; }
  void EndSteps() { known_ = before_; }

  // Returns why `check`, the text of a directive, does not hold.
  absl::Status Check(absl::string_view check);

 private:
  using Values = std::map<std::string, std::string>;

  Values known_;
  Values before_;  // the steps
  std::map<std::string, std::vector<std::string>> learnt_;
};

// Returns `text` with some number in place of every "<X>" and "{X}".
std::string FillWithExamples(absl::string_view text);

}  // namespace vswitch

#endif  // VSWITCH_TEST_GOLDEN_PIPELINE_GOLDEN_VALUES_H_

// dataplane/base/planted_bug.h
//
// kPlantedBug: the bug that a build for tests has on purpose, to show that the
// fuzz target of the pipeline finds it (tools/fuzz-planted-bugs).  A file that
// is compiled with -DVSWITCH_PLANTED_BUGS has the one whose number the
// environment variable VSWITCH_PLANTED_BUG gives, so that one build serves for
// all of them; any other has none, and nothing of it is left in the program.
//
//   if (kPlantedBug == PlantedBug::kPortsNotSummed) change.l4 = 0;
//
// A constant of each file, so only .cc files may include this.

#ifndef VSWITCH_DATAPLANE_BASE_PLANTED_BUG_H_
#define VSWITCH_DATAPLANE_BASE_PLANTED_BUG_H_

#ifdef VSWITCH_PLANTED_BUGS
#include <cstdlib>
#endif

namespace vswitch {

enum class PlantedBug {
  kNone = 0,
  kPortsNotSummed = 1,        // a checksum does not follow the ports
  kReplyAsOriginal = 2,       // answers are translated as questions
  kOverlapPasses = 3,         // fragments may overlap
  kEntryLeaks = 4,            // a connection outlives its timeout
  kUdpLengthOffByOne = 5,     // a UDP datagram may end behind its packet
  kPortGivenTwice = 6,        // two clients share a port of source NAT
  kQuotationKept = 7,         // an ICMP error's quotation is not translated
  kWindowInverted = 8,        // TCP's window lets pass what it should not
  kTtlOffByOne = 9,           // a packet leaves with TTL 0
  kOddSegmentMissummed = 10,  // a sum over segments of odd lengths
};

#ifdef VSWITCH_PLANTED_BUGS
inline PlantedBug PlantedBugOfEnvironment() {
  const char* number = std::getenv("VSWITCH_PLANTED_BUG");
  return number == nullptr ? PlantedBug::kNone
                           : static_cast<PlantedBug>(std::atoi(number));
}
static const PlantedBug kPlantedBug = PlantedBugOfEnvironment();
#else
constexpr PlantedBug kPlantedBug = PlantedBug::kNone;
#endif

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_BASE_PLANTED_BUG_H_

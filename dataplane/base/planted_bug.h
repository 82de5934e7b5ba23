// dataplane/base/planted_bug.h
//
// kPlantedBug: the bug that this build has on purpose.  There is none unless a
// file is compiled with -DVSWITCH_PLANTED_BUG=N, which tools/fuzz-planted-bugs
// does for each of them, to show that the fuzz target of the pipeline finds it.
//
//   if (kPlantedBug == PlantedBug::kPortsNotSummed) change.l4 = 0;
//
// A constant of each file, so only .cc files may include this; without a bug
// nothing of it is left in the program.

#ifndef VSWITCH_DATAPLANE_BASE_PLANTED_BUG_H_
#define VSWITCH_DATAPLANE_BASE_PLANTED_BUG_H_

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

#ifndef VSWITCH_PLANTED_BUG
#define VSWITCH_PLANTED_BUG 0
#endif

constexpr PlantedBug kPlantedBug{VSWITCH_PLANTED_BUG};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_BASE_PLANTED_BUG_H_

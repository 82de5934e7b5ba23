// dataplane/base/drop_reason.h
//
// DropReason: why a packet died.  One closed list for the whole switch: each
// packet that is not sent leaves through exactly one reason, each reason is one
// counter, one name on the command line and one row of docs/drop-reasons.md.
//
// The stage says where the reason is charged: reasons of stage kTransmit are
// charged to the port that the packet would have left by, all others to the
// port that it came in by (the balance equations in dataplane/stats need that).
//
//   for (const DropReasonInfo& info : DropReasons()) Print(info.name, ...);
//
// Plain values and constants: any thread.

#ifndef VSWITCH_DATAPLANE_BASE_DROP_REASON_H_
#define VSWITCH_DATAPLANE_BASE_DROP_REASON_H_

#include <cstdint>
#include <optional>
#include <span>

#include "absl/strings/string_view.h"

namespace vswitch {

// The numbers are part of the layout of the counter memory and of the API:
// append at the end, never renumber.
enum class DropReason : uint8_t {
  kNone = 0,  // not dropped
  kPortNotReady = 1,
  kRxTooLong = 2,
  kRxNoMbuf = 3,
  kRxVnetHeader = 4,
  kL2Short = 5,
  kL2Type = 6,
  kL2Llc = 7,
  kVlanFromPod = 8,
  kVlanInvalid = 9,
  kL2SrcMcast = 10,
  kL2SrcInvalid = 11,
  kL2Loop = 12,
  kL2OtherHost = 13,
  kL2L3CastMismatch = 14,
  kL2Reserved = 15,
  kSpoofMacSrc = 16,
  kSpoofIpSrc = 17,
  kArpMalformed = 18,
  kArpSpoof = 19,
  kArpUnknownTarget = 20,
  kArpUnsolicited = 21,
  kNdMalformed = 22,
  kNdSpoof = 23,
  kNdRaFromPod = 24,
  kNdFragmented = 25,
  kNdUnknownTarget = 26,
  kNdUnsolicited = 27,
  kDhcpServerFromPod = 28,
  kTunnelFromPod = 29,
  kMulticastNotForwarded = 30,
  kBroadcastNotForwarded = 31,
  kL3Short = 32,
  kIpVersion = 33,
  kIp4Ihl = 34,
  kIp4Len = 35,
  kIp4Csum = 36,
  kIp4Opt = 37,
  kIp4SrcRoute = 38,
  kIp6Len = 39,
  kIp6Jumbo = 40,
  kIp6ExtOrder = 41,
  kIp6ExtLen = 42,
  kIp6ExtChain = 43,
  kIp6Option = 44,
  kIp6Rh0 = 45,
  kIp6Rh = 46,
  kMartianSrc = 47,
  kMartianDst = 48,
  kLinkLocalScope = 49,
  kLand = 50,
  kFragInvalid = 51,
  kFragTiny = 52,
  kFragChain = 53,
  kFragOverlap = 54,
  kFragTimeout = 55,
  kFragQuota = 56,
  kFragNoFirst = 57,
  kL4Short = 58,
  kL4PortZero = 59,
  kUdpLen = 60,
  kUdpCsum = 61,
  kUdpCsumZero = 62,
  kUdpLiteCoverage = 63,
  kTcpDataOffset = 64,
  kTcpCsum = 65,
  kTcpFlags = 66,
  kTcpOption = 67,
  kSctpCsum = 68,
  kSctpChunk = 69,
  kEspSpi = 70,
  kIcmpCsum = 71,
  kIcmpType = 72,
  kIcmpRedirect = 73,
  kIcmpInner = 74,
  kIcmpInnerCsum = 75,
  kIcmpNoFlow = 76,
  kMldInvalid = 77,
  kTtl = 78,
  kMtuExceeded = 79,
  kNoRoute = 80,
  kHostUnreachable = 81,
  kLocalNoListener = 82,
  kPolicyDenied = 83,
  kPolicyDenyRule = 84,
  kEndpointInit = 85,
  kServiceNoBackend = 86,
  kServiceNoPort = 87,
  kServiceHairpin = 88,
  kConnectionsFull = 89,
  kConnectionQuota = 90,
  kConnectionInvalid = 91,
  kConnectionRstWindow = 92,
  kNatFiltered = 93,
  kNatNoMapping = 94,
  kNatPodQuota = 95,
  kNatPortsExhausted = 96,
  kNoMbuf = 97,
  kTxPeerFull = 98,
  kTxLinkDown = 99,
  kTxPortGone = 100,
  kTxTooLong = 101,
  kTxNoOffload = 102,
  kTxRejected = 103,
  kDataplaneRestarted = 104,
  kQuarantine = 105,
  kServiceInsideOnly = 106,
  kServiceSourceRange = 107,
  kServiceNoLocalBackend = 108,
  kIcmpMtu = 109,
  kNeighborRate = 110,
  kNeighborFailed = 111,
};
inline constexpr uint32_t kDropReasonCount = 112;  // kNone included

// The pipeline stage that a reason belongs to; kReceive and kTransmit are the
// port drivers', kSwitch belongs to no packet path.
enum class DropStage : uint8_t {
  kReceive,
  kParse,
  kGuard,
  kLocal,
  kFragments,
  kConnections,
  kFirstPacket,
  kRewrite,
  kTransmit,
  kSwitch,
};

enum class DropSeverity : uint8_t { kExpected, kAttack, kResource, kBug };

struct DropReasonInfo {
  DropReason reason;
  absl::string_view name;  // "POLICY_DENIED": the spelling of API and CLI
  DropStage stage;
  DropSeverity severity;
  absl::string_view text;    // one line for people
  absl::string_view source;  // the rule behind it: RFC, CVE or specification
};

// Returns the whole list, in the order of the numbers, kNone first.
std::span<const DropReasonInfo> DropReasons();

// Returns the row of `reason`.  REQUIRES: a listed reason.
const DropReasonInfo& GetDropReasonInfo(DropReason reason);
inline absl::string_view DropReasonName(DropReason reason) {
  return GetDropReasonInfo(reason).name;
}
absl::string_view DropStageName(DropStage stage);        // "first_packet"
absl::string_view DropSeverityName(DropSeverity value);  // "attack"

// Returns the reason spelled `name`, or nothing.
std::optional<DropReason> FindDropReason(absl::string_view name);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_BASE_DROP_REASON_H_

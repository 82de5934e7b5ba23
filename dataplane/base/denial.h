// dataplane/base/denial.h
//
// What a policy says about its denials beside "no": what the sender is told,
// and what becomes of connections that a change of policy forbids.
//
// Plain values: any thread.

#ifndef VSWITCH_DATAPLANE_BASE_DENIAL_H_
#define VSWITCH_DATAPLANE_BASE_DENIAL_H_

#include <cstdint>

namespace vswitch {

// kKeep: they go on until they end.  kReEvaluate: they are dropped from the
// next packet on.  kReset: both ends are told (TCP RST, or ICMP), and then they
// are dropped.  In the order of their strength.
enum class EstablishedAction : uint8_t { kKeep, kReEvaluate, kReset };

// kReset: TCP RST, and ICMP for what is not TCP.  kIcmp: "administratively
// prohibited" (RFC 1812 5.2.7.1, RFC 4443 3.1).
enum class DenyResponse : uint8_t { kSilent, kReset, kIcmp };

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_BASE_DENIAL_H_

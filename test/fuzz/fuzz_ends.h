// test/fuzz/fuzz_ends.h
//
// Who the packets of the fuzz target are from and to: the ends of FuzzNode by
// number, in either family.
//
//   const FuzzEnd from = SourceEnd(source.Next(), is_ipv4);
//
// Tests only; any thread.

#ifndef VSWITCH_TEST_FUZZ_FUZZ_ENDS_H_
#define VSWITCH_TEST_FUZZ_FUZZ_ENDS_H_

#include <cstdint>

#include "dataplane/base/address.h"
#include "dataplane/base/ids.h"

namespace vswitch {

struct FuzzEnd {
  PortId port = kNoPort;  // its packets come in by; kNoPort for services
  IpAddress address;
};

// One who sends: a pod, the node, a host outside.  Any number will do.
FuzzEnd SourceEnd(uint8_t number, bool is_ipv4);

// One who is sent to: those, the services, the gateway, the addresses of source
// NAT, and addresses of nobody.
IpAddress DestinationAddress(uint8_t number, bool is_ipv4);

// Ports of clients and of servers, so few that they meet.
uint16_t ClientPort(uint8_t number);
uint16_t ServerPort(uint8_t number);

}  // namespace vswitch

#endif  // VSWITCH_TEST_FUZZ_FUZZ_ENDS_H_

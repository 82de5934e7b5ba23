// test/golden/pipeline/golden_nat.h
//
// What a golden case changes in source NAT, in the way to the outside and in
// services: keys of the "change" directive beside those of golden_node.h.
//
//   nat=node        pods speak to the world by the node's own addresses, from
//                   ports 20000 to 20999
//   nat=pool        likewise by $nat, which nobody else has
//   nat=scattered   likewise by four addresses that are no range: $nat, $nat2,
//                   $nat3 and $nat4
//   nat=none        they keep their own
//   nat-ports=A..B  from these ports
//   tcp-mapping=independent
//                   a TCP port of a pod has one port for every remote end
//   keep-source=outside
//                   the route to the outside says that pods keep theirs
//   addresses=NAME:LIST
//                   the pod has 10.0.0.N and fd00::N, too, for N of the list
//   overlap=pods    the network outside has the pods' range, too
//   mtu-uplink=N    MTU of the uplink, bytes
//   icmp-errors-all=N
//                   how many ICMP errors the switch sends in a second
//   node-port=NAME  the node's TCP and UDP port 30080 is that pod's 8080
//   backend=SERVICE:NAME
//                   the service ($web, $shop or $dns) is before that pod
//   isolated=NAME   a policy isolates that pod: nobody may begin with it
//
// Test code.

#ifndef VSWITCH_TEST_GOLDEN_PIPELINE_GOLDEN_NAT_H_
#define VSWITCH_TEST_GOLDEN_PIPELINE_GOLDEN_NAT_H_

#include <string>

#include "absl/status/status.h"
#include "dataplane/pipeline/test_world.h"

namespace vswitch {

// Whether `key` is one of the keys above.
bool IsNatChange(const std::string& key);

// Changes `node` as the pair says.  REQUIRES: IsNatChange(key).
absl::Status ChangeNat(const std::string& key, const std::string& value,
                       TestNode& node);

}  // namespace vswitch

#endif  // VSWITCH_TEST_GOLDEN_PIPELINE_GOLDEN_NAT_H_

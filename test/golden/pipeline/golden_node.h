// test/golden/pipeline/golden_node.h
//
// What a golden case changes in the node of dataplane/pipeline/test_world.h:
// the "change" directive of pipeline_test.cc.
//
//   ASSERT_TRUE(ChangeNode(directive, world.node()).ok());
//   world.Publish();
//
// Keys and values:
//   deny=silent|reset|icmp, established=keep|re-evaluate|reset
//                   what the isolation of `guarded` and `jailed` says
//   client=in|out   whether `guarded` takes `client` in at all
//   jailed=all|none what `jailed` may send to `server`
//   type=N          `guarded` takes ICMP or ICMPv6 of type N from `client`
//   shadow=guarded  a shadow policy (rule 21) shuts `client` out of `guarded`
//   shadow=jailed   one isolates `jailed` altogether
//   host=guarded    the node takes `client` on TCP 22 only (rule 31) and sends
//                   to `server` on UDP 53 only (rule 32)
//   reuse=NAME      the addresses behind that port go to another pod with the
//                   same labels, behind the same port
//   tcp-needs-syn=yes|no
//                   what may begin a TCP connection
//   icmp-errors=N   how many one port may cause in a second
//   mtu-NAME=N      the MTU of that port
//   routers=yes|others
//                   the uplink names its routers: 203.0.113.1, 2001:db8::1; or
//                   those that end in 2
//   timeout-NAME=N  a timer of dataplane/conntrack/timeouts.h, seconds
//   limit-NAME=N    a limit of dataplane/conntrack/connection_limits.h
//   profile=linux   all timers of that profile
// and those of golden_nat.h.
//
// Test code.

#ifndef VSWITCH_TEST_GOLDEN_PIPELINE_GOLDEN_NODE_H_
#define VSWITCH_TEST_GOLDEN_PIPELINE_GOLDEN_NODE_H_

#include "absl/status/status.h"
#include "dataplane/pipeline/test_world.h"
#include "test/golden/golden_file.h"

namespace vswitch {

// Changes `node` as the directive says.
absl::Status ChangeNode(const GoldenDirective& directive, TestNode& node);

}  // namespace vswitch

#endif  // VSWITCH_TEST_GOLDEN_PIPELINE_GOLDEN_NODE_H_

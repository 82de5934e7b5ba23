// controlplane/cli/replay_test_case.h
//
// ReplayTest: whole command lines of `vswitchctl replay` on captures that a
// test writes as text (test/testing/packet_text.h), in a small cluster:
//
//   port        MAC ending   addresses              policy
//   demo/web    02           10.1.0.2   fd00:1::2   lets nobody in
//   demo/db     03           10.1.0.3   fd00:1::3   lets web in: TCP 5432,
//                                                   UDP 53 and 5353
//   demo/free   derived      10.1.0.4   fd00:1::4   none
//   -           -            10.2.0.2   fd00:2::2   demo/far, on node n2
//   service     -            10.96.0.10 fd02::10    demo/db: UDP 53 to 5353
//
// Node n1 is the one that is played; 02:76:73:77:00:01 is its gateway's MAC.
// Test code.

#ifndef VSWITCH_CONTROLPLANE_CLI_REPLAY_TEST_CASE_H_
#define VSWITCH_CONTROLPLANE_CLI_REPLAY_TEST_CASE_H_

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "controlplane/cli/output.h"
#include "dataplane/offline/capture_file.h"

namespace vswitch {

inline constexpr uint64_t kSecond = 1'000'000'000;

// What the two families call the same things.
struct ReplayFamily {
  std::string name;     // "ip4"
  std::string limit;    // field of the TTL or hop limit
  std::string pods;     // addresses of the node's pods but for the last digit
  std::string service;  // of demo/db
  std::string outside;  // an address outside of the cluster
};
extern const ReplayFamily kReplayFamilies[2];

struct ReplayOutcome {
  int exit_status = 0;
  std::string out;
  std::string errors;
  Json json;  // `out`, if it is JSON
};

// A packet of a capture: its time and its text.
using TimedText = std::pair<uint64_t, std::string>;

class ReplayTest : public testing::Test {
 protected:
  void SetUp() override;

  // Writes a file into the test's folder, over one that exists; returns its
  // path.
  std::string WriteText(const std::string& name, const std::string& text);
  std::string WritePackets(
      const std::string& name, const std::vector<TimedText>& packets,
      CaptureResolution resolution = CaptureResolution::kMicroseconds);

  // Makes the next run read `packets` at `port`, behind what others read.
  void Receive(const std::string& port, const std::vector<TimedText>& packets);

  // Runs replay on what was received, with --json and these arguments besides.
  ReplayOutcome Run(const std::vector<std::string>& arguments = {});
  // Runs a command line as it is.
  static ReplayOutcome RunLine(const std::vector<std::string>& arguments);

  // The packets that a port sent, as text.
  std::vector<std::string> SentBy(const std::string& port) const;
  // The bytes of all files that the last run wrote, one behind the other.
  std::string AllFiles() const;

  std::string folder_;
  std::string cluster_;              // path of the manifests
  std::vector<std::string> inputs_;  // arguments
};

// Once for each family.
class ReplayFamilyTest : public ReplayTest,
                         public testing::WithParamInterface<ReplayFamily> {
 protected:
  // Returns a packet from pod 2 (web), 3 (db) or 4 (free) to an address, with
  // the fields of the IP header and the layers behind it.
  std::string From(int pod, const std::string& destination,
                   const std::string& rest,
                   const std::string& ip_fields = "") const;
  std::string Pod(int pod) const;
  // The field of `ip_fields` that keeps routers from cutting the packet.
  std::string DontFragment() const;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_REPLAY_TEST_CASE_H_

// Services as clients outside of the cluster reach them: node ports, load
// balancers, external addresses.

#include <string>

#include "absl/strings/str_cat.h"
#include "dataplane/pipeline/test_families.h"

namespace vswitch {
namespace {

class OutsideServiceTest : public FamilyTest {
 protected:
  OutsideServiceTest() { UseSourceNat(); }
  ~OutsideServiceTest() override { world_.CheckBalance(); }

  std::string Node() const { return AddressOf("host"); }
  std::string RemoteBackend() const {
    return is_ipv4() ? "203.0.113.50" : "2001:db8::50";
  }
  // A port of the node, TCP and UDP 30080, before one backend.
  void AddNodePort(const std::string& backend,
                   std::vector<IpPrefix> ranges = {}) {
    for (const IpProtocol protocol : {IpProtocol::kTcp, IpProtocol::kUdp}) {
      ServiceSpec spec{.address = *IpAddress::Parse(Node()),
                       .protocol = protocol,
                       .port = 30080,
                       .service = 90,
                       .flags = kServiceFromInside | kServiceFromOutside,
                       .shares_address = true};
      spec.backends = {{.address = *IpAddress::Parse(backend), .port = 8080}};
      spec.outside_backends = spec.backends;
      spec.source_ranges = ranges;
      world_.node().services.push_back(spec);
    }
    world_.Publish();
  }
  // Whether the only packet that left has `text` in it, and left by `port`.
  static testing::AssertionResult Left(const Received& received,
                                       absl::string_view port,
                                       const std::string& text) {
    if (received.sent.size() != 1) {
      return testing::AssertionFailure()
             << received.sent.size() << " packets left, "
             << DropReasonName(received.drop);
    }
    const Sent& sent = received.sent[0];
    if (sent.port != TestWorld::PortNamed(port) ||
        sent.Text().find(text) == std::string::npos) {
      return testing::AssertionFailure()
             << "by " << TestWorld::NameOf(sent.port) << ": " << sent.Text();
    }
    return testing::AssertionSuccess();
  }
};

TEST_P(OutsideServiceTest, LocalBackendSeesTheClient) {
  AddNodePort(AddressOf("server"));
  const Received syn = world_.Receive(
      "uplink", FromOutside(Outside(), Node(), "/ tcp sport=4000 dport=30080"));
  EXPECT_TRUE(Left(syn, "server", absl::StrCat("src=", Outside())));
  EXPECT_TRUE(Left(syn, "server", "sport=4000 dport=8080"));
  const Received answer = world_.Receive(
      "server",
      PacketTo("server", Outside(), "/ tcp sport=8080 dport=4000 flags=SA"));
  EXPECT_TRUE(Left(answer, "uplink", absl::StrCat("src=", Node())));
  EXPECT_TRUE(Left(answer, "uplink", "sport=30080 dport=4000"));
}

TEST_P(OutsideServiceTest, BackendOfAnotherNodeAnswersByThisOne) {
  AddNodePort(RemoteBackend());
  const Received syn = world_.Receive(
      "uplink", FromOutside(Outside(), Node(), "/ tcp sport=4000 dport=30080"));
  ASSERT_TRUE(Left(syn, "uplink",
                   absl::StrCat("src=", Node(), " dst=", RemoteBackend())));
  const std::string text = syn.sent[0].Text();
  const size_t at = text.find("sport=") + 6;
  const std::string port = text.substr(at, text.find(' ', at) - at);
  const Received answer = world_.Receive(
      "uplink",
      FromOutside(RemoteBackend(), Node(),
                  absl::StrCat("/ tcp sport=8080 dport=", port, " flags=SA")));
  EXPECT_TRUE(
      Left(answer, "uplink", absl::StrCat("src=", Node(), " dst=", Outside())));
  EXPECT_TRUE(Left(answer, "uplink", "sport=30080 dport=4000"));
}

TEST_P(OutsideServiceTest, BackendOfAnotherNodeNeedsAnAddressToAnswerTo) {
  world_.node().settings.nat.address_count = 0;
  AddNodePort(RemoteBackend());
  EXPECT_EQ(world_
                .Receive("uplink", FromOutside(Outside(), Node(),
                                               "/ tcp sport=4000 dport=30080"))
                .drop,
            DropReason::kNoRoute);
}

TEST_P(OutsideServiceTest, NodeKeepsItsOtherPorts) {
  AddNodePort(AddressOf("server"));
  EXPECT_TRUE(Left(world_.Receive("uplink", FromOutside(Outside(), Node(),
                                                        "/ tcp dport=22")),
                   "host", "dport=22"));
}

TEST_P(OutsideServiceTest, ClusterIpIsForTheInsideOnly) {
  world_.Publish();
  EXPECT_EQ(
      world_.Receive("uplink", FromOutside(Outside(), WebService(), "/ tcp"))
          .drop,
      DropReason::kServiceInsideOnly);
}

TEST_P(OutsideServiceTest, ClientOutsideOfTheRangesIsDropped) {
  AddNodePort(
      AddressOf("server"),
      {*IpPrefix::Parse(absl::StrCat(Outside(), is_ipv4() ? "/32" : "/128"))});
  const std::string rest = "/ tcp sport=4000 dport=30080";
  EXPECT_EQ(world_.Receive("uplink", FromOutside(Outside(), Node(), rest)).drop,
            DropReason::kNone);
  EXPECT_EQ(
      world_.Receive("uplink", FromOutside(RemoteBackend(), Node(), rest)).drop,
      DropReason::kServiceSourceRange);
  // Pods are no clients from outside.
  EXPECT_EQ(world_.Receive("client", PacketTo("client", Node(), rest)).drop,
            DropReason::kNone);
}

// UDP has no end of its own: a backend that is gone would keep the flow.
TEST_P(OutsideServiceTest, UdpFlowLeavesABackendThatIsNoneAnyMore) {
  AddNodePort(AddressOf("server"));
  const std::string udp =
      FromOutside(Outside(), Node(), "/ udp sport=4000 dport=30080");
  const std::string tcp =
      FromOutside(Outside(), Node(), "/ tcp sport=4000 dport=30080");
  EXPECT_TRUE(Left(world_.Receive("uplink", udp), "server", "dport=8080"));
  EXPECT_TRUE(Left(world_.Receive("uplink", tcp), "server", "dport=8080"));
  for (ServiceSpec& spec : world_.node().services) {
    if (spec.port != 30080) continue;
    spec.backends[0].address = *IpAddress::Parse(AddressOf("client"));
    spec.outside_backends = spec.backends;
  }
  world_.Publish(std::vector<IpAddress>{*IpAddress::Parse(Node())});
  EXPECT_TRUE(Left(world_.Receive("uplink", udp), "client", "dport=8080"));
  EXPECT_TRUE(Left(world_.Receive("uplink", tcp), "server", "dport=8080"));
}

INSTANTIATE_FAMILIES(OutsideServiceTest);

}  // namespace
}  // namespace vswitch

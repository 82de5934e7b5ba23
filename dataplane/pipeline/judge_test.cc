// Judge(): what it says about the ends and the rules, beyond the drop reason.

#include "dataplane/pipeline/judge.h"

#include "dataplane/pipeline/test_families.h"

namespace vswitch {
namespace {

class JudgeTest : public FamilyTest {
 protected:
  JudgeResult Ask(const std::string& from, const std::string& to,
                  IpProtocol protocol, uint16_t port, const char* in_port) {
    JudgeQuery query;
    query.key.source = *IpAddress::Parse(from);
    query.key.destination = *IpAddress::Parse(to);
    query.key.protocol = protocol;
    query.key.source_port = Be16::FromHost(1000);
    query.key.destination_port = Be16::FromHost(port);
    query.in_port = TestWorld::PortNamed(in_port);
    return world_.offline().AskJudge(query);
  }
};

TEST_P(JudgeTest, NamesTheRuleThatAllows) {
  const JudgeResult result = Ask(AddressOf("client"), AddressOf("guarded"),
                                 IpProtocol::kTcp, 80, "client");
  EXPECT_EQ(result.drop, DropReason::kNone);
  EXPECT_FALSE(result.asked_egress);
  EXPECT_TRUE(result.asked_ingress);
  EXPECT_EQ(result.rule, RuleId{7});
  EXPECT_EQ(result.destination.port, TestWorld::PortNamed("guarded"));
}

TEST_P(JudgeTest, DefaultDenialHasNoRule) {
  const JudgeResult result = Ask(AddressOf("server"), AddressOf("guarded"),
                                 IpProtocol::kTcp, 80, "server");
  EXPECT_EQ(result.drop, DropReason::kPolicyDenied);
  EXPECT_FALSE(result.ingress.allowed);
  EXPECT_EQ(result.rule, kNoRule);
  // The ends are named all the same.
  EXPECT_EQ(ToInt(result.source.identity), kFirstLabelIdentity + 2);
  EXPECT_EQ(ToInt(result.destination.identity), kFirstLabelIdentity + 3);
}

TEST_P(JudgeTest, EgressIsAskedBeforeIngress) {
  const JudgeResult result = Ask(AddressOf("jailed"), AddressOf("guarded"),
                                 IpProtocol::kTcp, 80, "jailed");
  EXPECT_TRUE(result.asked_egress);
  EXPECT_FALSE(result.egress.allowed);
  EXPECT_FALSE(result.asked_ingress);
}

TEST_P(JudgeTest, WithoutAPortTheSourceIsFoundByItsAddress) {
  const JudgeResult result = Ask(AddressOf("client"), AddressOf("guarded"),
                                 IpProtocol::kTcp, 80, "none");
  EXPECT_EQ(result.drop, DropReason::kNone);
  EXPECT_EQ(result.source.port, TestWorld::PortNamed("client"));
  EXPECT_EQ(ToInt(result.source.identity), kFirstLabelIdentity + 1);
}

TEST_P(JudgeTest, OutsideIsTheWorld) {
  const JudgeResult out =
      Ask(AddressOf("client"), Outside(), IpProtocol::kUdp, 53, "client");
  EXPECT_EQ(out.destination.identity, kIdentityWorld);
  EXPECT_EQ(out.destination.endpoint, kNoEndpoint);
  EXPECT_EQ(out.destination.port, TestWorld::PortNamed("uplink"));
  const JudgeResult in =
      Ask(Outside(), AddressOf("client"), IpProtocol::kUdp, 53, "uplink");
  EXPECT_EQ(in.drop, DropReason::kNone);
  EXPECT_EQ(in.source.identity, kIdentityWorld);
}

TEST_P(JudgeTest, NodeIsTheHost) {
  const JudgeResult result = Ask(AddressOf("host"), AddressOf("guarded"),
                                 IpProtocol::kTcp, 9999, "host");
  EXPECT_EQ(result.drop, DropReason::kNone);
  EXPECT_EQ(result.source.identity, kIdentityHost);
  EXPECT_FALSE(result.asked_ingress);
}

TEST_P(JudgeTest, TurnsTheServiceIntoItsBackend) {
  const JudgeResult result =
      Ask(AddressOf("client"), WebService(), IpProtocol::kTcp, 80, "client");
  EXPECT_EQ(result.drop, DropReason::kNone);
  EXPECT_TRUE(result.is_service);
  EXPECT_EQ(result.service, 1u);
  EXPECT_EQ(result.translated.destination.ToString(), AddressOf("server"));
  EXPECT_EQ(result.translated.destination_port, Be16::FromHost(8080));
}

TEST_P(JudgeTest, OutsideToOutsideHasNoRoute) {
  const std::string other = is_ipv4() ? "203.0.113.7" : "2001:db8::7";
  EXPECT_EQ(Ask(Outside(), other, IpProtocol::kUdp, 53, "uplink").drop,
            DropReason::kNoRoute);
}

// An identity may be bound to an address that is not on this node.
TEST_P(JudgeTest, PodOfAnotherNodeHasItsIdentity) {
  const IdentityId remote{500};
  world_.node().bindings[*IpAddress::Parse(Outside())] = {remote, kNoEndpoint};
  world_.Publish();
  const JudgeResult result =
      Ask(AddressOf("client"), Outside(), IpProtocol::kUdp, 53, "client");
  EXPECT_EQ(result.destination.identity, remote);
  EXPECT_EQ(result.destination.port, TestWorld::PortNamed("uplink"));
}

// Sets for the server's endpoint, by number.
class ShadowJudgeTest : public JudgeTest {
 protected:
  ShadowJudgeTest() {
    PolicyEntry deny;
    deny.rule = RuleId{21};
    deny.precedence = kNetworkPolicyDeny;
    deny.any_peer = true;
    deny.traffic = {{IpProtocol::kTcp, 80, 80}};
    world_.node().policy_sets.push_back(
        {.entries = {deny}, .default_precedence = kDefaultAllow});
    world_.node().policy_sets.push_back({});  // isolates
  }
  EndpointRecord& Endpoint(const char* name) {
    return world_.node().endpoints[ToInt(TestWorld::PortNamed(name))];
  }
  JudgeResult AskServer(uint16_t port) {
    world_.Publish();
    return Ask(AddressOf("client"), AddressOf("server"), IpProtocol::kTcp, port,
               "client");
  }
  static constexpr PolicySetId kDenies80{2};
  static constexpr PolicySetId kIsolates{3};
};

TEST_P(ShadowJudgeTest, DenialDoesNotAct) {
  Endpoint("server").shadow_ingress = kDenies80;
  const JudgeResult denied = AskServer(80);
  EXPECT_EQ(denied.drop, DropReason::kNone);
  EXPECT_EQ(denied.rule, kNoRule);
  EXPECT_FALSE(denied.asked_ingress);
  ASSERT_TRUE(denied.shadow_denial.has_value());
  EXPECT_EQ(denied.shadow_denial->direction, PolicyDirection::kIngress);
  EXPECT_EQ(denied.shadow_denial->rule, RuleId{21});
  EXPECT_FALSE(AskServer(81).shadow_denial.has_value());
}

TEST_P(ShadowJudgeTest, EgressIsAskedFirst) {
  Endpoint("server").shadow_ingress = kDenies80;
  Endpoint("client").shadow_egress = kIsolates;
  const JudgeResult result = AskServer(80);
  ASSERT_TRUE(result.shadow_denial.has_value());
  EXPECT_EQ(result.shadow_denial->direction, PolicyDirection::kEgress);
  EXPECT_EQ(result.shadow_denial->rule, kNoRule);
}

TEST_P(ShadowJudgeTest, IsNotAskedAboutADenial) {
  Endpoint("server").ingress = kDenies80;
  Endpoint("server").shadow_ingress = kIsolates;
  const JudgeResult result = AskServer(80);
  EXPECT_EQ(result.drop, DropReason::kPolicyDenyRule);
  EXPECT_FALSE(result.shadow_denial.has_value());
}

TEST_P(ShadowJudgeTest, NodeIsAskedForItsOwnPolicies) {
  Endpoint("host").ingress = kDenies80;
  world_.Publish();
  EXPECT_EQ(Ask(AddressOf("client"), AddressOf("host"), IpProtocol::kTcp, 80,
                "client")
                .drop,
            DropReason::kPolicyDenyRule);
  EXPECT_EQ(Ask(AddressOf("client"), AddressOf("host"), IpProtocol::kTcp, 81,
                "client")
                .drop,
            DropReason::kNone);
}

TEST_P(ShadowJudgeTest, NodeIsLetInWhateverThePodsPoliciesSay) {
  Endpoint("server").ingress = kIsolates;
  Endpoint("server").shadow_ingress = kIsolates;
  world_.Publish();
  const JudgeResult in =
      Ask(AddressOf("host"), AddressOf("server"), IpProtocol::kTcp, 80, "host");
  EXPECT_EQ(in.drop, DropReason::kNone);
  EXPECT_FALSE(in.shadow_denial.has_value());
  Endpoint("host").egress = kDenies80;
  world_.Publish();
  EXPECT_EQ(
      Ask(AddressOf("host"), AddressOf("server"), IpProtocol::kTcp, 80, "host")
          .drop,
      DropReason::kPolicyDenyRule);
}

TEST_P(JudgeTest, KnowsTheEpochsOfBothEnds) {
  world_.node().bindings[*IpAddress::Parse(AddressOf("client"))].epoch = 5;
  world_.node().bindings[*IpAddress::Parse(AddressOf("server"))].epoch = 6;
  world_.Publish();
  for (const char* port : {"client", "none"}) {
    const JudgeResult result =
        Ask(AddressOf("client"), WebService(), IpProtocol::kTcp, 80, port);
    EXPECT_EQ(result.source.epoch, 5u) << port;
    EXPECT_EQ(result.destination.epoch, 6u) << port;
  }
}

INSTANTIATE_FAMILIES(JudgeTest);
INSTANTIATE_FAMILIES(ShadowJudgeTest);

}  // namespace
}  // namespace vswitch

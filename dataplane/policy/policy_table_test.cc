// Verdicts of single sets.

#include "dataplane/policy/policy_table.h"

#include <memory>
#include <string>
#include <vector>

#include "dataplane/base/piece_copies.h"
#include "dataplane/policy/policy_layout.h"
#include "dataplane/policy/policy_lookup.h"
#include "dataplane/policy/policy_set_builder.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr IdentityId kFrontend{300};
constexpr IdentityId kIntruder{301};

IpAddress Address(const char* text) { return *IpAddress::Parse(text); }
IpPrefix Prefix(const char* text) { return *IpPrefix::Parse(text); }

// A table with one set.
class OneSet {
 public:
  explicit OneSet(const PolicySetSpec& spec)
      : copies_({std::make_shared<const std::string>(
            BuildPolicySet(spec).value())}),
        table_(PolicyTable::Open(copies_.list())) {}

  PolicyVerdict Ask(const PolicyQuery& query) const {
    return table_.Lookup(PolicySetId{0}, query);
  }

 private:
  PieceCopies copies_;
  PolicyTable table_;
};

bool Allows(const OneSet& set, const PolicyQuery& query) {
  return set.Ask(query).allowed;
}

PolicySetSpec FrontendOnPort80() {
  return {.entries = {{.rule = RuleId{7},
                       .identities = {kFrontend},
                       .traffic = {{IpProtocol::kTcp, 80, 80}}}}};
}

// Both families: the peer's address must play no part when no CIDR is named.
class PolicyTableFamilyTest : public testing::TestWithParam<const char*> {
 protected:
  PolicyQuery Query(IdentityId peer, IpProtocol protocol, uint16_t port) {
    return {.peer = peer,
            .peer_address = Address(GetParam()),
            .protocol = protocol,
            .destination_port = port};
  }
};

TEST_P(PolicyTableFamilyTest, AllowsWhatTheRuleNamesAndNothingElse) {
  OneSet table(FrontendOnPort80());
  PolicyVerdict verdict = table.Ask(Query(kFrontend, IpProtocol::kTcp, 80));
  EXPECT_TRUE(verdict.allowed);
  EXPECT_EQ(verdict.rule, RuleId{7});
  EXPECT_EQ(verdict.precedence, kNetworkPolicyAllow);
  verdict = table.Ask(Query(kIntruder, IpProtocol::kTcp, 80));
  EXPECT_FALSE(verdict.allowed);
  EXPECT_EQ(verdict.rule, kNoRule);
  EXPECT_FALSE(Allows(table, Query(kFrontend, IpProtocol::kTcp, 81)));
  EXPECT_FALSE(Allows(table, Query(kFrontend, IpProtocol::kTcp, 79)));
  EXPECT_FALSE(Allows(table, Query(kFrontend, IpProtocol::kUdp, 80)));
  EXPECT_FALSE(Allows(table, Query(kFrontend, IpProtocol::kSctp, 80)));
  EXPECT_FALSE(Allows(table, Query(kFrontend, IpProtocol::kIcmp, 80)));
  EXPECT_FALSE(Allows(table, Query(kIdentityUnknown, IpProtocol::kTcp, 80)));
}

TEST_P(PolicyTableFamilyTest, PortlessRuleAllowsEveryProtocol) {
  OneSet table({.entries = {{.identities = {kFrontend}}}});
  for (IpProtocol protocol :
       {IpProtocol::kTcp, IpProtocol::kUdp, IpProtocol::kIcmp,
        IpProtocol::kIcmpv6, IpProtocol::kGre, IpProtocol::kUdpLite}) {
    EXPECT_TRUE(Allows(table, Query(kFrontend, protocol, 9)));
    EXPECT_FALSE(Allows(table, Query(kIntruder, protocol, 9)));
  }
}

TEST_P(PolicyTableFamilyTest, UnknownPortMatchesWholeProtocolsOnly) {
  PolicySetSpec spec = FrontendOnPort80();
  spec.entries.push_back({.rule = RuleId{8},
                          .identities = {kIntruder},
                          .traffic = {{IpProtocol::kTcp, 0, 65535}}});
  OneSet table(spec);
  PolicyQuery query = Query(kFrontend, IpProtocol::kTcp, 80);
  query.has_port = false;
  EXPECT_FALSE(Allows(table, query));
  query.peer = kIntruder;
  EXPECT_TRUE(Allows(table, query));
}

TEST_P(PolicyTableFamilyTest, RangesIncludeBothEnds) {
  OneSet table({.entries = {{.any_peer = true,
                             .traffic = {{IpProtocol::kUdp, 1000, 2000},
                                         {IpProtocol::kUdp, 65535, 65535}}}}});
  EXPECT_FALSE(Allows(table, Query(kFrontend, IpProtocol::kUdp, 999)));
  EXPECT_TRUE(Allows(table, Query(kFrontend, IpProtocol::kUdp, 1000)));
  EXPECT_TRUE(Allows(table, Query(kFrontend, IpProtocol::kUdp, 2000)));
  EXPECT_FALSE(Allows(table, Query(kFrontend, IpProtocol::kUdp, 2001)));
  EXPECT_FALSE(Allows(table, Query(kFrontend, IpProtocol::kUdp, 65534)));
  EXPECT_TRUE(Allows(table, Query(kFrontend, IpProtocol::kUdp, 65535)));
}

TEST_P(PolicyTableFamilyTest, ManyPortsUsePagesAndStayExact) {
  PolicyEntry entry{.any_peer = true};
  for (uint32_t port = 3; port < 65536; port += 1009) {
    entry.traffic.push_back({IpProtocol::kTcp, static_cast<uint16_t>(port),
                             static_cast<uint16_t>(port)});
  }
  OneSet table({.entries = {entry}});
  for (uint32_t port = 0; port < 65536; ++port) {
    ASSERT_EQ(Allows(table, Query(kFrontend, IpProtocol::kTcp,
                                  static_cast<uint16_t>(port))),
              port % 1009 == 3)
        << port;
  }
}

TEST_P(PolicyTableFamilyTest, ManyIdentitiesAreEachFound) {
  PolicyEntry entry;
  for (uint32_t id = 256; id < 20256; id += 2) {
    entry.identities.push_back(IdentityId{id});
  }
  OneSet table({.entries = {entry}});
  for (uint32_t id = 256; id < 20256; ++id) {
    ASSERT_EQ(Allows(table, Query(IdentityId{id}, IpProtocol::kTcp, 1)),
              id % 2 == 0)
        << id;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, PolicyTableFamilyTest,
                         testing::Values("10.0.0.5", "fd00::5"));

struct CidrCase {
  const char* cidr;
  const char* except;
  const char* inside;
  const char* excepted;
  const char* outside;
};

class PolicyTableCidrTest : public testing::TestWithParam<CidrCase> {};

TEST_P(PolicyTableCidrTest, ExceptSubtractsFromItsOwnBlockOnly) {
  PolicySetSpec spec{
      .entries = {{.rule = RuleId{1},
                   .cidrs = {{.cidr = Prefix(GetParam().cidr),
                              .except = {Prefix(GetParam().except)}}}}}};
  PolicyQuery query{.peer = kIntruder};
  OneSet table(spec);
  query.peer_address = Address(GetParam().inside);
  EXPECT_TRUE(Allows(table, query));
  query.peer_address = Address(GetParam().excepted);
  EXPECT_FALSE(Allows(table, query));
  query.peer_address = Address(GetParam().outside);
  EXPECT_FALSE(Allows(table, query));

  // Another rule allows what the first one excepts (NP-10).
  spec.entries.push_back(
      {.rule = RuleId{2}, .cidrs = {{.cidr = Prefix(GetParam().except)}}});
  OneSet both(spec);
  query.peer_address = Address(GetParam().excepted);
  EXPECT_EQ(both.Ask(query).rule, RuleId{2});
}

TEST_P(PolicyTableCidrTest, OutsideOnlyLeavesManagedPeersAlone) {
  PolicySetSpec spec{
      .entries = {{.rule = RuleId{1},
                   .cidrs = {{.cidr = Prefix(GetParam().cidr),
                              .except = {Prefix(GetParam().except)},
                              .outside_only = true}}}}};
  const PolicyQuery pod{.peer = kIntruder,
                        .peer_address = Address(GetParam().inside)};
  PolicyQuery outside = pod;
  outside.peer = kIdentityWorld;
  EXPECT_TRUE(Allows(OneSet(spec), outside));
  EXPECT_FALSE(Allows(OneSet(spec), pod));
  outside.peer_address = Address(GetParam().excepted);
  EXPECT_FALSE(Allows(OneSet(spec), outside));

  // Beside one for everybody, both kinds of peers have rows of their own.
  spec.entries.push_back(
      {.rule = RuleId{2}, .cidrs = {{.cidr = Prefix(GetParam().except)}}});
  EXPECT_EQ(OneSet(spec).Ask(outside).rule, RuleId{2});
  outside.peer_address = pod.peer_address;
  EXPECT_EQ(OneSet(spec).Ask(outside).rule, RuleId{1});
  EXPECT_FALSE(Allows(OneSet(spec), pod));
}

INSTANTIATE_TEST_SUITE_P(
    Families, PolicyTableCidrTest,
    testing::Values(
        CidrCase{"10.0.0.0/8", "10.1.0.0/16", "10.2.0.1", "10.1.0.1",
                 "11.0.0.1"},
        CidrCase{"fd00::/16", "fd00:1::/32", "fd00:2::1", "fd00:1::1",
                 "fd01::1"},
        CidrCase{"0.0.0.0/0", "10.1.2.3/32", "10.1.2.4", "10.1.2.3", "::1"},
        CidrCase{"::/0", "fd00::1/128", "fd00::2", "fd00::1", "10.0.0.1"}));

TEST(PolicyTableTest, NotIsolatedMeansAllowed) {
  PolicyTable table;
  EXPECT_TRUE(table.Lookup(kNoPolicySet, {}).allowed);
}

TEST(PolicyTableTest, AMissingSetIsClosed) {
  PolicyTable table;
  EXPECT_FALSE(table.Lookup(PolicySetId{0}, {}).allowed);
}

TEST(PolicyTableTest, ASetWithoutEntriesDeniesAll) {
  OneSet table({});
  EXPECT_FALSE(Allows(table, {.peer = kFrontend}));
}

TEST(PolicyTableTest, TheHigherPrecedenceWinsAcrossIdentityAndCidr) {
  PolicyQuery query{.peer = kFrontend, .peer_address = Address("10.0.0.5")};
  PolicySetSpec spec{.entries = {{.rule = RuleId{1},
                                  .precedence = kNetworkPolicyAllow,
                                  .identities = {kFrontend}},
                                 {.rule = RuleId{2},
                                  .precedence = Precedence(PolicyTier::kAdmin,
                                                           5, kVerdictDeny),
                                  .cidrs = {{.cidr = Prefix("10.0.0.0/24")}}}}};
  OneSet table(spec);
  PolicyVerdict verdict = table.Ask(query);
  EXPECT_FALSE(verdict.allowed);
  EXPECT_EQ(verdict.rule, RuleId{2});
  query.peer_address = Address("10.0.1.5");
  EXPECT_TRUE(Allows(table, query));
}

// Denials carry what their policy says of connections and of answers, and so
// does an isolation.
TEST(PolicyTableTest, DenialsSayWhatBecomesOfConnectionsAndSenders) {
  constexpr uint32_t kIsolation =
      Precedence(PolicyTier::kNetworkPolicy, 0,
                 DenyVerdict(EstablishedAction::kKeep, DenyResponse::kIcmp));
  OneSet table({.entries = {{.rule = RuleId{4},
                             .precedence = Precedence(
                                 PolicyTier::kNetworkPolicy, 1,
                                 DenyVerdict(EstablishedAction::kReset,
                                             DenyResponse::kReset)),
                             .identities = {kIntruder}}},
                .default_precedence = kIsolation});
  PolicyVerdict verdict = table.Ask({.peer = kIntruder});
  EXPECT_EQ(verdict.rule, RuleId{4});
  EXPECT_EQ(verdict.established, EstablishedAction::kReset);
  EXPECT_EQ(verdict.deny_response, DenyResponse::kReset);
  verdict = table.Ask({.peer = kFrontend});
  EXPECT_FALSE(verdict.allowed);
  EXPECT_EQ(verdict.precedence, kIsolation);
  EXPECT_EQ(verdict.established, EstablishedAction::kKeep);
  EXPECT_EQ(verdict.deny_response, DenyResponse::kIcmp);
}

TEST(PolicyTableTest, EveryDenialIsReadAsItWasWritten) {
  for (auto established :
       {EstablishedAction::kKeep, EstablishedAction::kReEvaluate,
        EstablishedAction::kReset}) {
    for (auto response :
         {DenyResponse::kSilent, DenyResponse::kReset, DenyResponse::kIcmp}) {
      const uint32_t verdict = DenyVerdict(established, response);
      EXPECT_EQ(EstablishedActionOf(verdict), established);
      EXPECT_EQ(DenyResponseOf(verdict), response);
    }
  }
}

// Two bits have a fourth value, which only damaged memory holds.
TEST(PolicyTableTest, ADamagedDenialIsStillAnActionAndAResponse) {
  const PolicyVerdict verdict = VerdictOf(EncodeCell(
      Precedence(PolicyTier::kNetworkPolicy, 0, kVerdictDenyBit | 0xf), 0,
      RuleId{4}));
  EXPECT_FALSE(verdict.allowed);
  EXPECT_EQ(verdict.established, EstablishedAction::kReset);
  EXPECT_EQ(verdict.deny_response, DenyResponse::kSilent);
}

TEST(PolicyTableTest, WithoutAPolicyADenialReEvaluatesAndIsSilent) {
  const PolicyVerdict verdict;
  EXPECT_FALSE(verdict.allowed);
  EXPECT_EQ(verdict.established, EstablishedAction::kReEvaluate);
  EXPECT_EQ(verdict.deny_response, DenyResponse::kSilent);
}

TEST(PolicyTableTest, TheDefaultTakesPartInTheMaximum) {
  OneSet table({.entries = {{.rule = RuleId{1},
                             .precedence = Precedence(PolicyTier::kBaseline, 9,
                                                      kVerdictAllow),
                             .any_peer = true}},
                .default_precedence = kIsolationDeny});
  const PolicyVerdict verdict = table.Ask({.peer = kFrontend});
  EXPECT_FALSE(verdict.allowed);
  EXPECT_EQ(verdict.rule, kNoRule);
  EXPECT_EQ(verdict.precedence, kIsolationDeny);
}

// Admin passes what comes by identity; what is below is found by address.
TEST(PolicyTableTest, APassLeavesItsTierToTheOnesBelow) {
  PolicySetSpec spec{
      .entries =
          {{.rule = RuleId{1},
            .precedence = Precedence(PolicyTier::kAdmin, 9, kVerdictPass),
            .identities = {kFrontend}},
           {.rule = RuleId{2},
            .precedence = Precedence(PolicyTier::kAdmin, 8, kVerdictDeny),
            .any_peer = true},
           {.rule = RuleId{3},
            .precedence = kNetworkPolicyAllow,
            .cidrs = {{.cidr = Prefix("fd00::/64")}}},
           {.rule = RuleId{4},
            .precedence = Precedence(PolicyTier::kBaseline, 7, kVerdictPass),
            .any_peer = true},
           {.rule = RuleId{5},
            .precedence = Precedence(PolicyTier::kBaseline, 6, kVerdictDeny),
            .any_peer = true}},
      .default_precedence = kDefaultAllow};
  OneSet table(spec);
  PolicyQuery query{.peer = kFrontend, .peer_address = Address("fd00::1")};
  EXPECT_EQ(table.Ask(query).rule, RuleId{3});
  query.peer = kIntruder;
  EXPECT_EQ(table.Ask(query).rule, RuleId{2});
  query = {.peer = kFrontend, .peer_address = Address("fd01::1")};
  EXPECT_TRUE(table.Ask(query).allowed) << "passed twice, to the default";
  EXPECT_EQ(table.Ask(query).rule, kNoRule);
  spec.default_precedence = kIsolationDeny;
  EXPECT_EQ(OneSet(spec).Ask(query).precedence, kIsolationDeny);
}

TEST(PolicyTableTest, NothingBelowAPassIsDenied) {
  OneSet table({.entries = {{.rule = RuleId{1},
                             .precedence = Precedence(
                                 PolicyTier::kNetworkPolicy, 1, kVerdictPass),
                             .any_peer = true}},
                .default_precedence = kIsolationDeny});
  EXPECT_FALSE(table.Ask({.peer = kFrontend}).allowed);
}

TEST(PolicyTableTest, ExcludedIdentitiesAreNotAnyPeer) {
  OneSet table({.entries = {{.any_peer = true,
                             .excluded = {kIdentityWorld, kIdentityUnknown}}}});
  EXPECT_TRUE(Allows(table, {.peer = kFrontend}));
  EXPECT_TRUE(Allows(table, {.peer = kIdentityHost}));
  EXPECT_FALSE(Allows(table, {.peer = kIdentityWorld}));
  EXPECT_FALSE(Allows(table, {.peer = kIdentityUnknown}));
}

// Ports of the two families' echo requests are their types.
TEST(PolicyTableTest, IcmpTypesAreMatchedAndPortsAreNot) {
  OneSet table({.entries = {{.any_peer = true,
                             .traffic = {{IpProtocol::kIcmp, 0, 0},
                                         {IpProtocol::kIcmp, 8, 8},
                                         {IpProtocol::kIcmpv6, 128, 129}}}}});
  auto allows = [&](IpProtocol protocol, uint16_t type) {
    return Allows(table, {.protocol = protocol, .destination_port = type});
  };
  EXPECT_TRUE(allows(IpProtocol::kIcmp, 0));
  EXPECT_TRUE(allows(IpProtocol::kIcmp, 8));
  EXPECT_FALSE(allows(IpProtocol::kIcmp, 3));
  EXPECT_TRUE(allows(IpProtocol::kIcmpv6, 128));
  EXPECT_TRUE(allows(IpProtocol::kIcmpv6, 129));
  EXPECT_FALSE(allows(IpProtocol::kIcmpv6, 8));
  EXPECT_FALSE(allows(IpProtocol::kTcp, 8));
  EXPECT_FALSE(Allows(table, {.protocol = IpProtocol::kIcmp,
                              .destination_port = 0,
                              .has_port = false}))
      << "a type that is not known is not type 0";
}

TEST(PolicyTableTest, OfOnePrecedenceTheFirstEntryIsNamed) {
  for (uint32_t first : {0u, 1u}) {
    PolicySetSpec spec{
        .entries = {
            {.rule = RuleId{0}, .identities = {kFrontend}},
            {.rule = RuleId{1}, .cidrs = {{.cidr = Prefix("10.0.0.0/8")}}}}};
    if (first == 1) std::swap(spec.entries[0], spec.entries[1]);
    const PolicyQuery query{.peer = kFrontend,
                            .peer_address = Address("10.0.0.1")};
    EXPECT_EQ(OneSet(spec).Ask(query).rule, RuleId{first});
  }
}

}  // namespace
}  // namespace vswitch

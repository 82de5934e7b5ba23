// Verdicts of single policies, sharing of equal ones, and damaged tables.

#include "dataplane/policy/policy_table.h"

#include <cstring>
#include <string>
#include <vector>

#include "dataplane/policy/policy_table_builder.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr IdentityId kFrontend{300};
constexpr IdentityId kIntruder{301};

IpAddress Address(const char* text) { return *IpAddress::Parse(text); }
IpPrefix Prefix(const char* text) { return *IpPrefix::Parse(text); }

// The bytes of a table, aligned as memory of a generation is.
class AlignedBlob {
 public:
  explicit AlignedBlob(const std::string& bytes)
      : lines_((bytes.size() + 63) / 64), size_(bytes.size()) {
    std::memcpy(lines_.data(), bytes.data(), bytes.size());
  }
  std::span<std::byte> bytes() {
    return {reinterpret_cast<std::byte*>(lines_.data()), size_};
  }

 private:
  struct alignas(64) Line {
    char bytes[64];
  };
  std::vector<Line> lines_;
  size_t size_;
};

AlignedBlob BuildOne(const PolicySetSpec& spec) {
  PolicyTableBuilder builder;
  EXPECT_EQ(*builder.Add(spec), PolicySetId{0});
  return AlignedBlob(*std::move(builder).Build());
}

bool Allows(const PolicyTable& table, const PolicyQuery& query) {
  return table.Lookup(PolicySetId{0}, query).allowed;
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
  AlignedBlob blob = BuildOne(FrontendOnPort80());
  PolicyTable table = *PolicyTable::Open(blob.bytes());
  PolicyVerdict verdict =
      table.Lookup(PolicySetId{0}, Query(kFrontend, IpProtocol::kTcp, 80));
  EXPECT_TRUE(verdict.allowed);
  EXPECT_EQ(verdict.rule, RuleId{7});
  EXPECT_EQ(verdict.precedence, kNetworkPolicyAllow);
  verdict =
      table.Lookup(PolicySetId{0}, Query(kIntruder, IpProtocol::kTcp, 80));
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
  AlignedBlob blob = BuildOne({.entries = {{.identities = {kFrontend}}}});
  PolicyTable table = *PolicyTable::Open(blob.bytes());
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
  AlignedBlob blob = BuildOne(spec);
  PolicyTable table = *PolicyTable::Open(blob.bytes());
  PolicyQuery query = Query(kFrontend, IpProtocol::kTcp, 80);
  query.has_port = false;
  EXPECT_FALSE(Allows(table, query));
  query.peer = kIntruder;
  EXPECT_TRUE(Allows(table, query));
}

TEST_P(PolicyTableFamilyTest, RangesIncludeBothEnds) {
  AlignedBlob blob =
      BuildOne({.entries = {{.any_peer = true,
                             .traffic = {{IpProtocol::kUdp, 1000, 2000},
                                         {IpProtocol::kUdp, 65535, 65535}}}}});
  PolicyTable table = *PolicyTable::Open(blob.bytes());
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
  AlignedBlob blob = BuildOne({.entries = {entry}});
  PolicyTable table = *PolicyTable::Open(blob.bytes());
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
  AlignedBlob blob = BuildOne({.entries = {entry}});
  PolicyTable table = *PolicyTable::Open(blob.bytes());
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
  AlignedBlob blob = BuildOne(spec);
  PolicyTable table = *PolicyTable::Open(blob.bytes());
  query.peer_address = Address(GetParam().inside);
  EXPECT_TRUE(Allows(table, query));
  query.peer_address = Address(GetParam().excepted);
  EXPECT_FALSE(Allows(table, query));
  query.peer_address = Address(GetParam().outside);
  EXPECT_FALSE(Allows(table, query));

  // Another rule allows what the first one excepts (NP-10).
  spec.entries.push_back(
      {.rule = RuleId{2}, .cidrs = {{.cidr = Prefix(GetParam().except)}}});
  AlignedBlob both = BuildOne(spec);
  table = *PolicyTable::Open(both.bytes());
  query.peer_address = Address(GetParam().excepted);
  EXPECT_EQ(table.Lookup(PolicySetId{0}, query).rule, RuleId{2});
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
  AlignedBlob blob = BuildOne({});
  PolicyTable table = *PolicyTable::Open(blob.bytes());
  EXPECT_FALSE(Allows(table, {.peer = kFrontend}));
}

TEST(PolicyTableTest, TheHigherPrecedenceWinsAcrossIdentityAndCidr) {
  PolicyQuery query{.peer = kFrontend, .peer_address = Address("10.0.0.5")};
  PolicySetSpec spec{
      .entries = {
          {.rule = RuleId{1},
           .precedence =
               Precedence(PolicyTier::kNetworkPolicy, 0, kVerdictAllow),
           .identities = {kFrontend}},
          {.rule = RuleId{2},
           .precedence = Precedence(PolicyTier::kAdmin, 5, kVerdictDeny),
           .cidrs = {{.cidr = Prefix("10.0.0.0/24")}}}}};
  AlignedBlob blob = BuildOne(spec);
  PolicyTable table = *PolicyTable::Open(blob.bytes());
  PolicyVerdict verdict = table.Lookup(PolicySetId{0}, query);
  EXPECT_FALSE(verdict.allowed);
  EXPECT_EQ(verdict.rule, RuleId{2});
  query.peer_address = Address("10.0.1.5");
  EXPECT_TRUE(Allows(table, query));
}

TEST(PolicyTableTest, EqualSetsAreStoredOnce) {
  PolicyTableBuilder builder;
  PolicySetSpec spec = FrontendOnPort80();
  spec.entries[0].identities = {kFrontend, kIntruder};
  PolicySetId first = *builder.Add(spec);
  spec.entries[0].identities = {kIntruder, kFrontend, kIntruder};
  EXPECT_EQ(*builder.Add(spec), first);
  spec.entries[0].identities = {kIntruder};
  EXPECT_NE(*builder.Add(spec), first);
  EXPECT_EQ(builder.set_count(), 2u);
}

TEST(PolicyTableTest, TheSameSetsGiveTheSameBytes) {
  auto build = [] {
    PolicyTableBuilder builder;
    PolicySetSpec spec = FrontendOnPort80();
    EXPECT_TRUE(builder.Add(spec).ok());
    spec.entries[0].cidrs = {{.cidr = Prefix("10.0.0.0/8")}};
    EXPECT_TRUE(builder.Add(spec).ok());
    return *std::move(builder).Build();
  };
  EXPECT_EQ(build(), build());
}

TEST(PolicyTableBuilderTest, RefusesWhatNoTableCanHold) {
  PolicyTableBuilder builder;
  EXPECT_EQ(builder
                .Add({.entries = {{.any_peer = true,
                                   .traffic = {{IpProtocol::kTcp, 9, 8}}}}})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(builder
                   .Add({.entries = {{.any_peer = true,
                                      .traffic = {{IpProtocol::kIcmp}}}}})
                   .ok());
  EXPECT_FALSE(
      builder.Add({.entries = {{.identities = {kIdentityUnknown}}}}).ok());
  EXPECT_FALSE(
      builder
          .Add({.entries = {{.cidrs = {{.cidr = Prefix("10.0.0.0/16"),
                                        .except = {Prefix("10.0.0.0/8")}}}}}})
          .ok());
  EXPECT_FALSE(
      builder
          .Add({.entries = {{.cidrs = {{.cidr = {Address("10.0.0.1"), 8}}}}}})
          .ok());
  EXPECT_EQ(builder.set_count(), 0u);
}

TEST(PolicyTableBuilderTest, ATableThatIsTooLargeIsRefusedWithNumbers) {
  PolicyTableBuilder builder({.max_cells = 4});
  PolicySetSpec spec;
  for (uint16_t i = 1; i < 10; ++i) {
    spec.entries.push_back({.identities = {IdentityId{256u + i}},
                            .traffic = {{IpProtocol::kTcp, i, i}}});
  }
  ASSERT_TRUE(builder.Add(spec).ok());
  absl::Status status = std::move(builder).Build().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find("100 verdict cells, 4 are free"),
            absl::string_view::npos)
      << status;
}

// Any damage: refused, or read without leaving the blob (AddressSanitizer).
TEST(PolicyTableTest, DamagedTablesAreNeverReadBeyondTheirEnd) {
  PolicySetSpec spec = FrontendOnPort80();
  spec.entries[0].cidrs = {{.cidr = Prefix("10.0.0.0/8")}};
  for (uint16_t port = 1; port < 60; port += 2) {
    spec.entries[0].traffic.push_back({IpProtocol::kTcp, port, port});
  }
  AlignedBlob good = BuildOne(spec);
  // The prefixes are last and have tests of their own (dataplane/tables).
  PolicyHeader header;
  std::memcpy(&header, good.bytes().data(), sizeof(header));
  uint32_t end = header.sections[kSectionPrefixes].offset;
  PolicyQuery query{.peer = kFrontend,
                    .peer_address = Address("10.0.0.1"),
                    .destination_port = 40000};
  for (uint32_t offset = 0; offset + 4 <= end; offset += 4) {
    for (uint32_t value : {0u, 1u, 64u, 0x7fffffffu, 0xffffffffu}) {
      AlignedBlob bad = good;
      std::memcpy(bad.bytes().data() + offset, &value, 4);
      absl::StatusOr<PolicyTable> table = PolicyTable::Open(bad.bytes());
      if (!table.ok()) continue;
      for (IpProtocol protocol :
           {IpProtocol::kTcp, IpProtocol::kUdp, IpProtocol::kIcmp}) {
        query.protocol = protocol;
        table->Lookup(PolicySetId{0}, query);
      }
    }
  }
}

TEST(PolicyTableTest, TruncatedTablesAreRefused) {
  AlignedBlob blob = BuildOne(FrontendOnPort80());
  for (size_t size = 1; size < blob.bytes().size(); ++size) {
    EXPECT_FALSE(PolicyTable::Open(blob.bytes().first(size)).ok()) << size;
  }
}

}  // namespace
}  // namespace vswitch

// What the builder refuses, numbers and repeats, and what its sets cost.

#include "dataplane/policy/policy_set_builder.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "dataplane/policy/policy_lookup.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr IdentityId kFrontend{300};
constexpr IdentityId kIntruder{301};

IpAddress Address(const std::string& text) { return *IpAddress::Parse(text); }
IpPrefix Prefix(const std::string& text) { return *IpPrefix::Parse(text); }

PolicySetSpec FrontendOnPort80() {
  return {.entries = {{.rule = RuleId{7},
                       .identities = {kFrontend},
                       .traffic = {{IpProtocol::kTcp, 80, 80}}}}};
}

// The bytes of a set with nothing behind them, so that AddressSanitizer sees
// every read that leaves them.
class LoneSet {
 public:
  explicit LoneSet(const std::string& bytes)
      : size_(bytes.size()),
        data_(static_cast<std::byte*>(
            ::operator new (size_, std::align_val_t{64}))) {
    std::memcpy(data_, bytes.data(), size_);
  }
  LoneSet(const LoneSet&) = delete;
  LoneSet& operator=(const LoneSet&) = delete;
  ~LoneSet() { ::operator delete (data_, std::align_val_t{64}); }
  std::span<std::byte> bytes() { return {data_, size_}; }

 private:
  size_t size_;
  std::byte* data_;
};

struct CountedLines {
  std::set<uint64_t> touched;
  void operator()(uint64_t line) { touched.insert(line); }
};

size_t LinesOf(const std::string& bytes, const PolicyQuery& query) {
  LoneSet set(bytes);
  CountedLines lines;
  PolicySetReader<CountedLines>(set.bytes(), lines).Lookup(query);
  return lines.touched.size();
}

TEST(PolicySetBuilderTest, EqualSetsAreNumberedOnce) {
  PolicyTableBuilder builder;
  PolicySetSpec spec = FrontendOnPort80();
  spec.entries[0].identities = {kFrontend, kIntruder};
  const PolicySetId first = *builder.Add(spec);
  spec.entries[0].identities = {kIntruder, kFrontend, kIntruder};
  EXPECT_EQ(*builder.Add(spec), first);
  spec.entries[0].identities = {kIntruder};
  EXPECT_NE(*builder.Add(spec), first);
  EXPECT_EQ(builder.set_count(), 2u);
  EXPECT_EQ(std::move(builder).Build().size(), 2u);
}

TEST(PolicySetBuilderTest, EqualSpecsGiveEqualBytes) {
  EXPECT_EQ(*BuildPolicySet(FrontendOnPort80()),
            *BuildPolicySet(FrontendOnPort80()));
  PolicySetSpec other = FrontendOnPort80();
  other.default_precedence = kDefaultAllow;
  EXPECT_NE(*BuildPolicySet(FrontendOnPort80()), *BuildPolicySet(other));
}

TEST(PolicySetBuilderTest, RefusesWhatNoSetCanHold) {
  const PolicyEntry wrong[] = {
      {.any_peer = true, .traffic = {{IpProtocol::kTcp, 9, 8}}},
      {.any_peer = true, .traffic = {{IpProtocol::kGre}}},
      {.identities = {kIdentityUnknown}},
      {.identities = {IdentityId{kMaxIdentity + 1}}},
      {.any_peer = true, .excluded = {IdentityId{kMaxIdentity + 1}}},
      {.cidrs = {{.cidr = Prefix("10.0.0.0/16"),
                  .except = {Prefix("10.0.0.0/8")}}}},
      {.cidrs = {{.cidr = {Address("10.0.0.1"), 8}}}},
      {.cidrs = {{.cidr = {Address("10.0.0.0"), 33}}}},
      {.precedence = 0, .any_peer = true},
      {.precedence = Precedence(PolicyTier::kAdmin, 1, 3), .any_peer = true},
      {.precedence = Precedence(PolicyTier{6}, 1, kVerdictAllow),
       .any_peer = true},
      {.precedence = Precedence(PolicyTier::kAdmin, 1, 0x83), .any_peer = true},
  };
  for (const PolicyEntry& entry : wrong) {
    EXPECT_EQ(BuildPolicySet({.entries = {entry}}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << &entry - wrong;
  }
  EXPECT_FALSE(BuildPolicySet({.default_precedence = 0}).ok());
  EXPECT_FALSE(BuildPolicySet({.default_precedence = Precedence(
                                   PolicyTier::kAdmin, 1, kVerdictPass)})
                   .ok());
}

TEST(PolicySetBuilderTest, ASetThatIsTooLargeIsRefusedWithNumbers) {
  PolicySetSpec spec;
  for (uint16_t i = 1; i < 10; ++i) {
    spec.entries.push_back({.identities = {IdentityId{256u + i}},
                            .traffic = {{IpProtocol::kTcp, i, i}}});
  }
  const absl::Status status = BuildPolicySet(spec, {.max_cells = 4}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find("100 verdict cells, 4 are allowed"),
            absl::string_view::npos)
      << status;
  const PolicyEntry rule{.rule = RuleId{kMaxRules}, .any_peer = true};
  EXPECT_EQ(BuildPolicySet({.entries = {rule}}).status().code(),
            absl::StatusCode::kResourceExhausted);
}

struct LinesCase {
  const char* name;
  // Of the i-th of the CIDRs.
  std::string (*cidr)(int i);
  const char* peer;
  int cidrs_in_a_line;
};

class PolicySetLinesTest : public testing::TestWithParam<LinesCase> {
 protected:
  // `port_ranges` ranges of TCP ports for 2 000 identities, and `cidrs` blocks
  // with addresses between them.
  static std::string Build(int port_ranges, int cidrs, bool outside_only) {
    PolicyEntry by_identity{.rule = RuleId{1}};
    for (uint32_t id = 0; id < 2000; ++id) {
      by_identity.identities.push_back(IdentityId{256 + id});
    }
    for (int i = 0; i < port_ranges / 2; ++i) {
      const uint16_t port = static_cast<uint16_t>(100 * i + 80);
      by_identity.traffic.push_back({IpProtocol::kTcp, port, port});
    }
    by_identity.traffic.back().last = 65535;
    PolicyEntry by_address{.rule = RuleId{2}};
    for (int i = 0; i < cidrs; ++i) {
      by_address.cidrs.push_back(
          {.cidr = Prefix(GetParam().cidr(i)), .outside_only = outside_only});
    }
    return *BuildPolicySet({.entries = {by_identity, by_address}});
  }
  static size_t WorstLines(const std::string& set, IdentityId peer) {
    size_t worst = 0;
    for (int port = 0; port < 4000; port += 20) {
      PolicyQuery query{.peer = peer,
                        .peer_address = Address(GetParam().peer),
                        .destination_port = static_cast<uint16_t>(port)};
      worst = std::max(worst, LinesOf(set, query));
    }
    return worst;
  }
};

TEST_P(PolicySetLinesTest, RangesOfOneLineTakeAtMostSixLines) {
  const int cidrs = GetParam().cidrs_in_a_line;
  const std::string set = Build(16, cidrs, /*outside_only=*/false);
  EXPECT_LE(WorstLines(set, kFrontend), 6u);
  // The world has no bucket to look into, and one verdict.
  EXPECT_LE(WorstLines(set, kIdentityWorld), 4u);
  // CIDRs for the world only cost other peers nothing.
  EXPECT_LE(WorstLines(Build(16, cidrs, /*outside_only=*/true), kFrontend), 4u);
}

TEST_P(PolicySetLinesTest, SixteenRangesTakeTheWorldAtMostFiveLines) {
  EXPECT_LE(WorstLines(Build(16, 7, /*outside_only=*/false), kIdentityWorld),
            5u);
}

TEST_P(PolicySetLinesTest, MoreRangesTakeALineMoreForEachLevel) {
  const size_t hundreds = WorstLines(Build(200, 250, false), kFrontend);
  EXPECT_LE(hundreds, 10u);
  EXPECT_LE(WorstLines(Build(600, 4000, false), kFrontend), hundreds + 2);
}

// Ranges of addresses at one distance from each other.
std::string Ipv4Cidr(int i) {
  return "10." + std::to_string(i / 128) + "." + std::to_string(i % 128 * 2) +
         ".0/24";
}
std::string Ipv6Cidr(int i) {
  char text[32];
  std::snprintf(text, sizeof(text), "fd00:0:%x::/48", i * 2);
  return text;
}

INSTANTIATE_TEST_SUITE_P(
    Families, PolicySetLinesTest,
    testing::Values(LinesCase{"Ipv4", Ipv4Cidr, "10.0.4.9", 7},
                    LinesCase{"Ipv6", Ipv6Cidr, "fd00:0:4::9", 3}),
    [](const auto& info) { return info.param.name; });

// Everything a set can contain.
PolicySetSpec FullSpec() {
  PolicySetSpec spec = FrontendOnPort80();
  for (uint32_t id = 256; id < 400; ++id) {
    spec.entries[0].identities.push_back(IdentityId{id});
  }
  for (uint16_t port = 1; port < 60; port += 2) {
    spec.entries[0].traffic.push_back({IpProtocol::kTcp, port, port});
  }
  spec.entries.push_back(
      {.rule = RuleId{8},
       .precedence = Precedence(PolicyTier::kAdmin, 3, kVerdictPass),
       .any_peer = true,
       .excluded = {kIdentityUnknown},
       .traffic = {{IpProtocol::kIcmp, 8, 8}, {IpProtocol::kUdp, 53, 53}}});
  PolicyEntry cidrs{.rule = RuleId{9}};
  for (int i = 0; i < 100; ++i) {
    cidrs.cidrs.push_back({.cidr = Prefix(Ipv4Cidr(i))});
    cidrs.cidrs.push_back({.cidr = Prefix(Ipv6Cidr(i)), .outside_only = true});
  }
  cidrs.cidrs.push_back({.cidr = Prefix("fd00::1/128")});
  spec.entries.push_back(cidrs);
  return spec;
}

void AskEverything(std::span<const std::byte> bytes) {
  NoLines lines;
  const PolicySetReader<NoLines> reader(bytes, lines);
  for (const char* address : {"10.0.4.1", "255.255.255.255", "fd00::1", "::",
                              "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    for (const IdentityId peer : {kIdentityUnknown, kIdentityWorld, kFrontend,
                                  IdentityId{0xffffffff}}) {
      for (const IpProtocol protocol : {IpProtocol::kTcp, IpProtocol::kUdp,
                                        IpProtocol::kIcmp, IpProtocol::kGre}) {
        for (const uint16_t port : {0, 8, 65535}) {
          reader.Lookup({.peer = peer,
                         .peer_address = Address(address),
                         .protocol = protocol,
                         .destination_port = port,
                         .has_port = port != 8});
        }
      }
    }
  }
}

// Whatever the bytes are, they are not left: AddressSanitizer watches.
TEST(PolicySetDamageTest, FlippedBitsNeverLeadOutOfTheSet) {
  const std::string good = *BuildPolicySet(FullSpec());
  std::minstd_rand random(7);
  LoneSet set(good);
  for (int round = 0; round < 3000; ++round) {
    // Mostly the header, from which everything else is found.
    const size_t reach = round % 3 != 0 ? 64 : good.size();
    for (int i = 0; i < 1 + round % 4; ++i) {
      set.bytes()[random() % reach] ^= std::byte{1} << random() % 8;
    }
    AskEverything(set.bytes());
    std::memcpy(set.bytes().data(), good.data(), good.size());
  }
}

TEST(PolicySetDamageTest, TruncatedSetsAreReadToTheirEndOnly) {
  const std::string good = *BuildPolicySet(FullSpec());
  for (size_t size = 0; size < good.size(); size += 64) {
    LoneSet set(good.substr(0, size));
    AskEverything(set.bytes());
  }
}

TEST(PolicySetDamageTest, ABadSetIsClosed) {
  NoLines lines;
  std::string bytes = *BuildPolicySet(
      {.entries = {{.any_peer = true}}, .default_precedence = kDefaultAllow});
  LoneSet good(bytes);
  EXPECT_TRUE(PolicySetReader<NoLines>(good.bytes(), lines).Lookup({}).allowed);
  LoneSet header_only(bytes.substr(0, 64));
  EXPECT_FALSE(
      PolicySetReader<NoLines>(header_only.bytes(), lines).Lookup({}).allowed);
  bytes[0] ^= 1;
  LoneSet other_magic(bytes);
  EXPECT_FALSE(
      PolicySetReader<NoLines>(other_magic.bytes(), lines).Lookup({}).allowed);
}

}  // namespace
}  // namespace vswitch

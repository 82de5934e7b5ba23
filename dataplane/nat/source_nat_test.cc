// Choice of outside addresses and ports.

#include "dataplane/nat/source_nat.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "dataplane/tables/hash.h"

namespace vswitch {
namespace {

IpAddress Address(const std::string& text) { return *IpAddress::Parse(text); }

NatSettings Pool(const std::vector<std::string>& addresses) {
  NatSettings nat{};
  nat.first_port = 20000;
  nat.last_port = 20999;
  for (const std::string& address : addresses) {
    nat.addresses[nat.address_count++] = Address(address);
  }
  return nat;
}

class SourceNatTest : public testing::TestWithParam<IpFamily> {
 protected:
  std::string Net(const char* ipv4, const char* ipv6) const {
    return GetParam() == IpFamily::kIpv4 ? ipv4 : ipv6;
  }
  IpAddress Client(int i) const {
    return Address(Net("10.0.0.", "fd00::") + std::to_string(i));
  }
  FlowKey Flow() const {
    return {.source = Client(5),
            .destination = Address(Net("203.0.113.9", "2001:db8::9")),
            .source_port = Be16::FromHost(5000),
            .destination_port = Be16::FromHost(80),
            .protocol = IpProtocol::kUdp};
  }
};

TEST_P(SourceNatTest, ClientHasOneAddressOfItsFamily) {
  const NatSettings nat = Pool(
      {"192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2", "192.0.2.3"});
  std::map<IpAddress, int> used;
  for (int i = 2; i < 250; ++i) {
    const auto address = NatAddressFor(nat, Client(i));
    ASSERT_TRUE(address.has_value());
    EXPECT_EQ(address->family(), GetParam());
    EXPECT_EQ(address, NatAddressFor(nat, Client(i)));
    ++used[*address];
  }
  // Every address serves, each about its part.
  const int wanted = GetParam() == IpFamily::kIpv4 ? 3 : 2;
  ASSERT_EQ(used.size(), static_cast<size_t>(wanted));
  for (const auto& [address, count] : used) EXPECT_GT(count, 248 / wanted / 2);
}

TEST_P(SourceNatTest, NoAddressOfTheFamilyNoTranslation) {
  const NatSettings other =
      Pool({Net("2001:db8::1", "192.0.2.1"), Net("2001:db8::2", "192.0.2.2")});
  EXPECT_FALSE(NatAddressFor(other, Client(2)).has_value());
  EXPECT_FALSE(NatAddressFor(NatSettings{}, Client(2)).has_value());
}

TEST_P(SourceNatTest, KnowsItsAddresses) {
  const NatSettings nat = Pool({"192.0.2.1", "2001:db8::1"});
  EXPECT_TRUE(IsNatAddress(nat, Address(Net("192.0.2.1", "2001:db8::1"))));
  EXPECT_FALSE(IsNatAddress(nat, Address(Net("192.0.2.2", "2001:db8::2"))));
  EXPECT_FALSE(IsNatAddress(nat, IpAddress{}));
}

TEST_P(SourceNatTest, MappingAndContactLeaveTheRemoteEndOut) {
  const FlowKey flow = Flow();
  const FlowKey mapping = MappingKey(flow);
  EXPECT_EQ(mapping.source, flow.source);
  EXPECT_EQ(mapping.source_port, flow.source_port);
  EXPECT_TRUE(mapping.destination.IsUnspecified());
  EXPECT_EQ(mapping.destination.family(), flow.source.family());
  EXPECT_EQ(mapping.destination_port, Be16{0});
  const FlowKey contact = ContactKey(flow);
  EXPECT_EQ(contact.destination, flow.destination);
  EXPECT_EQ(contact.destination_port, Be16{0});
  // The flow to another port of the same remote end has the same contact.
  FlowKey other = flow;
  other.destination_port = Be16::FromHost(81);
  EXPECT_EQ(ContactKey(other), contact);
  other.destination = Client(7);
  EXPECT_EQ(MappingKey(other), mapping);
}

// T-16: what a client sees of its own ports says nothing about the next, and
// nothing about those of a switch with another secret.
TEST_P(SourceNatTest, PortsOfFlowsInARowAreScattered) {
  const NatSettings nat = Pool({"192.0.2.1"});
  const HashSecret secret{1, 2};
  const HashSecret other{1, 3};
  constexpr int kFlows = 60'000;
  std::map<int, int> distances;
  std::map<uint16_t, int> drawn;
  int equal = 0;
  int last = 0;
  for (int i = 1; i <= kFlows; ++i) {
    FlowKey flow = Flow();
    flow.source_port = Be16::FromHost(static_cast<uint16_t>(i));
    const uint16_t port = NatPort(nat, HashFlowKey(secret, flow), 0).ToHost();
    equal += port == NatPort(nat, HashFlowKey(other, flow), 0).ToHost() ? 1 : 0;
    ++drawn[port];
    ++distances[port - last];
    last = port;
  }
  EXPECT_LT(equal, kFlows / 1000 * 2);  // one in a thousand by chance
  double chi_square = 0;
  constexpr double kExpected = double{kFlows} / 1000;
  for (const auto& [port, count] : drawn) {
    chi_square += (count - kExpected) * (count - kExpected) / kExpected;
  }
  EXPECT_LT(chi_square, 1143);  // of 999 degrees, 1 in 1000
  for (const auto& [distance, count] : distances) {
    EXPECT_LT(count, 2 * kExpected) << distance;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, SourceNatTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         [](const auto& info) {
                           return info.param == IpFamily::kIpv4 ? "Ipv4"
                                                                : "Ipv6";
                         });

// RFC 7857 section 9: T-16.
TEST(NatPortTest, SpreadsEvenlyOverTheRange) {
  const NatSettings nat = Pool({"192.0.2.1"});
  constexpr int kPorts = 1000;
  constexpr int kDraws = 100'000;
  std::map<uint16_t, int> drawn;
  uint64_t hash = 88172645463325252u;
  for (int i = 0; i < kDraws; ++i) {
    hash ^= hash << 13;
    hash ^= hash >> 7;
    hash ^= hash << 17;
    ++drawn[NatPort(nat, hash, i % 4).ToHost()];
  }
  ASSERT_EQ(drawn.size(), static_cast<size_t>(kPorts));
  EXPECT_EQ(drawn.begin()->first, 20000);
  EXPECT_EQ(drawn.rbegin()->first, 20999);
  // Chi-square with 999 degrees of freedom: above 1 143 in one of a thousand.
  double chi_square = 0;
  constexpr double kExpected = double{kDraws} / kPorts;
  for (const auto& [port, count] : drawn) {
    chi_square += (count - kExpected) * (count - kExpected) / kExpected;
  }
  EXPECT_LT(chi_square, 1143);
}

TEST(NatPortTest, AttemptsGoOnToOtherPorts) {
  const NatSettings nat = Pool({"192.0.2.1"});
  std::set<uint16_t> tried;
  for (uint32_t i = 0; i < 64; ++i) {
    tried.insert(NatPort(nat, 0x123456789abcdef, i).ToHost());
  }
  EXPECT_GT(tried.size(), 55u);
}

TEST(NatPortTest, RangeOfOnePortAndABackwardRangeHaveTheFirst) {
  NatSettings nat{};
  nat.first_port = nat.last_port = 7;
  EXPECT_EQ(NatPort(nat, ~uint64_t{0}, 3).ToHost(), 7);
  nat.last_port = 3;  // damaged memory
  EXPECT_EQ(NatPort(nat, ~uint64_t{0}, 3).ToHost(), 7);
}

}  // namespace
}  // namespace vswitch

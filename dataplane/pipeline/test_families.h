// dataplane/pipeline/test_families.h
//
// FamilyTest: a TestWorld for a test that runs once in each family, and the
// names of TestWorld in that family.
//
//   TEST_P(MyTest, Passes) {
//     EXPECT_EQ(world_.Receive("client", Packet("/ udp")).drop, ...);
//   }
//   INSTANTIATE_FAMILIES(MyTest);
//
// Test code.

#ifndef VSWITCH_DATAPLANE_PIPELINE_TEST_FAMILIES_H_
#define VSWITCH_DATAPLANE_PIPELINE_TEST_FAMILIES_H_

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "dataplane/pipeline/test_world.h"

namespace vswitch {

class FamilyTest : public testing::TestWithParam<IpFamily> {
 protected:
  bool is_ipv4() const { return GetParam() == IpFamily::kIpv4; }

  // The address of a port's peer.
  std::string AddressOf(absl::string_view name) const {
    if (name == "host") return is_ipv4() ? "192.168.0.1" : "fd01::1";
    const int last = ToInt(TestWorld::PortNamed(name)) + 1;
    return absl::StrCat(is_ipv4() ? "10.0.0." : "fd00::", last);
  }
  std::string Outside() const {
    return is_ipv4() ? "203.0.113.9" : "2001:db8::9";
  }
  std::string WebService() const {
    return is_ipv4() ? "10.96.0.10" : "fd02::10";
  }

  // A packet from the peer of port `from` to the address `to`; `rest` is what
  // stands behind the IP header's addresses: "ttl=3 / udp".
  std::string PacketTo(absl::string_view from, const std::string& to,
                       const std::string& rest) const {
    return absl::StrCat(
        "eth src=", TestWorld::PeerMac(TestWorld::PortNamed(from)).ToString(),
        is_ipv4() ? " / ip4 src=" : " / ip6 src=", AddressOf(from), " dst=", to,
        " ", rest);
  }
  std::string Packet(absl::string_view from, absl::string_view to,
                     const std::string& rest) const {
    return PacketTo(from, AddressOf(to), rest);
  }

  // A packet that comes in by the uplink.
  std::string FromOutside(const std::string& source, const std::string& to,
                          const std::string& rest) const {
    return absl::StrCat(
        "eth src=",
        TestWorld::PeerMac(TestWorld::PortNamed("uplink")).ToString(),
        is_ipv4() ? " / ip4 src=" : " / ip6 src=", source, " dst=", to, " ",
        rest);
  }
  // Lets pods speak to the world as the node, from ports 20000 to 20999; takes
  // effect with Publish().
  void UseSourceNat() {
    NatSettings& nat = world_.node().settings.nat;
    nat.first_port = 20000;
    nat.last_port = 20999;
    nat.address_count = 2;
    nat.addresses[0] = *IpAddress::Parse("192.168.0.1");
    nat.addresses[1] = *IpAddress::Parse("fd01::1");
  }
  // Makes the uplink name its routers, 203.0.113.1 and 2001:db8::1; takes
  // effect with Publish().
  static void UseRouters(TestWorld& world) {
    PortRecord& uplink =
        world.node().ports[ToInt(TestWorld::PortNamed("uplink"))];
    for (const char* router : {"203.0.113.1", "2001:db8::1"}) {
      NameRouter(uplink, *IpAddress::Parse(router));
    }
  }
  // The router's answer: its MAC address ends in 21.
  std::string RouterAnswer() const {
    return is_ipv4() ? "eth src=02:00:00:00:00:21 / arp op=2 "
                       "sha=02:00:00:00:00:21 spa=203.0.113.1 "
                       "tha=02:00:00:00:00:01 tpa=192.168.0.1"
                     : "eth src=02:00:00:00:00:21 / ip6 src=2001:db8::1 "
                       "dst=fe80::ff:fe00:1 hop=255 / na target=2001:db8::1 "
                       "flags=0x60 / hex 0201020000000021";
  }

  TestWorld world_;
};

#define INSTANTIATE_FAMILIES(Test)                                       \
  INSTANTIATE_TEST_SUITE_P(                                              \
      Families, Test, testing::Values(IpFamily::kIpv4, IpFamily::kIpv6), \
      [](const testing::TestParamInfo<IpFamily>& info) {                 \
        return info.param == IpFamily::kIpv4 ? "Ipv4" : "Ipv6";          \
      })

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_TEST_FAMILIES_H_

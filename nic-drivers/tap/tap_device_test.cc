// Makes TAPs in namespaces of the test's own and looks at them with ip(8).

#include "nic-drivers/tap/tap_device.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

std::string Output(const std::string& command) {
  std::string text;
  std::array<char, 4096> buffer;
  FILE* pipe = popen(absl::StrCat(command, " 2>&1").c_str(), "r");
  while (fgets(buffer.data(), buffer.size(), pipe) != nullptr) {
    text += buffer.data();
  }
  pclose(pipe);
  return text;
}

class TapDeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    netns_ = absl::StrCat("vswtap", getpid());
    ASSERT_EQ(Output(absl::StrCat("ip netns add ", netns_)), "");
  }
  void TearDown() override { Output(absl::StrCat("ip netns del ", netns_)); }

  std::string Ip(const std::string& arguments) {
    return Output(absl::StrCat("ip -n ", netns_, " ", arguments));
  }

  TapConfig Config() {
    TapConfig config;
    config.netns = "/run/netns/" + netns_;
    config.ifname = "eth0";
    config.mac = *MacAddress::Parse("02:00:00:00:00:05");
    config.mtu = 1450;
    config.addresses = {*IpPrefix::ParseInterface("10.9.0.5/32"),
                        *IpPrefix::ParseInterface("fd09::5/128")};
    config.gateways = {*IpAddress::Parse("10.9.0.1"),
                       *IpAddress::Parse("fd09::1")};
    return config;
  }

  std::string netns_;
};

TEST_F(TapDeviceTest, ConfiguresEverythingInsideTheNamespace) {
  auto device = TapDevice::Create(Config());
  ASSERT_TRUE(device.ok()) << device.status();
  const std::string link = Ip("link show eth0");
  EXPECT_TRUE(absl::StrContains(link, "mtu 1450")) << link;
  EXPECT_TRUE(absl::StrContains(link, "02:00:00:00:00:05")) << link;
  EXPECT_TRUE(absl::StrContains(link, ",UP")) << link;
  const std::string addresses = Ip("addr show eth0");
  EXPECT_TRUE(absl::StrContains(addresses, "10.9.0.5/32")) << addresses;
  EXPECT_TRUE(absl::StrContains(addresses, "fd09::5/128")) << addresses;
  EXPECT_TRUE(absl::StrContains(addresses, "fe80::ff:fe00:5/64")) << addresses;
  EXPECT_FALSE(absl::StrContains(addresses, "tentative")) << addresses;
  EXPECT_TRUE(absl::StrContains(Ip("route"), "default via 10.9.0.1 dev eth0"))
      << Ip("route");
  EXPECT_TRUE(absl::StrContains(Ip("-6 route"), "default via fd09::1 dev eth0"))
      << Ip("-6 route");
}

TEST_F(TapDeviceTest, InterfaceGoesWithItsDescriptors) {
  {
    auto device = TapDevice::Create(Config());
    ASSERT_TRUE(device.ok()) << device.status();
    EXPECT_TRUE(absl::StrContains(Ip("link"), "eth0"));
  }
  EXPECT_FALSE(absl::StrContains(Ip("link"), "eth0")) << Ip("link");
}

TEST_F(TapDeviceTest, SeesThatItsNamespaceIsGone) {
  auto device = TapDevice::Create(Config());
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_TRUE(device->Alive());
  Output(absl::StrCat("ip netns del ", netns_));
  // The kernel takes a namespace down from a work queue.
  for (int i = 0; i < 1000 && device->Alive(); ++i) usleep(5000);
  EXPECT_FALSE(device->Alive());
}

TEST_F(TapDeviceTest, SeesThatThePodDeletedTheInterface) {
  auto device = TapDevice::Create(Config());
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_EQ(Ip("link del eth0"), "");
  EXPECT_FALSE(device->Alive());
}

TEST_F(TapDeviceTest, RoutesInsteadOfDefaultRoute) {
  TapConfig config = Config();
  config.default_route = false;
  config.routes = {*IpPrefix::Parse("10.9.0.0/16"),
                   *IpPrefix::Parse("fd09::/64")};
  auto device = TapDevice::Create(config);
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_TRUE(absl::StrContains(Ip("route"), "10.9.0.0/16 via 10.9.0.1"))
      << Ip("route");
  EXPECT_TRUE(absl::StrContains(Ip("-6 route"), "fd09::/64 via fd09::1"))
      << Ip("-6 route");
  EXPECT_FALSE(absl::StrContains(Ip("route"), "default"));
  EXPECT_FALSE(absl::StrContains(Ip("-6 route"), "default"));
}

TEST_F(TapDeviceTest, HasOneDescriptorAQueue) {
  TapConfig config = Config();
  config.queues = 4;
  auto device = TapDevice::Create(config);
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_EQ(device->fds().size(), 4u);
  EXPECT_TRUE(absl::StrContains(Ip("-d link show eth0"), "numtxqueues"));
}

TEST_F(TapDeviceTest, NamesWhatIsMissing) {
  TapConfig config = Config();
  config.netns = "/run/netns/vswtap-none";
  EXPECT_EQ(TapDevice::Create(config).status().message(),
            "namespace /run/netns/vswtap-none does not exist");
  config.netns = "/etc/hostname";
  EXPECT_TRUE(absl::StrContains(TapDevice::Create(config).status().message(),
                                "is not a network namespace"));
}

TEST_F(TapDeviceTest, LeavesNothingWhenTheNameIsTaken) {
  auto first = TapDevice::Create(Config());
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string before = Output("ip -o link");
  const auto second = TapDevice::Create(Config());
  EXPECT_EQ(second.status().message(),
            absl::StrCat("interface eth0 exists already in namespace "
                         "/run/netns/",
                         netns_));
  EXPECT_FALSE(absl::StrContains(Output("ip -o link"), "vswtap"));
  EXPECT_TRUE(first->Alive());
}

TEST_F(TapDeviceTest, LeavesNothingWhenAnAddressIsRefused) {
  TapConfig config = Config();
  config.addresses.push_back(config.addresses[0]);
  const auto device = TapDevice::Create(config);
  EXPECT_TRUE(absl::StrContains(device.status().message(),
                                "interface eth0: cannot add address "
                                "10.9.0.5/32"))
      << device.status();
  EXPECT_FALSE(absl::StrContains(Ip("link"), "eth0"));
}

TEST(ValidateTapConfigTest, RefusesEachWrongField) {
  TapConfig good;
  good.ifname = "eth0";
  good.mac = *MacAddress::Parse("02:00:00:00:00:05");
  EXPECT_TRUE(ValidateTapConfig(good).ok());
  const auto refused = [&good](auto change) {
    TapConfig config = good;
    change(config);
    return !ValidateTapConfig(config).ok();
  };
  EXPECT_TRUE(refused([](TapConfig& c) { c.ifname = ""; }));
  EXPECT_TRUE(refused([](TapConfig& c) { c.ifname = "a/b"; }));
  EXPECT_TRUE(refused([](TapConfig& c) { c.ifname = "eth%d"; }));
  EXPECT_TRUE(refused([](TapConfig& c) { c.ifname = "sixteen-letters1"; }));
  EXPECT_TRUE(refused([](TapConfig& c) { c.mtu = 1279; }));
  EXPECT_TRUE(refused([](TapConfig& c) { c.mtu = 65522; }));
  EXPECT_TRUE(refused([](TapConfig& c) { c.queues = 0; }));
  EXPECT_TRUE(refused([](TapConfig& c) { c.queues = 17; }));
  EXPECT_TRUE(refused([](TapConfig& c) { c.mac = MacAddress{}; }));
  EXPECT_TRUE(refused([](TapConfig& c) { c.mac.bytes[0] = 1; }));
  EXPECT_TRUE(refused([](TapConfig& c) {
    c.gateways = {*IpAddress::Parse("10.0.0.1"), *IpAddress::Parse("10.0.0.2")};
  }));
  EXPECT_TRUE(refused([](TapConfig& c) {
    c.gateways = {*IpAddress::Parse("10.0.0.1")};
    c.routes = {*IpPrefix::Parse("fd00::/64")};
  }));
}

}  // namespace
}  // namespace vswitch

// Addresses: what is accepted, what is refused, and one spelling for each.

#include "dataplane/base/address.h"

#include <gtest/gtest.h>

namespace vswitch {
namespace {

TEST(IpAddressTest, ParsesAndPrintsBothFamilies) {
  for (const char* text : {"10.0.0.1", "255.255.255.255", "0.0.0.0", "fd00::1",
                           "::", "::1", "fe80::1"}) {
    absl::StatusOr<IpAddress> address = IpAddress::Parse(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->ToString(), text);
  }
}

TEST(IpAddressTest, FamilyFollowsTheText) {
  EXPECT_EQ(IpAddress::Parse("10.0.0.1")->family(), IpFamily::kIpv4);
  EXPECT_EQ(IpAddress::Parse("fd00::1")->family(), IpFamily::kIpv6);
  EXPECT_EQ(IpAddress::Parse("::")->family(), IpFamily::kIpv6);
}

TEST(IpAddressTest, RefusesOtherTextAndNamesIt) {
  for (const char* text : {"", "10.0.0", "10.0.0.256", "fd00:::1", "pod",
                           "::ffff:10.0.0.1", "10.0.0.1 "}) {
    absl::StatusOr<IpAddress> address = IpAddress::Parse(text);
    ASSERT_FALSE(address.ok()) << text;
    EXPECT_NE(address.status().message().find(text), std::string::npos);
  }
}

TEST(IpAddressTest, KnowsSpecialAddresses) {
  EXPECT_TRUE(IpAddress::Parse("127.1.2.3")->IsLoopback());
  EXPECT_TRUE(IpAddress::Parse("::1")->IsLoopback());
  EXPECT_FALSE(IpAddress::Parse("::2")->IsLoopback());
  EXPECT_TRUE(IpAddress::Parse("239.0.0.1")->IsMulticast());
  EXPECT_TRUE(IpAddress::Parse("ff02::1")->IsMulticast());
  EXPECT_TRUE(IpAddress::Parse("169.254.1.1")->IsLinkLocal());
  EXPECT_TRUE(IpAddress::Parse("febf::1")->IsLinkLocal());
  EXPECT_FALSE(IpAddress::Parse("fec0::1")->IsLinkLocal());
  EXPECT_TRUE(IpAddress::Parse("0.0.0.0")->IsUnspecified());
  EXPECT_TRUE(IpAddress::Parse("::")->IsUnspecified());
}

TEST(IpPrefixTest, ContainsFollowsThePrefix) {
  const IpPrefix v4 = *IpPrefix::Parse("10.1.0.0/20");
  EXPECT_TRUE(v4.Contains(*IpAddress::Parse("10.1.15.255")));
  EXPECT_FALSE(v4.Contains(*IpAddress::Parse("10.1.16.0")));
  EXPECT_FALSE(v4.Contains(*IpAddress::Parse("fd00::1")));
  const IpPrefix v6 = *IpPrefix::Parse("fd00:0:0:8000::/49");
  EXPECT_TRUE(v6.Contains(*IpAddress::Parse("fd00:0:0:ffff::1")));
  EXPECT_FALSE(v6.Contains(*IpAddress::Parse("fd00:0:0:7fff::1")));
  EXPECT_TRUE(
      IpPrefix::Parse("0.0.0.0/0")->Contains(*IpAddress::Parse("1.2.3.4")));
}

TEST(IpPrefixTest, RefusesBitsBehindThePrefixAndSaysWhatWouldBeRight) {
  absl::StatusOr<IpPrefix> prefix = IpPrefix::Parse("10.1.2.3/24");
  ASSERT_FALSE(prefix.ok());
  EXPECT_NE(prefix.status().message().find("10.1.2.0/24"), std::string::npos);
  EXPECT_TRUE(IpPrefix::ParseInterface("10.1.2.3/24").ok());
  for (const char* text : {"10.0.0.0/33", "fd00::/129", "10.0.0.0", "/8",
                           "10.0.0.0/", "10.0.0.0/+8"}) {
    EXPECT_FALSE(IpPrefix::Parse(text).ok()) << text;
  }
}

TEST(MacAddressTest, ParsesAndPrints) {
  absl::StatusOr<MacAddress> mac = MacAddress::Parse("02:aB:00:00:00:ff");
  ASSERT_TRUE(mac.ok());
  EXPECT_EQ(mac->ToString(), "02:ab:00:00:00:ff");
  for (const char* text : {"", "02:ab:00:00:00", "02:ab:00:00:00:fg",
                           "02-ab-00-00-00-ff", "02:ab:00:00:00:ff:00"}) {
    EXPECT_FALSE(MacAddress::Parse(text).ok()) << text;
  }
  EXPECT_EQ(LinkLocalFromMac(*mac).ToString(), "fe80::ab:ff:fe00:ff");
}

}  // namespace
}  // namespace vswitch

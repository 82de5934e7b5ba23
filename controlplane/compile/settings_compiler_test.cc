// What Settings are refused: ports of source NAT that are the node's own.

#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/compile/test_cluster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

class SettingsCompilerTest : public testing::Test {
 protected:
  // The error of compiling a cluster with such a source NAT; "" if none.
  std::string Error(SourceNat source_nat) {
    cluster_.Add("", std::string(kSettingsName),
                 SwitchSettings{.source_nat = std::move(source_nat)});
    return std::string(cluster_.Compile().status().message());
  }

  TestCluster cluster_;
};

TEST_F(SettingsCompilerTest, PortsOfSourceNatAreNoNodePorts) {
  struct Range {
    uint16_t first;
    uint16_t last;
    bool is_fine;
  };
  const Range ranges[] = {
      {11000, 29999, true},  {11000, 30000, false}, {30000, 32767, false},
      {31000, 31001, false}, {32767, 40000, false}, {32768, 40000, true},
      {11000, 60000, false},
  };
  for (const Range& range : ranges) {
    const std::string error =
        Error({.first_port = range.first, .last_port = range.last});
    EXPECT_EQ(error.empty(), range.is_fine)
        << range.first << " to " << range.last << ": " << error;
  }
  EXPECT_EQ(Error({.first_port = 11000, .last_port = 31000}),
            "Settings default source_nat.first_port: 11000 to 31000 holds "
            "NodePorts (30000 to 32767) of the node's own address; must end "
            "below or begin above them");
}

// They are ports of addresses that the node has.
TEST_F(SettingsCompilerTest, AddressesOfAPoolHaveAllPorts) {
  EXPECT_EQ(Error({.addresses = {TestAddress("198.51.100.7"),
                                 TestAddress("2001:db8::7")},
                   .first_port = 1024,
                   .last_port = 65535}),
            "");
  for (const char* address : {"192.168.0.1", "fd01::1"}) {
    EXPECT_THAT(
        Error({.addresses = {TestAddress("198.51.100.7"), TestAddress(address)},
               .first_port = 1024,
               .last_port = 65535}),
        testing::HasSubstr("holds NodePorts"));
  }
}

TEST_F(SettingsCompilerTest, NoSourceNatHasNoPorts) {
  EXPECT_EQ(Error({.disabled = true, .first_port = 11000, .last_port = 31000}),
            "");
}

}  // namespace
}  // namespace vswitch

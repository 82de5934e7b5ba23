// What Ports become in the table of ports: the routers of an uplink.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/test_cluster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

class PortCompilerTest : public testing::Test {
 protected:
  // Compiles the cluster with an uplink that has these gateways.
  absl::StatusOr<CompiledTables> Compile(std::vector<IpAddress> gateways) {
    cluster_.AddPort("up", {.kind = PortResourceKind::kUplink,
                            .driver = PortResourceDriver::kDpdk,
                            .device = "net_af_packet0,iface=eth0",
                            .gateways = std::move(gateways)});
    return cluster_.Compile();
  }
  PortRecord Uplink(std::vector<IpAddress> gateways) {
    const CompiledTables tables = *Compile(std::move(gateways));
    const auto route = tables.forwarding().route(TestAddress("8.8.8.8"));
    return *tables.forwarding().port(route->port);
  }

  TestCluster cluster_;
};

TEST_F(PortCompilerTest, AnUplinkHasARouterOfEachFamily) {
  PortRecord up = Uplink({});
  EXPECT_EQ(up.router_tags[0], RouterTag::kNone);
  EXPECT_EQ(up.router_tags[1], RouterTag::kNone);
  up = Uplink({TestAddress("fe80::9"), TestAddress("192.0.2.1")});
  EXPECT_EQ(up.routers[0], TestAddress("192.0.2.1"));
  EXPECT_EQ(up.routers[1], TestAddress("fe80::9"));
  EXPECT_EQ(up.router_tags[0], TagOfRouter(up.routers[0], up.epoch));
  EXPECT_EQ(up.router_tags[1], TagOfRouter(up.routers[1], up.epoch));
}

TEST_F(PortCompilerTest, RefusesARouterThatIsNoHost) {
  for (const char* router : {"0.0.0.0", "224.0.0.1", "127.0.0.1", "ff02::2"}) {
    EXPECT_THAT(
        std::string(Compile({TestAddress(router)}).status().message()),
        testing::HasSubstr(absl::StrCat("Port up spec.gateways: ", router,
                                        " is not the address of one router")));
  }
}

}  // namespace
}  // namespace vswitch

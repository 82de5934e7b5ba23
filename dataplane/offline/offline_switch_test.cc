// OfflineSwitch: generations are whole or absent, and runs repeat.

#include "dataplane/offline/offline_switch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/pipeline/test_world.h"

namespace vswitch {
namespace {

using ::testing::HasSubstr;

constexpr char kPacket[] = "eth / ip4 / udp / data 4";

TEST(OfflineSwitchTest, RefusedTablesChangeNothing) {
  TestWorld world;
  const Generation before = world.offline().state().generation();
  OfflineTables tables = world.node().Compile();
  tables.blobs[static_cast<size_t>(BlobKind::kPorts)] = "not a port table";
  EXPECT_FALSE(world.offline().Publish(tables).ok());
  EXPECT_EQ(world.offline().state().generation(), before);
  EXPECT_EQ(world.Receive("client", kPacket).drop, DropReason::kNone);
}

TEST(OfflineSwitchTest, BadBindingTakesTheOthersBack) {
  TestWorld world;
  OfflineTables tables = world.node().Compile();
  // The first bindings are new, a later one is impossible.
  const IpAddress fresh = *IpAddress::Parse("10.0.0.50");
  tables.bindings.insert(tables.bindings.begin(),
                         {fresh, {IdentityId{700}, EndpointId{1}}});
  tables.bindings.push_back({IpAddress{}, {IdentityId{701}, EndpointId{1}}});
  const absl::Status status = world.offline().Publish(tables);
  EXPECT_THAT(std::string(status.message()), HasSubstr("::"));
  JudgeQuery query;
  query.key.source = *IpAddress::Parse("10.0.0.2");
  query.key.destination = fresh;
  query.key.protocol = IpProtocol::kUdp;
  query.in_port = TestWorld::PortNamed("client");
  EXPECT_EQ(world.offline().AskJudge(query).drop, DropReason::kHostUnreachable);
}

TEST(OfflineSwitchTest, TooManyAddressesAreRefusedWithNumbers) {
  TestWorld world;  // room for 256, and as many again of slack
  OfflineTables tables = world.node().Compile();
  for (uint32_t i = 0; i < 5000; ++i) {
    tables.bindings.push_back(
        {IpAddress::FromIpv4(Be32::FromHost(0x0b000000 + i)),
         {IdentityId{700}, kNoEndpoint}});
  }
  const absl::Status status = world.offline().Publish(tables);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("512"));
}

TEST(OfflineSwitchTest, SameInputSameOutput) {
  std::vector<std::string> runs[2];
  for (auto& run : runs) {
    TestWorld world;
    for (int port = 1; port < 30; ++port) {
      const Received received = world.Receive(
          "client", "eth / ip4 dst=10.96.0.10 / tcp flags=S sport=" +
                        std::to_string(port));
      for (const Sent& sent : received.sent) run.push_back(sent.Text());
    }
  }
  EXPECT_EQ(runs[0].size(), 29u);
  EXPECT_EQ(runs[0], runs[1]);
}

}  // namespace
}  // namespace vswitch

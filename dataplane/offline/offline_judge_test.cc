// OfflineJudge: it says what the switch with the same tables says.

#include "dataplane/offline/offline_judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dataplane/pipeline/test_world.h"

namespace vswitch {
namespace {

JudgeQuery UdpQuery(const std::string& source, const std::string& destination) {
  JudgeQuery query;
  query.key.source = *IpAddress::Parse(source);
  query.key.destination = *IpAddress::Parse(destination);
  query.key.protocol = IpProtocol::kUdp;
  query.key.source_port = Be16::FromHost(40000);
  query.key.destination_port = Be16::FromHost(53);
  return query;
}

TEST(OfflineJudgeTest, AgreesWithTheSwitch) {
  TestWorld world;
  const OfflineTables tables = world.node().Compile();
  auto judge = OfflineJudge::Create(tables);
  ASSERT_TRUE(judge.ok()) << judge.status();
  int reached = 0;
  for (const auto& [source, source_binding] : tables.bindings) {
    for (const auto& [destination, destination_binding] : tables.bindings) {
      if (source.family() != destination.family()) continue;
      const JudgeQuery query =
          UdpQuery(source.ToString(), destination.ToString());
      const JudgeResult wanted = world.offline().AskJudge(query);
      const JudgeResult result = (*judge)->Ask(query);
      EXPECT_EQ(result.drop, wanted.drop)
          << source.ToString() << " to " << destination.ToString();
      EXPECT_EQ(result.source.identity, source_binding.identity);
      EXPECT_EQ(result.destination.identity, wanted.destination.identity);
      if (result.drop == DropReason::kNone) ++reached;
    }
  }
  EXPECT_GT(reached, 0);
}

TEST(OfflineJudgeTest, RefusesTablesThatNoWorkerWouldOpen) {
  TestWorld world;
  OfflineTables tables = world.node().Compile();
  tables.blobs[static_cast<size_t>(BlobKind::kPorts)] = "not a port table";
  EXPECT_FALSE(OfflineJudge::Create(tables).ok());
}

}  // namespace
}  // namespace vswitch

// Connection keys of ICMP queries.

#include "dataplane/pipeline/flow_keys.h"

#include "dataplane/packet/headers.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

struct Family {
  const char* client;
  const char* server;
  IpProtocol protocol;
  uint8_t request;
  uint8_t reply;
};

class IcmpKeyTest : public testing::TestWithParam<Family> {
 protected:
  // The key of a query of `type` with identifier 7, as Parse() gives it.
  PacketMeta Query(const char* from, const char* to, uint8_t type) const {
    PacketMeta meta;
    meta.icmp = IcmpKind::kQuery;
    meta.icmp_type = type;
    meta.key.source = *IpAddress::Parse(from);
    meta.key.destination = *IpAddress::Parse(to);
    meta.key.protocol = GetParam().protocol;
    meta.key.source_port = Be16::FromHost(7);
    meta.key.destination_port = Be16::FromHost(7);
    return meta;
  }
};

TEST_P(IcmpKeyTest, AnswerIsTheQuestionReversed) {
  const Family& f = GetParam();
  const PacketMeta question = Query(f.client, f.server, f.request);
  const PacketMeta answer = Query(f.server, f.client, f.reply);
  EXPECT_TRUE(ConnectionKey(question).Reversed() == ConnectionKey(answer));
}

TEST_P(IcmpKeyTest, QuestionsInBothDirectionsAreTwoConnections) {
  const Family& f = GetParam();
  const PacketMeta one = Query(f.client, f.server, f.request);
  const PacketMeta other = Query(f.server, f.client, f.request);
  EXPECT_FALSE(ConnectionKey(one).Reversed() == ConnectionKey(other));
}

TEST_P(IcmpKeyTest, PacketKeyComesBack) {
  const Family& f = GetParam();
  for (uint8_t type : {f.request, f.reply}) {
    const PacketMeta meta = Query(f.client, f.server, type);
    EXPECT_TRUE(PacketKeyOfQuery(ConnectionKey(meta), type) == meta.key);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Families, IcmpKeyTest,
    testing::Values(Family{"10.0.0.2", "10.0.0.3", IpProtocol::kIcmp, kIcmpEcho,
                           kIcmpEchoReply},
                    Family{"10.0.0.2", "10.0.0.3", IpProtocol::kIcmp, 13, 14},
                    Family{"fd00::2", "fd00::3", IpProtocol::kIcmpv6,
                           kIcmpv6Echo, kIcmpv6EchoReply}));

TEST(ConnectionKeyTest, OtherPacketsHaveTheirOwnKey) {
  PacketMeta meta;
  meta.key.protocol = IpProtocol::kTcp;
  meta.key.source_port = Be16::FromHost(1000);
  meta.key.destination_port = Be16::FromHost(80);
  EXPECT_TRUE(ConnectionKey(meta) == meta.key);
}

}  // namespace
}  // namespace vswitch

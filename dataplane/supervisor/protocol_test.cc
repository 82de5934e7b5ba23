// What is encoded is decoded again; what is cut short is refused.

#include "dataplane/supervisor/protocol.h"

#include <string>

#include "gtest/gtest.h"

namespace vswitch {
namespace {

AttachPortRequest MakeRequest() {
  AttachPortRequest request;
  request.port = PortId{7};
  request.epoch = 3;
  request.name = "demo/frontend";
  request.netns = "/run/netns/frontend";
  request.ifname = "eth0";
  request.mac = *MacAddress::Parse("02:00:00:00:00:05");
  request.mtu = 1450;
  request.queues = 2;
  request.default_route = false;
  request.addresses = {*IpPrefix::ParseInterface("10.9.0.5/32"),
                       *IpPrefix::ParseInterface("fd09::5/128")};
  request.gateways = {*IpAddress::Parse("10.9.0.1"),
                      *IpAddress::Parse("fd09::1")};
  request.routes = {*IpPrefix::Parse("10.9.0.0/16"),
                    *IpPrefix::Parse("fd09::/64")};
  return request;
}

TEST(ProtocolTest, KeepsAnAttachPort) {
  const AttachPortRequest sent = MakeRequest();
  const auto got = DecodeAttachPort(EncodeAttachPort(sent));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->port, sent.port);
  EXPECT_EQ(got->epoch, sent.epoch);
  EXPECT_EQ(got->name, sent.name);
  EXPECT_EQ(got->netns, sent.netns);
  EXPECT_EQ(got->ifname, sent.ifname);
  EXPECT_EQ(got->mac, sent.mac);
  EXPECT_EQ(got->mtu, sent.mtu);
  EXPECT_EQ(got->queues, sent.queues);
  EXPECT_EQ(got->default_route, sent.default_route);
  EXPECT_EQ(got->addresses, sent.addresses);
  EXPECT_EQ(got->gateways, sent.gateways);
  EXPECT_EQ(got->routes, sent.routes);
}

TEST(ProtocolTest, RefusesEveryCutMessage) {
  const std::string whole = EncodeAttachPort(MakeRequest());
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    EXPECT_FALSE(DecodeAttachPort(whole.substr(0, bytes)).ok()) << bytes;
  }
  EXPECT_FALSE(DecodeAttachPort(whole + "x").ok());
  const std::string message = EncodeMessage({});
  for (size_t bytes = 0; bytes < message.size(); ++bytes) {
    EXPECT_FALSE(DecodeMessage(message.substr(0, bytes)).ok()) << bytes;
  }
}

TEST(ProtocolTest, RefusesCountsBeyondTheMessage) {
  // A count of 2^32 - 1 ports with nothing behind it must not be allocated.
  EXPECT_FALSE(DecodeAttachedPorts(std::string(4, '\xff')).ok());
}

TEST(ProtocolTest, KeepsStatusAndPorts) {
  SupervisorStatus status;
  status.pid = 42;
  status.uptime_s = 1.5;
  status.dataplane.pid = 44;
  status.dataplane.uptime_s = 0.25;
  status.dataplane.incarnation = 3;
  status.dataplane.restarts = 2;
  status.dataplane.last_gap_ms = 37.25;
  status.dataplane.last_exit = "killed by SIGKILL";
  status.port_count = 5;
  status.worker_hugepages = true;
  const auto got = DecodeStatus(EncodeStatus(status));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->pid, 42);
  EXPECT_EQ(got->uptime_s, 1.5);
  EXPECT_EQ(got->controlplane.pid, 0);
  EXPECT_EQ(got->dataplane.pid, 44);
  EXPECT_EQ(got->dataplane.uptime_s, 0.25);
  EXPECT_EQ(got->dataplane.incarnation, 3u);
  EXPECT_EQ(got->dataplane.restarts, 2u);
  EXPECT_EQ(got->dataplane.last_gap_ms, 37.25);
  EXPECT_EQ(got->dataplane.last_exit, "killed by SIGKILL");
  EXPECT_EQ(got->port_count, 5u);
  EXPECT_FALSE(got->table_hugepages);
  EXPECT_TRUE(got->worker_hugepages);

  const auto ports =
      DecodeAttachedPorts(EncodeAttachedPorts({{.id = {PortId{1}, 2},
                                                .name = "a",
                                                .netns = "n",
                                                .ifname = "i",
                                                .alive = false}}));
  ASSERT_TRUE(ports.ok()) << ports.status();
  ASSERT_EQ(ports->size(), 1u);
  EXPECT_EQ((*ports)[0].id, (PortEpoch{PortId{1}, 2}));
  EXPECT_FALSE((*ports)[0].alive);
}

TEST(ProtocolTest, KeepsNotices) {
  for (const auto kind :
       {Notice::Kind::kDataplaneStarted, Notice::Kind::kDataplaneReady,
        Notice::Kind::kDataplaneDied, Notice::Kind::kPortGone}) {
    const Notice sent{.kind = kind, .incarnation = 9, .port = {PortId{4}, 5}};
    const auto message = DecodeMessage(EncodeMessage(EncodeNotice(sent)));
    ASSERT_TRUE(message.ok()) << message.status();
    const auto got = DecodeNotice(*message);
    ASSERT_TRUE(got.ok() && got->has_value());
    EXPECT_EQ((*got)->kind, kind);
    EXPECT_EQ((*got)->incarnation, 9u);
    EXPECT_EQ((*got)->port, sent.port);
  }
  EXPECT_FALSE(DecodeNotice(Message{})->has_value());
}

}  // namespace
}  // namespace vswitch

// Connections over ObserveService's socket: listed by the names that people
// use, filtered, flushed; in both families.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/nat/source_nat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/component/api_test.h"

namespace vswitch {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class ConnectionsTest : public ApiTest,
                        public testing::WithParamInterface<FamilyCase> {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    ApplyDemoCluster();
  }

  // The connections that a request finds.
  std::vector<v1::Connection> Connections(const std::string& text) {
    grpc::ClientContext call;
    auto reader = observe().ListConnections(
        &call, FromText<v1::ListConnectionsRequest>(text));
    std::vector<v1::Connection> found;
    v1::ListConnectionsResponse response;
    while (reader->Read(&response)) {
      found.insert(found.end(), response.connections().begin(),
                   response.connections().end());
    }
    grpc::Status status = reader->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return found;
  }
  // A connection of db to web by the service, answered once.
  void InsertConnection() {
    NewConnection connection;
    connection.original = TcpFlow(GetParam().db, GetParam().service, 80);
    connection.reply = TcpFlow(GetParam().db, GetParam().web, 8080).Reversed();
    connection.state = ConnectionState::kEstablished;
    connection.service = 0;
    connection.judgement.generation =
        static_cast<uint32_t>(tables().CurrentGeneration());
    InsertResult made =
        connections().Insert(WorkerId{0}, connection, MonotonicNs());
    ASSERT_EQ(made.status, InsertStatus::kInserted);
    connections().Touch(made.view, 100, MonotonicNs());
    ConnectionView reply = connections().Lookup(connection.reply);
    connections().Touch(reply, 1500, MonotonicNs());
  }
  // Notes that port `inside` of db has port `outside` of `other`, and has sent
  // to `remotes`.
  void InsertMapping(uint16_t inside, uint16_t outside,
                     const std::vector<std::string>& remotes) {
    FlowKey flow = TcpFlow(GetParam().db, GetParam().web, 53);
    flow.protocol = IpProtocol::kUdp;
    flow.source_port = Be16::FromHost(inside);
    FlowKey leaving = flow;
    leaving.source = *IpAddress::Parse(GetParam().other);
    leaving.source_port = Be16::FromHost(outside);
    const auto insert = [this](const FlowKey& original, const FlowKey& left,
                               uint8_t flag) {
      NewConnection noted;
      noted.original = original;
      noted.reply = left.Reversed();
      noted.state = ConnectionState::kReplied;
      noted.flags = flag | kKeptByOriginal;
      ASSERT_EQ(connections().Insert(WorkerId{0}, noted, MonotonicNs()).status,
                InsertStatus::kInserted);
    };
    insert(MappingKey(flow), MappingKey(leaving), kNatMapping);
    for (const std::string& remote : remotes) {
      flow.destination = leaving.destination = *IpAddress::Parse(remote);
      insert(ContactKey(flow), ContactKey(leaving), kNatContact);
    }
  }
  // Notes that db has web as its backend.
  void InsertAffinity() {
    NewConnection noted;
    noted.original = TcpFlow(GetParam().db, GetParam().service, 80);
    noted.reply = TcpFlow(GetParam().db, GetParam().web, 8080).Reversed();
    noted.original.protocol = noted.reply.protocol = IpProtocol{255};
    noted.state = ConnectionState::kReplied;
    noted.flags = kAffinity | kKeptByOriginal;
    ASSERT_EQ(connections().Insert(WorkerId{0}, noted, MonotonicNs()).status,
              InsertStatus::kInserted);
  }
  // The mappings that a request finds.
  std::vector<v1::NatMapping> Mappings(const std::string& text) {
    grpc::ClientContext call;
    auto reader = observe().ListNatMappings(
        &call, FromText<v1::ListNatMappingsRequest>(text));
    std::vector<v1::NatMapping> found;
    v1::ListNatMappingsResponse response;
    while (reader->Read(&response)) {
      found.insert(found.end(), response.mappings().begin(),
                   response.mappings().end());
    }
    grpc::Status status = reader->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return found;
  }
  grpc::Status Flush(const std::string& text,
                     v1::FlushConnectionsResponse* response) {
    grpc::ClientContext call;
    return observe().FlushConnections(
        &call, FromText<v1::FlushConnectionsRequest>(text), response);
  }
};

INSTANTIATE_TEST_SUITE_P(Families, ConnectionsTest,
                         testing::ValuesIn(BothFamilies()), FamilyName);

TEST_P(ConnectionsTest, ConnectionsAreListedByNames) {
  InsertConnection();
  std::vector<v1::Connection> found = Connections("");
  ASSERT_THAT(found, SizeIs(1));
  const v1::Connection& connection = found[0];
  EXPECT_EQ(connection.original().source(), GetParam().db);
  EXPECT_EQ(connection.original().destination(), GetParam().service);
  EXPECT_EQ(connection.original().destination_port(), 80u);
  EXPECT_EQ(connection.reply().source(), GetParam().web);
  EXPECT_EQ(connection.reply().source_port(), 8080u);
  EXPECT_EQ(connection.source().name(), "demo/db");
  EXPECT_EQ(connection.destination().name(), "demo/web");
  EXPECT_EQ(connection.service(), "demo/front");
  EXPECT_EQ(connection.state(), "ESTABLISHED");
  EXPECT_TRUE(connection.allowed());
  EXPECT_EQ(connection.original_packets(), 1u);
  EXPECT_EQ(connection.original_bytes(), 100u);
  EXPECT_EQ(connection.reply_bytes(), 1500u);
  EXPECT_LT(connection.idle_seconds(), 60u);
  grpc::ClientContext call;
  v1::GetCountersResponse response;
  ASSERT_TRUE(observe().GetCounters(&call, {}, &response).ok());
  EXPECT_EQ(response.totals().connections_active(), 1u);
}

// What else lies in their table is told apart.
TEST_P(ConnectionsTest, MappingsAndAffinitiesAreNotCountedAsConnections) {
  InsertConnection();
  InsertMapping(40000, 12345, {"192.0.2.7", "192.0.2.8"});
  InsertAffinity();
  grpc::ClientContext call;
  v1::GetCountersResponse response;
  ASSERT_TRUE(observe().GetCounters(&call, {}, &response).ok());
  EXPECT_EQ(response.totals().connections_active(), 1u);
  std::map<std::string, uint64_t> used;
  const v1::GetStatusResponse status = Status();
  for (const v1::Usage& usage : status.usage()) {
    used[usage.name()] = usage.used();
    EXPECT_LE(usage.used(), usage.capacity()) << usage.name();
  }
  EXPECT_EQ(used["connections"], 1u);
  EXPECT_EQ(used["NAT mappings and affinities"], 4u);
}

TEST_P(ConnectionsTest, ConnectionsAreFiltered) {
  InsertConnection();
  auto count = [this](const std::string& filter) {
    return Connections("filter { " + filter + " }").size();
  };
  EXPECT_EQ(count("address: '" + GetParam().service + "'"), 1u);
  EXPECT_EQ(count("address: '" + GetParam().other + "'"), 0u);
  EXPECT_EQ(count("pod: 'demo/web'"), 1u) << "the back end is an end";
  EXPECT_EQ(count("protocol: 6 port: 80"), 1u);
  EXPECT_EQ(count("protocol: 17"), 0u);
  EXPECT_EQ(count("port: 81"), 0u);
  EXPECT_EQ(count("state: 'ESTABLISHED'"), 1u);
  EXPECT_EQ(count("state: 'SYN_SENT'"), 0u);
  EXPECT_EQ(count("service: 'demo/front'"), 1u);
}

TEST_P(ConnectionsTest, AFlushSendsWhatIsToMatch) {
  dataplane().SetFlushed(3);
  v1::FlushConnectionsResponse response;
  ASSERT_TRUE(Flush(absl::StrCat("filter { address: '", GetParam().other,
                                 "' protocol: 6 }"),
                    &response)
                  .ok());
  EXPECT_EQ(response.flushed(), 3u);
  std::vector<Command> commands = dataplane().commands();
  ASSERT_THAT(commands, SizeIs(1));
  EXPECT_EQ(commands[0].kind, CommandKind::kFlushConnections);
  EXPECT_EQ(commands[0].flush_match, kFlushBySource | kFlushByProtocol);
  EXPECT_EQ(commands[0].key.source.ToString(), GetParam().other);
  // One command an address of the pod; their counts are added.
  ASSERT_TRUE(Flush("filter { pod: 'demo/web' }", &response).ok());
  EXPECT_EQ(response.flushed(), 6u);
  commands = dataplane().commands();
  ASSERT_THAT(commands, SizeIs(3));
  EXPECT_EQ(commands[1].flush_match, kFlushBySource);
  EXPECT_EQ(commands[1].key.source.ToString(), "10.1.0.5");
  EXPECT_EQ(commands[2].key.source.ToString(), "fd00:1::5");
}

TEST_P(ConnectionsTest, AFlushComparesTwoAddressesAndThePort) {
  dataplane().SetFlushed(1);
  v1::FlushConnectionsResponse response;
  ASSERT_TRUE(Flush(absl::StrCat("filter { address: '", GetParam().db,
                                 "' service: 'demo/front' port: 80 }"),
                    &response)
                  .ok());
  const std::vector<Command> commands = dataplane().commands();
  ASSERT_THAT(commands, SizeIs(2)) << "the service has two addresses";
  EXPECT_EQ(response.flushed(), 2u);
  std::vector<std::string> services;
  for (const Command& command : commands) {
    EXPECT_EQ(command.flush_match,
              kFlushBySource | kFlushByDestination | kFlushByFlowPort);
    EXPECT_EQ(command.key.source.ToString(), GetParam().db);
    EXPECT_EQ(command.key.destination_port.ToHost(), 80);
    services.push_back(command.key.destination.ToString());
  }
  EXPECT_THAT(services, testing::Contains(GetParam().service));
}

TEST_P(ConnectionsTest, AFlushComparesTheState) {
  v1::FlushConnectionsResponse response;
  ASSERT_TRUE(
      Flush("filter { state: 'TIME_WAIT' protocol: 6 }", &response).ok());
  const std::vector<Command> commands = dataplane().commands();
  ASSERT_THAT(commands, SizeIs(1));
  EXPECT_EQ(commands[0].flush_match, kFlushByState | kFlushByProtocol);
  EXPECT_EQ(commands[0].state,
            static_cast<uint8_t>(ConnectionState::kTimeWait));
}

// What source NAT notes for UDP: a mapping and two contacts.
TEST_P(ConnectionsTest, NatMappingsAreListedWithTheirContacts) {
  InsertConnection();
  InsertMapping(40000, 12345, {"192.0.2.7", "192.0.2.8"});
  InsertMapping(40001, 12346, {});
  EXPECT_THAT(Connections(""), SizeIs(1)) << "they are no connections";
  std::vector<v1::NatMapping> found = Mappings("");
  ASSERT_THAT(found, SizeIs(2));
  if (found[0].inside_port() != 40000) std::swap(found[0], found[1]);
  const v1::NatMapping& mapping = found[0];
  EXPECT_EQ(mapping.protocol_name(), "UDP");
  EXPECT_EQ(mapping.inside_address(), GetParam().db);
  EXPECT_EQ(mapping.inside_port(), 40000u);
  EXPECT_EQ(mapping.outside_address(), GetParam().other);
  EXPECT_EQ(mapping.outside_port(), 12345u);
  EXPECT_EQ(mapping.inside().name(), "demo/db");
  EXPECT_EQ(mapping.contacts(), 2u);
  EXPECT_LT(mapping.idle_seconds(), 60u);
  EXPECT_EQ(mapping.expires_in_seconds(), 300 - mapping.idle_seconds());
  EXPECT_EQ(found[1].contacts(), 0u);
}

TEST_P(ConnectionsTest, NatMappingsAreFiltered) {
  InsertMapping(40000, 12345, {});
  for (const std::string& address : {GetParam().db, GetParam().other}) {
    EXPECT_THAT(Mappings("address: '" + address + "'"), SizeIs(1));
  }
  EXPECT_THAT(Mappings("address: '" + GetParam().web + "'"), IsEmpty());
  EXPECT_THAT(Mappings("protocol: 17 limit: 5"), SizeIs(1));
  EXPECT_THAT(Mappings("protocol: 136"), IsEmpty());
  const std::pair<const char*, const char*> kBad[] = {
      {"address: 'x'", "address"}, {"protocol: 6", "protocol"}};
  for (const auto& [text, field] : kBad) {
    grpc::ClientContext call;
    auto reader = observe().ListNatMappings(
        &call, FromText<v1::ListNatMappingsRequest>(text));
    v1::ListNatMappingsResponse response;
    EXPECT_FALSE(reader->Read(&response));
    EXPECT_EQ(FaultOf(reader->Finish()).field, field);
  }
}

TEST_P(ConnectionsTest, AFlushRefusesWhatTheDataplaneCannotCompare) {
  v1::FlushConnectionsResponse response;
  EXPECT_EQ(FaultOf(Flush(absl::StrCat("filter { address: '", GetParam().db,
                                       "' pod: 'demo/web' service: "
                                       "'demo/front' }"),
                          &response))
                .field,
            "filter.service");
  EXPECT_THAT(dataplane().commands(), IsEmpty());
}

TEST_P(ConnectionsTest, BadConnectionFiltersAreRefusedByField) {
  const std::pair<const char*, const char*> kBad[] = {
      {"address: 'x'", "filter.address"},
      {"pod: 'demo/no'", "filter.pod"},
      {"protocol: 256", "filter.protocol"},
      {"port: 65536", "filter.port"},
      {"state: 'DREAMING'", "filter.state"},
      {"service: 'demo/no'", "filter.service"},
  };
  for (const auto& [filter, field] : kBad) {
    std::string text = absl::StrCat("filter { ", filter, " }");
    v1::FlushConnectionsResponse flushed;
    EXPECT_EQ(FaultOf(Flush(text, &flushed)).field, field);
    grpc::ClientContext call;
    auto reader = observe().ListConnections(
        &call, FromText<v1::ListConnectionsRequest>(text));
    v1::ListConnectionsResponse response;
    EXPECT_FALSE(reader->Read(&response));
    EXPECT_EQ(FaultOf(reader->Finish()).field, field);
  }
  EXPECT_THAT(dataplane().commands(), IsEmpty()) << "nothing was flushed";
}

}  // namespace
}  // namespace vswitch

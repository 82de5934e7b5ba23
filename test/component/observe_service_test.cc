// ObserveService over its socket: what workers wrote into memory, by the names
// that people use, in both families.

#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/component/api_test.h"

namespace vswitch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class ObserveServiceTest : public ApiTest,
                           public testing::WithParamInterface<FamilyCase> {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    ApplyDemoCluster();
    web_ = AddDemoPort("web");
    db_ = AddDemoPort("db");
  }

  // A packet of web to a closed port of db, dropped.
  void PushDrop(DropReason reason, PortId port) {
    Event event{};
    event.time_ns = MonotonicNs();
    event.generation = tables().CurrentGeneration();
    event.kind = EventKind::kDrop;
    event.reason = reason;
    event.port = port;
    event.rule = kNoRule;
    event.key = TcpFlow(GetParam().web, GetParam().db, 22);
    event.source_identity = BindingOf(GetParam().web).identity;
    event.destination_identity = BindingOf(GetParam().db).identity;
    event.packet_bytes = 60;
    event.captured_bytes = 4;
    std::memcpy(event.packet, "\1\2\3\4", 4);
    ASSERT_TRUE(events().Push(event));
  }

  grpc::Status GetDrops(const std::string& text,
                        v1::GetDropsResponse* response) {
    grpc::ClientContext call;
    response->Clear();
    return observe().GetDrops(&call, FromText<v1::GetDropsRequest>(text),
                              response);
  }
  // Records arrive by a thread of the server's own.
  v1::GetDropsResponse AwaitRecords(const std::string& text, int count) {
    v1::GetDropsResponse response;
    absl::Time deadline = absl::Now() + absl::Seconds(5);
    do {
      EXPECT_TRUE(GetDrops(text, &response).ok());
    } while (response.records_size() < count && absl::Now() < deadline);
    return response;
  }

  grpc::Status Explain(const std::string& text, v1::ExplainResponse* response) {
    grpc::ClientContext call;
    return observe().Explain(&call, FromText<v1::ExplainRequest>(text),
                             response);
  }
  grpc::Status GetCounters(const std::string& text,
                           v1::GetCountersResponse* response) {
    grpc::ClientContext call;
    return observe().GetCounters(&call, FromText<v1::GetCountersRequest>(text),
                                 response);
  }

  PortId web_{};
  PortId db_{};
};

INSTANTIATE_TEST_SUITE_P(Families, ObserveServiceTest,
                         testing::ValuesIn(BothFamilies()), FamilyName);

TEST_P(ObserveServiceTest, CountersAreSummedOverWorkersByPort) {
  for (uint8_t worker : {0, 1}) {
    PortCounters& counted = counters().port(WorkerId{worker}, web_);
    counted.rx_packets.Add(10);
    counted.rx_bytes.Add(1000);
    counted.forwarded_in.Add(6);
    counted.local_in.Add(1);
    counted.drops[ToIndex(DropReason::kPolicyDenied)].Add(3);
    WorkerCounters& own = counters().worker(WorkerId{worker});
    own.policy_lookups.Add(5);
    own.policy_kept.Add(6);
    own.policy_shadow_denied.Add(7);
    own.policy_shadow_suppressed.Add(8);
    own.resets_sent.Add(9);
    own.resets_suppressed.Add(10);
    own.connections_deleted[0].Add(2);
  }
  v1::GetCountersResponse response;
  ASSERT_TRUE(GetCounters("ports: 'demo/web'", &response).ok());
  ASSERT_THAT(response.ports(), SizeIs(1));
  const v1::PortCounters& port = response.ports(0);
  EXPECT_EQ(port.port(), "demo/web");
  EXPECT_EQ(port.id(), ToInt(web_));
  EXPECT_EQ(port.rx_packets(), 20u);
  EXPECT_EQ(port.rx_bytes(), 2000u);
  EXPECT_EQ(port.forwarded_packets(), 12u);
  EXPECT_EQ(port.local_packets(), 2u);
  EXPECT_EQ(port.rx_dropped_packets(), 6u);
  EXPECT_EQ(response.totals().policy_lookups(), 10u);
  EXPECT_EQ(response.totals().policy_kept(), 12u);
  EXPECT_EQ(response.totals().policy_shadow_denied(), 14u);
  EXPECT_EQ(response.totals().policy_shadow_suppressed(), 16u);
  EXPECT_EQ(response.totals().resets_sent(), 18u);
  EXPECT_EQ(response.totals().resets_suppressed(), 20u);
  EXPECT_EQ(response.totals().connections_deleted().at("expired"), 4u);
  // Without names: all ports, also those that counted nothing.
  response.Clear();
  ASSERT_TRUE(GetCounters("", &response).ok());
  EXPECT_THAT(response.ports(), SizeIs(2));
}

TEST_P(ObserveServiceTest, UnknownPortsAreRefusedByName) {
  v1::GetCountersResponse counters;
  v1::GetDropsResponse drops;
  const ApiFault kRefusal{grpc::StatusCode::NOT_FOUND, "PORT demo/no", "",
                          "does not exist"};
  EXPECT_EQ(FaultOf(GetCounters("ports: 'demo/no'", &counters)), kRefusal);
  EXPECT_EQ(FaultOf(GetDrops("ports: 'demo/no'", &drops)), kRefusal);
}

TEST_P(ObserveServiceTest, DropsAreCountedByPortAndReason) {
  counters()
      .port(WorkerId{0}, web_)
      .drops[ToIndex(DropReason::kPolicyDenied)]
      .Add(3);
  counters()
      .port(WorkerId{1}, db_)
      .drops[ToIndex(DropReason::kSpoofIpSrc)]
      .Add(1);
  v1::GetDropsResponse response;
  ASSERT_TRUE(GetDrops("", &response).ok());
  ASSERT_THAT(response.drops(), SizeIs(2));
  EXPECT_THAT(response.records(), IsEmpty()) << "none was asked for";
  ASSERT_TRUE(GetDrops("ports: 'demo/web'", &response).ok());
  ASSERT_THAT(response.drops(), SizeIs(1));
  const v1::DropCount& drop = response.drops(0);
  EXPECT_EQ(drop.port(), "demo/web");
  EXPECT_EQ(drop.reason(), "POLICY_DENIED");
  EXPECT_EQ(drop.packets(), 3u);
  EXPECT_EQ(drop.stage(), "first_packet");
  EXPECT_EQ(drop.severity(), v1::DROP_SEVERITY_EXPECTED);
  EXPECT_THAT(drop.text(), Not(IsEmpty()));
}

TEST_P(ObserveServiceTest, DropRecordsNameFlowAndPeers) {
  PushDrop(DropReason::kPolicyDenied, web_);
  PushDrop(DropReason::kSpoofIpSrc, db_);
  v1::GetDropsResponse response = AwaitRecords("max_records: 10", 2);
  ASSERT_THAT(response.records(), SizeIs(2));
  const v1::DropRecord& record = response.records(0);
  EXPECT_EQ(record.port(), "demo/web");
  EXPECT_EQ(record.reason(), "POLICY_DENIED");
  EXPECT_EQ(record.flow().source(), GetParam().web);
  EXPECT_EQ(record.flow().destination(), GetParam().db);
  EXPECT_EQ(record.flow().protocol_name(), "TCP");
  EXPECT_EQ(record.flow().source_port(), 40001u);
  EXPECT_EQ(record.flow().destination_port(), 22u);
  EXPECT_EQ(record.source().name(), "demo/web");
  EXPECT_THAT(record.source().identity_text(), HasSubstr("role=web"));
  EXPECT_EQ(record.destination().name(), "demo/db");
  EXPECT_EQ(record.packet_bytes(), 60u);
  EXPECT_EQ(record.head(), "\1\2\3\4");
  EXPECT_LT(absl::Now() - absl::FromUnixSeconds(record.time().seconds()),
            absl::Seconds(60));
  // The latest ones of the ports asked for.
  response = AwaitRecords("max_records: 1", 1);
  ASSERT_THAT(response.records(), SizeIs(1));
  EXPECT_EQ(response.records(0).reason(), "SPOOF_IP_SRC");
  response = AwaitRecords("max_records: 1 ports: 'demo/web'", 1);
  ASSERT_THAT(response.records(), SizeIs(1));
  EXPECT_EQ(response.records(0).reason(), "POLICY_DENIED");
}

TEST_P(ObserveServiceTest, AnImplausibleEventIsNotShown) {
  Event event{};
  event.kind = EventKind::kDrop;
  event.reason = static_cast<DropReason>(255);
  ASSERT_TRUE(events().Push(event));
  event.reason = DropReason::kPolicyDenied;
  event.captured_bytes = kEventPacketBytes + 1;
  ASSERT_TRUE(events().Push(event));
  PushDrop(DropReason::kPolicyDenied, web_);
  EXPECT_THAT(AwaitRecords("max_records: 10", 1).records(), SizeIs(1));
}

TEST_P(ObserveServiceTest, DropsAreWatchedByPortAndReason) {
  grpc::ClientContext call;
  call.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
  auto reader = observe().WatchDrops(
      &call, FromText<v1::WatchDropsRequest>(
                 "ports: 'demo/web' reasons: 'POLICY_DENIED'"));
  reader->WaitForInitialMetadata();
  PushDrop(DropReason::kPolicyDenied, db_);
  PushDrop(DropReason::kSpoofIpSrc, web_);
  PushDrop(DropReason::kPolicyDenied, web_);
  v1::DropRecord record;
  ASSERT_TRUE(reader->Read(&record));
  EXPECT_EQ(record.port(), "demo/web");
  EXPECT_EQ(record.reason(), "POLICY_DENIED");
  EXPECT_EQ(record.flow().source(), GetParam().web);
  call.TryCancel();
  EXPECT_FALSE(reader->Read(&record));
  grpc::Status ignored = reader->Finish();
}

TEST_P(ObserveServiceTest, UnknownReasonsAreRefused) {
  grpc::ClientContext call;
  auto reader = observe().WatchDrops(
      &call, FromText<v1::WatchDropsRequest>("reasons: 'BAD_LUCK'"));
  v1::DropRecord record;
  EXPECT_FALSE(reader->Read(&record));
  ApiFault fault = FaultOf(reader->Finish());
  EXPECT_EQ(fault.code, grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(fault.field, "reasons");
  EXPECT_THAT(fault.message, HasSubstr("\"BAD_LUCK\""));
}

TEST_P(ObserveServiceTest, ExplainShowsWhatTheDataplaneJudged) {
  Command asked{};
  dataplane().SetExplain([&](const Command& command, Reply& reply) {
    asked = command;
    reply.drop = DropReason::kPolicyDenied;
    reply.source_identity = BindingOf(GetParam().web).identity;
    reply.destination_identity = BindingOf(GetParam().db).identity;
  });
  v1::ExplainResponse response;
  grpc::Status status =
      Explain(absl::StrCat("source { address: '", GetParam().web,
                           "' } destination { address: '", GetParam().db,
                           "' } protocol: 6 destination_port: 22"),
              &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(asked.in_port, web_);
  EXPECT_EQ(asked.key.destination_port.ToHost(), 22);
  EXPECT_FALSE(response.allowed());
  EXPECT_EQ(response.reason(), "POLICY_DENIED");
  EXPECT_TRUE(response.ingress().isolated());
  EXPECT_FALSE(response.egress().isolated());
  EXPECT_THAT(response.ingress().isolating_policies(),
              ElementsAre("demo/db-from-web"));
  EXPECT_THAT(response.summary(),
              StartsWith("denied: POLICY_DENIED, isolated by "
                         "demo/db-from-web; "));
  EXPECT_EQ(response.source().name(), "demo/web");
  EXPECT_EQ(response.destination().name(), "demo/db");
  EXPECT_EQ(response.flow().source_port(), 40000u);
  EXPECT_THAT(response.out_port(), IsEmpty());
  EXPECT_EQ(response.generation(), tables().CurrentGeneration());
}

// Of a ping the ports are the identifier and the question's type.
TEST_P(ObserveServiceTest, ExplainShowsIdentifierAndTypeOfAPing) {
  FlowKey asked;
  dataplane().SetExplain(
      [&](const Command& command, Reply&) { asked = command.key; });
  v1::ExplainResponse response;
  grpc::Status status =
      Explain(absl::StrCat("source { address: '", GetParam().web,
                           "' } destination { address: '", GetParam().db,
                           "' } protocol: 1"),
              &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const bool ipv4 = GetParam().prefix == "/32";
  EXPECT_EQ(response.flow().protocol_name(), ipv4 ? "ICMP" : "ICMPv6");
  EXPECT_EQ(response.flow().source_port(), 1u);
  EXPECT_EQ(response.flow().destination_port(), ipv4 ? 8u : 128u);
  EXPECT_EQ(asked.destination_port.ToHost(), ipv4 ? 8 : 128);
}

TEST_P(ObserveServiceTest, ExplainFollowsAServiceToItsBackEnd) {
  dataplane().SetExplain([&](const Command& command, Reply& reply) {
    reply.translated = 1;
    reply.key_after = command.key;
    reply.key_after.destination = *IpAddress::Parse(GetParam().web);
    reply.key_after.destination_port = Be16::FromHost(8080);
    reply.out_port = web_;
    reply.source_identity = BindingOf(GetParam().db).identity;
    reply.destination_identity = BindingOf(GetParam().web).identity;
  });
  v1::ExplainResponse response;
  // The port is the service's only one.
  grpc::Status status =
      Explain(absl::StrCat("source { pod: 'demo/db' } destination { name: "
                           "'demo/front' } family: IP_FAMILY_",
                           GetParam().prefix == "/32" ? "IPV4" : "IPV6"),
              &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(response.allowed());
  EXPECT_THAT(response.reason(), IsEmpty());
  EXPECT_EQ(response.flow().destination(), GetParam().service);
  EXPECT_EQ(response.flow().destination_port(), 80u);
  EXPECT_EQ(response.service(), "demo/front");
  EXPECT_EQ(response.backend(),
            GetParam().prefix == "/32" ? "10.1.0.5:8080" : "[fd00:1::5]:8080");
  EXPECT_EQ(response.backend_pod(), "demo/web");
  EXPECT_EQ(response.out_port(), "demo/web");
}

struct BadExplain {
  const char* request;
  const char* field;
};

TEST_P(ObserveServiceTest, ExplainNamesTheFieldThatIsWrong) {
  const BadExplain kBad[] = {
      {"destination { pod: 'demo/db' }", "source"},
      {"source { pod: 'demo/no' } destination { pod: 'demo/db' }", "source"},
      {"source { service: 'demo/front' } destination { pod: 'demo/db' }",
       "source"},
      {"source { pod: 'demo/web' }", "destination"},
      {"source { pod: 'demo/web' } destination { address: '10.0.0' }",
       "destination"},
      {"source { pod: 'demo/web' } destination { pod: 'demo/db' }",
       "destination_port"},
      {"source { pod: 'demo/web' } destination { pod: 'demo/db' } "
       "destination_port: 65536",
       "destination_port"},
      {"source { pod: 'demo/web' } destination { pod: 'demo/db' } "
       "protocol: 256",
       "protocol"},
      {"source { address: '10.1.0.5' } destination { address: 'fd00:1::6' } "
       "destination_port: 1",
       "family"},
  };
  for (const BadExplain& bad : kBad) {
    v1::ExplainResponse response;
    ApiFault fault = FaultOf(Explain(bad.request, &response));
    EXPECT_EQ(fault.field, bad.field) << bad.request;
    EXPECT_THAT(fault.message, Not(IsEmpty())) << bad.request;
  }
  EXPECT_THAT(dataplane().commands(), IsEmpty());
}

TEST_P(ObserveServiceTest, ASilentDataplaneIsSaidToBeSilent) {
  dataplane().BeSilent();
  v1::ExplainResponse response;
  ApiFault fault = FaultOf(
      Explain("source { pod: 'demo/web' } destination { pod: 'demo/db' } "
              "destination_port: 22",
              &response));
  EXPECT_EQ(fault.code, grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(fault.message, HasSubstr("the dataplane does not answer"));
}

}  // namespace
}  // namespace vswitch

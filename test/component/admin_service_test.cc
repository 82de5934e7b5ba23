// AdminService over its socket: processes, workers, memory and balance.

#include <map>
#include <string>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/component/api_test.h"

namespace vswitch {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class AdminServiceTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    ApplyDemoCluster();
  }

  v1::CheckBalanceResponse Balance(uint32_t attempts) {
    grpc::ClientContext call;
    v1::CheckBalanceRequest request;
    v1::CheckBalanceResponse response;
    request.set_attempts(attempts);
    EXPECT_TRUE(admin().CheckBalance(&call, request, &response).ok());
    return response;
  }
};

TEST_F(AdminServiceTest, SaysWhatRunsAndWhatIsInForce) {
  v1::GetStatusResponse status = Status();
  EXPECT_EQ(status.version(), "1.2.3");
  EXPECT_EQ(status.node_name(), "n1");
  EXPECT_EQ(status.poll_mode(), "adaptive");
  EXPECT_EQ(status.dataplane_incarnation(), FakeDataplane::kIncarnation);
  EXPECT_EQ(status.accepted_generation(), tables().CurrentGeneration());
  EXPECT_EQ(status.enforced_generation(), status.accepted_generation());
  EXPECT_EQ(status.resources().at("Pod"), 2u);
  EXPECT_EQ(status.resources().at("NetworkPolicy"), 1u);
  EXPECT_THAT(status.conditions(), IsEmpty());
}

TEST_F(AdminServiceTest, ListsTheThreeProcesses) {
  supervisor().SetRestarted(12.7);
  v1::GetStatusResponse status = Status();
  ASSERT_THAT(status.processes(), SizeIs(3));
  EXPECT_EQ(status.processes(0).name(), "supervisor");
  EXPECT_TRUE(status.processes(0).has_start_time());
  EXPECT_EQ(status.processes(1).name(), "controlplane");
  EXPECT_EQ(status.processes(1).pid(), 101u);
  EXPECT_EQ(status.processes(1).last_gap_ms(), 0u) << "it never died";
  EXPECT_EQ(status.processes(2).name(), "dataplane");
  EXPECT_TRUE(status.processes(2).running());
  EXPECT_EQ(status.processes(2).restarts(), 1u);
  EXPECT_EQ(status.processes(2).last_gap_ms(), 12u);
}

TEST_F(AdminServiceTest, ADeadProcessIsACondition) {
  supervisor().StopDataplane();
  v1::GetStatusResponse status = Status();
  EXPECT_FALSE(status.processes(2).running());
  EXPECT_THAT(status.conditions(),
              Contains("dataplane does not run: killed by SIGKILL"));
}

TEST_F(AdminServiceTest, ASilentSupervisorIsACondition) {
  supervisor().Disappear();
  v1::GetStatusResponse status = Status();
  EXPECT_THAT(status.conditions(),
              Contains(HasSubstr("the supervisor does not answer")));
  EXPECT_EQ(status.node_name(), "n1") << "all else is said";
}

TEST_F(AdminServiceTest, ListsWorkersAndTheMainThreadIsNone) {
  v1::GetStatusResponse status = Status();
  ASSERT_THAT(status.workers(), SizeIs(FakeDataplane::kWorkerCount));
  for (const v1::WorkerStatus& worker : status.workers()) {
    EXPECT_TRUE(worker.online());
    EXPECT_EQ(worker.generation(), tables().CurrentGeneration());
  }
}

TEST_F(AdminServiceTest, AWorkerThatDoesNotMoveIsACondition) {
  dataplane().Freeze();
  uint64_t before = tables().CurrentGeneration();
  MustApply(
      "upserts { metadata { name: 'x' } namespace {} } "
      "wait_for: WAIT_FOR_ACCEPTED");
  absl::Time deadline = absl::Now() + absl::Seconds(5);
  v1::GetStatusResponse status = Status();
  while (status.conditions().empty() && absl::Now() < deadline) {
    status = Status();
  }
  EXPECT_THAT(status.conditions(),
              Contains(HasSubstr("worker 0 is at generation")));
  EXPECT_EQ(status.workers(0).generation(), before);
  EXPECT_EQ(status.enforced_generation(), before);
  dataplane().Resume();
}

TEST_F(AdminServiceTest, SaysHowFullItsMemoryIs) {
  AddDemoPort("web");
  v1::GetStatusResponse status = Status();
  std::map<std::string, v1::Usage> usage;
  for (const v1::Usage& each : status.usage()) {
    EXPECT_LE(each.used(), each.capacity()) << each.name();
    usage[each.name()] = each;
  }
  EXPECT_GT(usage["forwarding tables"].used(), 0u);
  EXPECT_EQ(usage["forwarding tables"].unit(), "bytes");
  EXPECT_EQ(usage["ports"].used(), 1u);
  EXPECT_EQ(usage["connections"].used(), 0u);
  EXPECT_GE(usage["connections"].capacity(), 1000u);
  // Two pods and the node, in both families.
  EXPECT_EQ(usage["addresses"].used(), 6u);
}

TEST_F(AdminServiceTest, TheBooksBalanceWhenEveryPacketHasAName) {
  PortId web = AddDemoPort("web");
  PortCounters& counted = counters().port(WorkerId{0}, web);
  counted.rx_packets.Add(10);
  counted.forwarded_in.Add(7);
  counted.local_in.Add(2);
  counted.drops[ToIndex(DropReason::kPolicyDenied)].Add(1);
  counted.tx_try.Add(7);
  counted.tx_ok.Add(7);
  v1::CheckBalanceResponse response = Balance(1);
  EXPECT_TRUE(response.holds()) << response.DebugString();
  EXPECT_THAT(response.equations(), Not(IsEmpty()));
}

TEST_F(AdminServiceTest, APacketWithoutANameIsNamedByPortAndEquation) {
  PortId web = AddDemoPort("web");
  PortCounters& counted = counters().port(WorkerId{0}, web);
  counted.rx_packets.Add(10);
  counted.local_in.Add(9);
  v1::CheckBalanceResponse response = Balance(2);
  EXPECT_FALSE(response.holds());
  int broken = 0;
  for (const v1::BalanceEquation& equation : response.equations()) {
    if (equation.holds()) continue;
    ++broken;
    EXPECT_EQ(equation.name(), "E1");
    EXPECT_EQ(equation.port(), "demo/web");
    EXPECT_EQ(equation.left(), 10);
    EXPECT_EQ(equation.right(), 9);
  }
  EXPECT_EQ(broken, 1);
}

TEST_F(AdminServiceTest, RestartsTheDataplaneAndNothingElse) {
  grpc::ClientContext call;
  v1::RestartRequest request;
  v1::RestartResponse response;
  ApiFault fault = FaultOf(admin().Restart(&call, request, &response));
  EXPECT_EQ(fault.code, grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(fault.field, "process");
  EXPECT_EQ(supervisor().restart_request_count(), 0);
  request.set_process(v1::RestartRequest::PROCESS_DATAPLANE);
  grpc::ClientContext second;
  EXPECT_TRUE(admin().Restart(&second, request, &response).ok());
  EXPECT_EQ(supervisor().restart_request_count(), 1);
}

}  // namespace
}  // namespace vswitch

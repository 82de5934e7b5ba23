// Which addresses are judged again after a change: all that may be affected,
// and few others.

#include <string>
#include <vector>

#include "controlplane/compile/test_cluster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ChangesTest : public testing::Test {
 protected:
  ChangesTest() {
    cluster_.AddNamespace("demo");
    cluster_.AddPod("demo", "a", {{"role", "a"}}, {"10.0.0.10", "fd00::10"});
    cluster_.AddPod("demo", "b", {{"role", "b"}}, {"10.0.0.11", "fd00::11"});
    cluster_.AddPod("demo", "c", {{"role", "c"}}, {"10.0.0.12"});
    cluster_.AddPolicy(
        "demo", "b-from-a",
        {.pod_selector = Select({{"role", "b"}}),
         .ingress = {{.peers = {{.pod_selector = Select({{"role", "a"}})}}}}});
    EXPECT_TRUE(cluster_.Compile()->state().all_changed);
  }

  // The addresses changed since the last call.
  std::vector<std::string> Changed() {
    absl::StatusOr<CompiledTables> tables = cluster_.Compile();
    EXPECT_TRUE(tables.ok()) << tables.status();
    if (tables->state().all_changed) return {"all"};
    std::vector<std::string> changed;
    for (const IpAddress& address : tables->state().changed_addresses) {
      changed.push_back(address.ToString());
    }
    return changed;
  }

  TestCluster cluster_;
};

TEST_F(ChangesTest, NothingChangesWithoutAChange) {
  EXPECT_THAT(Changed(), IsEmpty());
}

TEST_F(ChangesTest, APolicyConcernsThePodsThatItIsolates) {
  cluster_.AddPolicy("demo", "b-from-a",
                     {.pod_selector = Select({{"role", "b"}})});
  EXPECT_THAT(Changed(), ElementsAre("10.0.0.11", "fd00::11"));
}

TEST_F(ChangesTest, APolicyOfOtherNamespacesConcernsNobodyHere) {
  cluster_.AddPolicy("other", "deny", {});
  EXPECT_THAT(Changed(), IsEmpty());
}

TEST_F(ChangesTest, LabelsConcernThePodAndThoseThatSelectIt) {
  // a's new identity is no peer of b any more, so b's set changes as well.
  cluster_.AddPod("demo", "a", {{"role", "x"}}, {"10.0.0.10", "fd00::10"});
  EXPECT_THAT(Changed(),
              ElementsAre("10.0.0.10", "10.0.0.11", "fd00::10", "fd00::11"));
  cluster_.AddPod("demo", "c", {{"role", "y"}}, {"10.0.0.12"});
  EXPECT_THAT(Changed(), ElementsAre("10.0.0.12"));
}

TEST_F(ChangesTest, ANewPodConcernsItsAddress) {
  cluster_.AddPod("demo", "d", {{"role", "c"}}, {"10.0.0.13"}, {},
                  TestCluster::Where::kRemote);
  EXPECT_THAT(Changed(), ElementsAre("10.0.0.13"));
  cluster_.state().Erase({ObjectKind::kPod, "demo", "d"});
  EXPECT_THAT(Changed(), ElementsAre("10.0.0.13"));
}

TEST_F(ChangesTest, AServiceConcernsItsClusterIp) {
  Service service{.cluster_ips = {TestAddress("10.96.0.1")},
                  .ports = {{.port = 80}}};
  cluster_.Add("demo", "web", service);
  EXPECT_THAT(Changed(), ElementsAre("10.96.0.1"));
  cluster_.Add(
      "demo", "web-1",
      EndpointSlice{.endpoints = {{.addresses = {TestAddress("10.0.0.11")}}},
                    .ports = {{.port = 8080}}},
      {{"kubernetes.io/service-name", "web"}});
  EXPECT_THAT(Changed(), ElementsAre("10.96.0.1"));
}

TEST_F(ChangesTest, APortThatBecomesReadyConcernsNobody) {
  ASSERT_FALSE(cluster_.numbering().NotReady().empty());
  for (const std::string& name : cluster_.numbering().NotReady()) {
    cluster_.numbering().SetReady(name, cluster_.numbering().Find(name)->epoch);
  }
  EXPECT_THAT(Changed(), IsEmpty());
}

TEST_F(ChangesTest, RoutesAndSettingsConcernAll) {
  cluster_.AddPort(
      "host", {.kind = PortResourceKind::kHost, .interface_name = "vswitch0"});
  EXPECT_THAT(Changed(), ElementsAre("all"));
  EXPECT_THAT(Changed(), IsEmpty());
  cluster_.Add("", std::string(kSettingsName),
               SwitchSettings{.timeout_profile = TimeoutProfile::kLinux});
  EXPECT_THAT(Changed(), ElementsAre("all"));
}

TEST_F(ChangesTest, AllIsAGenerationInTheSettingsThatStays) {
  CompiledTables before = *cluster_.Compile();
  EXPECT_EQ(before.forwarding().settings().judge_again_before, 1u);
  cluster_.Add(
      "", "n1",
      Node{.pod_cidrs = {TestPrefix("10.0.0.0/15"), TestPrefix("fd00::/64")}});
  CompiledTables changed = *cluster_.Compile();
  EXPECT_TRUE(changed.state().all_changed);
  EXPECT_EQ(changed.forwarding().settings().judge_again_before,
            changed.state().generation);
  CompiledTables after = *cluster_.Compile();
  EXPECT_EQ(after.forwarding().settings().judge_again_before,
            changed.state().generation);
}

TEST_F(ChangesTest, TooManyAddressesAreAll) {
  IdentityAllocator identities;
  PortNumbering ports;
  ASSERT_TRUE(ports.Update(cluster_.state(), 1).ok());
  CompileOptions options{.node_name = "n1", .max_changed_addresses = 1};
  CompiledState first =
      *Compile(cluster_.state(), options, ports, identities, nullptr);
  cluster_.AddPolicy("demo", "b-from-a",
                     {.pod_selector = Select({{"role", "b"}})});
  options.generation = 2;
  CompiledState second =
      *Compile(cluster_.state(), options, ports, identities, &first);
  EXPECT_TRUE(second.all_changed);
  EXPECT_TRUE(second.changed_addresses.empty());
}

}  // namespace
}  // namespace vswitch

// What is kept of the backends that services had before a change, for how long,
// and what it says about flows that began then; in both families.

#include "controlplane/compile/earlier_services.h"

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/service_test.h"
#include "gmock/gmock.h"

namespace vswitch {
namespace {

class EarlierServicesTest : public ServiceCompilerTest,
                            public testing::WithParamInterface<IpFamily> {
 protected:
  bool is_ipv4() const { return GetParam() == IpFamily::kIpv4; }
  const char* ClusterIp() const { return is_ipv4() ? "10.96.0.1" : "fd96::1"; }
  std::string Text(uint32_t last) const {
    return absl::StrCat(is_ipv4() ? "10.1.0." : "fd00:1::", last);
  }
  Endpoint At(uint32_t last) const {
    return {.addresses = {TestAddress(Text(last))}, .node_name = "n2"};
  }
  static Endpoint Terminating(Endpoint endpoint) {
    endpoint.ready = endpoint.serving = false;
    endpoint.terminating = true;
    return endpoint;
  }
  void Slice(std::vector<Endpoint> endpoints) {
    AddSlice(std::move(endpoints), GetParam());
  }
  CompiledTables CompileAt(uint32_t now_s) {
    cluster_.set_monotonic_s(now_s);
    return *cluster_.Compile();
  }
  FlowKey Flow(uint16_t client_port) const {
    FlowKey key = Key(ClusterIp(), 80, is_ipv4() ? "10.0.0.11" : "fd00::11");
    key.source_port = Be16::FromHost(client_port);
    return key;
  }
  // The address of a flow's backend, "" for none: now, and before the last
  // change.
  static std::string NowOf(const CompiledTables& tables, const FlowKey& flow) {
    const ServiceTable& services = tables.forwarding().services();
    const ServiceLookup found = services.Lookup(flow, kInside);
    const BackendRecord* backend =
        services.Select(*found.service, flow, kInside);
    return backend == nullptr ? "" : backend->address.ToString();
  }
  static std::string EarlierOf(const CompiledTables& tables,
                               const FlowKey& flow, uint32_t now_s) {
    const BackendRecord* backend =
        tables.forwarding().earlier_services().SelectEarlier(flow, kInside,
                                                             now_s);
    return backend == nullptr ? "" : backend->address.ToString();
  }
};

TEST_P(EarlierServicesTest, ABackendThatTerminatesKeepsWhatItHad) {
  Slice({At(1)});
  EXPECT_EQ(EarlierOf(CompileAt(1000), Flow(1), 1000), "");
  Slice({Terminating(At(1)), At(2)});
  const CompiledTables tables = CompileAt(1000);
  EXPECT_EQ(NowOf(tables, Flow(1)), Text(2));
  EXPECT_EQ(EarlierOf(tables, Flow(1), 1000), Text(1));
  EXPECT_EQ(EarlierOf(tables, Flow(1), 999 + kEarlierServiceSeconds), Text(1));
  EXPECT_EQ(EarlierOf(tables, Flow(1), 1000 + kEarlierServiceSeconds), "");
}

TEST_P(EarlierServicesTest, ABackendThatIsNotListedIsGoneForGood) {
  Slice({At(1)});
  CompileAt(1000);
  Slice({At(2)});
  EXPECT_EQ(EarlierOf(CompileAt(1000), Flow(1), 1000), "");
  Slice({At(1)});
  CompileAt(1000);
  Slice({Terminating(At(1)), At(2)});
  EXPECT_EQ(EarlierOf(CompileAt(1001), Flow(1), 1001), Text(1));
  Slice({At(2)});
  EXPECT_EQ(EarlierOf(CompileAt(1002), Flow(1), 1002), "");
  // The address is somebody else's now.
  Endpoint unready = At(1);
  unready.ready = false;
  Slice({unready, At(2)});
  EXPECT_EQ(EarlierOf(CompileAt(1003), Flow(1), 1003), "");
}

TEST_P(EarlierServicesTest, OneTableBeforeThePresentOneIsKept) {
  Slice({At(1)});
  CompileAt(1000);
  Slice({Terminating(At(1)), At(2)});
  CompileAt(1010);
  Slice({Terminating(At(1)), Terminating(At(2)), At(3)});
  EXPECT_EQ(EarlierOf(CompileAt(1020), Flow(1), 1020), Text(2));
}

TEST_P(EarlierServicesTest, ChangesOfOthersLeaveItAlone) {
  Slice({At(1)});
  CompileAt(1000);
  Slice({Terminating(At(1)), At(2)});
  CompileAt(1010);
  cluster_.Add("demo", "other",
               Service{.cluster_ips = {TestAddress("10.96.0.9")},
                       .ports = {{.port = 80}}});
  const CompiledTables tables = CompileAt(1020);
  EXPECT_EQ(EarlierOf(tables, Flow(1), 1020), Text(1));
  // Its time does not begin anew.
  EXPECT_EQ(EarlierOf(tables, Flow(1), 1010 + kEarlierServiceSeconds), "");
  // And then it takes no memory any more.
  cluster_.Add("demo", "other",
               Service{.cluster_ips = {TestAddress("10.96.0.9")},
                       .ports = {{.port = 81}}});
  constexpr auto kEarlier = static_cast<size_t>(BlobKind::kEarlierServices);
  EXPECT_FALSE(tables.state().blobs[kEarlier].empty());
  EXPECT_TRUE(
      CompileAt(1010 + kEarlierServiceSeconds).state().blobs[kEarlier].empty());
}

TEST_P(EarlierServicesTest, ItMakesNoVerdictStale) {
  Slice({At(1)});
  CompileAt(1000);
  Slice({Terminating(At(1)), At(2)});
  CompileAt(1000);
  cluster_.Add("demo", "other",
               Service{.cluster_ips = {TestAddress("10.96.0.9")},
                       .ports = {{.port = 80}}});
  const CompiledTables tables = CompileAt(1000 + kEarlierServiceSeconds);
  EXPECT_FALSE(tables.state().all_changed);
  EXPECT_THAT(tables.state().changed_addresses,
              testing::ElementsAre(TestAddress("10.96.0.9")));
}

TEST_P(EarlierServicesTest, AnotherSeedForgetsIt) {
  Slice({At(1)});
  CompileAt(1000);
  Slice({Terminating(At(1)), At(2)});
  cluster_.Add("", std::string(kSettingsName),
               SwitchSettings{.maglev_seed = 77});
  EXPECT_EQ(EarlierOf(CompileAt(1000), Flow(1), 1000), "");
}

// The rule itself: a flow whose backend is still listed goes there, by the
// present table or by the earlier one.
TEST_P(EarlierServicesTest, EveryFlowKeepsItsBackendOverOneChange) {
  std::minstd_rand random(7);
  const auto below = [&random](uint32_t bound) {
    return static_cast<uint32_t>(random() % bound);
  };
  for (int round = 0; round < 30; ++round) {
    std::vector<Endpoint> before, after;
    for (uint32_t last = 1; last <= 24; ++last) {
      if (below(3) != 0) before.push_back(At(last));
      const uint32_t fate = below(4);
      if (fate >= 2) after.push_back(At(last));
      if (fate == 1) after.push_back(Terminating(At(last)));
    }
    before.push_back(At(30));
    after.push_back(At(31));
    Slice(before);
    const CompiledTables old = CompileAt(1000);
    Slice(after);
    const CompiledTables tables = CompileAt(1000);
    const auto is_listed = [&after](const std::string& address) {
      for (const Endpoint& endpoint : after) {
        if (endpoint.addresses[0].ToString() == address) return true;
      }
      return false;
    };
    for (uint16_t port = 1; port <= 200; ++port) {
      const FlowKey flow = Flow(port);
      const std::string had = NowOf(old, flow);
      EXPECT_EQ(EarlierOf(tables, flow, 1000), is_listed(had) ? had : "");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, EarlierServicesTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         [](const auto& info) {
                           return info.param == IpFamily::kIpv4 ? "Ipv4"
                                                                : "Ipv6";
                         });

}  // namespace
}  // namespace vswitch

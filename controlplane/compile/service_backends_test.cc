// Which endpoints take a service's connections: readiness, hints, zones, and
// traffic policies; the same in both families.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/service_test.h"
#include "gmock/gmock.h"

namespace vswitch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ServiceBackendsTest : public ServiceCompilerTest,
                            public testing::WithParamInterface<IpFamily> {
 protected:
  bool is_ipv4() const { return GetParam() == IpFamily::kIpv4; }
  std::string Text(int last) const {
    return absl::StrCat(is_ipv4() ? "10.1.0." : "fd00:1::", last);
  }
  const char* ClusterIp() const { return is_ipv4() ? "10.96.0.1" : "fd96::1"; }
  const char* NodeIp() const { return is_ipv4() ? "192.168.0.1" : "fd01::1"; }
  const char* BalancerIp() const {
    return is_ipv4() ? "203.0.113.80" : "2001:db8::80";
  }
  const char* ExternalIp() const {
    return is_ipv4() ? "198.51.100.53" : "2001:db8::53";
  }
  Endpoint EndpointAt(int last, const std::string& node = "n2") const {
    return {.addresses = {TestAddress(Text(last))}, .node_name = node};
  }
  Endpoint Hinted(int last, std::vector<std::string> zones) const {
    Endpoint endpoint = EndpointAt(last);
    endpoint.hint_zones = std::move(zones);
    return endpoint;
  }
  static Endpoint Terminating(Endpoint endpoint) {
    endpoint.ready = false;
    endpoint.serving = true;
    endpoint.terminating = true;
    return endpoint;
  }
  void Slice(std::vector<Endpoint> endpoints) {
    AddSlice(std::move(endpoints), GetParam());
  }
  void SetZone(const std::string& zone) {
    cluster_.Add(
        "", "n1",
        Node{.pod_cidrs = {TestPrefix("10.0.0.0/16"), TestPrefix("fd00::/64")},
             .addresses = {TestAddress("192.168.0.1"), TestAddress("fd01::1")}},
        {{"topology.kubernetes.io/zone", zone}});
  }
  // A service with an address of every kind.
  static Service Everywhere() {
    Service service = NodePort();
    service.type = ServiceType::kLoadBalancer;
    service.load_balancer_ips = {TestAddress("203.0.113.80"),
                                 TestAddress("2001:db8::80")};
    service.external_ips = {TestAddress("198.51.100.53"),
                            TestAddress("2001:db8::53")};
    return service;
  }
};

TEST_P(ServiceBackendsTest, HintsForOurZoneAreFollowed) {
  SetZone("a");
  Slice({Hinted(1, {"a"}), Hinted(2, {"b"}), Hinted(3, {"b", "a"})});
  EXPECT_THAT(Backends(ClusterIp()), ElementsAre(Text(1), Text(3)));
}

TEST_P(ServiceBackendsTest, HintsCountOnlyIfEveryReadyEndpointHasSome) {
  SetZone("a");
  Slice({Hinted(1, {"a"}), EndpointAt(2)});
  EXPECT_THAT(Backends(ClusterIp()), ElementsAre(Text(1), Text(2)));
  // Those that are not ready say nothing.
  Endpoint unready = EndpointAt(2);
  unready.ready = false;
  Slice({Hinted(1, {"a"}), unready, Hinted(3, {"b"})});
  EXPECT_THAT(Backends(ClusterIp()), ElementsAre(Text(1)));
}

TEST_P(ServiceBackendsTest, HintsCountOnlyIfOneIsForOurZone) {
  Slice({Hinted(1, {"b"}), Hinted(2, {"c"})});
  EXPECT_THAT(Backends(ClusterIp()), ElementsAre(Text(1), Text(2)));
  SetZone("a");
  EXPECT_THAT(Backends(ClusterIp()), ElementsAre(Text(1), Text(2)));
  // The Node's label is looked at again when it changes.
  SetZone("c");
  EXPECT_THAT(Backends(ClusterIp()), ElementsAre(Text(2)));
}

TEST_P(ServiceBackendsTest, HintsForOurNodeComeBeforeThoseForZones) {
  SetZone("a");
  Endpoint here = Hinted(1, {"a"}), there = Hinted(2, {"a"});
  here.hint_nodes = {"n1"};
  there.hint_nodes = {"n2"};
  Slice({here, there});
  EXPECT_THAT(Backends(ClusterIp()), ElementsAre(Text(1)));
  there.hint_nodes.clear();
  Slice({here, there});
  EXPECT_THAT(Backends(ClusterIp()), ElementsAre(Text(1), Text(2)));
}

TEST_P(ServiceBackendsTest, TrafficDistributionHintsWhereSlicesDoNot) {
  SetZone("a");
  Endpoint near = EndpointAt(1, "n1"), same_zone = EndpointAt(2),
           far = EndpointAt(3);
  near.zone = same_zone.zone = "a";
  far.zone = "b";
  Slice({near, same_zone, far});
  const auto backends = [this](TrafficDistribution distribution) {
    Service service = Web();
    service.traffic_distribution = distribution;
    AddService(service);
    return Backends(ClusterIp());
  };
  EXPECT_THAT(backends(TrafficDistribution::kNone),
              ElementsAre(Text(1), Text(2), Text(3)));
  for (const auto distribution : {TrafficDistribution::kPreferClose,
                                  TrafficDistribution::kPreferSameZone}) {
    EXPECT_THAT(backends(distribution), ElementsAre(Text(1), Text(2)));
  }
  EXPECT_THAT(backends(TrafficDistribution::kPreferSameNode),
              ElementsAre(Text(1)));
  // What the slices say comes first.
  near.hint_zones = same_zone.hint_zones = {"b"};
  far.hint_zones = {"a"};
  Slice({near, same_zone, far});
  EXPECT_THAT(backends(TrafficDistribution::kPreferClose),
              ElementsAre(Text(3)));
}

TEST_P(ServiceBackendsTest, PolicyLocalLooksAtNoHints) {
  SetZone("a");
  Endpoint here = EndpointAt(1, "n1");
  here.hint_zones = {"b"};
  Slice({here, Hinted(2, {"a"})});
  Service service = Everywhere();
  service.internal_traffic_policy = TrafficPolicy::kLocal;
  service.external_traffic_policy = TrafficPolicy::kLocal;
  AddService(service);
  EXPECT_THAT(Backends(ClusterIp()), ElementsAre(Text(1)));
  EXPECT_THAT(Backends(NodeIp(), 30080, kOutside), ElementsAre(Text(1)));
  // Those inside are under policy Cluster there, and under hints.
  EXPECT_THAT(Backends(NodeIp(), 30080, kInside), ElementsAre(Text(2)));
}

TEST_P(ServiceBackendsTest, TerminatingOnesServeOnlyWhereNoneIsReady) {
  Service service = Everywhere();
  service.external_traffic_policy = TrafficPolicy::kLocal;
  AddService(service);
  Slice({Terminating(EndpointAt(1, "n1")), EndpointAt(2)});
  EXPECT_THAT(Backends(ClusterIp()), ElementsAre(Text(2)));
  // Of this node none is ready.
  EXPECT_THAT(Backends(NodeIp(), 30080, kOutside), ElementsAre(Text(1)));
  Endpoint ended = Terminating(EndpointAt(1, "n1"));
  ended.serving = false;
  Slice({ended});
  EXPECT_THAT(Backends(ClusterIp()), IsEmpty());
}

TEST_P(ServiceBackendsTest, PolicyLocalKnowsWhenBackendsAreElsewhere) {
  Service service = Everywhere();
  service.internal_traffic_policy = TrafficPolicy::kLocal;
  service.external_traffic_policy = TrafficPolicy::kLocal;
  AddService(service);
  const std::pair<const char*, uint16_t> kOffers[] = {
      {NodeIp(), 30080}, {BalancerIp(), 80}, {ExternalIp(), 80}};
  const auto outside = [&](bool is_elsewhere) {
    for (const auto& [address, port] : kOffers) {
      EXPECT_EQ(
          ServiceTable::IsElsewhere(Record(address, port, kOutside), kOutside),
          is_elsewhere)
          << address;
    }
  };
  const auto inside = [&] {
    return ServiceTable::IsElsewhere(Record(ClusterIp(), 80, kInside), kInside);
  };
  Slice({EndpointAt(1)});
  outside(true);
  EXPECT_TRUE(inside());
  for (const auto& [address, port] : kOffers) {
    EXPECT_THAT(Backends(address, port, kOutside), IsEmpty()) << address;
  }
  EXPECT_THAT(Backends(NodeIp(), 30080, kInside), ElementsAre(Text(1)));
  EXPECT_THAT(Backends(BalancerIp(), 80, kInside), ElementsAre(Text(1)));
  Slice({EndpointAt(1), EndpointAt(2, "n1")});
  outside(false);
  EXPECT_FALSE(inside());
  // Nobody has any: they are told.
  Slice({});
  outside(false);
  EXPECT_FALSE(inside());
}

TEST_P(ServiceBackendsTest, UnreadyAddressesArePublishedOnDemand) {
  Endpoint unready = EndpointAt(1, "n1");
  unready.ready = unready.serving = false;
  Slice({unready});
  Service service = Everywhere();
  for (const bool publish : {false, true}) {
    service.publish_not_ready_addresses = publish;
    AddService(service);
    const auto wanted = publish ? std::vector<std::string>{Text(1)}
                                : std::vector<std::string>();
    EXPECT_EQ(Backends(ClusterIp()), wanted);
    for (const ClientSide side : {kInside, kOutside}) {
      EXPECT_EQ(Backends(NodeIp(), 30080, side), wanted);
      EXPECT_EQ(Backends(BalancerIp(), 80, side), wanted);
    }
    EXPECT_EQ(Backends(ExternalIp(), 80, kOutside), wanted);
  }
}

TEST_P(ServiceBackendsTest, AnEndpointOfTwoSlicesIsOneBackend) {
  Slice({EndpointAt(1)});
  cluster_.Add("demo", "web-2",
               EndpointSlice{.address_type = GetParam(),
                             .endpoints = {EndpointAt(1), EndpointAt(2)},
                             .ports = {{.name = "http", .port = 8080}}},
               {{"kubernetes.io/service-name", "web"}});
  EXPECT_THAT(Backends(ClusterIp()), ElementsAre(Text(1), Text(2)));
}

TEST_P(ServiceBackendsTest, AffinityHasTheServicesTimeout) {
  Service service = Everywhere();
  EXPECT_EQ(Record(ClusterIp(), 80, kInside).affinity_s, 0u);
  service.session_affinity = SessionAffinity::kClientIp;
  service.session_affinity_timeout_s = 77;
  AddService(service);
  EXPECT_EQ(Record(ClusterIp(), 80, kInside).affinity_s, 77u);
  EXPECT_EQ(Record(NodeIp(), 30080, kOutside).affinity_s, 77u);
}

INSTANTIATE_TEST_SUITE_P(Families, ServiceBackendsTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         [](const auto& info) {
                           return info.param == IpFamily::kIpv4 ? "Ipv4"
                                                                : "Ipv6";
                         });

}  // namespace
}  // namespace vswitch

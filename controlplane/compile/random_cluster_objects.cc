// Pods, nodes, services, and flows between them.

#include "controlplane/compile/random_cluster_objects.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace vswitch {
namespace {

constexpr int kDefaultClusters = 40;
constexpr uint32_t kPods = 6;

IpAddress Address(const std::string& text) { return *IpAddress::Parse(text); }
std::vector<IpAddress> Both(const std::string& ipv4, const std::string& ipv6) {
  return {Address(ipv4), Address(ipv6)};
}

template <typename Spec>
Object Make(const std::string& ns, const std::string& name, Spec spec,
            Labels labels = {}) {
  return {.metadata = {.name = name, .ns = ns, .labels = std::move(labels)},
          .spec = std::move(spec)};
}

std::string NamespaceOf(uint32_t pod) {
  // The Namespace object of "bare" is missing.
  return std::vector<std::string>{"demo", "other", "bare"}[pod % 3];
}

std::vector<ContainerPort> RandomContainerPorts() {
  return *Several(
      4, rc::gen::exec([] {
        return ContainerPort{
            .name = OneOf<std::string>({"http", "dns", ""}),
            .protocol = RandomPortProtocol(),
            .port = static_cast<uint16_t>(80 + *rc::gen::inRange(0, 4))};
      }));
}

Object RandomPod(uint32_t number) {
  Pod pod{.service_account = OneOf<std::string>({"", "robot"}),
          .node_name = number < 4 ? "n1" : "n2",
          .addresses = Both(absl::StrCat("10.0.0.", 10 + number),
                            absl::StrCat("fd00::", 10 + number)),
          .ports = RandomContainerPorts()};
  return Make(NamespaceOf(number), absl::StrCat("p", number), std::move(pod),
              RandomLabels());
}

Object RandomNamespace(const std::string& name) {
  return Make("", name, Namespace{}, RandomLabels());
}

Object RandomNode(const std::string& name, const std::string& number) {
  Node node{.addresses = Both("192.168.0." + number, "fd01::" + number)};
  if (name == kRandomNode) {
    node.pod_cidrs = {*IpPrefix::Parse("10.0.0.0/16"),
                      *IpPrefix::Parse("fd00::/64")};
  }
  return Make("", name, std::move(node), RandomLabels());
}

// Any end by its number, in either family.
std::string EndText(bool ipv4, uint32_t number) {
  if (number < kPods) {
    return absl::StrCat(ipv4 ? "10.0.0." : "fd00::", 10 + number);
  }
  struct Ends {
    const char* ipv4;
    const char* ipv6;
  };
  constexpr Ends kEnds[] = {{"8.8.8.8", "2001:db8::8"},
                            {"192.168.0.1", "fd01::1"},
                            {"192.168.0.2", "fd01::2"},
                            {"10.0.0.30", "fd00::30"},  // of a pod that is over
                            {"10.0.0.31", "fd00::31"}};  // not known yet
  return ipv4 ? kEnds[number - kPods].ipv4 : kEnds[number - kPods].ipv6;
}
constexpr uint32_t kEnds = kPods + 5;

// A service with a slice in each family.
void AddService(const std::string& ns, const std::string& name,
                std::vector<Object>& objects) {
  objects.push_back(Make(ns, name, Service{}, RandomLabels()));
  for (bool ipv4 : {true, false}) {
    EndpointSlice slice{.address_type =
                            ipv4 ? IpFamily::kIpv4 : IpFamily::kIpv6};
    slice.endpoints = *Several(
        3, rc::gen::exec([ipv4] {
          return Endpoint{.addresses = {Address(EndText(
                              ipv4, *rc::gen::inRange<uint32_t>(0, kEnds)))},
                          .ready = !OneIn(3)};
        }));
    objects.push_back(Make(ns, absl::StrCat(name, ipv4 ? "-4" : "-6"),
                           std::move(slice),
                           {{std::string(kServiceNameLabel), name}}));
  }
}

Object PodPort(const std::string& ns, const std::string& name,
               std::vector<IpAddress> addresses = {}) {
  return Make("", ns + "/" + name,
              Port{.pod_namespace = ns,
                   .pod_name = name,
                   .netns = "/run/netns/" + ns + "-" + name,
                   .interface_name = "eth0",
                   .addresses = std::move(addresses)});
}

std::vector<Object> RandomBase() {
  std::vector<Object> objects;
  objects.push_back(RandomNamespace("demo"));
  objects.push_back(RandomNamespace("other"));
  objects.push_back(RandomNode("n1", "1"));
  objects.push_back(RandomNode("n2", "2"));
  for (uint32_t i = 0; i < kPods; ++i) {
    objects.push_back(RandomPod(i));
    if (i < 4) {
      objects.push_back(PodPort(NamespaceOf(i), absl::StrCat("p", i)));
    }
  }
  objects.push_back(Make(
      "demo", "agent",
      Pod{.addresses = Both("192.168.0.2", "fd01::2"), .host_network = true},
      RandomLabels()));
  objects.push_back(Make(
      "demo", "over",
      Pod{.addresses = Both("10.0.0.30", "fd00::30"),
          .phase = OneOf<PodPhase>({PodPhase::kSucceeded, PodPhase::kFailed})},
      RandomLabels()));
  objects.push_back(PodPort("demo", "new", Both("10.0.0.31", "fd00::31")));
  AddService("demo", "web", objects);
  AddService("other", "web", objects);
  AddService("default", "kubernetes", objects);
  return objects;
}

Object RandomPolicy(RandomKind kind) {
  switch (kind) {
    case RandomKind::kNp:
      return RandomNetworkPolicy();
    case RandomKind::kCluster:
      return RandomClusterPolicy();
    case RandomKind::kCilium:
      return RandomCiliumPolicy();
    case RandomKind::kMixed:
      break;
  }
  return RandomPolicy(OneOf<RandomKind>(
      {RandomKind::kNp, RandomKind::kCluster, RandomKind::kCilium}));
}

PolicyProbe RandomProbe() {
  const bool ipv4 = *rc::gen::inRange(0, 2) == 0;
  auto end = [ipv4] {
    return Address(EndText(ipv4, *rc::gen::inRange<uint32_t>(0, kEnds)));
  };
  PolicyProbe probe{.source = end(), .destination = end()};
  const IpProtocol ping = ipv4 ? IpProtocol::kIcmp : IpProtocol::kIcmpv6;
  probe.protocol =
      OneOf<IpProtocol>({IpProtocol::kTcp, IpProtocol::kTcp, IpProtocol::kUdp,
                         IpProtocol::kSctp, ping, IpProtocol::kGre});
  probe.port = probe.protocol == IpProtocol::kGre ? 0
               : probe.protocol == ping
                   ? static_cast<uint16_t>(*rc::gen::inRange(7, 10))
                   : RandomPort();
  return probe;
}

}  // namespace

rc::Gen<RandomObjects> AnyCluster(RandomKind kind) {
  return rc::gen::resize(
      rc::kNominalSize, rc::gen::exec([kind] {
        RandomObjects objects;
        objects.policies =
            *Several(7, rc::gen::exec([kind] { return RandomPolicy(kind); }));
        objects.cluster = RandomBase();
        return objects;
      }));
}

rc::Gen<Object> AnyChange(RandomKind kind) {
  return rc::gen::resize(
      rc::kNominalSize, rc::gen::exec([kind] {
        switch (*rc::gen::inRange(0, 4)) {
          case 0:
            return RandomNamespace(OneOf<std::string>({"demo", "other"}));
          case 1:
            return RandomPod(*rc::gen::inRange<uint32_t>(0, kPods));
          case 2:
            return RandomNode("n2", "2");
          default:
            return RandomPolicy(kind);
        }
      }));
}

rc::Gen<RandomProbes> AnyProbes(size_t count) {
  return rc::gen::map(
      rc::gen::resize(rc::kNominalSize,
                      rc::gen::container<std::vector<PolicyProbe>>(
                          count, rc::gen::exec(RandomProbe))),
      [](std::vector<PolicyProbe> probes) {
        return RandomProbes{std::move(probes)};
      });
}

std::string RandomKindName(const testing::TestParamInfo<RandomKind>& info) {
  return std::vector<std::string>{"Np", "Cluster", "Cilium",
                                  "Mixed"}[static_cast<size_t>(info.param)];
}

void SetClusters(int argc, char** argv) {
  std::string clusters = absl::StrCat(kDefaultClusters);
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (absl::ConsumePrefix(&argument, "--clusters=")) {
      clusters = std::string(argument);
    }
  }
  const char* given = std::getenv("RC_PARAMS");
  const std::string params = absl::StrCat("max_success=", clusters, " ",
                                          given == nullptr ? "" : given);
  setenv("RC_PARAMS", params.c_str(), 1);
}

Labels RandomLabels() {
  Labels labels;
  for (const char* key : {"role", "tier"}) {
    const auto value = OneOf<std::string>({"", "a", "b"});
    if (!value.empty()) labels[key] = value;
  }
  return labels;
}

IpProtocol RandomPortProtocol() {
  return OneOf<IpProtocol>(
      {IpProtocol::kTcp, IpProtocol::kUdp, IpProtocol::kSctp});
}

uint16_t RandomPort() {
  return static_cast<uint16_t>(79 + *rc::gen::inRange(0, 6));
}

RandomRange RandomPorts() {
  const uint16_t first = RandomPort();
  return OneOf<RandomRange>({{first, first},
                             {first, static_cast<uint16_t>(first + 1)},
                             {first, 65535},
                             {1, first},
                             {0, 65535}});
}

std::string RandomPortName() {
  return OneOf<std::string>({"http", "dns", "none"});
}

}  // namespace vswitch

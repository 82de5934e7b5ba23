// A small cluster for tests.

#include "controlplane/compile/test_cluster.h"

#include <cstring>
#include <utility>

#include "dataplane/base/status_macros.h"

namespace vswitch {

IpAddress TestAddress(const std::string& text) {
  return *IpAddress::Parse(text);
}

IpPrefix TestPrefix(const std::string& text) { return *IpPrefix::Parse(text); }

LabelSelector Select(const Labels& labels) {
  return LabelSelector::FromLabels(labels);
}

CompiledTables::CompiledTables(CompiledState state) : state_(std::move(state)) {
  BlobSpans spans;
  for (uint32_t i = 0; i < kBlobKindCount; ++i) {
    const SharedBytes& blob = state_.blobs[i];
    memory_[i].resize((blob.size() + sizeof(Line) - 1) / sizeof(Line));
    if (!blob.empty()) {
      std::memcpy(memory_[i].data(), blob.data(), blob.size());
    }
    spans[i] = {reinterpret_cast<const std::byte*>(memory_[i].data()),
                blob.size()};
  }
  policy_sets_ = PieceCopies(state_.policy_sets);
  forwarding_ =
      *ForwardingState::Open(state_.generation, spans, policy_sets_.list());
}

HostBinding CompiledTables::BindingOf(const IpAddress& address) const {
  const HostBinding* found = state_.bindings.Find(address);
  return found == nullptr ? HostBinding{kIdentityWorld, kNoEndpoint} : *found;
}

TestVerdict CompiledTables::Judge(const TestFlow& flow) const {
  IpAddress source = TestAddress(flow.source);
  IpAddress destination = TestAddress(flow.destination);
  HostBinding from = BindingOf(source);
  HostBinding to = BindingOf(destination);
  PolicyQuery query{.protocol = flow.protocol, .destination_port = flow.port};
  TestVerdict verdict;
  if (const EndpointRecord* endpoint = forwarding_.endpoint(from.endpoint)) {
    query.peer = to.identity;
    query.peer_address = destination;
    verdict.egress = forwarding_.policy().Lookup(endpoint->egress, query);
  }
  if (const EndpointRecord* endpoint = forwarding_.endpoint(to.endpoint)) {
    query.peer = from.identity;
    query.peer_address = source;
    verdict.ingress = forwarding_.policy().Lookup(endpoint->ingress, query);
  }
  verdict.allowed = verdict.egress.allowed && verdict.ingress.allowed;
  return verdict;
}

std::string CompiledTables::PolicyOf(RuleId rule) const {
  auto info = state_.catalog->FindRule(rule);
  return info.has_value() ? info->policy : "";
}

TestCluster::TestCluster() {
  Add("", "n1",
      Node{.pod_cidrs = {TestPrefix("10.0.0.0/16"), TestPrefix("fd00::/64")},
           .addresses = {TestAddress("192.168.0.1"), TestAddress("fd01::1")}});
}

void TestCluster::AddNamespace(const std::string& name, const Labels& labels) {
  Add("", name, Namespace{}, labels);
}

void TestCluster::AddPod(const std::string& ns, const std::string& name,
                         const Labels& labels,
                         const std::vector<std::string>& addresses,
                         const std::vector<ContainerPort>& ports, Where where) {
  Pod pod{.ports = ports};
  for (const std::string& address : addresses) {
    pod.addresses.push_back(TestAddress(address));
  }
  Add(ns, name, pod, labels);
  if (where == Where::kRemote) return;
  AddPort(ns + "/" + name, {.pod_namespace = ns,
                            .pod_name = name,
                            .netns = "/run/netns/" + ns + "-" + name,
                            .interface_name = "eth0"});
}

void TestCluster::AddPort(const std::string& name, Port port) {
  Add("", name, std::move(port));
}

void TestCluster::AddPolicy(const std::string& ns, const std::string& name,
                            NetworkPolicy policy) {
  Add(ns, name, std::move(policy));
}

absl::StatusOr<CompiledTables> TestCluster::Compile() {
  PortNumbering next = numbering_;
  RETURN_IF_ERROR(next.Update(state_, generation_ + 1));
  ASSIGN_OR_RETURN(
      CompiledState state,
      vswitch::Compile(state_,
                       {.node_name = "n1",
                        .generation = generation_ + 1,
                        .monotonic_s = monotonic_s_},
                       next, identities_, last_ ? &*last_ : nullptr));
  ++generation_;
  numbering_ = std::move(next);
  last_ = state;
  return CompiledTables(std::move(state));
}

}  // namespace vswitch

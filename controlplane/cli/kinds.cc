// The table of kinds.

#include "controlplane/cli/kinds.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace vswitch {
namespace {

constexpr KindInfo kKinds[] = {
    {v1::RESOURCE_KIND_NAMESPACE,
     v1::Resource::kNamespace,
     "Namespace",
     "v1",
     {"namespace", "namespaces", "ns"},
     false},
    {v1::RESOURCE_KIND_POD,
     v1::Resource::kPod,
     "Pod",
     "v1",
     {"pod", "pods", "po"},
     true},
    {v1::RESOURCE_KIND_SERVICE,
     v1::Resource::kService,
     "Service",
     "v1",
     {"service", "services", "svc"},
     true},
    {v1::RESOURCE_KIND_ENDPOINT_SLICE,
     v1::Resource::kEndpointSlice,
     "EndpointSlice",
     "discovery.k8s.io/v1",
     {"endpointslice", "endpointslices", "eps"},
     true},
    {v1::RESOURCE_KIND_NETWORK_POLICY,
     v1::Resource::kNetworkPolicy,
     "NetworkPolicy",
     "networking.k8s.io/v1",
     {"networkpolicy", "networkpolicies", "netpol"},
     true},
    {v1::RESOURCE_KIND_NODE,
     v1::Resource::kNode,
     "Node",
     "v1",
     {"node", "nodes", "no"},
     false},
    {v1::RESOURCE_KIND_PORT,
     v1::Resource::kPort,
     "Port",
     "vswitch.dev/v1",
     {"port", "ports", "pt"},
     false},
    {v1::RESOURCE_KIND_SETTINGS,
     v1::Resource::kSettings,
     "Settings",
     "vswitch.dev/v1",
     {"settings", "settings", "settings"},
     false},
    {v1::RESOURCE_KIND_CLUSTER_NETWORK_POLICY,
     v1::Resource::kClusterNetworkPolicy,
     "ClusterNetworkPolicy",
     "policy.networking.k8s.io/v1alpha2",
     {"clusternetworkpolicy", "clusternetworkpolicies", "clusternp"},
     false},
    {v1::RESOURCE_KIND_CILIUM_NETWORK_POLICY,
     v1::Resource::kCiliumNetworkPolicy,
     "CiliumNetworkPolicy",
     "cilium.io/v2",
     {"ciliumnetworkpolicy", "ciliumnetworkpolicies", "ciliumnp"},
     true},
    {v1::RESOURCE_KIND_CILIUM_CLUSTERWIDE_NETWORK_POLICY,
     v1::Resource::kCiliumClusterwideNetworkPolicy,
     "CiliumClusterwideNetworkPolicy",
     "cilium.io/v2",
     {"ciliumclusterwidenetworkpolicy", "ciliumclusterwidenetworkpolicies",
      "ccnp"},
     false},
};

}  // namespace

absl::Span<const KindInfo> AllKinds() { return kKinds; }

const KindInfo* KindByName(absl::string_view name) {
  for (const KindInfo& info : kKinds) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

const KindInfo* KindByCommandName(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  for (const KindInfo& info : kKinds) {
    for (absl::string_view candidate : info.command_names) {
      if (candidate == lower) return &info;
    }
  }
  return nullptr;
}

const KindInfo* KindOf(v1::ResourceKind kind) {
  for (const KindInfo& info : kKinds) {
    if (info.kind == kind) return &info;
  }
  return nullptr;
}

const KindInfo* KindOf(const v1::Resource& resource) {
  for (const KindInfo& info : kKinds) {
    if (info.spec_case == resource.spec_case()) return &info;
  }
  return nullptr;
}

v1::ResourceKey KeyOf(const v1::Resource& resource) {
  v1::ResourceKey key;
  if (const KindInfo* info = KindOf(resource)) key.set_kind(info->kind);
  key.set_namespace_(resource.metadata().namespace_());
  key.set_name(resource.metadata().name());
  return key;
}

std::string KeyText(const v1::ResourceKey& key) {
  const KindInfo* info = KindOf(key.kind());
  return absl::StrCat(info == nullptr ? "resource" : info->name, " ",
                      key.namespace_(), key.namespace_().empty() ? "" : "/",
                      key.name());
}

}  // namespace vswitch

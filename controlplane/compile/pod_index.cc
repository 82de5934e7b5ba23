// Groups pods by what policy can tell apart.

#include "controlplane/compile/pod_index.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

// Ports with a name, sorted; of two with one name and protocol the first of
// the pod counts, as in Kubernetes.
std::vector<ContainerPort> NamedPorts(const Pod& pod) {
  std::vector<ContainerPort> named;
  for (const ContainerPort& port : pod.ports) {
    if (port.name.empty()) continue;
    bool known = std::any_of(
        named.begin(), named.end(), [&port](const ContainerPort& other) {
          return other.name == port.name && other.protocol == port.protocol;
        });
    if (!known) named.push_back(port);
  }
  std::sort(named.begin(), named.end(),
            [](const ContainerPort& a, const ContainerPort& b) {
              return std::pair(a.name, a.protocol) <
                     std::pair(b.name, b.protocol);
            });
  return named;
}

// Labels and names have no control characters, so the key is unambiguous.
std::string KeyOf(const std::string& ns, const std::string& service_account,
                  const Labels& labels,
                  const std::vector<ContainerPort>& named_ports) {
  std::string key = absl::StrCat(ns, "\n", service_account, "\n");
  for (const auto& [name, value] : labels) {
    absl::StrAppend(&key, name, "=", value, "\n");
  }
  for (const ContainerPort& port : named_ports) {
    absl::StrAppend(&key, "\t", port.name, "/", static_cast<int>(port.protocol),
                    "/", port.port, "\n");
  }
  return key;
}

}  // namespace

bool OwnsAddresses(const Pod& pod) {
  return !pod.host_network && pod.phase != PodPhase::kSucceeded &&
         pod.phase != PodPhase::kFailed;
}

absl::StatusOr<PodIndex> PodIndex::Build(const DesiredState& desired,
                                         IdentityAllocator& allocator) {
  PodIndex index;
  desired.ForEach<Namespace>([&](const Metadata& metadata, const Namespace&) {
    Labels& labels = index.namespaces_[metadata.name];
    labels = metadata.labels;
    labels.try_emplace(std::string(kNamespaceNameLabel), metadata.name);
  });
  absl::Status status;
  desired.ForEach<Pod>([&](const Metadata& metadata, const Pod& pod) {
    if (!OwnsAddresses(pod) || !status.ok()) return;
    status = index.AddPod(metadata, pod, allocator);
  });
  RETURN_IF_ERROR(status);
  return index;
}

absl::Status PodIndex::AddPod(const Metadata& metadata, const Pod& pod,
                              IdentityAllocator& allocator) {
  size_t number = pods_.size();
  std::vector<ContainerPort> named_ports = NamedPorts(pod);
  // What Kubernetes' admission fills in.
  std::string service_account =
      pod.service_account.empty() ? "default" : pod.service_account;
  std::string key =
      KeyOf(metadata.ns, service_account, metadata.labels, named_ports);
  auto [it, inserted] = identity_by_key_.try_emplace(key, identities_.size());
  if (inserted) {
    ASSIGN_OR_RETURN(IdentityId id, allocator.Allocate(key));
    identities_.push_back({.id = id,
                           .ns = metadata.ns,
                           .namespace_labels = LabelsOfNamespace(metadata.ns),
                           .service_account = std::move(service_account),
                           .labels = metadata.labels,
                           .named_ports = std::move(named_ports)});
  }
  pods_.push_back({&metadata, &pod, it->second});
  pod_by_name_[{metadata.ns, metadata.name}] = number;
  return absl::OkStatus();
}

// std::map: the labels stay where they are when namespaces are added.
const Labels* PodIndex::LabelsOfNamespace(const std::string& ns) {
  auto [it, inserted] = namespaces_.try_emplace(ns);
  if (inserted) it->second[std::string(kNamespaceNameLabel)] = ns;
  return &it->second;
}

const IndexedPod* PodIndex::Find(const std::string& ns,
                                 const std::string& name) const {
  auto found = pod_by_name_.find({ns, name});
  return found == pod_by_name_.end() ? nullptr : &pods_[found->second];
}

}  // namespace vswitch

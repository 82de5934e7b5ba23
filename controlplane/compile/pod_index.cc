// Groups pods by what policy can tell apart.

#include "controlplane/compile/pod_index.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
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

// What Kubernetes' admission fills in.
std::string ServiceAccountOf(const Pod& pod) {
  return pod.service_account.empty() ? "default" : pod.service_account;
}

// Begins with the namespace.  Labels and names have no control characters, so
// the key is unambiguous.
std::string KeyOf(const Metadata& metadata, const Pod& pod,
                  const LabelFilter& filter) {
  std::string key =
      absl::StrCat(metadata.ns, "\n", ServiceAccountOf(pod), "\n");
  for (const auto& [name, value] : metadata.labels) {
    if (filter.Ignores(name)) continue;
    absl::StrAppend(&key, name, "=", value, "\n");
  }
  for (const ContainerPort& port : NamedPorts(pod)) {
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

absl::Status PodIndex::Update(const DesiredState& desired,
                              const ObjectChanges& changes, int64_t now_s,
                              IdentityAllocator& allocator) {
  filter_ = LabelFilter::Of(desired);
  for (const ObjectChange& change : changes.Of<Namespace>()) {
    UpdateNamespace(change.metadata().name, desired);
  }
  for (const ObjectChange& change : changes.Of<Pod>()) {
    const Pod* pod = SpecOf<Pod>(change.after);
    if (pod == nullptr || !OwnsAddresses(*pod)) continue;
    RETURN_IF_ERROR(AddPod(desired, *change.after, allocator));
  }
  // Afterwards, so that what moves from one pod to another is never gone.
  for (const ObjectChange& change : changes.Of<Pod>()) {
    const Pod* pod = SpecOf<Pod>(change.before);
    if (pod == nullptr || !OwnsAddresses(*pod)) continue;
    std::string key = KeyOf(change.before->metadata, *pod, filter_);
    Counted counted = *by_key_.Find(key);
    if (--counted.pod_count != 0) {
      by_key_.Insert(std::move(key), std::move(counted));
      continue;
    }
    identities_.Erase(counted.identity->id);
    by_key_.Erase(key);
    allocator.Release(key, now_s);
  }
  return absl::OkStatus();
}

absl::Status PodIndex::AddPod(const DesiredState& desired, const Object& object,
                              IdentityAllocator& allocator) {
  const Metadata& metadata = object.metadata;
  const Pod& pod = std::get<Pod>(object.spec);
  std::string key = KeyOf(metadata, pod, filter_);
  Counted counted;
  if (const Counted* found = by_key_.Find(key)) {
    counted = *found;
  } else {
    ASSIGN_OR_RETURN(IdentityId id, allocator.Allocate(key));
    counted.identity = std::make_shared<const PodIdentity>(
        PodIdentity{.id = id,
                    .ns = metadata.ns,
                    .namespace_labels = LabelsOfNamespace(metadata.ns, desired),
                    .service_account = ServiceAccountOf(pod),
                    .labels = filter_.Kept(metadata.labels),
                    .named_ports = NamedPorts(pod)});
    identities_.Insert(id, counted.identity);
  }
  ++counted.pod_count;
  by_key_.Insert(std::move(key), std::move(counted));
  return absl::OkStatus();
}

void PodIndex::UpdateNamespace(const std::string& ns,
                               const DesiredState& desired) {
  if (!namespaces_.contains(ns)) return;  // nobody has asked for it
  std::shared_ptr<const Labels> before = *namespaces_.Find(ns);
  namespaces_.Erase(ns);
  std::shared_ptr<const Labels> labels = LabelsOfNamespace(ns, desired);
  if (*labels == *before) {
    namespaces_.Insert(ns, std::move(before));
    return;
  }
  std::vector<std::pair<std::string, Counted>> inside;
  const std::string prefix = ns + "\n";
  for (auto it = by_key_.lower_bound(prefix);
       it != by_key_.end() && absl::StartsWith(it->first, prefix); ++it) {
    inside.push_back(*it);
  }
  for (auto& [key, counted] : inside) {
    PodIdentity identity = *counted.identity;
    identity.namespace_labels = labels;
    counted.identity = std::make_shared<const PodIdentity>(std::move(identity));
    identities_.Insert(counted.identity->id, counted.identity);
    by_key_.Insert(std::move(key), std::move(counted));
  }
}

std::shared_ptr<const Labels> PodIndex::LabelsOfNamespace(
    const std::string& ns, const DesiredState& desired) {
  if (const auto* found = namespaces_.Find(ns)) return *found;
  const Object* object = desired.FindObject({ObjectKind::kNamespace, "", ns});
  Labels labels = object == nullptr ? Labels{} : object->metadata.labels;
  labels.try_emplace(std::string(kNamespaceNameLabel), ns);
  auto shared = std::make_shared<const Labels>(std::move(labels));
  namespaces_.Insert(ns, shared);
  return shared;
}

const PodIdentity* PodIndex::Find(IdentityId id) const {
  const auto* found = identities_.Find(id);
  return found == nullptr ? nullptr : found->get();
}

const PodIdentity* PodIndex::IdentityOf(const Metadata& metadata,
                                        const Pod& pod) const {
  if (!OwnsAddresses(pod)) return nullptr;
  const Counted* found = by_key_.Find(KeyOf(metadata, pod, filter_));
  return found == nullptr ? nullptr : found->identity.get();
}

}  // namespace vswitch

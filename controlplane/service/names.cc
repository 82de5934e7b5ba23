// Builds the indexes of a generation's names.

#include "controlplane/service/names.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/resolve.h"

namespace vswitch {

Names::Names(std::shared_ptr<const Snapshot> snapshot)
    : snapshot_(std::move(snapshot)) {
  const DesiredState& desired = snapshot_->stored.desired;
  desired.ForEach<Node>([&](const Metadata& metadata, const Node& node) {
    for (const IpAddress& address : node.addresses) {
      peers_[address] = metadata.name;
    }
  });
  desired.ForEach<Pod>([&](const Metadata& metadata, const Pod& pod) {
    // Their addresses may be others' by now, or are the node's.
    if (pod.host_network || pod.phase == PodPhase::kSucceeded ||
        pod.phase == PodPhase::kFailed) {
      return;
    }
    for (const IpAddress& address : pod.addresses) {
      peers_[address] = QualifiedName(metadata);
    }
  });
  desired.ForEach<Service>([&](const Metadata& metadata, const Service& spec) {
    for (const auto* addresses :
         {&spec.cluster_ips, &spec.external_ips, &spec.load_balancer_ips}) {
      for (const IpAddress& address : *addresses) {
        services_[address] = QualifiedName(metadata);
      }
    }
  });
  for (const auto& [name, number] : snapshot_->ports.ports()) {
    ports_[ToInt(number.id)] = name;
  }
  desired.ForEach<Port>([&](const Metadata& metadata, const Port& port) {
    const PortNumber* number = snapshot_->ports.Find(metadata.name);
    absl::StatusOr<ResolvedPort> resolved =
        ResolvePort(desired, snapshot_->node_name, metadata, port);
    if (number == nullptr || !resolved.ok()) return;
    for (const IpAddress& address : resolved->addresses) {
      port_of_[address] = number->id;
      peers_.try_emplace(address, metadata.name);
    }
  });
}

std::string Names::PortName(PortId port) const {
  auto found = ports_.find(ToInt(port));
  if (found != ports_.end()) return found->second;
  return port == kNoPort ? "" : absl::StrCat("#", ToInt(port));
}

std::optional<PortId> Names::FindPort(const std::string& name) const {
  const PortNumber* number = snapshot_->ports.Find(name);
  if (number == nullptr) return std::nullopt;
  return number->id;
}

PortId Names::PortOf(const IpAddress& address) const {
  auto found = port_of_.find(address);
  return found == port_of_.end() ? kNoPort : found->second;
}

std::string Names::PeerOf(const IpAddress& address) const {
  auto found = peers_.find(address);
  return found == peers_.end() ? "" : found->second;
}

std::string Names::ServiceOf(const IpAddress& address) const {
  auto found = services_.find(address);
  return found == services_.end() ? "" : found->second;
}

v1::FlowPeer Names::Peer(const IpAddress& address, IdentityId identity) const {
  v1::FlowPeer peer;
  peer.set_name(PeerOf(address));
  if (identity == kIdentityUnknown) identity = BoundIdentity(address);
  if (peer.name().empty()) {
    if (identity == kIdentityHost) peer.set_name("host");
    if (identity == kIdentityWorld) peer.set_name("world");
  }
  peer.set_identity(ToInt(identity));
  if (identity != kIdentityUnknown) {
    const RuleCatalog& catalog = *snapshot_->compiled.catalog;
    peer.set_identity_text(catalog.IdentityText(identity));
    if (const IdentityInfo* info = catalog.FindIdentity(identity)) {
      peer.set_namespace_(info->ns);
      peer.mutable_labels()->insert(info->labels.begin(), info->labels.end());
    }
  }
  return peer;
}

v1::FlowPeer Names::PeerAt(const IpAddress& address) const {
  const IdentityId bound = BoundIdentity(address);
  return Peer(address, bound == kIdentityUnknown ? kIdentityWorld : bound);
}

IdentityId Names::BoundIdentity(const IpAddress& address) const {
  const HostBinding* binding = snapshot_->compiled.bindings.Find(address);
  return binding == nullptr ? kIdentityUnknown : binding->identity;
}

std::shared_ptr<const Names> NamesCache::Of(
    std::shared_ptr<const Snapshot> snapshot) {
  absl::MutexLock lock(&mutex_);
  if (names_ == nullptr || &names_->snapshot() != snapshot.get()) {
    names_ = std::make_shared<const Names>(std::move(snapshot));
  }
  return names_;
}

v1::Flow ToProto(const FlowKey& key) {
  v1::Flow flow;
  flow.set_source(key.source.ToString());
  flow.set_destination(key.destination.ToString());
  flow.set_protocol(static_cast<uint32_t>(key.protocol));
  flow.set_protocol_name(ToString(key.protocol));
  flow.set_source_port(key.source_port.ToHost());
  flow.set_destination_port(key.destination_port.ToHost());
  return flow;
}

}  // namespace vswitch

// Posting lists of identities, and the addresses of nodes and services.

#include "controlplane/compile/peer_index.h"

#include <algorithm>
#include <iterator>
#include <set>

namespace vswitch {
namespace {

CidrMatch HostPrefix(const IpAddress& address) {
  return {.cidr = {address, static_cast<uint8_t>(8 * address.WireByteCount())}};
}

template <typename T>
void SortUnique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

// The services that `peer` means, "ns/name".
std::set<std::pair<std::string, std::string>> ServicesOf(
    const DesiredState& desired, const ServicePeer& peer) {
  if (!peer.name.empty()) return {{peer.ns, peer.name}};
  std::set<std::pair<std::string, std::string>> names;
  desired.ForEach<Service>([&](const Metadata& metadata, const Service&) {
    if (!peer.ns.empty() && metadata.ns != peer.ns) return;
    if (peer.selector.Matches(metadata.labels)) {
      names.insert({metadata.ns, metadata.name});
    }
  });
  return names;
}

void AddServiceAddresses(const DesiredState& desired, const ServicePeer& peer,
                         std::vector<CidrMatch>& cidrs) {
  auto services = ServicesOf(desired, peer);
  const std::string label(kServiceNameLabel);
  desired.ForEach<EndpointSlice>(
      [&](const Metadata& metadata, const EndpointSlice& slice) {
        auto name = metadata.labels.find(label);
        if (name == metadata.labels.end() ||
            !services.contains({metadata.ns, name->second})) {
          return;
        }
        for (const Endpoint& endpoint : slice.endpoints) {
          if (peer.ready_only && !endpoint.ready) continue;
          if (endpoint.addresses.empty()) continue;
          cidrs.push_back(HostPrefix(endpoint.addresses[0]));
        }
      });
}

}  // namespace

std::optional<uint16_t> NumberOf(const PodIdentity& identity,
                                 const NamedPort& port) {
  for (const ContainerPort& named : identity.named_ports) {
    if (named.name == port.name && named.protocol == port.protocol) {
      return named.port;
    }
  }
  return std::nullopt;
}

void AddObjectAddresses(const DesiredState& desired, const SourcePeers& peers,
                        std::vector<CidrMatch>& cidrs) {
  for (const LabelSelector& selector : peers.nodes) {
    desired.ForEach<Node>([&](const Metadata& metadata, const Node& node) {
      if (!selector.Matches(metadata.labels)) return;
      for (const IpAddress& address : node.addresses) {
        cidrs.push_back(HostPrefix(address));
      }
    });
  }
  for (const ServicePeer& service : peers.services) {
    AddServiceAddresses(desired, service, cidrs);
  }
}

PeerIndex::PeerIndex(const DesiredState& desired, const PodIndex& pods)
    : desired_(desired), pods_(pods) {
  const std::vector<PodIdentity>& identities = pods.identities();
  for (uint32_t i = 0; i < identities.size(); ++i) {
    const PodIdentity& identity = identities[i];
    all_.push_back(i);
    by_namespace_[identity.ns].push_back(i);
    by_id_[identity.id] = i;
    for (const auto& [key, value] : identity.labels) {
      by_label_[{key, value}].push_back(i);
    }
    for (const ContainerPort& port : identity.named_ports) {
      std::vector<uint32_t>& list = by_port_name_[port.name];
      if (list.empty() || list.back() != i) list.push_back(i);
    }
  }
}

std::shared_ptr<const MatchedPeers> PeerIndex::Match(
    const std::shared_ptr<const SourcePeers>& peers) const {
  std::shared_ptr<const MatchedPeers>& matched = matched_[peers];
  if (matched == nullptr) {
    matched = std::make_shared<const MatchedPeers>(MatchAnew(*peers));
  }
  return matched;
}

MatchedPeers PeerIndex::MatchAnew(const SourcePeers& peers) const {
  MatchedPeers result{.any_peer = peers.any_peer, .excluded = peers.excluded};
  result.identities = peers.reserved;
  for (const IdentityPredicate& predicate : peers.pods) {
    if (predicate.terms.empty() && !result.any_peer) {
      // Every pod, without a list that changes with each new identity.
      result.any_peer = true;
      result.excluded.assign(std::begin(kReservedIdentities),
                             std::end(kReservedIdentities));
    }
    for (IdentityId id : kReservedIdentities) {
      if (predicate.MatchesReserved(id)) result.identities.push_back(id);
    }
    if (!result.any_peer) Select(predicate, result.identities);
  }
  SortUnique(result.identities);
  if (result.any_peer) {
    std::erase_if(result.excluded, [&result](IdentityId id) {
      return std::binary_search(result.identities.begin(),
                                result.identities.end(), id);
    });
    SortUnique(result.excluded);
    result.identities.clear();
  }
  result.cidrs = peers.cidrs;
  AddObjectAddresses(desired_, peers, result.cidrs);
  SortUnique(result.cidrs);
  return result;
}

const std::vector<uint32_t>& PeerIndex::Candidates(
    const IdentityPredicate& predicate) const {
  static const std::vector<uint32_t> nobody;
  const std::vector<uint32_t>* best = &all_;
  auto consider = [&best](const auto& map, const auto& key) {
    auto found = map.find(key);
    const std::vector<uint32_t>& list =
        found == map.end() ? nobody : found->second;
    if (list.size() < best->size()) best = &list;
  };
  for (const LabelTerm& term : predicate.terms) {
    const LabelRequirement& requirement = term.requirement;
    if (requirement.op != SelectorOperator::kIn ||
        requirement.values.size() != 1) {
      continue;
    }
    if (term.origin == LabelOrigin::kPod) {
      consider(by_label_, Label{requirement.key, requirement.values[0]});
    } else if (term.origin == LabelOrigin::kNamespaceName) {
      consider(by_namespace_, absl::string_view(requirement.values[0]));
    }
  }
  return *best;
}

void PeerIndex::Select(const IdentityPredicate& predicate,
                       std::vector<IdentityId>& selected) const {
  for (uint32_t i : Candidates(predicate)) {
    const PodIdentity& identity = pods_.identities()[i];
    if (predicate.Matches(identity)) selected.push_back(identity.id);
  }
}

void PeerIndex::ResolveName(
    const MatchedPeers& peers, const NamedPort& port,
    std::vector<std::pair<uint16_t, IdentityId>>& found) const {
  auto with_name = by_port_name_.find(port.name);
  if (with_name == by_port_name_.end()) return;
  auto resolve = [&](const PodIdentity& identity) {
    if (auto number = NumberOf(identity, port)) {
      found.emplace_back(*number, identity.id);
    }
  };
  if (peers.any_peer) {
    for (uint32_t i : with_name->second) resolve(pods_.identities()[i]);
    return;
  }
  for (IdentityId id : peers.identities) {
    auto pod = by_id_.find(id);
    if (pod != by_id_.end()) resolve(pods_.identities()[pod->second]);
  }
}

}  // namespace vswitch

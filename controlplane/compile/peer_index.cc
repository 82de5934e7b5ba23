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

bool IsAnyPeer(const SourcePeers& peers) {
  return peers.any_peer || std::any_of(peers.pods.begin(), peers.pods.end(),
                                       [](const IdentityPredicate& predicate) {
                                         return predicate.terms.empty();
                                       });
}

void PeerIndex::Add(const std::shared_ptr<const SourcePeers>& peers,
                    const DesiredState& desired) {
  if (matched_.contains(peers.get())) return;
  matched_.Insert(peers.get(), {peers, std::make_shared<const MatchedPeers>(
                                           MatchAnew(*peers, desired))});
  if (!IsAnyPeer(*peers)) {
    for (const IdentityPredicate& predicate : peers->pods) {
      by_predicate_.Insert(predicate, peers.get());
    }
  }
  if (!peers->nodes.empty() || !peers->services.empty()) {
    of_objects_.Insert(peers.get(), {});
  }
}

void PeerIndex::Remove(const SourcePeers* peers) {
  const Kept* found = matched_.Find(peers);
  if (found == nullptr) return;
  const Kept kept = *found;
  if (!IsAnyPeer(*peers)) {
    for (const IdentityPredicate& predicate : peers->pods) {
      by_predicate_.Erase(predicate, peers);
    }
  }
  of_objects_.Erase(peers);
  matched_.Erase(peers);
}

void PeerIndex::UpdateIdentities(const PodIndex::Identities& pods,
                                 std::vector<const SourcePeers*>& changed) {
  const Identities before = all_;
  all_ = pods;
  Identities::ForEachDifference(
      before, pods,
      [&](IdentityId, const std::shared_ptr<const PodIdentity>* old,
          const std::shared_ptr<const PodIdentity>* identity) {
        UpdateIdentity(old == nullptr ? nullptr : old->get(),
                       identity == nullptr ? nullptr : *identity, changed);
      });
}

void PeerIndex::UpdateIdentity(const PodIdentity* before,
                               const std::shared_ptr<const PodIdentity>& after,
                               std::vector<const SourcePeers*>& changed) {
  if (before != nullptr) Unfile(*before);
  if (after != nullptr) File(after);
  // One identity's labels are always the same; those of its namespace are not
  // filed.
  const PodIdentity& either = before != nullptr ? *before : *after;
  by_predicate_.ForEachCandidate(either, [&](const SourcePeers* peers) {
    const Kept& kept = *matched_.Find(peers);
    const std::vector<IdentityId>& old = kept.matched->identities;
    auto place = std::lower_bound(old.begin(), old.end(), either.id);
    bool was_in = place != old.end() && *place == either.id;
    bool is_in = after != nullptr &&
                 std::any_of(peers->pods.begin(), peers->pods.end(),
                             [&after](const IdentityPredicate& predicate) {
                               return predicate.Matches(*after);
                             });
    if (was_in == is_in) return;
    MatchedPeers next = *kept.matched;
    auto next_place = next.identities.begin() + (place - old.begin());
    if (is_in) {
      next.identities.insert(next_place, either.id);
    } else {
      next.identities.erase(next_place);
    }
    matched_.Insert(
        peers,
        {kept.peers, std::make_shared<const MatchedPeers>(std::move(next))});
    changed.push_back(peers);
  });
}

void PeerIndex::UpdateObjects(const ObjectChanges& changes,
                              const DesiredState& desired,
                              std::vector<const SourcePeers*>& changed) {
  bool nodes = !changes.Of<Node>().empty();
  bool services =
      !changes.Of<Service>().empty() || !changes.Of<EndpointSlice>().empty();
  if (!nodes && !services) return;
  const auto of_objects = of_objects_;
  for (const auto& [peers, nothing] : of_objects) {
    if ((nodes && !peers->nodes.empty()) ||
        (services && !peers->services.empty())) {
      MatchAgain(peers, desired, changed);
    }
  }
}

void PeerIndex::MatchAgain(const SourcePeers* peers,
                           const DesiredState& desired,
                           std::vector<const SourcePeers*>& changed) {
  const Kept kept = *matched_.Find(peers);
  MatchedPeers next = *kept.matched;
  next.cidrs = peers->cidrs;
  AddObjectAddresses(desired, *peers, next.cidrs);
  SortUnique(next.cidrs);
  if (next == *kept.matched) return;
  matched_.Insert(
      peers,
      {kept.peers, std::make_shared<const MatchedPeers>(std::move(next))});
  changed.push_back(peers);
}

namespace {

// Changes the list under `key`; an empty one is not kept.
template <typename Map, typename Change>
void ChangeList(Map& map, const typename Map::value_type::first_type& key,
                Change change) {
  typename Map::value_type::second_type list;
  if (const auto* found = map.Find(key)) {
    list = *found;
    map.Erase(key);  // so that the list is changed in place
  }
  change(list);
  if (!list.empty()) map.Insert(key, std::move(list));
}

}  // namespace

void PeerIndex::File(const std::shared_ptr<const PodIdentity>& identity) {
  auto add = [&identity](Identities& list) {
    list.Insert(identity->id, identity);
  };
  ChangeList(by_namespace_, identity->ns, add);
  for (const Label label : identity->labels) ChangeList(by_label_, label, add);
  for (const ContainerPort& port : identity->named_ports) {
    ChangeList(by_port_name_, port.name, add);
  }
}

void PeerIndex::Unfile(const PodIdentity& identity) {
  auto remove = [&identity](Identities& list) { list.Erase(identity.id); };
  ChangeList(by_namespace_, identity.ns, remove);
  for (const Label label : identity.labels) {
    ChangeList(by_label_, label, remove);
  }
  for (const ContainerPort& port : identity.named_ports) {
    ChangeList(by_port_name_, port.name, remove);
  }
}

MatchedPeers PeerIndex::MatchAnew(const SourcePeers& peers,
                                  const DesiredState& desired) const {
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
  AddObjectAddresses(desired, peers, result.cidrs);
  SortUnique(result.cidrs);
  return result;
}

const PodIndex::Identities& PeerIndex::Candidates(
    const IdentityPredicate& predicate) const {
  static const auto& nobody = *new Identities();
  const Identities* best = &all_;
  auto consider = [&best](const auto& map, const auto& key) {
    const Identities* found = map.Find(key);
    const Identities* list = found == nullptr ? &nobody : found;
    if (list->size() < best->size()) best = list;
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
      consider(by_namespace_, requirement.values[0]);
    }
  }
  return *best;
}

void PeerIndex::Select(const IdentityPredicate& predicate,
                       std::vector<IdentityId>& selected) const {
  for (const auto& [id, identity] : Candidates(predicate)) {
    if (predicate.Matches(*identity)) selected.push_back(id);
  }
}

void PeerIndex::ResolveName(
    const MatchedPeers& peers, const NamedPort& port,
    std::vector<std::pair<uint16_t, IdentityId>>& found) const {
  const Identities* with_name = by_port_name_.Find(port.name);
  if (with_name == nullptr) return;
  auto resolve = [&](const PodIdentity& identity) {
    if (auto number = NumberOf(identity, port)) {
      found.emplace_back(*number, identity.id);
    }
  };
  if (peers.any_peer) {
    for (const auto& [id, identity] : *with_name) resolve(*identity);
    return;
  }
  for (IdentityId id : peers.identities) {
    if (const auto* identity = with_name->Find(id)) resolve(**identity);
  }
}

}  // namespace vswitch

// Claims, in whatever order they come, refused in one order.

#include "controlplane/compile/address_owners.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/pod_index.h"

namespace vswitch {
namespace {

constexpr char kGatewayText[] = "the switch's gateway";

ClaimRank RankOf(const Object& claimer) {
  switch (claimer.kind()) {
    case ObjectKind::kNode:
      return ClaimRank::kNode;
    case ObjectKind::kPod:
      return ClaimRank::kPod;
    case ObjectKind::kPort:
      return ClaimRank::kPort;
    default:
      return ClaimRank::kService;
  }
}

// The claims of one rank are in order of the objects' keys.
auto PlaceOf(const Object& claimer) {
  return std::tuple(RankOf(claimer), claimer.metadata.ns,
                    claimer.metadata.name);
}

const std::vector<IpAddress>& AddressesOf(const Object& object) {
  static const auto& none = *new std::vector<IpAddress>();
  if (const Node* node = std::get_if<Node>(&object.spec)) {
    return node->addresses;
  }
  if (const Pod* pod = std::get_if<Pod>(&object.spec)) {
    return OwnsAddresses(*pod) ? pod->addresses : none;
  }
  if (const Service* service = std::get_if<Service>(&object.spec)) {
    return service->type == ServiceType::kExternalName ? none
                                                       : service->cluster_ips;
  }
  return none;
}

// The place of `address` in the claimer's list, 0 if it is inherited.
size_t IndexOf(const Object& claimer, const IpAddress& address) {
  const Port* port = std::get_if<Port>(&claimer.spec);
  const std::vector<IpAddress>& addresses =
      port == nullptr ? AddressesOf(claimer) : port->addresses;
  auto found = std::find(addresses.begin(), addresses.end(), address);
  return found == addresses.end()
             ? 0
             : static_cast<size_t>(found - addresses.begin());
}

const char* FieldOf(const Object& claimer) {
  switch (RankOf(claimer)) {
    case ClaimRank::kNode:
      return "status.addresses";
    case ClaimRank::kPod:
      return "status.podIPs";
    case ClaimRank::kPort:
      return "spec.addresses";
    default:
      return "spec.clusterIPs";
  }
}

bool IsOfAHost(const IpAddress& address) {
  return !address.IsUnspecified() && !address.IsMulticast() &&
         !address.IsLoopback();
}

constexpr char kNotOfAHost[] = " is not a unicast address of a host";

}  // namespace

void AddressOwners::End() {
  refusals_.clear();
  touched_.clear();
}

void AddressOwners::SetGateways(const Gateways& gateways) {
  gateways_ = gateways;
  CheckGateway(gateways.ipv4);
  CheckGateway(gateways.ipv6);
}

void AddressOwners::CheckGateway(const IpAddress& gateway) {
  if (gateway.IsUnspecified()) return;
  if (!IsOfAHost(gateway)) {
    refusals_.emplace(
        Order(ClaimRank::kGateway, "", gateway.ToString(), 0),
        absl::InvalidArgumentError(
            absl::StrCat(kGatewayText, ": ", gateway.ToString(), kNotOfAHost)));
    return;
  }
  const AddressClaims* found = owners_.Find(gateway);
  if (found == nullptr) return;
  for (const Object* claimer : {found->object, found->port}) {
    if (claimer == nullptr) continue;
    Refuse(*claimer, IndexOf(*claimer, gateway), gateway,
           absl::StrCat(" is already the address of ", kGatewayText));
  }
}

void AddressOwners::Claim(const Object& object) {
  Add(object, AddressesOf(object));
}

void AddressOwners::ClaimPort(const Object& port,
                              const std::vector<IpAddress>& addresses) {
  Add(port, addresses);
}

void AddressOwners::Release(const Object& object) {
  Remove(object, AddressesOf(object));
}

void AddressOwners::ReleasePort(const Object& port,
                                const std::vector<IpAddress>& addresses) {
  Remove(port, addresses);
}

void AddressOwners::Add(const Object& claimer,
                        const std::vector<IpAddress>& addresses) {
  bool is_port = claimer.kind() == ObjectKind::kPort;
  for (size_t i = 0; i < addresses.size(); ++i) {
    const IpAddress& address = addresses[i];
    if (!IsOfAHost(address)) {
      Refuse(claimer, i, address, kNotOfAHost);
      continue;
    }
    if (address == gateways_.ipv4 || address == gateways_.ipv6) {
      Refuse(claimer, i, address,
             absl::StrCat(" is already the address of ", kGatewayText));
      continue;
    }
    touched_.insert(address);
    AddressClaims claims;
    if (const AddressClaims* found = owners_.Find(address)) claims = *found;
    const Object* winner = &claimer;
    for (const Object* other : {claims.object, claims.port}) {
      if (other == nullptr || OwnerText(*other) == OwnerText(*winner)) {
        continue;
      }
      const Object* loser = PlaceOf(*other) < PlaceOf(*winner) ? winner : other;
      winner = loser == other ? winner : other;
      Refuse(*loser, loser == &claimer ? i : IndexOf(*loser, address), address,
             absl::StrCat(" is already the address of ", OwnerText(*winner)));
    }
    if (winner != &claimer) continue;
    (is_port ? claims.port : claims.object) = &claimer;
    owners_.Insert(address, claims);
  }
}

void AddressOwners::Remove(const Object& claimer,
                           const std::vector<IpAddress>& addresses) {
  bool is_port = claimer.kind() == ObjectKind::kPort;
  for (const IpAddress& address : addresses) {
    touched_.insert(address);
    const AddressClaims* found = owners_.Find(address);
    if (found == nullptr) continue;  // it was in the list twice
    AddressClaims claims = *found;
    (is_port ? claims.port : claims.object) = nullptr;
    if (claims == AddressClaims{}) {
      owners_.Erase(address);
    } else {
      owners_.Insert(address, claims);
    }
  }
}

void AddressOwners::Refuse(const Object& claimer, size_t index,
                           const IpAddress& address,
                           const std::string& problem) {
  std::string field = absl::StrCat(DesiredState::KeyOf(claimer).ToString(), " ",
                                   FieldOf(claimer));
  refusals_.emplace(
      Order(RankOf(claimer), claimer.metadata.ns, claimer.metadata.name, index),
      absl::InvalidArgumentError(
          absl::StrCat(field, ": ", address.ToString(), problem)));
}

absl::Status AddressOwners::FirstRefusal(ClaimRank last) const {
  if (refusals_.empty() || std::get<0>(refusals_.begin()->first) > last) {
    return absl::OkStatus();
  }
  return refusals_.begin()->second;
}

absl::Status AddressOwners::RefusalUpTo(ClaimRank rank,
                                        const Metadata& metadata) const {
  auto first = refusals_.lower_bound(Order(rank, "", "", 0));
  if (first == refusals_.end() || std::get<0>(first->first) != rank ||
      std::tie(std::get<1>(first->first), std::get<2>(first->first)) >
          std::tie(metadata.ns, metadata.name)) {
    return absl::OkStatus();
  }
  return first->second;
}

std::string AddressOwners::OwnerText(const Object& claimer) const {
  const Port* port = std::get_if<Port>(&claimer.spec);
  if (port == nullptr || port->kind == PortResourceKind::kUplink) {
    return DesiredState::KeyOf(claimer).ToString();
  }
  return port->kind == PortResourceKind::kPod
             ? absl::StrCat("Pod ", port->pod_namespace, "/", port->pod_name)
             : absl::StrCat("Node ", node_name_);
}

}  // namespace vswitch

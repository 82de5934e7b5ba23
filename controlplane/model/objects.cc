// Names of kinds and protocols.

#include "controlplane/model/objects.h"

#include <array>

#include "absl/strings/str_cat.h"

namespace vswitch {
namespace {

constexpr std::array<absl::string_view, kObjectKindCount> kKindNames = {
    "Namespace",
    "Pod",
    "Service",
    "EndpointSlice",
    "NetworkPolicy",
    "Node",
    "Port",
    "Settings",
    "ClusterNetworkPolicy",
    "CiliumNetworkPolicy",
    "CiliumClusterwideNetworkPolicy",
};

}  // namespace

absl::string_view ToString(ObjectKind kind) {
  return kKindNames[static_cast<size_t>(kind)];
}

std::optional<ObjectKind> ObjectKindByName(absl::string_view name) {
  for (size_t i = 0; i < kKindNames.size(); ++i) {
    if (kKindNames[i] == name) return static_cast<ObjectKind>(i);
  }
  return std::nullopt;
}

bool IsNamespaced(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kPod:
    case ObjectKind::kService:
    case ObjectKind::kEndpointSlice:
    case ObjectKind::kNetworkPolicy:
    case ObjectKind::kCiliumNetworkPolicy:
      return true;
    case ObjectKind::kNamespace:
    case ObjectKind::kNode:
    case ObjectKind::kPort:
    case ObjectKind::kSettings:
    case ObjectKind::kClusterNetworkPolicy:
    case ObjectKind::kCiliumClusterwideNetworkPolicy:
      return false;
  }
  return false;
}

bool IsPolicy(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kNetworkPolicy:
    case ObjectKind::kClusterNetworkPolicy:
    case ObjectKind::kCiliumNetworkPolicy:
    case ObjectKind::kCiliumClusterwideNetworkPolicy:
      return true;
    case ObjectKind::kNamespace:
    case ObjectKind::kPod:
    case ObjectKind::kService:
    case ObjectKind::kEndpointSlice:
    case ObjectKind::kNode:
    case ObjectKind::kPort:
    case ObjectKind::kSettings:
      return false;
  }
  return false;
}

std::string ToString(IpProtocol protocol) {
  switch (protocol) {
    case IpProtocol::kTcp:
      return "TCP";
    case IpProtocol::kUdp:
      return "UDP";
    case IpProtocol::kSctp:
      return "SCTP";
    case IpProtocol::kIcmp:
      return "ICMP";
    case IpProtocol::kIcmpv6:
      return "ICMPv6";
    default:
      return absl::StrCat("protocol ", static_cast<int>(protocol));
  }
}

}  // namespace vswitch

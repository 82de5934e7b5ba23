// Names of ICMP types (www.iana.org/assignments/icmp-parameters) and of ICMPv6
// types (www.iana.org/assignments/icmpv6-parameters).

#include "controlplane/cli/icmp_type_names.h"

#include "absl/strings/str_join.h"
#include "absl/types/span.h"

namespace vswitch {
namespace {

struct TypeName {
  absl::string_view name;
  uint8_t type;
};

constexpr TypeName kIpv4Names[] = {
    {"EchoReply", 0},
    {"DestinationUnreachable", 3},
    {"Redirect", 5},
    {"Echo", 8},
    {"EchoRequest", 8},
    {"RouterAdvertisement", 9},
    {"RouterSelection", 10},
    {"TimeExceeded", 11},
    {"ParameterProblem", 12},
    {"Timestamp", 13},
    {"TimestampReply", 14},
    {"Photuris", 40},
    {"ExtendedEchoRequest", 42},
    {"ExtendedEchoReply", 43},
};

constexpr TypeName kIpv6Names[] = {
    {"DestinationUnreachable", 1},
    {"PacketTooBig", 2},
    {"TimeExceeded", 3},
    {"ParameterProblem", 4},
    {"EchoRequest", 128},
    {"EchoReply", 129},
    {"MulticastListenerQuery", 130},
    {"MulticastListenerReport", 131},
    {"MulticastListenerDone", 132},
    {"RouterSolicitation", 133},
    {"RouterAdvertisement", 134},
    {"NeighborSolicitation", 135},
    {"NeighborAdvertisement", 136},
    {"RedirectMessage", 137},
    {"RouterRenumbering", 138},
    {"ICMPNodeInformationQuery", 139},
    {"ICMPNodeInformationResponse", 140},
    {"InverseNeighborDiscoverySolicitation", 141},
    {"InverseNeighborDiscoveryAdvertisement", 142},
    {"HomeAgentAddressDiscoveryRequest", 144},
    {"HomeAgentAddressDiscoveryReply", 145},
    {"MobilePrefixSolicitation", 146},
    {"MobilePrefixAdvertisement", 147},
    {"DuplicateAddressRequestCodeSuffix", 157},
    {"DuplicateAddressConfirmationCodeSuffix", 158},
    {"ExtendedEchoRequest", 160},
    {"ExtendedEchoReply", 161},
};

absl::Span<const TypeName> Names(bool ipv6) {
  return ipv6 ? absl::Span<const TypeName>(kIpv6Names) : kIpv4Names;
}

}  // namespace

std::optional<uint8_t> IcmpTypeByName(bool ipv6, absl::string_view name) {
  for (const TypeName& known : Names(ipv6)) {
    if (known.name == name) return known.type;
  }
  return std::nullopt;
}

std::string IcmpTypeNames(bool ipv6) {
  return absl::StrJoin(Names(ipv6), ", ",
                       [](std::string* out, const TypeName& known) {
                         out->append(known.name.data(), known.name.size());
                       });
}

}  // namespace vswitch

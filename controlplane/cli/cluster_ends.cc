// Names to addresses.

#include "controlplane/cli/cluster_ends.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr absl::string_view kPodPrefix = "pod:";
constexpr absl::string_view kServicePrefix = "service:";

constexpr uint16_t kSourcePort = 40000;  // nothing is decided by it
constexpr uint16_t kIdentifier = 1;      // of an ICMP query, likewise
constexpr uint8_t kEchoRequest = 8;      // RFC 792
constexpr uint8_t kEchoRequestV6 = 128;  // RFC 4443 4.1
constexpr uint32_t kMaxProtocol = 255;

constexpr std::pair<absl::string_view, IpProtocol> kProtocols[] = {
    {"TCP", IpProtocol::kTcp},       {"UDP", IpProtocol::kUdp},
    {"SCTP", IpProtocol::kSctp},     {"ICMP", IpProtocol::kIcmp},
    {"ICMPv6", IpProtocol::kIcmpv6},
};

absl::string_view FamilyName(IpFamily family) {
  return family == IpFamily::kIpv4 ? "IPv4" : "IPv6";
}

absl::StatusOr<FlowEnd> FindNamed(const DesiredState& desired,
                                  const std::string& text, bool pods,
                                  bool services) {
  const std::pair<std::string, std::string> name =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  if (name.first.empty() || name.second.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text,
        "\" is neither an address nor NAMESPACE/NAME of a pod or service"));
  }
  if (pods) {
    if (const Pod* pod = desired.Find<Pod>(name.first, name.second)) {
      return FlowEnd{text, pod->addresses};
    }
  }
  if (services) {
    if (const auto* service = desired.Find<Service>(name.first, name.second)) {
      return FlowEnd{
          .name = text, .addresses = service->cluster_ips, .service = service};
    }
  }
  const absl::string_view kinds = !services ? "Pod"
                                  : pods    ? "Pod or Service"
                                            : "Service";
  return absl::NotFoundError(absl::StrCat("there is no ", kinds, " ", text));
}

}  // namespace

absl::StatusOr<FlowEnd> FindEnd(const DesiredState& desired,
                                const std::string& text, EndUse use) {
  if (const auto address = IpAddress::Parse(text); address.ok()) {
    return FlowEnd{.name = text, .addresses = {*address}, .is_address = true};
  }
  absl::string_view name = text;
  const bool only_pod = absl::ConsumePrefix(&name, kPodPrefix);
  const bool only_service =
      !only_pod && absl::ConsumePrefix(&name, kServicePrefix);
  if (only_service && use == EndUse::kSource) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text,
                     "\" cannot be a source: a service sends "
                     "nothing"));
  }
  const bool services = !only_pod && use == EndUse::kDestination;
  ASSIGN_OR_RETURN(FlowEnd end, FindNamed(desired, std::string(name),
                                          !only_service, services));
  if (end.addresses.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        end.service != nullptr ? "Service " : "Pod ", end.name,
        " has no address",
        end.service != nullptr ? ": it is headless; name a pod" : ""));
  }
  return end;
}

const IpAddress* AddressOf(const FlowEnd& end, IpFamily family) {
  for (const IpAddress& address : end.addresses) {
    if (address.family() == family) return &address;
  }
  return nullptr;
}

absl::StatusOr<IpFamily> FamilyBetween(const FlowEnd& from, const FlowEnd& to,
                                       std::optional<IpFamily> wanted) {
  std::vector<IpFamily> candidates;
  if (wanted.has_value()) {
    candidates = {*wanted};
  } else if (from.is_address) {
    candidates = {from.addresses[0].family()};
  } else {
    candidates = {from.addresses[0].family(), IpFamily::kIpv4, IpFamily::kIpv6};
  }
  for (IpFamily family : candidates) {
    if (AddressOf(from, family) != nullptr &&
        AddressOf(to, family) != nullptr) {
      return family;
    }
  }
  return absl::FailedPreconditionError(absl::StrCat(
      from.name, " and ", to.name, " have no ",
      candidates.size() == 1 ? absl::StrCat(FamilyName(candidates[0]), " ")
                             : std::string(),
      "addresses of one family"));
}

JudgeQuery MakeQuery(const IpAddress& source, const IpAddress& destination,
                     IpProtocol protocol, uint16_t port,
                     std::optional<uint8_t> icmp_type) {
  JudgeQuery query;
  FlowKey& key = query.key;
  key.source = source;
  key.destination = destination;
  key.protocol = protocol;
  if (protocol == IpProtocol::kIcmp && !source.IsIpv4()) {
    key.protocol = IpProtocol::kIcmpv6;
  }
  if (HasPorts(protocol)) {
    key.source_port = Be16::FromHost(kSourcePort);
    key.destination_port = Be16::FromHost(port);
  } else if (key.protocol == IpProtocol::kIcmp ||
             key.protocol == IpProtocol::kIcmpv6) {
    key.source_port = Be16::FromHost(kIdentifier);
    key.destination_port = Be16::FromHost(icmp_type.value_or(
        key.protocol == IpProtocol::kIcmp ? kEchoRequest : kEchoRequestV6));
  }
  return query;
}

bool HasPorts(IpProtocol protocol) {
  return protocol == IpProtocol::kTcp || protocol == IpProtocol::kUdp ||
         protocol == IpProtocol::kSctp;
}

std::optional<IpProtocol> ProtocolByName(absl::string_view text) {
  for (const auto& [name, protocol] : kProtocols) {
    if (absl::EqualsIgnoreCase(text, name)) return protocol;
  }
  uint32_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || number > kMaxProtocol) {
    return std::nullopt;
  }
  return static_cast<IpProtocol>(number);
}

}  // namespace vswitch

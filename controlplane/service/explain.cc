// Explain: names to a flow key, the dataplane's judge, and words for its
// verdict.

#include "controlplane/compile/explain.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "controlplane/compile/rule_text.h"
#include "controlplane/service/observe_service.h"
#include "controlplane/service/shadow_verdict.h"
#include "controlplane/translate/errors.h"
#include "controlplane/translate/field_reader.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr uint16_t kDefaultSourcePort = 40000;
constexpr uint16_t kIdentifier = 1;      // of an ICMP query
constexpr uint8_t kEchoRequest = 8;      // RFC 792
constexpr uint8_t kEchoRequestV6 = 128;  // RFC 4443 4.1
// How often to ask again when the generation changed while we asked.
constexpr int kAttempts = 20;
constexpr absl::Duration kAttemptPause = absl::Milliseconds(5);

absl::Status BadField(absl::StatusCode code, std::string field,
                      std::string message) {
  return FaultStatus(code,
                     Fault{std::nullopt, std::move(field), std::move(message)});
}

// One end: its addresses, and the Service it is, if any.
struct End {
  std::string name;
  std::vector<IpAddress> addresses;
  const Service* service = nullptr;
};

struct Finder {
  const DesiredState& desired;
  std::string field;

  absl::StatusOr<End> ByAddress(const std::string& text) const {
    absl::StatusOr<IpAddress> address = IpAddress::Parse(text);
    if (!address.ok()) {
      return BadField(absl::StatusCode::kInvalidArgument, field,
                      absl::StrCat("\"", text, "\" is not an IP address"));
    }
    return End{text, {*address}, nullptr};
  }

  // By "namespace/name" of a Pod or of a Service.
  absl::StatusOr<End> ByName(const std::string& text, bool pods,
                             bool services) const {
    std::pair<std::string, std::string> name =
        absl::StrSplit(text, absl::MaxSplits('/', 1));
    if (name.second.empty()) name = {"default", text};
    const Pod* pod = desired.Find<Pod>(name.first, name.second);
    if (pods && pod != nullptr) return End{text, pod->addresses, nullptr};
    const Service* service = desired.Find<Service>(name.first, name.second);
    if (services && service != nullptr) {
      return End{text, service->cluster_ips, service};
    }
    absl::string_view kinds = !services ? "Pod"
                              : pods    ? "Pod or Service"
                                        : "Service";
    return BadField(absl::StatusCode::kNotFound, field,
                    absl::StrCat("there is no ", kinds, " ", text));
  }

  absl::StatusOr<End> Find(const v1::ExplainPeer& peer,
                           bool may_be_service) const {
    switch (peer.peer_case()) {
      case v1::ExplainPeer::kPod:
        return ByName(peer.pod(), true, false);
      case v1::ExplainPeer::kService:
        if (may_be_service) return ByName(peer.service(), false, true);
        return BadField(absl::StatusCode::kInvalidArgument, field,
                        "cannot be a Service: a Service sends nothing");
      case v1::ExplainPeer::kAddress:
        return ByAddress(peer.address());
      case v1::ExplainPeer::kName:
        if (IpAddress::Parse(peer.name()).ok()) return ByAddress(peer.name());
        return ByName(peer.name(), true, may_be_service);
      case v1::ExplainPeer::PEER_NOT_SET:
        break;
    }
    return BadField(absl::StatusCode::kInvalidArgument, field, "must be set");
  }
};

const IpAddress* OfFamily(const End& end, IpFamily family) {
  for (const IpAddress& address : end.addresses) {
    if (address.family() == family) return &address;
  }
  return nullptr;
}

// The family of the flow: the one asked for, or the first that both have.
absl::StatusOr<IpFamily> ChooseFamily(const v1::ExplainRequest& request,
                                      const End& source,
                                      const End& destination) {
  for (IpFamily family : {IpFamily::kIpv4, IpFamily::kIpv6}) {
    v1::IpFamily spelled =
        family == IpFamily::kIpv4 ? v1::IP_FAMILY_IPV4 : v1::IP_FAMILY_IPV6;
    if (request.family() != v1::IP_FAMILY_UNSPECIFIED &&
        request.family() != spelled) {
      continue;
    }
    if (OfFamily(source, family) != nullptr &&
        OfFamily(destination, family) != nullptr) {
      return family;
    }
  }
  return BadField(absl::StatusCode::kFailedPrecondition, "family",
                  absl::StrCat(source.name, " and ", destination.name,
                               " have no addresses of one such family"));
}

absl::StatusOr<uint16_t> DestinationPort(const v1::ExplainRequest& request,
                                         const End& destination,
                                         IpProtocol protocol) {
  if (request.destination_port() > 65535) {
    return BadField(absl::StatusCode::kInvalidArgument, "destination_port",
                    absl::StrCat(request.destination_port(),
                                 " is not a port number, 1 to 65535"));
  }
  bool has_ports = protocol == IpProtocol::kTcp ||
                   protocol == IpProtocol::kUdp ||
                   protocol == IpProtocol::kSctp;
  if (!has_ports) return uint16_t{0};
  if (request.destination_port() != 0) {
    return static_cast<uint16_t>(request.destination_port());
  }
  if (destination.service != nullptr &&
      destination.service->ports.size() == 1) {
    return destination.service->ports[0].port;
  }
  return BadField(absl::StatusCode::kInvalidArgument, "destination_port",
                  "must be set for this protocol");
}

absl::StatusOr<FlowKey> MakeFlow(const v1::ExplainRequest& request,
                                 const DesiredState& desired) {
  ASSIGN_OR_RETURN(End source,
                   (Finder{desired, "source"}.Find(request.source(), false)));
  ASSIGN_OR_RETURN(End destination, (Finder{desired, "destination"}.Find(
                                        request.destination(), true)));
  ASSIGN_OR_RETURN(IpFamily family, ChooseFamily(request, source, destination));
  if (request.protocol() > 255) {
    return BadField(absl::StatusCode::kInvalidArgument, "protocol",
                    absl::StrCat(request.protocol(), " is not from 0 to 255"));
  }
  IpProtocol protocol = request.protocol() == 0
                            ? IpProtocol::kTcp
                            : static_cast<IpProtocol>(request.protocol());
  if (protocol == IpProtocol::kIcmp && family == IpFamily::kIpv6) {
    protocol = IpProtocol::kIcmpv6;
  }
  ASSIGN_OR_RETURN(uint16_t port,
                   DestinationPort(request, destination, protocol));
  if (request.source_port() > 65535) {
    return BadField(absl::StatusCode::kInvalidArgument, "source_port",
                    absl::StrCat(request.source_port(),
                                 " is not a port number, 1 to 65535"));
  }
  FlowKey flow;
  flow.source = *OfFamily(source, family);
  flow.destination = *OfFamily(destination, family);
  flow.protocol = protocol;
  if (port != 0) {
    flow.destination_port = Be16::FromHost(port);
    flow.source_port =
        Be16::FromHost(request.source_port() == 0
                           ? kDefaultSourcePort
                           : static_cast<uint16_t>(request.source_port()));
  } else if (protocol == IpProtocol::kIcmp || protocol == IpProtocol::kIcmpv6) {
    // The question's type stands for a port (judge.h): an echo request.
    flow.source_port = Be16::FromHost(kIdentifier);
    flow.destination_port = Be16::FromHost(
        protocol == IpProtocol::kIcmp ? kEchoRequest : kEchoRequestV6);
  }
  return flow;
}

void Fill(const DirectionExplanation& direction, const RuleCatalog& catalog,
          v1::DirectionVerdict& out) {
  out.set_isolated(direction.isolated);
  out.set_allowed(direction.allowed);
  out.set_policy(direction.policy);
  out.set_rule(direction.rule_text);
  out.mutable_isolating_policies()->Assign(direction.isolating.begin(),
                                           direction.isolating.end());
  out.mutable_nearest_misses()->Assign(direction.nearest_misses.begin(),
                                       direction.nearest_misses.end());
  out.mutable_policies()->Assign(direction.policies.begin(),
                                 direction.policies.end());
  if (const std::optional<RuleInfo> rule = catalog.FindRule(direction.rule)) {
    out.set_rule_name(absl::StrCat(rule->section, " rule ", rule->index));
    out.set_tier(ToString(rule->tier));
  } else if (!direction.policies.empty()) {
    // No rule decided, so isolation or the default did.
    out.set_tier(ToString(direction.isolated ? PolicyTier::kNetworkPolicy
                                             : PolicyTier::kDefault));
  }
}

std::string EndpointText(const IpAddress& address, Be16 port) {
  if (address.IsIpv4()) {
    return absl::StrCat(address.ToString(), ":", port.ToHost());
  }
  return absl::StrCat("[", address.ToString(), "]:", port.ToHost());
}

void Fill(const FlowKey& flow, const Reply& reply, const Names& names,
          v1::ExplainResponse& response) {
  DropReason drop = static_cast<uint32_t>(reply.drop) < kDropReasonCount
                        ? reply.drop
                        : DropReason::kNone;
  response.set_allowed(drop == DropReason::kNone);
  if (drop != DropReason::kNone) {
    response.set_reason(std::string(DropReasonName(drop)));
  }
  const Snapshot& snapshot = names.snapshot();
  JudgedFlow judged{reply.key_after, reply.source_identity,
                    reply.destination_identity, drop};
  Explanation explanation =
      ExplainVerdict(snapshot.compiled, snapshot.stored.desired, judged);
  const RuleCatalog& catalog = *snapshot.compiled.catalog;
  Fill(explanation.egress, catalog, *response.mutable_egress());
  Fill(explanation.ingress, catalog, *response.mutable_ingress());
  if (response.allowed()) {
    *response.mutable_shadow() = JudgeShadow(snapshot.compiled, judged);
  }
  response.set_summary(explanation.summary);
  *response.mutable_flow() = ToProto(flow);
  *response.mutable_source() = names.Peer(flow.source, reply.source_identity);
  *response.mutable_destination() =
      names.Peer(reply.key_after.destination, reply.destination_identity);
  response.set_service(names.ServiceOf(flow.destination));
  if (reply.translated != 0 &&
      reply.key_after.destination != flow.destination) {
    response.set_backend(EndpointText(reply.key_after.destination,
                                      reply.key_after.destination_port));
    response.set_backend_pod(names.PeerOf(reply.key_after.destination));
  }
  if (response.allowed()) {
    response.set_out_port(names.PortName(reply.out_port));
  }
  response.set_generation(reply.generation);
}

}  // namespace

grpc::Status ObserveServiceImpl::Explain(grpc::ServerContext*,
                                         const v1::ExplainRequest* request,
                                         v1::ExplainResponse* response) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::shared_ptr<const Names> names = CurrentNames();
    const Snapshot& snapshot = names->snapshot();
    absl::StatusOr<FlowKey> flow = MakeFlow(*request, snapshot.stored.desired);
    if (!flow.ok()) return ToGrpc(flow.status());
    Command command{};
    command.kind = CommandKind::kExplain;
    command.key = *flow;
    command.in_port = names->PortOf(flow->source);
    absl::StatusOr<Reply> reply = context_.commands.Ask(command);
    if (!reply.ok()) return ToGrpc(reply.status());
    // Names and verdict must be of one generation.
    if (reply->generation == snapshot.generation) {
      Fill(*flow, *reply, *names, *response);
      return grpc::Status::OK;
    }
    absl::SleepFor(kAttemptPause);
  }
  return ToGrpc(absl::UnavailableError(
      "the dataplane has not reached the present generation; try again"));
}

}  // namespace vswitch

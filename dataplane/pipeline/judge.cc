// Judge(): service, route, source NAT, identities, policy, in this order.

#include "dataplane/pipeline/judge.h"

#include "dataplane/nat/source_nat.h"
#include "dataplane/pipeline/affinity.h"
#include "dataplane/pipeline/host_lookup.h"
#include "dataplane/policy/policy_set.h"

namespace vswitch {
namespace {

// Kubernetes' rules know ports of three protocols (NetworkPolicyPort); Cilium's
// know the types of ICMP, which a query's key has in place of the port.
bool HasPolicyPort(IpProtocol protocol) {
  return protocol == IpProtocol::kTcp || protocol == IpProtocol::kUdp ||
         protocol == IpProtocol::kSctp || protocol == IpProtocol::kIcmp ||
         protocol == IpProtocol::kIcmpv6;
}

// One judgement under way.  Each step returns why the packet goes no further,
// or kNone.
class Judging {
 public:
  Judging(const ForwardingState& state, const IdentityTable& identities,
          const JudgeQuery& query)
      : state_(state), hosts_(state, identities), query_(query) {
    result_.translated = query.key;
  }

  JudgeResult Run() {
    // What is known of the ends is filled in even if a step before refuses:
    // drop records and explain show it.
    const DropReason source_reason = FindSource();
    result_.drop = Translate();
    const DropReason destination_reason = FindDestination();
    for (DropReason reason : {source_reason, destination_reason}) {
      if (result_.drop == DropReason::kNone) result_.drop = reason;
    }
    if (result_.drop == DropReason::kNone) result_.drop = ChooseSource();
    if (result_.drop == DropReason::kNone) result_.drop = CheckLabelsKnown();
    if (result_.drop == DropReason::kNone) result_.drop = AskPolicy();
    if (result_.drop == DropReason::kNone) AskShadow();
    return result_;
  }

 private:
  DropReason Translate() {
    if (query_.kept_translation.has_value()) {
      result_.translated = *query_.kept_translation;
      return DropReason::kNone;
    }
    const ClientSide side = ClientSideOf(state_, query_.in_port);
    const ServiceLookup found = state_.services().Lookup(query_.key, side);
    if (found.kind == ServiceLookupKind::kNotService) return DropReason::kNone;
    result_.is_service = true;
    if (found.service != nullptr) result_.service = found.service->service;
    switch (found.kind) {
      case ServiceLookupKind::kNoPort:
        return DropReason::kServiceNoPort;
      case ServiceLookupKind::kInsideOnly:
        return DropReason::kServiceInsideOnly;
      case ServiceLookupKind::kSourceRange:
        return DropReason::kServiceSourceRange;
      default:
        break;
    }
    const BackendRecord* backend = SelectBackend(*found.service, side);
    if (backend == nullptr) {
      return ServiceTable::IsElsewhere(*found.service, side)
                 ? DropReason::kServiceNoLocalBackend
                 : DropReason::kServiceNoBackend;
    }
    result_.affinity_s = found.service->affinity_s;
    result_.translated = ServiceTable::Translate(query_.key, *backend);
    return DropReason::kNone;
  }

  const BackendRecord* SelectBackend(const ServiceRecord& service,
                                     ClientSide side) const {
    const ServiceTable& services = state_.services();
    if (service.affinity_s != 0 && query_.connections != nullptr) {
      const ConnectionView kept =
          query_.connections->Lookup(AffinityKey(query_.key));
      if (IsAffinity(kept)) {
        const BackendEnd end = BackendOf(kept.record);
        // It may be none any more, or be on its way out.
        const BackendRecord* backend =
            services.FindBackend(service, side, end.address, end.port);
        if (backend != nullptr) return backend;
      }
    }
    if (query_.underway_s.has_value()) {
      const BackendRecord* backend = state_.earlier_services().SelectEarlier(
          query_.key, side, *query_.underway_s);
      if (backend != nullptr) return backend;
    }
    return services.Select(service, query_.key, side);
  }

  // Finds what is at `address`: an endpoint of this node, or what a route
  // leads to.
  DropReason FindEnd(const IpAddress& address, JudgedEnd& end) const {
    const HostBinding binding = hosts_.BindingOf(address);
    end.identity = binding.identity;
    end.epoch = binding.epoch;
    const EndpointRecord* endpoint = binding.endpoint == kNoEndpoint
                                         ? nullptr
                                         : state_.endpoint(binding.endpoint);
    if (endpoint != nullptr) {
      end.endpoint = binding.endpoint;
      end.identity = endpoint->identity;
      end.port = endpoint->port;
    } else {
      const std::optional<RouteTarget> route = state_.route(address);
      if (!route.has_value()) return DropReason::kNoRoute;
      if (route->kind == RouteKind::kUnreachable) {
        return DropReason::kHostUnreachable;
      }
      if (route->kind == RouteKind::kBroadcast) {
        return DropReason::kBroadcastNotForwarded;
      }
      end.port = route->port;
      end.keeps_source = route->keeps_source != 0;
      // Not bound to anything, so it is outside of the cluster.
      if (end.identity == kIdentityUnknown) end.identity = kIdentityWorld;
    }
    const PortRecord* port = state_.port(end.port);
    if (port == nullptr) return DropReason::kHostUnreachable;
    return port->ready != 0 ? DropReason::kNone : DropReason::kPortNotReady;
  }

  DropReason FindSource() {
    JudgedEnd& source = result_.source;
    const PortRecord* port = state_.port(query_.in_port);
    if (port == nullptr) return FindEnd(query_.key.source, source);
    // On a pod's port the identity is the port's, never the packet's: the
    // guard has seen to it that the address is the pod's own.
    if (port->kind == PortKind::kPod) {
      const EndpointRecord* endpoint = state_.endpoint(port->endpoint);
      if (endpoint == nullptr) return DropReason::kEndpointInit;
      source.endpoint = port->endpoint;
      source.identity = endpoint->identity;
      source.epoch = hosts_.BindingOf(query_.key.source).epoch;
    } else {
      // Whether a route leads back does not matter: the answers leave by the
      // port that the packet came in by.
      FindEnd(query_.key.source, source);
      if (source.identity == kIdentityUnknown) {
        source.identity = kIdentityWorld;
      }
    }
    source.port = query_.in_port;
    return DropReason::kNone;
  }

  DropReason FindDestination() {
    const DropReason reason =
        FindEnd(result_.translated.destination, result_.destination);
    if (reason != DropReason::kNone) return reason;
    // The switch is no way from the outside to the outside: a packet that
    // would leave where it came from was sent here by mistake, unless a service
    // sends it on.
    return TurnsBack() && !IsServed() ? DropReason::kNoRoute
                                      : DropReason::kNone;
  }

  bool TurnsBack() const {
    const PortRecord& port = *state_.port(result_.destination.port);
    return result_.destination.port == result_.source.port &&
           port.kind != PortKind::kPod;
  }
  // Whether a service takes the connection to another node's backend.
  bool IsServed() const {
    return result_.translated.destination != query_.key.destination;
  }

  // Decides under which address the destination sees the source.
  DropReason ChooseSource() {
    const FlowKey& translated = result_.translated;
    // A pod that reaches itself through a service would see its own address as
    // the peer's; answers would not come back through the switch.
    const bool is_own = translated.source == translated.destination &&
                        query_.key.destination != translated.destination;
    // The backend's answer has to come back here, not to go to the client.
    const bool turns_back = TurnsBack();
    if (is_own || turns_back || IsPodToWorld()) {
      result_.nat_address =
          NatAddressFor(state_.settings().nat, translated.source);
    }
    if (result_.nat_address.has_value()) return DropReason::kNone;
    if (is_own) return DropReason::kServiceHairpin;
    return turns_back ? DropReason::kNoRoute : DropReason::kNone;
  }

  bool IsPodToWorld() const {
    const JudgedEnd& destination = result_.destination;
    const EndpointRecord* from = state_.endpoint(result_.source.endpoint);
    if (from == nullptr || from->is_host != 0 || destination.keeps_source ||
        destination.identity != kIdentityWorld) {
      return false;
    }
    return state_.port(destination.port)->kind == PortKind::kUplink;
  }

  DropReason CheckLabelsKnown() const {
    for (const JudgedEnd* end : {&result_.source, &result_.destination}) {
      const EndpointRecord* endpoint = state_.endpoint(end->endpoint);
      if (endpoint != nullptr && endpoint->is_init != 0) {
        return DropReason::kEndpointInit;
      }
    }
    return DropReason::kNone;
  }

  PolicyVerdict Ask(PolicySetId set, const JudgedEnd& peer,
                    const IpAddress& peer_address) const {
    const FlowKey& key = result_.translated;
    return state_.policy().Lookup(
        set, {.peer = peer.identity,
              .peer_address = peer_address,
              .protocol = key.protocol,
              .destination_port = key.destination_port.ToHost(),
              .has_port = HasPolicyPort(key.protocol)});
  }

  // The endpoints whose policies are asked, nullptr: none of ours.
  const EndpointRecord* AskedOnEgress() const {
    return state_.endpoint(result_.source.endpoint);
  }
  const EndpointRecord* AskedOnIngress() const {
    const EndpointRecord* from = state_.endpoint(result_.source.endpoint);
    const EndpointRecord* to = state_.endpoint(result_.destination.endpoint);
    // NetworkPolicy: "traffic to and from the node where a Pod is running is
    // always allowed", else the kubelet could not probe its pods.
    const bool is_probe = from != nullptr && from->is_host != 0 &&
                          to != nullptr && to->is_host == 0;
    return is_probe ? nullptr : to;
  }

  PolicyVerdict AskEgress(PolicySetId set) const {
    return Ask(set, result_.destination, result_.translated.destination);
  }
  PolicyVerdict AskIngress(PolicySetId set) const {
    return Ask(set, result_.source, query_.key.source);
  }

  DropReason AskPolicy() {
    const EndpointRecord* from = AskedOnEgress();
    if (from != nullptr && from->egress != kNoPolicySet) {
      result_.asked_egress = true;
      result_.egress = AskEgress(from->egress);
      result_.rule = result_.egress.rule;
      if (!result_.egress.allowed) return Denied(result_.egress);
    }
    const EndpointRecord* to = AskedOnIngress();
    if (to != nullptr && to->ingress != kNoPolicySet) {
      result_.asked_ingress = true;
      result_.ingress = AskIngress(to->ingress);
      if (result_.ingress.rule != kNoRule || !result_.ingress.allowed) {
        result_.rule = result_.ingress.rule;
      }
      if (!result_.ingress.allowed) return Denied(result_.ingress);
    }
    return DropReason::kNone;
  }

  void AskShadow() {
    const EndpointRecord* from = AskedOnEgress();
    if (from != nullptr && from->shadow_egress != kNoPolicySet) {
      const PolicyVerdict verdict = AskEgress(from->shadow_egress);
      if (!verdict.allowed) {
        result_.shadow_denial = {PolicyDirection::kEgress, verdict.rule};
        return;
      }
    }
    const EndpointRecord* to = AskedOnIngress();
    if (to != nullptr && to->shadow_ingress != kNoPolicySet) {
      const PolicyVerdict verdict = AskIngress(to->shadow_ingress);
      if (!verdict.allowed) {
        result_.shadow_denial = {PolicyDirection::kIngress, verdict.rule};
      }
    }
  }

  static DropReason Denied(const PolicyVerdict& verdict) {
    return verdict.rule == kNoRule ? DropReason::kPolicyDenied
                                   : DropReason::kPolicyDenyRule;
  }

  const ForwardingState& state_;
  const HostLookup hosts_;
  const JudgeQuery& query_;
  JudgeResult result_;
};

}  // namespace

JudgeResult Judge(const ForwardingState& state, const IdentityTable& identities,
                  const JudgeQuery& query) {
  return Judging(state, identities, query).Run();
}

}  // namespace vswitch

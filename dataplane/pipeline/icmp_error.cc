// SendIcmpError(): the rules and the limits before an error is built.

#include "dataplane/pipeline/icmp_error.h"

#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"

namespace vswitch {
namespace {

// Returns the switch's address on the link of the packet in question, for the
// same family and, where it can be, the same scope (RFC 4443 2.2 (d)).
IpAddress ErrorSource(const Settings& settings, const PacketMeta& meta) {
  if (meta.l3 == L3Kind::kIpv4) return settings.gateway_ipv4;
  return meta.key.source.IsLinkLocal() || settings.gateway_ipv6.IsUnspecified()
             ? settings.gateway_link_local
             : settings.gateway_ipv6;
}

struct Request {
  IcmpError error;
  uint32_t mtu = 0;
  IpAddress source;
};

// Returns whether the error was sent.
bool Send(PipelineContext& context, Burst& burst, uint32_t slot,
          const Request& request) {
  const rte_mbuf& packet = *burst.packets[slot];
  const PacketMeta& meta = burst.metas[slot];
  const Settings& settings = burst.state->settings();
  WorkerCounters& counters = context.counters();
  counters.icmp_wanted.Add(1);
  if (request.source.IsUnspecified() ||
      !MayCauseIcmpError(meta, packet, request.error)) {
    counters.icmp_suppressed_rule.Add(1);
    return false;
  }
  rte_mbuf* answer = nullptr;
  if (context.icmp_limiter.Take(settings, burst.in_port, burst.now_ns)) {
    answer = context.NewPacket();
  }
  if (answer == nullptr) {
    counters.icmp_suppressed_rate.Add(1);
    return false;
  }
  BuildIcmpError(
      packet, meta,
      {.error = request.error,
       .mtu = request.mtu,
       .source = request.source,
       .source_mac = settings.gateway_mac,
       .destination_mac = HeaderAt<EthernetHeader>(packet, 0)->source},
      *answer);
  context.SendOwn(*answer, burst.in_port);
  counters.icmp_sent.Add(1);
  return true;
}

}  // namespace

std::optional<IcmpError> ErrorFor(DropReason reason) {
  switch (reason) {
    case DropReason::kNoRoute:
      return IcmpError::kNoRoute;
    case DropReason::kHostUnreachable:
    case DropReason::kConnectionsFull:
    case DropReason::kConnectionQuota:
    case DropReason::kNatPodQuota:
    case DropReason::kNatPortsExhausted:
      return IcmpError::kHostUnreachable;
    // As kube-proxy's REJECT does.
    case DropReason::kServiceNoBackend:
    case DropReason::kServiceNoPort:
      return IcmpError::kPortUnreachable;
    default:
      return std::nullopt;
  }
}

void SendIcmpError(PipelineContext& context, Burst& burst, uint32_t slot,
                   IcmpError error, uint32_t mtu) {
  const IpAddress source =
      ErrorSource(burst.state->settings(), burst.metas[slot]);
  Send(context, burst, slot, {.error = error, .mtu = mtu, .source = source});
}

bool SendProhibited(PipelineContext& context, Burst& burst, uint32_t slot,
                    SentTo sent_to) {
  const PacketMeta& meta = burst.metas[slot];
  const IpAddress source = sent_to == SentTo::kService
                               ? meta.key.destination
                               : ErrorSource(burst.state->settings(), meta);
  return Send(context, burst, slot,
              {.error = IcmpError::kAdministrative, .source = source});
}

}  // namespace vswitch

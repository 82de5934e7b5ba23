// Stage rewrite: makes each packet what leaves.  A segment of a kernel's
// segmentation offload stays whole and keeps its partial checksum; only its
// headers change.

#include "dataplane/packet/rewrite.h"

#include <algorithm>

#include "dataplane/nat/source_nat.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/ipv4_cutter.h"
#include "dataplane/packet/mss_clamp.h"
#include "dataplane/packet/packet.h"
#include "dataplane/pipeline/burst.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/flow_keys.h"
#include "dataplane/pipeline/icmp_error.h"
#include "dataplane/pipeline/next_hop.h"
#include "dataplane/pipeline/related.h"
#include "dataplane/pipeline/stages.h"

namespace vswitch {
namespace {

// Returns the bytes of the largest IP packet that arrives at the receiver: of
// a segment to be cut, one of its parts.
uint32_t LargestIpBytes(const rte_mbuf& packet, const PacketMeta& meta) {
  if (packet.tso_segsz == 0 || meta.fragment != FragmentKind::kWhole) {
    return meta.packet_bytes - meta.l3_offset;
  }
  const uint32_t header_bytes = meta.headers_end - meta.l3_offset;
  return header_bytes + packet.tso_segsz;
}

void Translate(rte_mbuf& packet, PacketMeta& meta, const Burst& burst,
               uint32_t slot, const ConnectionView& view) {
  if (meta.icmp == IcmpKind::kError) {
    TranslateRelated(packet, meta, view);
    return;
  }
  const FlowKey& leaving = burst.leaving_keys[slot];
  if (leaving == burst.keys[slot]) return;
  RewriteFlow(packet, meta,
              meta.icmp == IcmpKind::kQuery
                  ? PacketKeyOfQuery(leaving, meta.icmp_type)
                  : leaving);
}

// Lowers the MSS that a SYN names to what fits both links: that its answers
// come by, and that it leaves by (conformance T-18).
void ClampSegments(rte_mbuf& packet, const PacketMeta& meta, const Burst& burst,
                   const PortRecord& out) {
  if ((meta.tcp_flags & kTcpSyn) == 0 ||
      meta.fragment == FragmentKind::kLater) {
    return;
  }
  ClampMss(packet, meta, std::min(out.mtu, burst.port->mtu));
}

// RFC 6864 4: datagrams that are or may yet be in fragments need to differ in
// their identifications.
bool IsAtomic(const PacketMeta& meta) {
  return meta.dont_fragment && meta.fragment == FragmentKind::kWhole;
}

// What leaves from an address that several senders share gets an identification
// that none of the others uses.
void SetSharedId(PipelineContext& context, const Burst& burst, rte_mbuf& packet,
                 const PacketMeta& meta) {
  if (IsAtomic(meta) ||
      !IsNatAddress(burst.state->settings().nat, meta.key.source)) {
    return;
  }
  SetDatagramId(packet, meta,
                meta.fragment == FragmentKind::kWhole
                    ? context.datagram_ids.NextOf(meta)
                    : meta.leaving_id);
}

}  // namespace

void RunRewrite(PipelineContext& context, Burst& burst) {
  const MacAddress& gateway_mac = burst.state->settings().gateway_mac;
  burst.KeepIf([&](uint32_t slot) {
    rte_mbuf& packet = *burst.packets[slot];
    PacketMeta& meta = burst.metas[slot];
    const PortRecord* out = burst.state->port(meta.out_port);
    // Verdicts of this generation only name ports that it has.
    if (out == nullptr) {
      context.Drop(burst, slot, DropReason::kHostUnreachable);
      return false;
    }
    const bool fits = LargestIpBytes(packet, meta) <= out->mtu;
    if (!fits && !Ipv4Cutter::MayCut(packet, meta, out->mtu)) {
      // RFC 1191 3 and RFC 8201.
      SendIcmpError(context, burst, slot, IcmpError::kPacketTooBig, out->mtu);
      context.Drop(burst, slot, DropReason::kMtuExceeded);
      return false;
    }
    MacAddress next_hop_mac;
    if (!FindNextHop(context, burst, slot, *out, next_hop_mac)) return false;
    // What stands behind the packet's end in the frame may be somebody's
    // secret (CVE-2003-0001).
    if (PacketBytes(packet) > meta.packet_bytes) {
      TrimPacket(packet, meta.packet_bytes);
    }
    Translate(packet, meta, burst, slot, burst.View(slot));
    SetSharedId(context, burst, packet, meta);
    DecrementTtl(packet, meta);
    ClampSegments(packet, meta, burst, *out);
    SetMacAddresses(packet, next_hop_mac, gateway_mac);
    if (!fits) {
      // No port can complete a checksum over several packets.
      if (meta.l4_checksum == L4Checksum::kPartial) {
        CompleteL4Checksum(packet, meta);
      }
      meta.cut_to_bytes = out->mtu;
    }
    SetTransmitOffloads(packet, meta);
    return true;
  });
}

}  // namespace vswitch

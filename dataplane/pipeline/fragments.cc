// Stage fragments: gives a later fragment the ports of its first one, so that
// both have one verdict and one translation.

#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "dataplane/pipeline/burst.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/stages.h"

namespace vswitch {
namespace {

// Returns how many bytes of the datagram the fragment carries.  For IPv6 that
// is all behind the fragment header, extension headers included (RFC 8200 4.5);
// Parse() has checked that there is one, and every length before it.
uint32_t FragmentBytes(const rte_mbuf& packet, const PacketMeta& meta) {
  if (meta.l3 == L3Kind::kIpv4) return meta.l4_bytes;
  uint32_t offset = meta.l3_offset + sizeof(Ipv6Header);
  auto next = static_cast<IpProtocol>(
      HeaderAt<Ipv6Header>(packet, meta.l3_offset)->next_header);
  while (next != IpProtocol::kFragment && offset < meta.l4_offset) {
    const auto& header = *HeaderAt<Ipv6ExtensionHeader>(packet, offset);
    next = static_cast<IpProtocol>(header.next_header);
    offset += header.HeaderBytes();
  }
  return meta.packet_bytes - offset -
         static_cast<uint32_t>(sizeof(Ipv6FragmentHeader));
}

}  // namespace

void RunFragments(PipelineContext& context, Burst& burst) {
  burst.KeepIf([&](uint32_t slot) {
    PacketMeta& meta = burst.metas[slot];
    if (meta.fragment == FragmentKind::kWhole) return true;
    const DropReason reason = context.fragments.Track(
        meta, FragmentBytes(*burst.packets[slot], meta), burst.now_ns);
    if (reason == DropReason::kNone) return true;
    context.Drop(burst, slot, reason);
    return false;
  });
}

}  // namespace vswitch

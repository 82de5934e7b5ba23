// Stage fragments: gives a later fragment the ports of its first one, so that
// both have one verdict and one translation; one that comes too early waits.

#include <span>

#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse.h"
#include "dataplane/pipeline/burst.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/stages.h"

namespace vswitch {
namespace {

// Returns how many bytes of the datagram the fragment carries.  For IPv6 that
// is all behind the fragment header, extension headers included (RFC 8200 4.5).
uint32_t FragmentBytes(const rte_mbuf& packet, const PacketMeta& meta) {
  if (meta.l3 == L3Kind::kIpv4) return meta.l4_bytes;
  return meta.packet_bytes - FragmentHeaderOffset(packet, meta) -
         static_cast<uint32_t>(sizeof(Ipv6FragmentHeader));
}

// Keeps back a fragment whose first one has not come; returns why not, or
// kNone.
DropReason Hold(PipelineContext& context, const Burst& burst, uint32_t slot) {
  if (!context.held_fragments.Hold(*burst.packets[slot], burst.metas[slot],
                                   burst.now_ns)) {
    return DropReason::kFragQuota;
  }
  Counter& held = context.counters(burst.in_port).held;
  held.Set(held.value() + 1);
  return DropReason::kNone;
}

// Lets the fragments that waited for this first one follow this burst.
void Release(PipelineContext& context, const PacketMeta& first) {
  const uint32_t count = context.held_fragments.TakeDatagram(
      first, std::span(context.released).subspan(context.released_count));
  if (count == 0) return;
  context.released_count += count;
  Counter& held = context.counters(first.in_port).held;
  held.Set(held.value() - count);
}

}  // namespace

void RunFragments(PipelineContext& context, Burst& burst) {
  burst.KeepIf([&](uint32_t slot) {
    PacketMeta& meta = burst.metas[slot];
    if (meta.fragment == FragmentKind::kWhole) return true;
    if (meta.fragment == FragmentKind::kFirst) {
      meta.leaving_id = context.datagram_ids.NextOf(meta);
    }
    DropReason reason = context.fragments.Track(
        meta, FragmentBytes(*burst.packets[slot], meta), burst.now_ns);
    if (reason == DropReason::kFragNoFirst) {
      reason = Hold(context, burst, slot);
      if (reason == DropReason::kNone) return false;
    }
    if (reason != DropReason::kNone) {
      context.Drop(burst, slot, reason);
      return false;
    }
    if (meta.fragment == FragmentKind::kFirst) Release(context, meta);
    return true;
  });
}

}  // namespace vswitch

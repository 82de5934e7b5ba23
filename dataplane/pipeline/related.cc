// ICMP errors about known connections.

#include "dataplane/pipeline/related.h"

#include "dataplane/base/planted_bug.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse.h"
#include "dataplane/packet/rewrite.h"
#include "dataplane/pipeline/flow_keys.h"

namespace vswitch {
namespace {

uint8_t InnerIcmpType(const rte_mbuf& packet, const IcmpInner& inner) {
  return HeaderAt<IcmpHeader>(packet, inner.l4_offset)->type;
}

// Returns the connection key of the quoted packet.
FlowKey InnerKey(const rte_mbuf& packet, const IcmpInner& inner) {
  return inner.is_query ? IcmpQueryKey(inner.key, InnerIcmpType(packet, inner))
                        : inner.key;
}

}  // namespace

std::optional<FlowKey> RelatedKey(const rte_mbuf& packet,
                                  const PacketMeta& meta, bool from_pod) {
  // The quotation of a fragmented error is not all there.
  if (meta.fragment != FragmentKind::kWhole) return std::nullopt;
  const FlowKey key = InnerKey(packet, ReadIcmpInner(packet, meta)).Reversed();
  if (meta.key.destination != key.destination) return std::nullopt;
  if (from_pod && meta.key.source != key.source) return std::nullopt;
  return key;
}

void TranslateRelated(rte_mbuf& packet, PacketMeta& meta,
                      const ConnectionView& view) {
  if (!view.record.IsTranslated()) return;
  const FlowKey before = view.record.Key(view.direction);
  const FlowKey after = view.record.TranslatedKey(view.direction);
  const IcmpInner inner = ReadIcmpInner(packet, meta);
  FlowKey quoted = after.Reversed();
  if (inner.is_query) {
    quoted = PacketKeyOfQuery(quoted, InnerIcmpType(packet, inner));
  }
  if (kPlantedBug != PlantedBug::kQuotationKept) {
    RewriteIcmpInner(packet, meta, inner, quoted);
  }
  FlowKey outer = meta.key;
  // The error may come from a router on the way, whose address stays.
  if (outer.source == before.source) outer.source = after.source;
  outer.destination = after.destination;
  RewriteFlow(packet, meta, outer);
}

}  // namespace vswitch

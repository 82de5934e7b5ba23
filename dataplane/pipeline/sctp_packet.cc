// Reads an SCTP header and the chunks behind it for connection tracking.

#include "dataplane/pipeline/sctp_packet.h"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"

namespace vswitch {
namespace {

constexpr uint32_t kChunkHeaderBytes = 4;
constexpr uint8_t kTagReflected = 1;  // the T bit of a chunk's flags

// Notes the chunk at `offset`; returns where the next one is.
uint32_t ReadChunk(const uint8_t* data, uint32_t offset, uint32_t end,
                   SctpPacket& sctp) {
  const uint8_t type = data[offset];
  const auto length =
      static_cast<uint32_t>(data[offset + 2] << 8 | data[offset + 3]);
  if (type < 32) sctp.chunks |= 1u << type;
  const auto chunk = static_cast<SctpChunk>(type);
  if (chunk == SctpChunk::kAbort || chunk == SctpChunk::kShutdownComplete) {
    sctp.is_reflected = (data[offset + 1] & kTagReflected) != 0;
  }
  const bool has_tag =
      chunk == SctpChunk::kInit || chunk == SctpChunk::kInitAck;
  if (has_tag && offset + kChunkHeaderBytes + 4 <= end) {
    WireBe32 tag;
    std::memcpy(&tag, data + offset + kChunkHeaderBytes, sizeof(tag));
    sctp.initiate_tag = tag.ToHost();
  }
  return offset + ((length + 3) & ~3u);
}

}  // namespace

SctpPacket ReadSctpPacket(const rte_mbuf& packet, const PacketMeta& meta) {
  SctpPacket sctp;
  if (meta.key.protocol != IpProtocol::kSctp ||
      meta.fragment == FragmentKind::kLater) {
    return sctp;
  }
  sctp.tag =
      HeaderAt<SctpHeader>(packet, meta.l4_offset)->verification_tag.ToHost();
  if (meta.fragment != FragmentKind::kWhole) return sctp;
  sctp.is_whole = true;
  const uint32_t end = std::min(FirstSegmentBytes(packet),
                                uint32_t{meta.l4_offset} + meta.l4_bytes);
  uint32_t offset = meta.l4_offset + sizeof(SctpHeader);
  while (offset + kChunkHeaderBytes <= end) {
    const uint32_t next = ReadChunk(Data(packet), offset, end, sctp);
    // Parse() refuses a length below a chunk header's.
    if (next <= offset) break;
    offset = next;
  }
  return sctp;
}

}  // namespace vswitch

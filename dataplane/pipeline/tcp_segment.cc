// Reads a TCP header and its options for connection tracking.

#include "dataplane/pipeline/tcp_segment.h"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"

namespace vswitch {
namespace {

uint32_t ReadBe32(const uint8_t* bytes) {
  WireBe32 value;
  std::memcpy(&value, bytes, sizeof(value));
  return value.ToHost();
}

// Raises segment.highest_sack to the right edge of each block (RFC 2018).
void ReadSackBlocks(const uint8_t* option, TcpSegment& segment) {
  for (uint32_t at = 2; at + 8 <= option[1]; at += 8) {
    const uint32_t edge = ReadBe32(option + at + 4);
    if (static_cast<int32_t>(edge - segment.highest_sack) > 0) {
      segment.highest_sack = edge;
    }
  }
}

void ReadOptions(const uint8_t* option, const uint8_t* end,
                 TcpSegment& segment) {
  // What almost every segment has (RFC 7323 appendix A): NOP NOP timestamps.
  if (end - option == 12 && option[0] == kTcpOptionNop &&
      option[1] == kTcpOptionNop && option[2] == kTcpOptionTimestamps) {
    return;
  }
  while (option < end && *option != kTcpOptionEnd) {
    if (*option == kTcpOptionNop) {
      ++option;
      continue;
    }
    if (*option == kTcpOptionWindowScale) {
      segment.has_scale = true;
      segment.scale = std::min(option[2], kMaxWindowScale);
    } else if (*option == kTcpOptionSackPermitted) {
      segment.permits_sack = true;
    } else if (*option == kTcpOptionSack) {
      ReadSackBlocks(option, segment);
    }
    option += option[1];
  }
}

}  // namespace

TcpSegment ReadTcpSegment(const rte_mbuf& packet, const PacketMeta& meta) {
  TcpSegment segment;
  if (meta.key.protocol != IpProtocol::kTcp ||
      meta.fragment == FragmentKind::kLater) {
    return segment;
  }
  const auto* tcp = HeaderAt<TcpHeader>(packet, meta.l4_offset);
  const uint32_t header_bytes = tcp->HeaderBytes();
  segment.flags = tcp->flags;
  segment.sequence = tcp->sequence.ToHost();
  segment.end = segment.sequence + meta.l4_bytes - header_bytes +
                ((tcp->flags & kTcpSyn) != 0 ? 1 : 0) +
                ((tcp->flags & kTcpFin) != 0 ? 1 : 0);
  segment.acknowledgment = tcp->acknowledgment.ToHost();
  segment.highest_sack = segment.acknowledgment;
  segment.window = tcp->window.ToHost();
  segment.is_fragment = meta.fragment == FragmentKind::kFirst;
  if (header_bytes > sizeof(TcpHeader)) {
    const auto* header = reinterpret_cast<const uint8_t*>(tcp);
    ReadOptions(header + sizeof(TcpHeader), header + header_bytes, segment);
  }
  return segment;
}

}  // namespace vswitch

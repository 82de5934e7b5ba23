// Accessors that walk the segments of a packet.

#include "dataplane/packet/packet.h"

#include <algorithm>
#include <cstring>

namespace vswitch {

void TrimPacket(rte_mbuf& packet, uint32_t bytes) {
  packet.pkt_len = bytes;
  for (rte_mbuf* segment = &packet; segment != nullptr;
       segment = segment->next) {
    uint32_t kept = std::min<uint32_t>(segment->data_len, bytes);
    segment->data_len = static_cast<uint16_t>(kept);
    bytes -= kept;
  }
}

void CopyFromPacket(const rte_mbuf& packet, uint32_t offset, uint32_t bytes,
                    uint8_t* out) {
  for (const rte_mbuf* segment = &packet; segment != nullptr && bytes > 0;
       segment = segment->next) {
    if (offset >= segment->data_len) {
      offset -= segment->data_len;
      continue;
    }
    uint32_t part = std::min<uint32_t>(segment->data_len - offset, bytes);
    std::memcpy(out, Data(*segment) + offset, part);
    out += part;
    bytes -= part;
    offset = 0;
  }
}

}  // namespace vswitch

// ClampMss(): the MSS option and the checksum that covers it.

#include "dataplane/packet/mss_clamp.h"

#include <cstring>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"

namespace vswitch {
namespace {

constexpr uint32_t kMssOptionBytes = 4;

// Lowers the option at `offset` of the TCP header at `tcp`.
void LowerOption(uint8_t* tcp, uint32_t offset, uint32_t largest,
                 bool has_whole_checksum) {
  auto* value = reinterpret_cast<WireBe16*>(tcp + offset + 2);
  if (value->ToHost() <= largest) return;
  // The checksum's words begin at even distances from the header; the option
  // need not.  Its four bytes, and one more before an even end of the header,
  // hold all words that change.
  uint8_t* words = tcp + (offset & ~1u);
  const uint32_t bytes = kMssOptionBytes + 2 * (offset & 1);
  uint8_t before[kMssOptionBytes + 2];
  std::memcpy(before, words, bytes);
  *value = Be16::FromHost(static_cast<uint16_t>(largest));
  // A partial checksum is the pseudo-header's alone.
  if (!has_whole_checksum) return;
  auto* header = reinterpret_cast<TcpHeader*>(tcp);
  header->checksum = UpdateChecksum(header->checksum, before, words, bytes);
}

}  // namespace

void ClampMss(rte_mbuf& packet, const PacketMeta& meta, uint32_t mtu) {
  const uint32_t header_bytes =
      (meta.l3 == L3Kind::kIpv4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header)) +
      sizeof(TcpHeader);
  if (mtu <= header_bytes) return;
  const uint32_t largest = mtu - header_bytes;
  uint8_t* tcp = Data(packet) + meta.l4_offset;
  const uint32_t end = reinterpret_cast<TcpHeader*>(tcp)->HeaderBytes();
  uint32_t offset = sizeof(TcpHeader);
  while (offset + kMssOptionBytes <= end && tcp[offset] != kTcpOptionEnd) {
    if (tcp[offset] == kTcpOptionNop) {
      ++offset;
      continue;
    }
    const uint32_t bytes = tcp[offset + 1];
    if (bytes < 2 || bytes > end - offset) return;
    if (tcp[offset] == kTcpOptionMss && bytes == kMssOptionBytes) {
      LowerOption(tcp, offset, largest,
                  meta.l4_checksum == L4Checksum::kComplete);
    }
    offset += bytes;
  }
}

}  // namespace vswitch

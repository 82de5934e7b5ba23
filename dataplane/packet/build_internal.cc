// Ethernet and IP headers of the switch's own packets.

#include "dataplane/packet/build_internal.h"

#include <cstring>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/packet.h"

namespace vswitch {

void WriteEthernet(rte_mbuf& out, const MacAddress& destination,
                   const MacAddress& source, uint16_t type) {
  auto* ethernet = HeaderAt<EthernetHeader>(out, 0);
  ethernet->destination = destination;
  ethernet->source = source;
  ethernet->type = Be16::FromHost(type);
}

uint32_t WriteIp(rte_mbuf& out, const IpAddress& source,
                 const IpAddress& destination, IpProtocol protocol,
                 uint32_t payload_bytes, uint8_t traffic_class, uint8_t ttl) {
  const uint32_t offset = sizeof(EthernetHeader);
  if (source.IsIpv4()) {
    auto* header = HeaderAt<Ipv4Header>(out, offset);
    header->version_ihl = 0x45;
    header->tos = traffic_class;
    header->total_length = Be16::FromHost(
        static_cast<uint16_t>(sizeof(Ipv4Header) + payload_bytes));
    // RFC 6864 4.1: an atomic datagram's identification means nothing.
    header->identification = Be16{0};
    header->flags_offset = Be16::FromHost(kIpv4DontFragment);
    header->ttl = ttl;
    header->protocol = static_cast<uint8_t>(protocol);
    header->checksum = Be16{0};
    header->source = source.ToIpv4();
    header->destination = destination.ToIpv4();
    header->checksum = ChecksumOf(SumBytes(header, sizeof(Ipv4Header)));
    return offset + sizeof(Ipv4Header);
  }
  auto* header = HeaderAt<Ipv6Header>(out, offset);
  header->version_class = static_cast<uint8_t>(0x60 | (traffic_class >> 4));
  header->class_flow = static_cast<uint8_t>(traffic_class << 4);
  header->flow = Be16{0};
  header->payload_length = Be16::FromHost(static_cast<uint16_t>(payload_bytes));
  header->next_header = static_cast<uint8_t>(protocol);
  header->hop_limit = ttl;
  std::memcpy(header->source, source.bytes.data(), 16);
  std::memcpy(header->destination, destination.bytes.data(), 16);
  return offset + sizeof(Ipv6Header);
}

}  // namespace vswitch

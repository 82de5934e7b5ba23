// TCP resets: their numbers and their bytes.

#include "dataplane/packet/tcp_reset.h"

#include "dataplane/packet/build.h"
#include "dataplane/packet/build_internal.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"

namespace vswitch {
namespace {

const TcpHeader& HeaderOf(const rte_mbuf& segment, const PacketMeta& meta) {
  return *HeaderAt<TcpHeader>(segment, meta.l4_offset);
}

// RFC 9293 3.4: SYN and FIN take a sequence number each, like a byte of data.
// Of a first fragment only the bytes in hand are known.
uint32_t SegmentLength(const TcpHeader& header, const PacketMeta& meta) {
  uint32_t length = meta.l4_bytes - header.HeaderBytes();
  if ((header.flags & kTcpSyn) != 0) ++length;
  if ((header.flags & kTcpFin) != 0) ++length;
  return length;
}

}  // namespace

bool MayCauseTcpReset(const PacketMeta& meta, const rte_mbuf& packet) {
  return meta.key.protocol == IpProtocol::kTcp &&
         (meta.tcp_flags & kTcpRst) == 0 &&
         MayCauseIcmpError(meta, packet, IcmpError::kAdministrative);
}

TcpReset ResetForSender(const rte_mbuf& segment, const PacketMeta& meta) {
  const TcpHeader& header = HeaderOf(segment, meta);
  TcpReset reset{.key = meta.key.Reversed()};
  if ((header.flags & kTcpAck) != 0) {
    reset.sequence = header.acknowledgment.ToHost();
    return reset;
  }
  reset.acknowledgment = header.sequence.ToHost() + SegmentLength(header, meta);
  reset.has_ack = true;
  return reset;
}

TcpReset ResetForReceiver(const rte_mbuf& segment, const FlowKey& leaving,
                          const PacketMeta& meta) {
  const TcpHeader& header = HeaderOf(segment, meta);
  TcpReset reset{.key = leaving, .sequence = header.sequence.ToHost()};
  // A receiver that knows of the SYN expects what comes behind it; one that
  // does not know it has nothing to reset.
  if ((header.flags & kTcpSyn) != 0) ++reset.sequence;
  if ((header.flags & kTcpAck) != 0) {
    reset.acknowledgment = header.acknowledgment.ToHost();
    reset.has_ack = true;
  }
  return reset;
}

void BuildTcpReset(const TcpReset& reset, const EthernetEnds& ends,
                   rte_mbuf& out) {
  const FlowKey& key = reset.key;
  StartPacket(out, sizeof(EthernetHeader) + IpHeaderBytes(key.source.IsIpv4()) +
                       sizeof(TcpHeader));
  WriteEthernet(out, ends.destination, ends.source, EtherTypeOf(key.source));
  const uint32_t offset =
      WriteIp(out, key.source, key.destination, IpProtocol::kTcp,
              sizeof(TcpHeader), 0, kOwnTtl);
  auto* header = HeaderAt<TcpHeader>(out, offset);
  *header = TcpHeader{};
  header->source_port = key.source_port;
  header->destination_port = key.destination_port;
  header->sequence = Be32::FromHost(reset.sequence);
  header->acknowledgment = Be32::FromHost(reset.acknowledgment);
  header->data_offset = sizeof(TcpHeader) / 4 << 4;
  header->flags = reset.has_ack ? kTcpRst | kTcpAck : kTcpRst;
  header->checksum =
      ChecksumOf(SumBytes(header, sizeof(TcpHeader)) +
                 PseudoHeaderSum(key.source, key.destination, IpProtocol::kTcp,
                                 sizeof(TcpHeader)));
}

}  // namespace vswitch

// test/fuzz/flow_packets.h
//
// The packets of a flow, as its ends would send them: with TCP's numbers, in
// fragments, as an ICMP error, or damaged.
//
//   PlainPacket packet = FlowPacket(tuple, data);
//   Dress(packet, source.Next());
//   FuzzInput input = ToInput(packet, source.Next());
//
// Tests only; any thread.

#ifndef VSWITCH_TEST_FUZZ_FLOW_PACKETS_H_
#define VSWITCH_TEST_FUZZ_FLOW_PACKETS_H_

#include <cstdint>
#include <vector>

#include "test/fuzz/byte_source.h"
#include "test/fuzz/flow_model.h"
#include "test/fuzz/fuzz_node.h"
#include "test/fuzz/plain_packet.h"

namespace vswitch {

inline constexpr uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16;

// Returns `count` bytes that tell whether one is lost or moved.
Bytes DataBytes(size_t count);

// Returns a packet to the gateway with the addresses of `tuple` and a payload
// yet to be made.
PlainPacket PacketOf(const Tuple& tuple, PortId in);

// Returns a packet of any protocol but TCP, with its checksum; `way` tells an
// ICMP question from its answer.
PlainPacket FlowPacket(const Tuple& tuple, PortId in, Way way,
                       const Bytes& data);

// Returns TCP options: none, those of a SYN, timestamps, or a block that
// acknowledges selectively what is behind `next`.
Bytes TcpOptions(uint8_t choice, uint32_t next);

// Returns a TCP segment, with its checksum.
PlainPacket TcpPacket(const Tuple& tuple, PortId in, const TcpFields& fields,
                      const Bytes& data);

// Adds what a packet may have or not: options, extension headers, DF, a traffic
// class, a short TTL, as the bits of `choices` say.  Returns whether the packet
// may still go on.
bool Dress(PlainPacket& packet, uint8_t choices);

// Makes the frame: padded, in several segments, with a checksum still to be
// completed, as the bits of `choices` say.  The packet stays as good as it is.
FuzzInput ToInput(PlainPacket packet, uint8_t choices);

// Returns an ICMP error from `sender` about `about`.  `kind` chooses type, code
// and how much is quoted.
PlainPacket ErrorAbout(const PlainPacket& about, const IpAddress& sender,
                       PortId in, uint8_t kind);

// Cuts a datagram at multiples of 8 bytes chosen by `cuts`; in order.
std::vector<PlainPacket> Fragments(const PlainPacket& packet, uint32_t id,
                                   uint8_t cuts);

// Changes bytes of the frame, or its length; `choices` says whether checksums
// are made right again behind that.
void Damage(Bytes& frame, ByteSource& source);

}  // namespace vswitch

#endif  // VSWITCH_TEST_FUZZ_FLOW_PACKETS_H_

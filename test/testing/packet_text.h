// test/testing/packet_text.h
//
// Packets as text that a reviewer can read, and back.  A packet is its layers,
// outermost first, separated by " / "; a layer is its name and its fields:
//
//   eth src=02:00:00:00:00:02 dst=02:00:00:00:00:01 / ip4 src=10.0.0.2
//   dst=10.0.0.3 ttl=64 / tcp sport=1000 dport=80 flags=S / data 16
//
// A field that is left out has its default.  Lengths, checksums and the number
// of the next layer are computed unless they are given; `csum=bad` gives a
// checksum that is wrong, `csum=partial` the sum of the pseudo-header alone.
// PacketToText() leaves out what PacketFromText() would compute, so a wrong
// length or checksum is what stands out in the text; and
// PacketFromText(PacketToText(bytes)) == bytes for all bytes.
//
// Layers and their fields (defaults in brackets; numbers in any C form):
//   eth     src dst [02:00:00:00:00:02, ...:01] type
//   vlan    pcp [0] vid [0] type
//   arp     op [1] sha spa tha tpa htype [1] ptype [0x800] hlen [6] plen [4]
//   ip4     src dst [10.0.0.2, 10.0.0.3] ttl [64] tos [0] id [0] df [0] mf [0]
//           rb [0] off [0, bytes] proto len ihl csum ver [4] opt=HEX
//   ip6     src dst [fd00::2, fd00::3] hop [64] tc [0] flow [0] len next ver
//   [6] hbh     next len opt=HEX      hop-by-hop options; opt is padded with
//   PadN dopt    next len opt=HEX      destination options rh      type [0]
//   left [0] next len opt=HEX frag    off [0, bytes] mf [0] id [1] res [0] next
//   ah      next len [4] spi [1] seq [1] opt=HEX
//   tcp     sport dport [1000, 80] seq [1] ack [0] flags=SAFRPUEC [S] win
//           [65535] urg [0] res [0] doff csum opt=HEX
//   udp     sport dport [1000, 53] len csum
//   udplite sport dport cov csum
//   sctp    sport dport tag [1] csum
//   icmp    type [8] code [0] id [1] seq [1] csum    ICMP; id and seq hold the
//   icmp6   type [128] code [0] id [1] seq [1] csum  second word of any type
//   ns, na  target [fd00::3] flags [0] code [0] csum; options follow as `hex`
//   esp     spi [1] seq [1]
//   data N  N bytes 00 01 02 ...; counted by the lengths above it
//   hex XX  these bytes; likewise
//   pad N   N zero bytes behind the packet; `pad hex XX` other bytes
//   cut N   (last) keeps the first N bytes of the frame only
//
// Test code: aborts on nothing, returns errors that name the layer.

#ifndef VSWITCH_TEST_TESTING_PACKET_TEXT_H_
#define VSWITCH_TEST_TESTING_PACKET_TEXT_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace vswitch {

using PacketBytesVector = std::vector<uint8_t>;

// Returns the bytes of the packet that `text` describes; the error names the
// layer and field that it did not understand.
absl::StatusOr<PacketBytesVector> PacketFromText(absl::string_view text);

// Returns `bytes` as text on one line.
std::string PacketToText(std::span<const uint8_t> bytes);

}  // namespace vswitch

#endif  // VSWITCH_TEST_TESTING_PACKET_TEXT_H_

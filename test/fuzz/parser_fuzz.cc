// Fuzz target of the parser and of what relies on it: whatever the bytes,
// Parse() stays inside the packet, and a packet that passes can be translated
// and answered, with checksums that Parse() finds right again.
//
// Input: one byte of options (kTrusted...), one byte that says how long the
// first segment is (0: all), then the frame.  Seeds: test/fuzz/corpus/parser,
// made from the golden cases by make_parser_corpus.cc.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "dataplane/packet/build.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse.h"
#include "dataplane/packet/rewrite.h"
#include "test/testing/fake_packet_pool.h"

namespace vswitch {
namespace {

constexpr uint8_t kTrusted = 1;
constexpr uint8_t kChecksumsGood = 2;
constexpr uint8_t kChecksumPartial = 4;

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "parser_fuzz: broken rule: %s\n", what);
  std::abort();
}

// Reads every byte that `meta` says is there: a sanitizer sees those that are
// not.
void CheckMeta(const rte_mbuf& packet, const PacketMeta& meta) {
  Require(meta.headers_end <= FirstSegmentBytes(packet),
          "headers lie in the first segment");
  Require(meta.headers_end <= meta.packet_bytes, "headers lie in the packet");
  Require(meta.packet_bytes <= PacketBytes(packet),
          "the packet lies in the frame");
  Require(
      meta.l3_offset <= meta.l4_offset && meta.l4_offset <= meta.headers_end,
      "headers follow each other");
  uint32_t sum = 0;
  for (uint32_t i = 0; i < meta.headers_end; ++i) sum += Data(packet)[i];
  Require(meta.headers_end == 0 || sum <= 255u * meta.headers_end,
          "arithmetic");
}

// A flow of the same family and protocol with other addresses and ports.
FlowKey OtherFlow(const FlowKey& from) {
  FlowKey to = from;
  to.source.bytes[15] ^= 0x55;
  to.destination.bytes[14] ^= 0xaa;
  if (from.source_port != Be16{0}) to.source_port = Be16::FromHost(40001);
  if (from.destination_port != Be16{0}) to.destination_port = to.source_port;
  return to;
}

void CheckTranslation(rte_mbuf& packet, PacketMeta meta) {
  // Neighbour discovery and MLD have rules about their addresses.
  if ((meta.l3 != L3Kind::kIpv4 && meta.l3 != L3Kind::kIpv6) ||
      meta.icmp == IcmpKind::kNeighborDiscovery ||
      meta.icmp == IcmpKind::kMulticastListener) {
    return;
  }
  const FlowKey from = meta.key;
  const FlowKey to = OtherFlow(from);
  const std::vector<uint8_t> before = BytesOf(packet);
  if (meta.icmp == IcmpKind::kError) {
    IcmpInner inner = ReadIcmpInner(packet, meta);
    Require(inner.l4_offset + inner.l4_bytes <= FirstSegmentBytes(packet),
            "the quoted packet lies in the first segment");
    RewriteIcmpInner(packet, meta, inner, OtherFlow(inner.key));
  }
  RewriteFlow(packet, meta, to);
  PacketMeta again;
  Require(Parse(packet, meta.in_port, false, again) == DropReason::kNone,
          "a translated packet passes again");
  Require(again.key == to, "a translated packet is of the new flow");
  if (meta.icmp != IcmpKind::kError && meta.key.protocol != IpProtocol::kSctp &&
      meta.l4_checksum != L4Checksum::kPartial) {
    RewriteFlow(packet, meta, from);
    // Equal but for the two forms of zero that a checksum has.
    Require(Parse(packet, meta.in_port, false, again) == DropReason::kNone &&
                again.key == from && BytesOf(packet).size() == before.size(),
            "a packet translated back passes");
  }
}

void CheckAnswers(rte_mbuf& packet, PacketMeta meta, FakePacketPool& pool) {
  if (!MayCauseIcmpError(meta, packet, IcmpError::kTimeExceeded)) return;
  rte_mbuf* out = pool.Allocate();
  IcmpErrorRequest request{.error = IcmpError::kTimeExceeded,
                           .source = meta.key.destination};
  BuildIcmpError(packet, meta, request, *out);
  PacketMeta error;
  Require(Parse(*out, meta.in_port, false, error) != DropReason::kIcmpCsum,
          "an error that we build has a right checksum");
  pool.Free({&out, 1});
  bool is_echo = meta.fragment == FragmentKind::kWhole &&
                 meta.icmp == IcmpKind::kQuery &&
                 (meta.icmp_type == 8 || meta.icmp_type == 128);
  if (!is_echo) return;
  const uint64_t receive_flags = packet.ol_flags;
  TurnIntoEchoReply(packet, meta, MacAddress{});
  packet.ol_flags = receive_flags;  // a damaged request gives a damaged reply
  Require(Parse(packet, meta.in_port, false, error) == DropReason::kNone,
          "an echo reply passes");
}

void TestOne(const uint8_t* data, size_t size) {
  if (size < 2) return;
  const uint8_t options = data[0];
  const size_t first = data[1];
  FakePacketPool pool;
  std::span<const uint8_t> frame(data + 2, size - 2);
  rte_mbuf* packet =
      first == 0 ? pool.Make(frame) : pool.Make(frame, {first, 5, 65535});
  if ((options & kChecksumsGood) != 0) {
    packet->ol_flags =
        RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  } else if ((options & kChecksumPartial) != 0) {
    packet->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
  }
  PacketMeta meta;
  if (Parse(*packet, PortId{1}, (options & kTrusted) != 0, meta) ==
      DropReason::kNone) {
    CheckMeta(*packet, meta);
    static_cast<void>(CheckAddresses(meta));
    CheckTranslation(*packet, meta);
    if (Parse(*packet, PortId{1}, false, meta) == DropReason::kNone) {
      CheckAnswers(*packet, meta, pool);
    }
  }
  pool.Free({&packet, 1});
}

}  // namespace
}  // namespace vswitch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vswitch::TestOne(data, size);
  return 0;
}

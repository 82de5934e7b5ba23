// Ipv4Cutter: RFC 791's "An Example Fragmentation Procedure".

#include "dataplane/packet/ipv4_cutter.h"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"

namespace vswitch {
namespace {

constexpr uint32_t kFragmentUnit = 8;

constexpr uint8_t kEndOfOptions = 0;
constexpr uint8_t kNoOperation = 1;
constexpr uint8_t kCopied = 0x80;  // the option stands in every fragment

uint32_t LargestFragment(uint32_t l3_offset, uint32_t mtu) {
  // One segment of a packet of the pool holds a whole fragment.
  return std::min(mtu, kSegmentRoomBytes - l3_offset);
}

}  // namespace

bool Ipv4Cutter::MayCut(const rte_mbuf& packet, const PacketMeta& meta,
                        uint32_t mtu) {
  const uint32_t header_bytes = uint32_t{meta.l4_offset} - meta.l3_offset;
  return meta.l3 == L3Kind::kIpv4 && !meta.dont_fragment &&
         packet.tso_segsz == 0 && mtu >= header_bytes + kFragmentUnit;
}

Ipv4Cutter::Ipv4Cutter(const rte_mbuf& packet, const PacketMeta& meta,
                       uint32_t mtu)
    : packet_(packet),
      l3_offset_(meta.l3_offset),
      l4_offset_(meta.l4_offset),
      payload_bytes_(meta.packet_bytes - meta.l4_offset),
      largest_bytes_(LargestFragment(meta.l3_offset, mtu)) {
  const uint32_t options = l3_offset_ + sizeof(Ipv4Header);
  KeepCopiedOptions(Data(packet) + options, l4_offset_ - options);
}

void Ipv4Cutter::KeepCopiedOptions(const uint8_t* options, uint32_t bytes) {
  // Parse() has checked all lengths.
  for (uint32_t at = 0; at < bytes && options[at] != kEndOfOptions;) {
    if (options[at] == kNoOperation) {
      ++at;
      continue;
    }
    const uint32_t length = options[at + 1];
    if ((options[at] & kCopied) != 0) {
      std::memcpy(later_options_.data() + later_option_bytes_, options + at,
                  length);
      later_option_bytes_ += length;
    }
    at += length;
  }
  // The array's zeros end the list.
  later_option_bytes_ = (later_option_bytes_ + 3) & ~3u;
}

void Ipv4Cutter::WriteNext(rte_mbuf& out) {
  const bool is_first = position_ == 0;
  const uint32_t header_bytes =
      is_first
          ? l4_offset_ - l3_offset_
          : static_cast<uint32_t>(sizeof(Ipv4Header)) + later_option_bytes_;
  const uint32_t left = payload_bytes_ - position_;
  uint32_t bytes = largest_bytes_ - header_bytes;
  const bool is_last = left <= bytes;
  bytes = is_last ? left : bytes & ~(kFragmentUnit - 1);

  StartPacket(out, l3_offset_ + header_bytes + bytes);
  uint8_t* to = Data(out);
  std::memcpy(to, Data(packet_),
              l3_offset_ + (is_first ? header_bytes : sizeof(Ipv4Header)));
  if (!is_first) {
    std::memcpy(to + l3_offset_ + sizeof(Ipv4Header), later_options_.data(),
                later_option_bytes_);
  }
  CopyFromPacket(packet_, l4_offset_ + position_, bytes,
                 to + l3_offset_ + header_bytes);

  auto* header = HeaderAt<Ipv4Header>(out, l3_offset_);
  header->version_ihl = static_cast<uint8_t>(0x40 | header_bytes / 4);
  header->total_length =
      Be16::FromHost(static_cast<uint16_t>(header_bytes + bytes));
  // The packet's own offset and its "more fragments" are kept: it may be a
  // fragment itself.
  uint32_t word = header->flags_offset.ToHost() + position_ / kFragmentUnit;
  if (!is_last) word |= kIpv4MoreFragments;
  header->flags_offset = Be16::FromHost(static_cast<uint16_t>(word));
  header->checksum = Be16{0};
  header->checksum = ChecksumOf(SumBytes(header, header_bytes));
  position_ += bytes;
}

}  // namespace vswitch

// Sums over memory and over the segments of a packet.

#include "dataplane/packet/checksum.h"

#include <nmmintrin.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/base/planted_bug.h"
#include "dataplane/packet/packet.h"

namespace vswitch {
namespace {

// Calls visit(data, bytes) for each piece of the range [offset, offset + bytes)
// of the frame.
template <typename Visitor>
void VisitRange(const rte_mbuf& packet, uint32_t offset, uint32_t bytes,
                Visitor visit) {
  for (const rte_mbuf* segment = &packet; segment != nullptr && bytes > 0;
       segment = segment->next) {
    if (offset >= segment->data_len) {
      offset -= segment->data_len;
      continue;
    }
    uint32_t part = std::min<uint32_t>(segment->data_len - offset, bytes);
    visit(Data(*segment) + offset, part);
    bytes -= part;
    offset = 0;
  }
}

uint32_t Crc32c(uint32_t crc, const uint8_t* data, uint32_t bytes) {
  uint64_t state = crc;
  for (; bytes >= 8; data += 8, bytes -= 8) {
    uint64_t word;
    std::memcpy(&word, data, 8);
    state = _mm_crc32_u64(state, word);
  }
  uint32_t result = static_cast<uint32_t>(state);
  for (; bytes > 0; ++data, --bytes) result = _mm_crc32_u8(result, *data);
  return result;
}

}  // namespace

ChecksumSum PacketSum(const rte_mbuf& packet, uint32_t offset, uint32_t bytes) {
  if (offset + bytes <= FirstSegmentBytes(packet)) {
    return SumBytes(Data(packet) + offset, bytes);
  }
  ChecksumSum sum = 0;
  bool odd = false;
  VisitRange(packet, offset, bytes, [&](const uint8_t* data, uint32_t part) {
    ChecksumSum part_sum = SumBytes(data, part);
    // RFC 1071 2(B): a piece that starts at an odd distance has its bytes in
    // the other half of each word.
    if (kPlantedBug == PlantedBug::kOddSegmentMissummed) odd = false;
    sum += odd ? __builtin_bswap16(Fold(part_sum)) : part_sum;
    odd ^= (part & 1) != 0;
  });
  return sum;
}

Be16 UpdateChecksum(Be16 checksum, const void* before, const void* after,
                    size_t bytes) {
  return ChecksumOf(ChecksumSum{static_cast<uint16_t>(~checksum.raw)} +
                    static_cast<uint16_t>(~Fold(SumBytes(before, bytes))) +
                    SumBytes(after, bytes));
}

uint32_t PacketCrc32c(const rte_mbuf& packet, uint32_t offset, uint32_t bytes,
                      uint32_t zero_offset) {
  static constexpr std::array<uint8_t, 4> kZeros{};
  uint32_t crc = 0xffffffff;
  auto add = [&crc](const uint8_t* data, uint32_t part) {
    crc = Crc32c(crc, data, part);
  };
  VisitRange(packet, offset, zero_offset - offset, add);
  add(kZeros.data(), 4);
  uint32_t behind = zero_offset + 4;
  VisitRange(packet, behind, offset + bytes - behind, add);
  return ~crc;
}

}  // namespace vswitch

// dataplane/nat/service_layout.h
//
// The bytes of a service blob, for its builder and its table: a header, then
// five arrays in the header's order, each aligned to 8 bytes.  Offsets count
// from the blob's first byte.
//
// Constants and plain values: any thread.

#ifndef VSWITCH_DATAPLANE_NAT_SERVICE_LAYOUT_H_
#define VSWITCH_DATAPLANE_NAT_SERVICE_LAYOUT_H_

#include <cstdint>

#include "dataplane/base/address.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/nat/service_hash.h"

namespace vswitch {

inline constexpr uint64_t kServiceMagic = 0x34304356535f5356;  // "VS_SVC04"

struct ServiceArray {
  uint64_t offset;
  uint64_t count;
};

struct ServiceHeader {
  uint64_t magic;
  uint64_t seed;
  uint32_t max_probes;  // the longest way from a key's first cell to its own
  uint32_t reserved;
  ServiceArray cells;     // uint32_t; a power of two of them
  ServiceArray services;  // ServiceRecord
  ServiceArray backends;  // BackendRecord
  ServiceArray slots;     // uint16_t, as PackMaglev() makes them
  ServiceArray ranges;    // SourceRange
};
static_assert(sizeof(ServiceHeader) == 104);

// Returns the hash that places a service in the cells.
inline uint64_t ServiceCellHash(uint64_t seed, const IpAddress& address,
                                IpProtocol protocol, Be16 port, uint16_t zone) {
  const auto words = AddressWords(address);
  const uint64_t rest = static_cast<uint64_t>(protocol) |
                        static_cast<uint64_t>(port.raw) << 16 |
                        static_cast<uint64_t>(zone) << 32;
  return HashWords(seed, {words[0], words[1], rest});
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_NAT_SERVICE_LAYOUT_H_

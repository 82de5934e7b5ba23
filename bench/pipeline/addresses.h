// bench/pipeline/addresses.h
//
// Who has which address in the benchmark's cluster (cluster.h): what the
// control plane is told and what the packets say must be the same.
//
// Values: any thread.

#ifndef VSWITCH_BENCH_PIPELINE_ADDRESSES_H_
#define VSWITCH_BENCH_PIPELINE_ADDRESSES_H_

#include <cstdint>

#include "dataplane/base/address.h"
#include "dataplane/base/byte_order.h"

namespace vswitch {

inline constexpr uint32_t kClientCount = 1024;
inline constexpr uint16_t kServicePort = 8080;  // UDP, open to the clients
inline constexpr uint32_t kAddressesPerPod = 2;
inline constexpr MacAddress kUplinkPeerMac{{2, 0, 0, 0, 0, 0xfe}};

// The addresses of one pod.
struct PodAddresses {
  IpAddress ipv4;
  IpAddress ipv6;
};

// Returns `network` (host order) + `index` and fd00:group::index.
inline PodAddresses AddressesIn(uint32_t network, uint8_t group,
                                uint32_t index) {
  PodAddresses addresses;
  addresses.ipv4 = IpAddress::FromIpv4(Be32::FromHost(network + index));
  addresses.ipv6.bytes = {0xfd, 0, 0, group};
  for (uint32_t i = 0; i < 4; ++i) {
    addresses.ipv6.bytes[12 + i] = static_cast<uint8_t>(index >> (24 - 8 * i));
  }
  return addresses;
}

inline PodAddresses LocalPodAddresses(uint32_t index) {
  return AddressesIn(0x0a000000, 0, 0x100 + index);
}
inline PodAddresses ClientAddresses(uint32_t index) {
  return AddressesIn(0x0a800000, 2, index + 1);
}
inline PodAddresses RemotePodAddresses(uint32_t index) {
  return AddressesIn(0x0a400000, 1, index + 1);
}

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_ADDRESSES_H_

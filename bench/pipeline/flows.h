// bench/pipeline/flows.h
//
// Flows: the packets that arrive, as frames of one cache line each: UDP from
// the clients to the local pods, half of it IPv4 and half IPv6, 64 bytes.
//
//   ASSIGN_OR_RETURN(Flows flows, Flows::Make(65536, pods, gateway_mac));
//   std::memcpy(data, flows.frame(i).bytes.data(), kFrameBytes);
//   Flows::SetSourcePort(17000, data);   // the first packet of another flow
//
// Immutable after construction.

#ifndef VSWITCH_BENCH_PIPELINE_FLOWS_H_
#define VSWITCH_BENCH_PIPELINE_FLOWS_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/base/address.h"

namespace vswitch {

inline constexpr uint32_t kFrameBytes = 64;

class Flows {
 public:
  struct alignas(64) Frame {
    std::array<uint8_t, kFrameBytes> bytes;
  };

  // `count` flows, spread over `pods` local pods and all clients.
  static absl::StatusOr<Flows> Make(uint32_t count, uint32_t pods,
                                    const MacAddress& gateway);

  uint32_t count() const { return static_cast<uint32_t>(frames_.size()); }
  const Frame& frame(uint32_t index) const { return frames_[index]; }

  // Gives the frame at `data` another source port.  Its UDP checksum stays
  // right: the last word of the payload takes up the difference.
  static void SetSourcePort(uint16_t port, uint8_t* data);

 private:
  std::vector<Frame> frames_;
};

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_FLOWS_H_

// Making the frames.

#include "bench/pipeline/flows.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "bench/pipeline/addresses.h"
#include "dataplane/base/status_macros.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

constexpr uint32_t kEthernetBytes = 14;
constexpr uint32_t kIpv4Bytes = 20;
constexpr uint32_t kIpv6Bytes = 40;
constexpr uint32_t kUdpBytes = 8;
// Flows have ports from here on; first packets have those of their own.
constexpr uint32_t kFirstSourcePort = 1024;

std::string FrameText(uint32_t flow, uint32_t pods, const MacAddress& gateway) {
  const uint32_t hash = flow * 2654435761u;
  const bool is_ipv4 = (hash >> 31) == 0;
  const PodAddresses to = LocalPodAddresses(flow % pods);
  const PodAddresses from = ClientAddresses((hash >> 8) % kClientCount);
  const uint32_t payload = kFrameBytes - kEthernetBytes - kUdpBytes -
                           (is_ipv4 ? kIpv4Bytes : kIpv6Bytes);
  const std::string ends = is_ipv4
                               ? absl::StrCat("ip4 src=", from.ipv4.ToString(),
                                              " dst=", to.ipv4.ToString())
                               : absl::StrCat("ip6 src=", from.ipv6.ToString(),
                                              " dst=", to.ipv6.ToString());
  return absl::StrCat("eth src=", kUplinkPeerMac.ToString(),
                      " dst=", gateway.ToString(), " / ", ends,
                      " / udp sport=", kFirstSourcePort + flow / pods,
                      " dport=", kServicePort, " / data ", payload);
}

uint32_t WordAt(const uint8_t* data) { return data[0] * 256u + data[1]; }
void SetWord(uint32_t value, uint8_t* data) {
  data[0] = static_cast<uint8_t>(value >> 8);
  data[1] = static_cast<uint8_t>(value);
}

}  // namespace

absl::StatusOr<Flows> Flows::Make(uint32_t count, uint32_t pods,
                                  const MacAddress& gateway) {
  Flows flows;
  flows.frames_.resize(count);
  for (uint32_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const PacketBytesVector bytes,
                     PacketFromText(FrameText(i, pods, gateway)));
    if (bytes.size() != kFrameBytes) {
      return absl::InternalError(absl::StrCat(
          "a frame of ", bytes.size(), " bytes; ", kFrameBytes, " are wanted"));
    }
    std::copy(bytes.begin(), bytes.end(), flows.frames_[i].bytes.begin());
  }
  return flows;
}

void Flows::SetSourcePort(uint16_t port, uint8_t* data) {
  const bool is_ipv4 = data[12] == 0x08;
  uint8_t* source = data + kEthernetBytes + (is_ipv4 ? kIpv4Bytes : kIpv6Bytes);
  uint8_t* spare = data + kFrameBytes - 2;
  // RFC 1071: the sum of 16-bit words, the carry added at the end.
  uint32_t sum = WordAt(source) + WordAt(spare) + (0xffffu - port);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  SetWord(port, source);
  SetWord(sum, spare);
}

}  // namespace vswitch

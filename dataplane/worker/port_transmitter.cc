// Sends a port's packets and accounts for each.

#include "dataplane/worker/port_transmitter.h"

#include <algorithm>

#include "dataplane/packet/packet.h"

namespace vswitch {

void PortTransmitter::Transmit(PortId out, std::span<rte_mbuf* const> packets) {
  PortCounters& counters = counters_.port(worker_, out);
  counters.tx_try.Add(packets.size());
  Port* port = poller_.Lookup(out);
  if (port == nullptr) {
    counters.drops[ToIndex(DropReason::kTxPortGone)].Add(packets.size());
    pool_.Free(packets);
    return;
  }
  const uint16_t queue = static_cast<uint16_t>(
      ToInt(worker_) % std::max<uint16_t>(1, port->Info().queue_count));
  while (!packets.empty()) {
    // Lengths are read before the port owns the packets.
    std::array<uint32_t, kBurstPackets> lengths;
    const size_t count = std::min<size_t>(packets.size(), lengths.size());
    for (size_t i = 0; i < count; ++i) lengths[i] = PacketBytes(*packets[i]);
    const TxResult result = port->TxBurst(queue, packets.first(count));
    uint64_t bytes = 0;
    for (size_t i = 0; i < result.sent; ++i) bytes += lengths[i];
    counters.tx_ok.Add(result.sent);
    counters.tx_bytes.Add(bytes);
    packets = packets.subspan(result.sent);
    if (result.sent == count) continue;
    // The first unsent packet is dropped.  A reason that the next packet would
    // meet as well ends the burst.
    const bool rest_too = result.reason != DropReason::kTxNoOffload &&
                          result.reason != DropReason::kTxTooLong &&
                          result.reason != DropReason::kTxRejected;
    const size_t dropped = rest_too ? packets.size() : 1;
    counters.drops[ToIndex(result.reason)].Add(dropped);
    pool_.Free(packets.first(dropped));
    packets = packets.subspan(dropped);
  }
}

}  // namespace vswitch

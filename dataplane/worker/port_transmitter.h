// dataplane/worker/port_transmitter.h
//
// PortTransmitter: sends what the pipeline made, by the worker's own queue of
// the port, and accounts for it: each packet is a tx_try, and then a tx_ok or
// one drop of stage kTransmit.
//
// Worker thread only.

#ifndef VSWITCH_DATAPLANE_WORKER_PORT_TRANSMITTER_H_
#define VSWITCH_DATAPLANE_WORKER_PORT_TRANSMITTER_H_

#include <cstdint>
#include <span>

#include "dataplane/base/ids.h"
#include "dataplane/packet/packet_pool.h"
#include "dataplane/pipeline/environment.h"
#include "dataplane/stats/counters.h"
#include "dataplane/worker/port_poller.h"

namespace vswitch {

class PortTransmitter final : public Transmitter {
 public:
  // Borrows `poller`, which knows the ports, and `pool`.
  PortTransmitter(WorkerId worker, const PortPoller& poller,
                  const CounterTable& counters, PacketPool& pool)
      : worker_(worker), poller_(poller), counters_(counters), pool_(pool) {}

  void Transmit(PortId out, std::span<rte_mbuf* const> packets) override;

 private:
  const WorkerId worker_;
  const PortPoller& poller_;
  const CounterTable counters_;
  PacketPool& pool_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_WORKER_PORT_TRANSMITTER_H_

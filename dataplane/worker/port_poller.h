// dataplane/worker/port_poller.h
//
// PortPoller: which of a worker's ports may have packets.  Ports with a
// readiness descriptor wait in the kernel's epoll (edge-triggered) and cost
// nothing while they are silent; the others are visited in every turn.
//
//   poller->Attach(id, port);
//   poller->Wait(0);  // or with a time-out, to sleep
//   poller->Visit([](PortId id, Port& port) { return packets_received; });
//
// Worker thread only.

#ifndef VSWITCH_DATAPLANE_WORKER_PORT_POLLER_H_
#define VSWITCH_DATAPLANE_WORKER_PORT_POLLER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "nic-drivers/port.h"

namespace vswitch {

class PortPoller {
 public:
  // Makes a poller of receive queue `queue` of every port attached to it, which
  // also waits for `mailbox_fd` (the caller's) to become readable.
  static absl::StatusOr<std::unique_ptr<PortPoller>> Create(uint16_t queue,
                                                            int mailbox_fd);

  PortPoller(const PortPoller&) = delete;
  PortPoller& operator=(const PortPoller&) = delete;
  ~PortPoller();

  // Starts polling `port`, which stays the caller's and must outlive Detach().
  // A port with fewer queues than the poller's is kept for sending only.
  absl::Status Attach(PortId id, Port& port);

  // Stops polling the port `id`; does nothing when it is not attached.
  void Detach(PortId id);

  // Returns the attached port `id`, or null.
  Port* Lookup(PortId id) const { return ports_[ToInt(id) % kMaxPorts]; }

  // Learns which ports became readable, waiting up to `timeout_ms` for the
  // first of them (0: not at all).  Returns whether the mailbox is readable.
  bool Wait(int timeout_ms);

  // Whether a port must be visited without the kernel's word.
  bool HasPolledPorts() const { return !polled_.empty(); }
  // Whether a port was readable and is not yet drained.
  bool HasReadyPorts() const { return !ready_.empty(); }

  // Calls `receive(PortId, Port&)`, which returns how many packets it got, for
  // every port that may have some; returns the sum.  A readable port is left
  // out of the next turn when it had none.
  template <typename Receive>
  uint32_t Visit(Receive&& receive) {
    uint32_t total = 0;
    for (PortId id : polled_) total += receive(id, *Lookup(id));
    size_t kept = 0;
    for (size_t i = 0; i < ready_.size(); ++i) {
      const PortId id = ready_[i];
      const uint32_t count = receive(id, *Lookup(id));
      total += count;
      if (count == 0) {
        is_ready_[ToInt(id)] = false;
      } else {
        ready_[kept++] = id;
      }
    }
    ready_.resize(kept);
    return total;
  }

 private:
  PortPoller(uint16_t queue, int epoll_fd);

  const uint16_t queue_;
  const int epoll_fd_;
  std::array<Port*, kMaxPorts> ports_{};
  std::array<bool, kMaxPorts> is_ready_{};
  std::vector<PortId> polled_;  // without a descriptor
  std::vector<PortId> ready_;   // readable since the last visit that got 0
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_WORKER_PORT_POLLER_H_

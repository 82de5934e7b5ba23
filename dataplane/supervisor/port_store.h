// dataplane/supervisor/port_store.h
//
// PortStore: the TAPs that the supervisor holds, by port.  They outlive both
// children: a restarted dataplane asks for the same descriptors again.
//
//   RETURN_IF_ERROR(ports.Attach(request));
//   ASSIGN_OR_RETURN(std::vector<int> fds, ports.Fds({port, epoch}));
//
// Thread rule: main thread only.

#ifndef VSWITCH_DATAPLANE_SUPERVISOR_PORT_STORE_H_
#define VSWITCH_DATAPLANE_SUPERVISOR_PORT_STORE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/supervisor/protocol.h"
#include "nic-drivers/tap/tap_device.h"

namespace vswitch {

class PortStore {
 public:
  // Makes the TAP of `request`; does nothing when (name, epoch) exists and its
  // interface is alive.  Another epoch of the port goes first.
  absl::Status Attach(const AttachPortRequest& request);

  // Removes the TAP of `id`; OK when there is none, or one of another epoch.
  void Detach(const PortEpoch& id);

  // Returns the descriptors of `id`, which stay the store's.
  absl::StatusOr<std::vector<int>> Fds(const PortEpoch& id) const;

  // Returns the ports whose interface went with its namespace since the last
  // call, each once.
  std::vector<PortEpoch> TakeGone();

  std::vector<AttachedPort> List() const;
  size_t size() const { return ports_.size(); }
  void Clear() { ports_.clear(); }

 private:
  struct Entry {
    AttachPortRequest request;
    TapDevice device;
    bool alive = true;  // as TakeGone() last saw it
  };

  std::map<PortId, Entry> ports_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_SUPERVISOR_PORT_STORE_H_

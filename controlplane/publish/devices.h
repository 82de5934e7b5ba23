// controlplane/publish/devices.h
//
// Devices: the TAP behind each port of driver TAP, made and removed by the
// supervisor on our request.
//
// A device is made before the generation that names its port is made durable,
// so that a namespace that vanished refuses the change; it is removed after the
// generation without it is enforced, so that no worker sends into a hole.
//
//   ASSIGN_OR_RETURN(std::vector<PortEpoch> made, devices.Attach(wanted));
//   ... publish, or on an error: devices.Detach(made)
//   devices.RemoveUnwanted(wanted);                // once enforced
//
// Control thread only.

#ifndef VSWITCH_CONTROLPLANE_PUBLISH_DEVICES_H_
#define VSWITCH_CONTROLPLANE_PUBLISH_DEVICES_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/compile/port_numbering.h"
#include "controlplane/model/desired_state.h"
#include "dataplane/supervisor/client.h"

namespace vswitch {

class Devices {
 public:
  Devices(SupervisorClient& supervisor, uint16_t queues)
      : supervisor_(supervisor), queues_(queues) {}

  // The devices that `desired` asks for.
  absl::StatusOr<std::vector<AttachPortRequest>> Wanted(
      const DesiredState& desired, const PortNumbering& ports,
      const std::string& node_name) const;

  // Takes over what the supervisor holds: nothing of it is made again.
  absl::Status Adopt();

  // Makes those of `wanted` that are missing; returns what it made.  On an
  // error, which names the port, it has made nothing.
  absl::StatusOr<std::vector<PortEpoch>> Attach(
      const std::vector<AttachPortRequest>& wanted);
  // The same, but goes on after errors: `errors` gets them by port name.
  void AttachAll(const std::vector<AttachPortRequest>& wanted,
                 std::map<std::string, std::string>& errors);

  void Detach(const std::vector<PortEpoch>& devices);
  // Removes every device that is not wanted.
  void RemoveUnwanted(const std::vector<AttachPortRequest>& wanted);

  // Forgets a device that is gone by itself; returns its port's name.
  std::string Forget(const PortEpoch& device);

 private:
  static uint64_t KeyOf(const PortEpoch& device) {
    return uint64_t{ToInt(device.port)} << 32 | device.epoch;
  }

  SupervisorClient& supervisor_;
  const uint16_t queues_;
  std::map<uint64_t, AttachPortRequest> attached_;  // by port and epoch
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_PUBLISH_DEVICES_H_

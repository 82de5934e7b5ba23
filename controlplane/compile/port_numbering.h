// controlplane/compile/port_numbering.h
//
// PortNumbering: the PortId and epoch of each Port resource, and whether it is
// ready to carry packets.
//
// A port keeps its number as long as it lives.  Its epoch is the generation in
// which this use of the number began (low 32 bits), so no two uses of one
// number have one epoch; changing what the device is (driver, namespace, MAC,
// devargs) begins a new use.  A new use is not ready: the publisher sets it
// ready after every worker has seen it, and compiles again.
//
//   PortNumbering next = numbering;        // O(1): whole or absent
//   RETURN_IF_ERROR(next.Update(desired, generation));
//   ASSIGN_OR_RETURN(CompiledState state, Compile(desired, {...}, next, ...));
//
// Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_PORT_NUMBERING_H_
#define VSWITCH_CONTROLPLANE_COMPILE_PORT_NUMBERING_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/model/desired_state.h"
#include "controlplane/model/persistent_map.h"
#include "dataplane/base/ids.h"
#include "dataplane/forwarding/records.h"

namespace vswitch {

struct PortNumber {
  PortId id = kNoPort;
  uint32_t epoch = 0;
  bool ready = false;
  // What the device is; nullopt after Restore(), adopted at the next Update().
  std::optional<std::string> device;

  friend bool operator==(const PortNumber&, const PortNumber&) = default;
};

class PortNumbering {
 public:
  using Ports = PersistentMap<std::string, PortNumber>;  // by name

  // Takes the numbers of a living generation's port table, so that ports go on
  // unharmed when the control plane starts again.
  void Restore(std::span<const PortRecord> records);

  // Gives numbers to the new ports of `desired`, takes those of the gone ones.
  // RESOURCE_EXHAUSTED when there are more than kMaxPorts.  On an error the
  // numbering is unchanged.  `before` is the state that it was updated with
  // last, nullptr if that is not known: with it only changes cost.
  absl::Status Update(const DesiredState& desired, Generation generation,
                      const DesiredState* before = nullptr);

  // Marks a port ready; does nothing if it has another epoch by now.
  void SetReady(const std::string& name, uint32_t epoch);
  // Returns the names of the ports that are not ready.
  std::vector<std::string> NotReady() const;

  // Returns nullptr if there is no such port.
  const PortNumber* Find(const std::string& name) const;
  const Ports& ports() const { return ports_; }

 private:
  Ports ports_;
  PersistentMap<std::string, std::monostate> not_ready_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_PORT_NUMBERING_H_

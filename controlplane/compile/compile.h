// controlplane/compile/compile.h
//
// Compile(): from desired state to the tables of one generation.
//
// All that needs more than one object to be checked is checked here: the whole
// state compiles, or an error names object and field and nothing has changed.
// Deterministic: the same state gives the same bytes, so the publisher finds
// equal blobs by their content.
//
//   IdentityAllocator identities;
//   PortNumbering ports;
//   RETURN_IF_ERROR(ports.Update(desired, 8));
//   ASSIGN_OR_RETURN(
//       CompiledState next,
//       Compile(desired, {.node_name = "n1", .generation = 8}, ports,
//               identities, &current));
//   for (const IpAddress& address : next.changed_addresses) ...
//
// Control thread only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_COMPILE_H_
#define VSWITCH_CONTROLPLANE_COMPILE_COMPILE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/compile/health_check.h"
#include "controlplane/compile/identity_allocator.h"
#include "controlplane/compile/port_numbering.h"
#include "controlplane/compile/rule_catalog.h"
#include "controlplane/compile/shared_bytes.h"
#include "controlplane/model/desired_state.h"
#include "controlplane/model/persistent_map.h"
#include "dataplane/base/address.h"
#include "dataplane/base/ids.h"
#include "dataplane/forwarding/records.h"
#include "dataplane/tables/identity_table.h"

namespace vswitch {

// The endpoint of the node itself; a port's endpoint is EndpointOfPort().
inline constexpr EndpointId kHostEndpoint{0};
constexpr EndpointId EndpointOfPort(PortId port) {
  return EndpointId{ToInt(port) + 1u};
}

struct CompileOptions {
  std::string node_name;      // whose switch this is
  Generation generation = 1;  // that the result will be published as
  // More changed addresses than this are reported as "all".
  uint32_t max_changed_addresses = 8192;
  int64_t now_s = 0;  // Unix time, for identities' quarantine
  // Of the machine's monotonic clock, for backends that services had before.
  uint32_t monotonic_s = 0;
};

struct CompileCache;  // compile_cache.h

// Copies share what is large.
struct CompiledState {
  using Bindings = PersistentMap<IpAddress, HostBinding>;

  Generation generation = 0;
  std::array<SharedBytes, kBlobKindCount> blobs;  // by BlobKind
  // By PolicySetId, as BuildPolicySet() makes them.  A set that is unchanged
  // keeps its pointer: the publisher then need not look at its bytes.
  std::vector<std::shared_ptr<const std::string>> policy_sets;
  Bindings bindings;  // the whole identity table

  // Every connection whose verdict may differ from what the previous state gave
  // has one of these addresses (sorted), or all_changed is set; then
  // Settings.judge_again_before is this generation already.
  bool all_changed = true;
  std::vector<IpAddress> changed_addresses;

  std::shared_ptr<const RuleCatalog> catalog;
  // What is allowed but hardly meant, for whoever asked for this state.
  std::vector<std::string> warnings;
  Settings settings{};
  // Where load balancers ask for the health of services.
  std::shared_ptr<const std::vector<HealthCheck>> health_checks;

  // What the next compilation goes on from, the desired state among it.
  std::shared_ptr<const CompileCache> cache;
};

// Compiles `desired`.  `ports` must have a number for every Port of it.
// `previous` is the state that is published now, nullptr if that is not known
// (all addresses count as changed then); with it, the work is that of what
// differs from it, and the result is the same.  On success identities in no use
// are released from `identities`; on an error they are unchanged.
absl::StatusOr<CompiledState> Compile(const DesiredState& desired,
                                      const CompileOptions& options,
                                      const PortNumbering& ports,
                                      IdentityAllocator& identities,
                                      const CompiledState* previous);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_COMPILE_H_

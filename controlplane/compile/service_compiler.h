// controlplane/compile/service_compiler.h
//
// CompileServices(): Services and their EndpointSlices as a service table, and
// the ports of the node that lead to one pod.
//
// Backends come from service_backends.h, host ports from host_ports.h.
//
// Control thread only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_SERVICE_COMPILER_H_
#define VSWITCH_CONTROLPLANE_COMPILE_SERVICE_COMPILER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "controlplane/compile/address_owners.h"
#include "controlplane/compile/earlier_services.h"
#include "controlplane/compile/health_check.h"
#include "controlplane/model/desired_state.h"
#include "dataplane/base/address.h"
#include "dataplane/base/ids.h"
#include "dataplane/nat/service_table_builder.h"

namespace vswitch {

struct CompiledServices {
  std::string blob;
  MaglevTables tables;   // of the blob
  ServiceOffers offers;  // what the blob is made of
  // What each address leads to; differs when its connections must be judged
  // again.
  std::map<IpAddress, std::string> by_address;
  absl::flat_hash_map<uint32_t, std::string> names;  // "demo/web:80"
  // Of all services, and of pods with host ports even while they have no port
  // here: when one moves, all is to be compiled again.
  absl::flat_hash_set<IpAddress> backends;
  std::vector<HealthCheck> health_checks;  // in order of the services' names
};

// `endpoint_of` returns the endpoint of an address of this node's pods, or
// kNoEndpoint.  The cluster IPs are claimed in `owners` already.  `known` are
// Maglev tables that were built before.
absl::StatusOr<CompiledServices> CompileServices(
    const DesiredState& desired, const std::string& node_name,
    uint64_t maglev_seed, const AddressOwners& owners,
    const std::function<EndpointId(const IpAddress&)>& endpoint_of,
    const MaglevTables& known);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_SERVICE_COMPILER_H_

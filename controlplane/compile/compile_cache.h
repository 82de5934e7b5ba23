// controlplane/compile/compile_cache.h
//
// CompileCache: what one compilation keeps for the next one, so that this looks
// only at what changed.  Part of the compiler; others see it as a pointer.
//
// Everything in it follows from the desired state, the numbers of ports and
// those of identities.  Immutable once its state is compiled.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_COMPILE_CACHE_H_
#define VSWITCH_CONTROLPLANE_COMPILE_COMPILE_CACHE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "controlplane/compile/address_owners.h"
#include "controlplane/compile/earlier_services.h"
#include "controlplane/compile/endpoint_compiler.h"
#include "controlplane/compile/health_check.h"
#include "controlplane/compile/pod_index.h"
#include "controlplane/compile/policy_sets.h"
#include "controlplane/compile/port_compiler.h"
#include "controlplane/compile/port_numbering.h"
#include "controlplane/compile/service_compiler.h"
#include "controlplane/compile/shared_bytes.h"
#include "controlplane/model/desired_state.h"

namespace vswitch {

// All ports, found by what they are about.
struct PortStage {
  std::vector<CompiledPort> ports;  // in order of their names
  PortId host_port = kNoPort;
  absl::flat_hash_map<std::pair<std::string, std::string>, size_t> by_pod;
  absl::flat_hash_map<const Object*, size_t> by_object;
  absl::flat_hash_map<IdentityId, std::vector<size_t>> by_identity;
  PolicySets::Subjects subjects;  // the host among them
  SharedBytes records;
  SharedBytes routes;

  const CompiledPort* FindByObject(const Object* object) const {
    auto found = by_object.find(object);
    return found == by_object.end() ? nullptr : &ports[found->second];
  }
};

struct ServiceStage {
  CompiledServices services;
  SharedBytes blob;
  uint64_t maglev_seed = 0;
  EarlierServices earlier;
  SharedBytes earlier_blob;
  std::shared_ptr<const absl::flat_hash_map<uint32_t, std::string>> names;
  std::shared_ptr<const std::vector<HealthCheck>> health_checks =
      std::make_shared<const std::vector<HealthCheck>>();
};

struct CompileCache {
  DesiredState desired;
  std::string node_name;
  PortNumbering::Ports numbering;
  PodIndex pods;
  Gateways gateways;
  AddressOwners owners;
  PolicySets policies;
  std::shared_ptr<const PortStage> ports;
  std::shared_ptr<const EndpointStage> endpoints;
  std::shared_ptr<const ServiceStage> services;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_COMPILE_CACHE_H_

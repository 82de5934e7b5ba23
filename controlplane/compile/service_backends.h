// controlplane/compile/service_backends.h
//
// ServiceBackends: which endpoints take the connections to a port of a Service,
// as kube-proxy chooses them (CategorizeEndpoints): a port finds its endpoints
// by port name and protocol, an address by its family.
//
// With traffic policy Cluster they are the ready ones: those of them that hints
// give to this node or its zone, if every ready one has hints and one is for
// us.  With Local they are the ready ones of this node, whatever hints say.
// Where there is none, those that terminate and still serve.
//
//   ServiceBackends backends(desired, "n1", endpoint_of);
//   BackendSets sets = backends.Of(metadata, service, port, IpFamily::kIpv6);
//   sets.Of(service.external_traffic_policy)
//
// Immutable after construction; control thread only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_SERVICE_BACKENDS_H_
#define VSWITCH_CONTROLPLANE_COMPILE_SERVICE_BACKENDS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/model/desired_state.h"
#include "dataplane/base/address.h"
#include "dataplane/base/ids.h"
#include "dataplane/nat/service_table_builder.h"

namespace vswitch {

struct BackendSets {
  std::vector<BackendSpec> cluster;
  std::vector<BackendSpec> local;
  // Addresses and ports of all endpoints, in whatever condition; sorted.
  std::vector<std::pair<IpAddress, uint16_t>> listed;

  const std::vector<BackendSpec>& Of(TrafficPolicy policy) const {
    return policy == TrafficPolicy::kLocal ? local : cluster;
  }
  // Whether there are backends, but none for that policy here.
  bool IsElsewhere(TrafficPolicy policy) const {
    return Of(policy).empty() && !cluster.empty();
  }
};

class ServiceBackends {
 public:
  // Returns the endpoint of an address of this node's pods, or kNoEndpoint.
  using EndpointFinder = std::function<EndpointId(const IpAddress&)>;

  // `desired` and `endpoint_of` outlive the object.
  ServiceBackends(const DesiredState& desired, const std::string& node_name,
                  const EndpointFinder& endpoint_of);

  BackendSets Of(const Metadata& metadata, const Service& service,
                 const ServicePort& port, IpFamily family) const;

  // Returns how many ready endpoints a service has on this node, counted in its
  // first family.
  uint32_t CountLocalReady(const Metadata& metadata,
                           const Service& service) const;

 private:
  // An endpoint that could be a backend.
  struct Candidate {
    BackendSpec backend;
    const Endpoint* endpoint;
    bool is_ready;
    bool is_local;

    bool Lingers() const { return endpoint->serving && endpoint->terminating; }
  };
  using Candidates = std::vector<Candidate>;
  enum class Nearness { kAnywhere, kSameZone, kSameNode };

  Candidates CandidatesOf(const Metadata& metadata, const Service& service,
                          const ServicePort& port, IpFamily family) const;
  void AddEndpoints(const Service& service, const EndpointSlice& slice,
                    uint16_t port, Candidates& candidates) const;
  Nearness NearnessOf(const Service& service,
                      const Candidates& candidates) const;
  bool IsNear(const Service& service, const Endpoint& endpoint,
              Nearness nearness) const;

  const std::string node_name_;
  std::string zone_;  // of this node; empty: not known
  const EndpointFinder& endpoint_of_;
  // By the service's namespace and name.
  std::map<std::pair<std::string, std::string>,
           std::vector<const EndpointSlice*>>
      slices_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_SERVICE_BACKENDS_H_

// dataplane/forwarding/forwarding_state.h
//
// ForwardingState: all immutable tables of one generation, opened together: a
// packet is judged and forwarded by one of these, never by parts of two.
//
// Open() checks every size and offset of the blobs, and the policy table those
// of its sets at each use, so that nothing the control
// plane wrote can make a worker read outside of them.
//
//   ASSIGN_OR_RETURN(ForwardingState state, ForwardingState::Open(7, blobs,
//                                                               policy_sets));
//   const EndpointRecord* endpoint = state.endpoint(id);
//
// A view without memory of its own: blobs and sets must stay mapped and live
// until the worker has reported that it lets go of the generation.  Immutable:
// any number of threads.

#ifndef VSWITCH_DATAPLANE_FORWARDING_FORWARDING_STATE_H_
#define VSWITCH_DATAPLANE_FORWARDING_FORWARDING_STATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "absl/status/statusor.h"
#include "dataplane/base/address.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/piece_list.h"
#include "dataplane/forwarding/records.h"
#include "dataplane/nat/service_table.h"
#include "dataplane/policy/policy_table.h"
#include "dataplane/tables/route_table.h"

namespace vswitch {

// The bytes of a generation, by BlobKind; an empty span is an empty table.
using BlobSpans = std::array<std::span<const std::byte>, kBlobKindCount>;

class ForwardingState {
 public:
  // The state before anything was published: no ports, no endpoints.
  ForwardingState() = default;

  // `policy_sets` are by PolicySetId.
  static absl::StatusOr<ForwardingState> Open(Generation generation,
                                              const BlobSpans& blobs,
                                              const PieceList& policy_sets);

  Generation generation() const { return generation_; }
  const Settings& settings() const { return settings_; }
  std::span<const PortRecord> ports() const { return ports_; }
  std::span<const EndpointRecord> endpoints() const { return endpoints_; }
  const RouteTable& routes() const { return routes_; }
  const PolicyTable& policy() const { return policy_; }
  const ServiceTable& services() const { return services_; }
  const ServiceTable& earlier_services() const { return earlier_services_; }

  // Returns nullptr if there is no such port, or its slot is free.
  const PortRecord* port(PortId id) const {
    if (ToInt(id) >= ports_.size()) return nullptr;
    const PortRecord& record = ports_[ToInt(id)];
    return record.kind == PortKind::kNone ? nullptr : &record;
  }
  // Returns nullptr if there is no such endpoint.
  const EndpointRecord* endpoint(EndpointId id) const {
    if (ToInt(id) >= endpoints_.size()) return nullptr;
    const EndpointRecord& record = endpoints_[ToInt(id)];
    return record.identity == kIdentityUnknown ? nullptr : &record;
  }
  // Returns where the most specific route leads, nullopt without a route.
  std::optional<RouteTarget> route(const IpAddress& destination) const;

 private:
  Generation generation_ = 0;
  Settings settings_{};
  std::span<const PortRecord> ports_;
  std::span<const EndpointRecord> endpoints_;
  RouteTable routes_;
  PolicyTable policy_;
  ServiceTable services_;
  ServiceTable earlier_services_;
};

// A RouteTarget as the 32-bit value that the route table holds, and back.
uint32_t PackRouteTarget(const RouteTarget& target);
RouteTarget UnpackRouteTarget(uint32_t value);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_FORWARDING_FORWARDING_STATE_H_

// dataplane/base/ids.h
//
// The numbers that name things in forwarding memory, each a type of its own,
// and the sizes that bound them.  All are plain values; ToInt() unwraps one.
//
//   PortId port{3};
//   counters[ToInt(port)]...

#ifndef VSWITCH_DATAPLANE_BASE_IDS_H_
#define VSWITCH_DATAPLANE_BASE_IDS_H_

#include <cstdint>
#include <type_traits>

namespace vswitch {

// A switch port: index into the port table, 0 to kMaxPorts - 1.
enum class PortId : uint16_t {};
inline constexpr PortId kNoPort{0xffff};

// A local endpoint (a pod or the node itself): index into the endpoint table.
enum class EndpointId : uint32_t {};
inline constexpr EndpointId kNoEndpoint{0xffffffff};

// A security identity: one number for one set of security-relevant labels.
// 24 bits, so that a tunnel header can carry it.
enum class IdentityId : uint32_t {};
inline constexpr IdentityId kIdentityUnknown{0};
inline constexpr IdentityId kIdentityHost{1};        // the local node
inline constexpr IdentityId kIdentityWorld{2};       // outside the cluster
inline constexpr IdentityId kIdentityUnmanaged{3};   // a pod not of ours
inline constexpr IdentityId kIdentityHealth{4};      // health probes
inline constexpr IdentityId kIdentityInit{5};        // labels not known yet
inline constexpr IdentityId kIdentityRemoteNode{6};  // another node
inline constexpr uint32_t kFirstLabelIdentity = 256;
inline constexpr uint32_t kMaxIdentity = 0xffffff;

// A policy set: index into the policy table.  kNoPolicySet: not isolated in
// this direction.
enum class PolicySetId : uint32_t {};
inline constexpr PolicySetId kNoPolicySet{0xffffffff};

// The rule that decided, numbered within one generation by the compiler, which
// keeps the names.  kNoRule: no rule matched.
enum class RuleId : uint32_t {};
inline constexpr RuleId kNoRule{0xffffffff};

// A worker thread of the dataplane, 0 to kMaxWorkers - 1.
enum class WorkerId : uint8_t {};

// The number of a published forwarding state; grows by one at each publish.
// 0: nothing published yet.
using Generation = uint64_t;

inline constexpr uint32_t kMaxPorts = 1024;
inline constexpr uint32_t kMaxWorkers = 16;

// A burst ends at whichever comes first.
inline constexpr uint32_t kBurstPackets = 64;
inline constexpr uint32_t kBurstBytes = 256 * 1024;

// Returns the number behind `id`.
template <typename Id>
requires std::is_enum_v<Id>
constexpr std::underlying_type_t<Id> ToInt(Id id) {
  return static_cast<std::underlying_type_t<Id>>(id);
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_BASE_IDS_H_

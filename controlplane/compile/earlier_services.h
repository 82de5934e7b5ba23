// controlplane/compile/earlier_services.h
//
// EarlierServices: which backends services had before they last changed.
//
// A packet from the middle of a connection that the switch does not know (its
// entry was lost, or the network sends it to another node than before) is to
// go where the connection went when it began.  That is told by the table of
// that time, as long as most such connections are older than the change; so
// one table before the present one is kept of each service, for
// kEarlierServiceSeconds.  Backends that no EndpointSlice lists any more are
// marked: nobody is there, or somebody else; those that terminate or are not
// ready still have their connections.
//
// Unlike all other tables this one depends on what was before, so two nodes may
// have different ones; and a control plane that starts again begins without.
//
//   EarlierServices next = earlier.After(before, services.offers, now_s);
//   ASSIGN_OR_RETURN(std::string blob, next.Build(seed, known, used));
//
// Control thread only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_EARLIER_SERVICES_H_
#define VSWITCH_CONTROLPLANE_COMPILE_EARLIER_SERVICES_H_

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/base/address.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/nat/service_table_builder.h"

namespace vswitch {

// Long enough for connections to be resumed after a node was lost or drained;
// later, most of those without an entry are younger than the change.
inline constexpr uint32_t kEarlierServiceSeconds = 600;

// A port of an address.
struct OfferKey {
  IpAddress address;
  IpProtocol protocol{};
  uint16_t port = 0;
  friend auto operator<=>(const OfferKey&, const OfferKey&) = default;
};
struct ServiceOffer {
  ServiceSpec spec;
  // Addresses and ports of all endpoints, ready or not; sorted.
  std::vector<std::pair<IpAddress, uint16_t>> listed;
};
using ServiceOffers = std::map<OfferKey, ServiceOffer>;

class EarlierServices {
 public:
  // Returns what is kept when `before` became `after` at second `now_s` of the
  // machine's monotonic clock.
  EarlierServices After(const ServiceOffers& before, const ServiceOffers& after,
                        uint32_t now_s) const;

  // Returns a service table of at most about kMaxBytes; of more the latest
  // changes.  `known` and `used` are as for ServiceTableBuilder::Build().
  absl::StatusOr<std::string> Build(uint64_t maglev_seed,
                                    const MaglevTables& known,
                                    MaglevTables& used) const;
  static constexpr uint64_t kMaxBytes = 8 << 20;

 private:
  std::map<OfferKey, ServiceSpec> services_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_EARLIER_SERVICES_H_

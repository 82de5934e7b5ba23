// controlplane/compile/address_owners.h
//
// AddressOwners: who has each address, so that nothing has an address twice:
// pods, nodes, services' cluster IPs and the switch's gateways share one space.
//
//   RETURN_IF_ERROR(owners.Claim(address, "Pod demo/a",
//                                "Pod demo/a status.podIPs"));
//
// Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_ADDRESS_OWNERS_H_
#define VSWITCH_CONTROLPLANE_COMPILE_ADDRESS_OWNERS_H_

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/base/address.h"

namespace vswitch {

class AddressOwners {
 public:
  // Notes that `owner` has `address`; `field` says where that stands.
  // INVALID_ARGUMENT if another owner has it, or no host can have it.
  absl::Status Claim(const IpAddress& address, const std::string& owner,
                     const std::string& field) {
    if (address.IsUnspecified() || address.IsMulticast() ||
        address.IsLoopback()) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ": ", address.ToString(),
                       " is not a unicast address of a host"));
    }
    auto [it, inserted] = owners_.try_emplace(address, owner);
    if (inserted || it->second == owner) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": ", address.ToString(),
                     " is already the address of ", it->second));
  }

 private:
  absl::flat_hash_map<IpAddress, std::string> owners_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_ADDRESS_OWNERS_H_

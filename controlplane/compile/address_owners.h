// controlplane/compile/address_owners.h
//
// AddressOwners: who has each address, so that nothing has an address twice:
// pods, nodes, ports, services' cluster IPs and the switch's gateways share one
// space.
//
// Claims have an order: gateways, Nodes, Pods, Ports, Services, each by name.
// Of two that meet the later one is refused, whichever came first.  So an
// update that takes changes over refuses what a look at the whole state would
// refuse.
//
//   owners.Release(*old_pod);
//   owners.Claim(*pod);             // notes a refusal, if it is one
//   RETURN_IF_ERROR(owners.FirstRefusal(ClaimRank::kPod));
//
// A value; copies are O(1).  Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_ADDRESS_OWNERS_H_
#define VSWITCH_CONTROLPLANE_COMPILE_ADDRESS_OWNERS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/compile/resolve.h"
#include "controlplane/model/desired_state.h"
#include "controlplane/model/persistent_map.h"
#include "dataplane/base/address.h"

namespace vswitch {

enum class ClaimRank : uint8_t { kGateway, kNode, kPod, kPort, kService };

// Who claims an address; objects live as long as their desired state.
struct AddressClaims {
  const Object* object = nullptr;  // a Node, Pod or Service
  const Object* port = nullptr;    // a Port, perhaps of that Pod or Node
  friend bool operator==(const AddressClaims&, const AddressClaims&) = default;
};

class AddressOwners {
 public:
  using Owners = PersistentMap<IpAddress, AddressClaims>;

  // Ends an update: forgets refusals and touched addresses.
  void End();
  // The name of the local Node, whose host ports are.
  void SetNode(const std::string& node_name) { node_name_ = node_name; }
  // Takes over that the switch has these gateways.
  void SetGateways(const Gateways& gateways);
  // Notes that a Node, Pod or Service has its addresses; that a Port has
  // `addresses`.
  void Claim(const Object& object);
  void ClaimPort(const Object& port, const std::vector<IpAddress>& addresses);
  // Takes that back.  REQUIRES: it was claimed, and not refused.
  void Release(const Object& object);
  void ReleasePort(const Object& port, const std::vector<IpAddress>& addresses);

  // INVALID_ARGUMENT for the first claim, in the order of claims, that is
  // refused: another owner has the address, or no host can have it.  Claims of
  // ranks behind `last` do not count.
  absl::Status FirstRefusal(ClaimRank last) const;
  // The first refusal of that rank, if it is of the object of that name or of
  // one before it.
  absl::Status RefusalUpTo(ClaimRank rank, const Metadata& metadata) const;

  const AddressClaims* Find(const IpAddress& address) const {
    return owners_.Find(address);
  }
  // The addresses claimed or released since End().
  const std::set<IpAddress>& touched() const { return touched_; }

 private:
  // Rank, name of the object, place of the address in its list.
  using Order = std::tuple<ClaimRank, std::string, std::string, size_t>;

  void Add(const Object& claimer, const std::vector<IpAddress>& addresses);
  void Remove(const Object& claimer, const std::vector<IpAddress>& addresses);
  void Refuse(const Object& claimer, size_t index, const IpAddress& address,
              const std::string& problem);
  void CheckGateway(const IpAddress& gateway);
  std::string OwnerText(const Object& claimer) const;

  std::string node_name_;
  Gateways gateways_;
  Owners owners_;
  std::map<Order, absl::Status> refusals_;
  std::set<IpAddress> touched_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_ADDRESS_OWNERS_H_

// controlplane/compile/changes.h
//
// ChangeSet: which addresses' connections may be judged otherwise by one state
// than by the one before.
//
// A verdict depends on the bindings of its addresses (identity, endpoint and
// epoch), on the policies and ports of the endpoints behind them, and on the
// service whose cluster IP was asked for; each of these names its addresses.  A
// policy that selects a pod as a peer changes the isolated endpoint's set, and
// each connection it judges has that endpoint's address.  Routes, settings and
// the node's own policies name no addresses, so all count as changed.
//
// Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_CHANGES_H_
#define VSWITCH_CONTROLPLANE_COMPILE_CHANGES_H_

#include <set>

#include "controlplane/compile/compile_cache.h"
#include "dataplane/base/address.h"
#include "dataplane/forwarding/records.h"

namespace vswitch {

class ChangeSet {
 public:
  void AddAll() { all_ = true; }
  void Add(const IpAddress& address) { addresses_.insert(address); }

  // Adds what differs between the two; each costs what differs.
  void AddPorts(const PortStage& before, const PortStage& after);
  void AddPolicies(const CompileCache& before, const CompileCache& after);
  void AddServices(const CompiledServices& before,
                   const CompiledServices& after);

  bool all() const { return all_; }
  const std::set<IpAddress>& addresses() const { return addresses_; }

 private:
  void AddPort(const PortRecord& record);
  void AddPortsOf(const PortStage& stage, IdentityId identity);

  bool all_ = false;
  std::set<IpAddress> addresses_;
};

// Whether they are the same, but for judge_again_before, which is made of the
// answer.
bool SameSettings(const Settings& a, const Settings& b);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_CHANGES_H_

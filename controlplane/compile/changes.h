// controlplane/compile/changes.h
//
// FindChanges(): which addresses' connections may be judged otherwise by `next`
// than by `previous`.
//
// A verdict depends on the bindings of its addresses (identity and endpoint),
// on the policies and ports of the endpoints behind them, and on the service
// whose cluster IP was asked for; each of these names its addresses.  A policy
// that selects a pod as a peer changes the isolated endpoint's set, and each
// connection it judges has that endpoint's address.  Routes and settings name
// no addresses, so all count as changed.
//
// Pure function: any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_CHANGES_H_
#define VSWITCH_CONTROLPLANE_COMPILE_CHANGES_H_

#include "controlplane/compile/compile.h"

namespace vswitch {

// Fills next.all_changed, next.changed_addresses and
// next.settings.judge_again_before.
void FindChanges(const CompiledState* previous, uint32_t max_addresses,
                 CompiledState& next);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_CHANGES_H_

// controlplane/service/shadow_verdict.h
//
// JudgeShadow(): what the policies in shadow mode would make of a flow that is
// allowed, by the dataplane's policy tables.
//
// Pure function: any thread.

#ifndef VSWITCH_CONTROLPLANE_SERVICE_SHADOW_VERDICT_H_
#define VSWITCH_CONTROLPLANE_SERVICE_SHADOW_VERDICT_H_

#include "controlplane/compile/compile.h"
#include "controlplane/compile/explain.h"
#include "proto/vswitch/v1/observe.pb.h"

namespace vswitch {

// `state` must be that of the generation that judged.
v1::ShadowVerdict JudgeShadow(const CompiledState& state,
                              const JudgedFlow& judged);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_SERVICE_SHADOW_VERDICT_H_

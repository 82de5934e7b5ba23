// controlplane/cli/version.h
//
// kVersion: the version that `vswitchctl version` prints.
//
// Immutable: any thread.

#ifndef VSWITCH_CONTROLPLANE_CLI_VERSION_H_
#define VSWITCH_CONTROLPLANE_CLI_VERSION_H_

namespace vswitch {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_VERSION_H_
